//! What changes something is a message to the main loop, which everything passes through.
//!
//! Must not change anything itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::force::{NotForced, Obeyed, Order};
use super::release::{NotReleased, Release, Released};
use crate::config::Problems;
use crate::config::diff::Changes;
use crate::snapshot::compare::AnswersChanged;
use crate::snapshot::freeze::Freezing;

/// Commands that wait for the loop; more are refused. Reloads are not among them: those that wait
/// are one.
pub const WAITING: usize = 16;

/// Who waits for what becomes of a reload.
pub type Asker = oneshot::Sender<Reloaded>;

/// What the loop is told, and where its reply goes.
#[derive(Debug)]
pub enum Command {
    /// Apply the file now.
    Reload {
        /// All who asked since the last one.
        askers: Vec<Asker>,
    },
    /// Hold an address to be something, or end that.
    Force {
        /// What.
        order: Order,
        /// What became of it.
        reply: oneshot::Sender<Result<Obeyed, NotForced>>,
    },
    /// End frozen answers.
    Release {
        /// Whose.
        asked: Release,
        /// What became of it.
        reply: oneshot::Sender<Result<Released, NotReleased>>,
    },
}

/// Why the loop did not hear or answer a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// Others wait.
    #[error("{WAITING} commands wait for the daemon already: try again when they are done")]
    Full,
    /// Nobody hears or answers it any more.
    #[error("the daemon is ending")]
    Ending,
}

/// Where commands go; clones lead to the same loop.
#[derive(Clone, Debug)]
pub struct Commands {
    commands: mpsc::Sender<Command>,
    reloads: mpsc::Sender<()>,
    askers: Arc<Mutex<Vec<Asker>>>,
}

/// Where the loop takes them.
#[derive(Debug)]
pub struct Told {
    commands: mpsc::Receiver<Command>,
    reloads: mpsc::Receiver<()>,
    askers: Arc<Mutex<Vec<Asker>>>,
}

/// Between the admin API and the loop.
pub fn channel() -> (Commands, Told) {
    let (commands, told) = mpsc::channel(WAITING);
    let (reloads, wanted) = mpsc::channel(1);
    let askers = Arc::default();
    let sender = Commands {
        commands,
        reloads,
        askers: Arc::clone(&askers),
    };
    let receiver = Told {
        commands: told,
        reloads: wanted,
        askers,
    };
    (sender, receiver)
}

impl Commands {
    /// Has the file applied. Whoever asks while one is waiting for it shares its result: they ask
    /// for the same.
    pub async fn reload(&self) -> Result<Reloaded, NotTold> {
        let (reply, reloaded) = oneshot::channel();
        {
            let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
            // As many wait as have connections, however many came and went.
            askers.retain(|asker| !asker.is_closed());
            askers.push(reply);
        }
        match self.reloads.try_send(()) {
            // Full: the loop is told already, and takes all askers.
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Closed(())) => return Err(NotTold::Ending),
        }
        reloaded.await.map_err(|_| NotTold::Ending)
    }

    /// Tells the loop, and waits for what it says to `reply`.
    pub async fn tell<T>(
        &self,
        command: Command,
        reply: oneshot::Receiver<T>,
    ) -> Result<T, NotTold> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => NotTold::Full,
                TrySendError::Closed(_) => NotTold::Ending,
            })?;
        reply.await.map_err(|_| NotTold::Ending)
    }
}

impl Told {
    /// The next command; `None`: nobody is left to give one. Nothing is lost when this is dropped
    /// before it ends.
    pub async fn recv(&mut self) -> Option<Command> {
        loop {
            tokio::select! {
                biased;
                Some(()) = self.reloads.recv() => {
                    let askers = std::mem::take(&mut *self.askers());
                    // None: the one who told so was among those of the last time.
                    if !askers.is_empty() {
                        return Some(Command::Reload { askers });
                    }
                }
                command = self.commands.recv() => return command,
            }
        }
    }

    /// Takes no more; whoever waits is told so.
    pub(super) fn close(&mut self) {
        self.commands.close();
        self.reloads.close();
        self.askers().clear();
    }

    fn askers(&self) -> MutexGuard<'_, Vec<Asker>> {
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.close();
    }
}

/// What became of a reload.
pub type Reloaded = Result<Applied, NotApplied>;

/// A file that is applied, or that could be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The file says what is applied already, in the same order: nothing is done, and the SOA
    /// serial stays.
    #[serde(default)]
    pub same: bool,
    /// Objects that are different.
    pub changes: Changes,
    /// Names that are answered otherwise.
    pub answers: AnswersChanged,
    /// Answers that are frozen from now on, or no longer.
    #[serde(default)]
    pub frozen: Freezing,
    /// What a reload cannot change: it needs a restart, and the file is refused till then.
    pub restart: Option<String>,
    /// How long it took, ms.
    pub took_ms: u64,
}

/// Why a file is not applied; what ran before goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// The file is bad.
    #[error("{0}")]
    Problems(#[from] Problems),
    /// The file is good, but cannot be applied to what runs.
    #[error("{0}")]
    Refused(String),
}

/// Objects that [`Applied::in_short`] names.
const NAMED: usize = 5;

impl Applied {
    /// One line: how much is different, and the first objects by name.
    pub fn in_short(&self) -> String {
        let Self {
            changes, answers, ..
        } = self;
        if self.same {
            return "nothing changed".to_owned();
        }
        if changes.is_empty() {
            return "nothing is different but the order".to_owned();
        }
        let all = changes.added + changes.removed + changes.changed;
        let named = changes.objects.iter().take(NAMED);
        let named: Vec<String> = named
            .map(|object| {
                format!("{} {}", object.table, object.name)
                    .trim()
                    .to_owned()
            })
            .collect();
        let more = match all - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (added, removed, changed) = (changes.added, changes.removed, changes.changed);
        let (named, names) = (named.join(", "), answers.names);
        let s = if names == 1 { "" } else { "s" };
        format!(
            "{added} added, {removed} removed, {changed} changed ({named}{more}); \
             {names} name{s} answered otherwise"
        )
    }
}

impl std::fmt::Display for Applied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.same {
            return writeln!(f, "nothing changed: the file says what is applied already");
        }
        write!(f, "{}{}{}", self.changes, self.answers, self.frozen)?;
        match &self.restart {
            Some(restart) => writeln!(f, "{restart}"),
            None => Ok(()),
        }
    }
}

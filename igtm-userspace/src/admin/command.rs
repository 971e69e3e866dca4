//! What changes something is a message to the main loop, which everything passes through.
//!
//! Must not change anything itself.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::force::{NotForced, Obeyed, Order};
use super::release::{NotReleased, Release, Released};
use crate::config::Problems;
use crate::config::diff::Changes;
use crate::snapshot::compare::AnswersChanged;
use crate::snapshot::freeze::Freezing;

/// Commands that wait for the loop; more are refused.
pub const WAITING: usize = 16;

/// Where commands go.
pub type Commands = mpsc::Sender<Command>;

/// What the loop is told, and where its reply goes.
#[derive(Debug)]
pub enum Command {
    /// Apply the file now.
    Reload {
        /// What became of it.
        reply: oneshot::Sender<Reloaded>,
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

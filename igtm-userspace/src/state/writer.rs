//! The thread that has the connection: writes what waits, and tries again when it cannot.
//!
//! ```text
//!   Open ── corrupt ──▶ moved aside, a new one: Open
//!    │ ├─── gone from its place ──▶ copied to there: Open
//!    ▲ └─── full, read-only, nowhere to copy to ──▶ Without: said once; what is newest waits
//!    └────────────── tried again after 1 s, 2 s … at most a minute ──────┘
//! ```

mod lost;
mod pace;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tracing::{error, info};

use super::directory::{self, Directory, Inode};
use super::pending::{Batch, Changes, Question, Shared};
use super::restored::Restored;
use super::{StateError, aside, schema, write};
pub(super) use pace::Pace;

/// Something that keeps the database from being written.
#[derive(Debug)]
struct Trouble {
    error: StateError,
    wait: Duration,
    again: Instant,
}

pub(super) struct Writer {
    path: PathBuf,
    pace: Pace,
    shared: Arc<Shared>,
    directory: Option<Directory>,
    connection: Option<Connection>,
    /// The file that is, or was last, open.
    inode: Option<Inode>,
    trouble: Option<Trouble>,
    written: Instant,
    counted: Instant,
    retired: Option<Instant>,
    looked: Instant,
}

impl Writer {
    /// Opens what can be opened; only a locked directory is an error.
    pub(super) fn open(
        directory: &Path,
        pace: Pace,
        shared: Arc<Shared>,
    ) -> Result<(Self, Restored), StateError> {
        let now = Instant::now();
        let mut writer = Self {
            path: directory.to_owned(),
            pace,
            shared,
            directory: None,
            connection: None,
            inode: None,
            trouble: None,
            written: now,
            counted: now,
            retired: None,
            looked: now,
        };
        let former = directory::former_serial(directory);
        let mut restored = match writer.reopen() {
            Ok(restored) => restored,
            Err(error @ StateError::Locked { .. }) => return Err(error),
            Err(error) => {
                writer.fail(error);
                Restored::default()
            }
        };
        restored.serial = restored.serial.max(former);
        writer.shared.reserved(restored.serial);
        Ok((writer, restored))
    }

    /// Until the handle is closed.
    pub(super) fn run(&mut self) {
        loop {
            let Some(batch) = self.next() else {
                self.look();
                continue;
            };
            let Batch {
                changes,
                written,
                questions,
                closing,
            } = batch;
            if closing && let Some(trouble) = &mut self.trouble {
                // There is no later.
                trouble.again = Instant::now();
            }
            let result = self.write(changes);
            questions.into_iter().for_each(|asked| self.answer(asked));
            if closing {
                // Whoever waits for the end may open it again.
                self.connection = None;
                self.directory = None;
            }
            for waiting in written {
                // Who has gone needs no answer.
                let _gone = waiting.send(result.clone());
            }
            if closing {
                return;
            }
        }
    }

    fn answer(&mut self, question: Question) {
        let place = self.database();
        let corrupt = question(match (&self.connection, &self.trouble) {
            (Some(connection), _) => Ok((connection, &place)),
            (None, Some(trouble)) => Err(trouble.error.clone()),
            (None, None) => Err(StateError::Closed),
        });
        // Where nothing is written any more, no write would meet it.
        if let Some(why) = corrupt
            && let Err(error) = self.begin_anew(&why)
        {
            self.fail(error);
        }
    }

    /// Waits for something to write or to answer; `None`: it is time to look.
    fn next(&self) -> Option<Batch> {
        let look = self.looked + self.pace.look;
        let mut pending = self.shared.lock();
        loop {
            if pending.is_awaited() {
                return Some(pending.take());
            }
            let due = match (&self.trouble, pending.pressing) {
                (Some(trouble), _) => Some(trouble.again),
                (None, Some(since)) => {
                    Some((since + self.pace.gather).max(self.written + self.pace.spacing))
                }
                (None, None) if !pending.changes.is_empty() => {
                    Some(self.counted + self.pace.rounds)
                }
                (None, None) => None,
            };
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) {
                return Some(pending.take());
            }
            if look <= now {
                return None;
            }
            let next = due.map_or(look, |due| due.min(look));
            let waited = self.shared.wake.wait_timeout(pending, next - now);
            pending = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Writes `changes`, or puts them back and says why not.
    fn write(&mut self, mut changes: Changes) -> Result<(), StateError> {
        let lost = std::mem::take(&mut changes.lost);
        let unrecorded = changes.outbox.take_lost();
        let done = self.try_write(&changes);
        self.written = Instant::now();
        match done {
            Ok(()) => {
                if !changes.rounds.is_empty() {
                    self.counted = self.written;
                }
                if let Some(trouble) = self.trouble.take() {
                    info!(former = %trouble.error, "the state database is written again");
                    self.shared.in_trouble(None);
                }
                if lost > 0 {
                    error!(events = lost, "events that waited for the disk were lost");
                    self.shared.said_lost(lost);
                }
                if unrecorded > 0 {
                    error!(
                        messages = unrecorded,
                        "messages that waited for the disk are not recorded"
                    );
                }
                self.retire();
                Ok(())
            }
            Err(error) => {
                changes.lost = lost;
                changes.outbox.put_back_lost(unrecorded);
                self.shared.lock().changes.put_back(changes);
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    fn try_write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let lost = self.is_lost();
        if lost || self.connection.is_none() {
            if let Some(trouble) = &self.trouble
                && trouble.again > Instant::now()
            {
                return Err(trouble.error.clone());
            }
            if lost {
                self.begin_again()?;
            } else {
                self.reopen()?;
            }
        }
        if changes.is_empty() && self.trouble.is_none() {
            return Ok(());
        }
        let Some(error) = self.commit(changes) else {
            return Ok(());
        };
        if aside::is_corrupt(&error) {
            self.begin_anew(&error.to_string())?;
            return match self.commit(changes) {
                None => Ok(()),
                Some(error) => Err(self.unavailable(&error)),
            };
        }
        // Full or busy is over when it is over; whatever else may be, only a new connection helps.
        if !matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy)
        ) {
            self.connection = None;
        }
        Err(self.unavailable(&error))
    }

    fn commit(&mut self, changes: &Changes) -> Option<rusqlite::Error> {
        let connection = self.connection.as_mut()?;
        write::write(connection, changes).err()
    }

    /// Locks the directory and opens the database, a new one where the former cannot be used.
    fn reopen(&mut self) -> Result<Restored, StateError> {
        if !self.is_locked() {
            self.directory = Some(Directory::lock(&self.path)?);
        }
        let other = !self.leads_to_database();
        let path = self.database();
        let opened = schema::open(&path).and_then(|connection| {
            let restored = Restored::read(&connection)?;
            Ok((connection, restored))
        });
        let mut restored = match opened {
            Ok((connection, restored)) => {
                self.opened(connection);
                restored
            }
            Err(error) if aside::is_unusable(&error, &path) => {
                self.begin_anew(&error.to_string())?
            }
            Err(error) => return Err(self.unavailable(&error)),
        };
        self.take_former_serial(&mut restored);
        if other {
            self.tell_other();
        }
        Ok(restored)
    }

    fn opened(&mut self, connection: Connection) {
        self.connection = Some(connection);
        // What cannot be looked at would only be looked at again: one that is gone has an error.
        self.inode = Inode::at(&self.database()).ok();
    }

    /// What an igtm without a database has reserved, once.
    fn take_former_serial(&mut self, restored: &mut Restored) {
        let former = directory::former_serial(&self.path);
        if former == 0 {
            return;
        }
        let changes = Changes {
            serial: former,
            ..Changes::default()
        };
        if self.commit(&changes).is_none() {
            directory::forget_former_serial(&self.path);
        }
        restored.serial = restored.serial.max(former);
    }

    /// Moves the database aside and makes another, of whatever can be read of the former.
    fn begin_anew(&mut self, why: &str) -> Result<Restored, StateError> {
        self.connection = None;
        let path = self.database();
        let aside = aside::move_aside(&path, Timestamp::now())
            .map_err(|error| self.unavailable(&format!("{why}; it cannot be moved: {error}")))?;
        let restored = aside::salvage(&aside);
        error!(
            why,
            moved_to = %aside.display(),
            health = restored.health.len(),
            forces = restored.forces.len(),
            frozen = restored.frozen.len(),
            "the state database cannot be used: a new one begins, with what could be read"
        );
        let connection = schema::open(&path).map_err(|error| self.unavailable(&error))?;
        self.opened(connection);
        self.shared.want_all();
        match self.commit(&restored.clone().into_changes()) {
            None => Ok(restored),
            Some(error) => Err(self.unavailable(&error)),
        }
    }

    /// Says so once, and when to try again.
    fn fail(&mut self, error: StateError) {
        let wait = match &self.trouble {
            Some(trouble) if trouble.again > Instant::now() => return,
            Some(trouble) => (trouble.wait * 2).min(self.pace.retry_most),
            None => {
                error!(
                    %error,
                    "the state database cannot be written: the daemon runs on without, and tries again"
                );
                self.pace.retry
            }
        };
        self.shared.in_trouble(Some(error.to_string()));
        self.trouble = Some(Trouble {
            error,
            wait,
            again: Instant::now() + wait,
        });
    }

    fn retire(&mut self) {
        let due = self
            .retired
            .is_none_or(|last| last.elapsed() >= self.pace.retire);
        let Some(connection) = self.connection.as_ref().filter(|_| due) else {
            return;
        };
        self.retired = Some(Instant::now());
        let Err(error) = write::retire(connection, Timestamp::now()) else {
            return;
        };
        let met = if aside::is_corrupt(&error) {
            self.begin_anew(&error.to_string()).map(drop)
        } else {
            Err(self.unavailable(&error))
        };
        if let Err(error) = met {
            self.fail(error);
        }
    }

    fn database(&self) -> PathBuf {
        self.path.join(directory::DATABASE)
    }

    fn unavailable(&self, error: &impl ToString) -> StateError {
        StateError::Unavailable {
            path: self.database(),
            why: error.to_string(),
        }
    }
}

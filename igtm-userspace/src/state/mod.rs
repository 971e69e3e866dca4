//! The state directory: what was observed, or ordered by an operator, and must outlive the daemon.
//!
//! ```text
//!   Store ──what is newest──▶ Pending ──one transaction──▶ Writer ──▶ igtm.db (SQLite)
//!     │ never waits             │ coalesced, bounded         │ a thread of its own
//!     └── asks ─────────────────┴────────────────────────────┘ answers from the same connection
//! ```
//! No disk ever delays a failover, and none refuses a start: without a database the daemon runs on,
//! says so once, and tries again. Must not decide what anything in it means.

mod aside;
mod directory;
mod event;
mod model;
pub mod outbox;
mod pending;
mod read;
mod restored;
mod schema;
#[cfg(test)]
mod tests;
mod write;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use event::{Filter, StoredEvent};
pub use model::{ForceKey, ForceMode, FrozenKey, Moved, Rounds, SavedForce, SavedFrozen, is_news};
pub use pending::{Condition, EVENTS_WAITING};
pub use restored::Restored;
pub use write::{EVENTS_KEPT, EVENTS_KEPT_DAYS, ROUNDS_KEPT_DAYS};

use crate::alerts::Cause;
use crate::health::SavedTarget;
use crate::notify::event::Event;
use outbox::{Push, PushFilter, Step};
use pending::{Change, Shared};
use writer::{Pace, Writer};

/// Serials reserved at once; the next ones are reserved when half are used.
const RESERVE: u32 = 64;

/// What can go wrong with it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// Another daemon has it: the one thing that refuses a start.
    #[error("server.state_dir: {path} is in use by another igtm")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be written or read now. What was to be written waits, and is written when it can.
    #[error("server.state_dir: {path}: {why}")]
    Unavailable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The daemon is ending.
    #[error("server.state_dir: the state database is closed")]
    Closed,
}

/// A handle to the state database; clones are handles to the same.
///
/// What saves returns at once; what is `async` waits for the disk.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Locks `directory`, opens its database and reads what a new run goes on from. Refuses only a
    /// directory that another daemon has: whatever else is wrong is logged, and tried again.
    pub fn open(directory: &Path) -> Result<(Self, Restored), StateError> {
        Self::open_at_pace(directory, Pace::default())
    }

    fn open_at_pace(directory: &Path, pace: Pace) -> Result<(Self, Restored), StateError> {
        let shared = Arc::new(Shared::default());
        let (writer, restored) = Writer::open(directory, pace, Arc::clone(&shared))?;
        let path = directory.to_owned();
        std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StateError::Unavailable {
                path,
                why: error.to_string(),
            })?;
        Ok((Self { shared }, restored))
    }

    /// What is newest of a target's health. Written within 200 ms, and only the newest.
    pub fn save_health(&self, health: SavedTarget) {
        let key = model::key_of(&health);
        self.shared.add(Change::Health(key, Some(health)));
    }

    /// A target that the configuration no longer wants.
    pub fn forget_health(&self, health: &SavedTarget) {
        self.shared.add(Change::Health(model::key_of(health), None));
    }

    /// From what a strategy is answered, and since when.
    pub fn save_move(&self, moved: Moved) {
        self.shared.add(Change::Moved(moved.key(), Some(moved)));
    }

    /// A strategy that is gone.
    pub fn forget_move(&self, instance: String, strategy: String) {
        self.shared.add(Change::Moved((instance, strategy), None));
    }

    /// An event and what led to it. With [`EVENTS_WAITING`] waiting for a disk, the oldest of them
    /// is lost: counted, and said when the disk is back.
    ///
    /// Gives the key by which a [`Step`] says that its subscriptions were asked; until then a
    /// restart finds it among [`outbox::SavedAlerts::unrouted`].
    pub fn add_event(&self, event: impl Into<Arc<Event>>, cause: Vec<Cause>) -> i64 {
        self.shared.add_event(event.into(), cause)
    }

    /// All of a step of alerts, or nothing of it.
    pub fn take_step(&self, step: Step) {
        self.shared.add(Change::Outbox(Box::new(step)));
    }

    /// The messages that `filter` lets through, newest first, without their content; those that wait
    /// for the disk among them. Without a database those alone.
    pub async fn pushes(&self, filter: PushFilter) -> Result<Vec<Push>, StateError> {
        let asked = filter.clone();
        let known = self
            .ask(move |connection| outbox::pushes(connection, &asked))
            .await;
        let waiting = &self.shared.lock().changes.outbox;
        match known {
            Ok(known) => Ok(waiting.with_known(known, &filter)),
            Err(error) => {
                let waiting = waiting.with_known(Vec::new(), &filter);
                if waiting.is_empty() {
                    Err(error)
                } else {
                    Ok(waiting)
                }
            }
        }
    }

    /// The message of that id, with all that is known of it, also where it waits for the disk.
    pub async fn push(&self, id: String) -> Result<Option<Push>, StateError> {
        let asked = id.clone();
        let known = self
            .ask(move |connection| outbox::push(connection, &asked))
            .await;
        let waiting = self.shared.lock().changes.outbox.message(&id).cloned();
        match waiting {
            Some(newer) => Ok(Some(newer)),
            None => known,
        }
    }

    /// How many events were lost since the start.
    pub fn events_lost(&self) -> u64 {
        self.shared.events_lost()
    }

    /// How it is at present.
    pub fn condition(&self) -> Condition {
        self.shared.condition()
    }

    /// Whether the database is another than the one that was written before, so that all that is
    /// known has to be saved again; says so once.
    pub fn take_wants_all(&self) -> bool {
        self.shared.take_wants_all()
    }

    /// A finished round of a target of `monitor`, for the counts of the day that `now` is in.
    pub fn count_round(&self, monitor: &str, good: bool, now: Timestamp) {
        self.shared.count_round(monitor, good, now);
    }

    /// Makes sure that `used` and some serials behind it stay below those of a later run. Reserved
    /// ahead: a daemon that is killed between an answer and a write has none left behind that a
    /// restart would give again, and no answer waits for the disk.
    pub fn reserve_serials(&self, used: u32) {
        self.shared.reserve(used, RESERVE);
    }

    /// Keeps an operator's order. An error says that it would not survive a restart now; it is
    /// written when that is possible again.
    ///
    /// It is saved by the call, not by waiting for it: of two orders the later one stays.
    pub fn put_force(
        &self,
        key: ForceKey,
        force: SavedForce,
    ) -> impl Future<Output = Result<(), StateError>> + Send + use<> {
        self.acknowledged(Change::Force(key, Some(force)))
    }

    /// The same of one that was kept before: nobody waits for it.
    pub fn save_force(&self, key: ForceKey, force: SavedForce) {
        self.shared.add(Change::Force(key, Some(force)));
    }

    /// Ends an operator's order; an error as of [`Self::put_force`].
    pub fn remove_force(
        &self,
        key: ForceKey,
    ) -> impl Future<Output = Result<(), StateError>> + Send + use<> {
        self.acknowledged(Change::Force(key, None))
    }

    /// An operator's order whose time is over.
    pub fn forget_force(&self, key: ForceKey) {
        self.shared.add(Change::Force(key, None));
    }

    /// Keeps a frozen answer. Whether it would survive a restart, [`Self::flush`] says: many are
    /// frozen at once.
    pub fn put_frozen(&self, key: FrozenKey, frozen: SavedFrozen) {
        self.shared.add(Change::Frozen(key, Some(frozen)));
    }

    /// Ends a frozen answer; see [`Self::put_frozen`].
    pub fn remove_frozen(&self, key: FrozenKey) {
        self.shared.add(Change::Frozen(key, None));
    }

    /// Every frozen answer.
    pub async fn frozen(&self) -> Result<Vec<(FrozenKey, SavedFrozen)>, StateError> {
        self.ask(read::frozen).await
    }

    /// Every force, expired ones as well.
    pub async fn forces(&self) -> Result<Vec<(ForceKey, SavedForce)>, StateError> {
        self.ask(read::forces).await
    }

    /// The events that `filter` lets through, newest first.
    pub async fn events(&self, filter: Filter) -> Result<Vec<StoredEvent>, StateError> {
        self.ask(move |connection| read::events(connection, &filter))
            .await
    }

    /// The rounds of the last `days` days, today's among them, of every monitor that had any, by its
    /// name.
    pub async fn rounds(
        &self,
        days: u16,
        now: Timestamp,
    ) -> Result<HashMap<String, Rounds>, StateError> {
        self.ask(move |connection| read::rounds(connection, days, now))
            .await
    }

    /// Waits until everything that was saved before is on the disk.
    pub async fn flush(&self) -> Result<(), StateError> {
        self.shared.ask_for_write().await?
    }

    /// The end: what waits has `within` to be written. Whatever comes later is not.
    pub async fn close(self, within: Duration) {
        let end = self.shared.close();
        match tokio::time::timeout(within, end).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "what was observed last is not kept"),
            Ok(Err(_)) | Err(_) => {
                tracing::error!(
                    "the state database did not end in time: what is newest may be lost"
                );
            }
        }
    }

    fn acknowledged(
        &self,
        change: Change,
    ) -> impl Future<Output = Result<(), StateError>> + Send + use<> {
        self.shared.add(change);
        let shared = Arc::clone(&self.shared);
        async move { shared.ask_for_write().await? }
    }

    /// Asks the thread that has the connection, after everything saved before was written.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StateError> {
        let (answer, answered) = oneshot::channel();
        self.shared.ask(Box::new(move |connection| {
            let mut corrupt = None;
            let found = connection.and_then(|(connection, path)| {
                question(connection).map_err(|error| {
                    let why = error.to_string();
                    corrupt = aside::is_corrupt(&error).then(|| why.clone());
                    let path = path.to_owned();
                    StateError::Unavailable { path, why }
                })
            });
            // Whoever asked may have gone: then nobody misses the answer.
            let _gone = answer.send(found);
            corrupt
        }));
        answered.await.map_err(|_| StateError::Closed)?
    }
}

//! What waits to be written: the newest of everything, and who waits for it.
//!
//! Must not touch the disk: whoever adds holds the lock for as long as a map takes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::StateError;
use super::model::{ForceKey, FrozenKey, HealthKey, Moved, SavedForce, SavedFrozen};
use super::outbox::{Step, Waiting};
use crate::alerts::Cause;
use crate::health::SavedTarget;
use crate::notify::event::Event;

/// Events that wait for a disk at most. As many as are kept at all: what is lost here would be
/// retired by the next write.
pub const EVENTS_WAITING: usize = 100_000;

const SECONDS_A_DAY: i64 = 86_400;

/// One thing to be written; `None` is its removal.
pub(super) enum Change {
    Health(HealthKey, Option<SavedTarget>),
    /// By the names of instance and strategy.
    Moved((String, String), Option<Moved>),
    Force(ForceKey, Option<SavedForce>),
    Frozen(FrozenKey, Option<SavedFrozen>),
    Event(Box<Raised>),
    Outbox(Box<Step>),
}

/// An event, and what led to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raised {
    pub(super) event: Arc<Event>,
    pub(super) cause: Vec<Cause>,
    /// What it is called until its subscriptions were asked; `None`: they were.
    pub(super) unrouted: Option<i64>,
}

/// Good and bad rounds.
pub(super) type Counts = (i64, i64);

/// The newest of everything that is not written yet. Bounded: one entry each key, and
/// [`EVENTS_WAITING`].
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) health: HashMap<HealthKey, Option<SavedTarget>>,
    /// By the names of instance and strategy.
    pub(super) moves: HashMap<(String, String), Option<Moved>>,
    pub(super) forces: HashMap<ForceKey, Option<SavedForce>>,
    pub(super) frozen: HashMap<FrozenKey, Option<SavedFrozen>>,
    pub(super) events: VecDeque<Raised>,
    pub(super) outbox: Waiting,
    /// By monitor and day since 1970, UTC.
    pub(super) rounds: HashMap<String, BTreeMap<i64, Counts>>,
    /// Reserve up to this one; 0: nothing new.
    pub(super) serial: u32,
    /// Events that found no place.
    pub(super) lost: u64,
}

impl Changes {
    pub(super) fn add(&mut self, change: Change) {
        match change {
            Change::Health(key, health) => {
                self.health.insert(key, health);
            }
            Change::Moved(key, moved) => {
                self.moves.insert(key, moved);
            }
            Change::Force(key, force) => {
                self.forces.insert(key, force);
            }
            Change::Frozen(key, frozen) => {
                self.frozen.insert(key, frozen);
            }
            Change::Event(event) => self.events.push_back(*event),
            Change::Outbox(mut step) => {
                let events = std::mem::take(&mut step.events).into_iter();
                self.events.extend(events.map(|event| Raised {
                    event: Arc::new(event),
                    cause: Vec::new(),
                    unrouted: None,
                }));
                self.outbox.add(*step);
            }
        }
        self.bound();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
            && self.health.is_empty()
            && self.moves.is_empty()
            && self.forces.is_empty()
            && self.frozen.is_empty()
            && self.events.is_empty()
            && self.outbox.is_empty()
            && self.serial == 0
    }

    /// Puts back what could not be written; what came since is newer.
    pub(super) fn put_back(&mut self, former: Self) {
        for (key, health) in former.health {
            self.health.entry(key).or_insert(health);
        }
        for (key, moved) in former.moves {
            self.moves.entry(key).or_insert(moved);
        }
        for (key, force) in former.forces {
            self.forces.entry(key).or_insert(force);
        }
        for (key, frozen) in former.frozen {
            self.frozen.entry(key).or_insert(frozen);
        }
        let newer = std::mem::replace(&mut self.events, former.events);
        self.events.extend(newer);
        self.outbox.put_back(former.outbox);
        for (monitor, days) in former.rounds {
            let now = self.rounds.entry(monitor).or_default();
            for (day, (good, bad)) in days {
                let counts = now.entry(day).or_default();
                counts.0 += good;
                counts.1 += bad;
            }
        }
        self.serial = self.serial.max(former.serial);
        self.lost += former.lost;
        self.bound();
    }

    fn bound(&mut self) {
        let over = self.events.len().saturating_sub(EVENTS_WAITING);
        self.events.drain(..over);
        self.lost += over as u64;
    }
}

/// Who waits for all that came before to be on the disk.
pub(super) type Written = oneshot::Sender<Result<(), StateError>>;
/// What is asked of the connection, and where its file is; answers why the database cannot be
/// used, if that is what it met.
pub(super) type Question =
    Box<dyn FnOnce(Result<(&Connection, &Path), StateError>) -> Option<String> + Send + 'static>;

/// All that waits, and what is remembered.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) changes: Changes,
    /// When the first of what is pressing came.
    pub(super) pressing: Option<Instant>,
    written: Vec<Written>,
    questions: Vec<Question>,
    /// Nothing more is taken in.
    closed: bool,
    /// Serials reserved so far, written or not.
    reserved: u32,
    lost: u64,
    /// The key of the last event that was to be routed.
    last_key: i64,
    condition: Condition,
    /// The database is another: what is known is to be saved again.
    wants_all: bool,
}

/// How the state database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Why it cannot be written now.
    pub trouble: Option<String>,
    /// When it was last found gone from its place, and made again.
    pub made_again: Option<Timestamp>,
}

/// Between those who save and the writer.
#[derive(Default)]
pub(super) struct Shared {
    pending: Mutex<Pending>,
    pub(super) wake: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing in it is half done between two statements: a panic elsewhere is no reason to stop.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, change: Change) {
        let mut pending = self.lock();
        if pending.closed {
            return;
        }
        pending.changes.add(change);
        self.press(pending);
    }

    /// Adds an event that is to be routed; gives the key that it has until then.
    pub(super) fn add_event(&self, event: Arc<Event>, cause: Vec<Cause>) -> i64 {
        let mut pending = self.lock();
        // Of the time: no key of a former run comes again.
        let now = Timestamp::now().as_microsecond();
        pending.last_key = now.max(pending.last_key + 1);
        let key = pending.last_key;
        if !pending.closed {
            let unrouted = Some(key);
            pending.changes.add(Change::Event(Box::new(Raised {
                event,
                cause,
                unrouted,
            })));
            self.press(pending);
        }
        key
    }

    /// The writer waits for others to come once it knows of one: it is not woken for each.
    fn press(&self, mut pending: MutexGuard<'_, Pending>) {
        if pending.pressing.is_none() {
            pending.pressing = Some(Instant::now());
            drop(pending);
            self.wake.notify_one();
        }
    }

    pub(super) fn count_round(&self, monitor: &str, good: bool, now: Timestamp) {
        let day = now.as_second().div_euclid(SECONDS_A_DAY);
        let mut pending = self.lock();
        if pending.closed {
            return;
        }
        let idle = pending.changes.is_empty();
        let rounds = &mut pending.changes.rounds;
        let days = match rounds.get_mut(monitor) {
            Some(days) => days,
            None => rounds.entry(monitor.to_owned()).or_default(),
        };
        let counts = days.entry(day).or_default();
        *(if good { &mut counts.0 } else { &mut counts.1 }) += 1;
        drop(pending);
        if idle {
            self.wake.notify_one();
        }
    }

    pub(super) fn reserve(&self, used: u32, ahead: u32) {
        let mut pending = self.lock();
        if used.saturating_add(ahead / 2) <= pending.reserved || pending.closed {
            return;
        }
        pending.reserved = used.saturating_add(ahead);
        let reserved = pending.reserved;
        pending.changes.serial = pending.changes.serial.max(reserved);
        self.press(pending);
    }

    /// What the database has reserved already.
    pub(super) fn reserved(&self, serial: u32) {
        let mut pending = self.lock();
        pending.reserved = pending.reserved.max(serial);
    }

    pub(super) fn events_lost(&self) -> u64 {
        let pending = self.lock();
        pending.lost + pending.changes.lost
    }

    /// The writer has said how many it were.
    pub(super) fn said_lost(&self, lost: u64) {
        self.lock().lost += lost;
    }

    pub(super) fn condition(&self) -> Condition {
        self.lock().condition.clone()
    }

    /// Why it cannot be written now.
    pub(super) fn in_trouble(&self, why: Option<String>) {
        self.lock().condition.trouble = why;
    }

    /// What was gone from its place is there again, as another file.
    pub(super) fn made_again(&self, now: Timestamp) {
        self.lock().condition.made_again = Some(now);
        self.want_all();
    }

    /// Another database is written from now on: it may lack something.
    pub(super) fn want_all(&self) {
        self.lock().wants_all = true;
    }

    /// Whether all that is known is to be saved again; says so once.
    pub(super) fn take_wants_all(&self) -> bool {
        std::mem::take(&mut self.lock().wants_all)
    }

    /// Resolves once what came before is on the disk, or cannot be.
    pub(super) async fn ask_for_write(&self) -> Result<Result<(), StateError>, StateError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut pending = self.lock();
            if pending.closed {
                return Err(StateError::Closed);
            }
            pending.written.push(answer);
        }
        self.wake.notify_one();
        answered.await.map_err(|_| StateError::Closed)
    }

    pub(super) fn ask(&self, question: Question) {
        let mut pending = self.lock();
        if pending.closed {
            drop(pending);
            question(Err(StateError::Closed));
            return;
        }
        pending.questions.push(question);
        drop(pending);
        self.wake.notify_one();
    }

    /// No more is taken in; resolves when the rest is on the disk, or cannot be.
    pub(super) fn close(&self) -> oneshot::Receiver<Result<(), StateError>> {
        let (answer, answered) = oneshot::channel();
        let mut pending = self.lock();
        pending.closed = true;
        pending.written.push(answer);
        drop(pending);
        self.wake.notify_one();
        answered
    }
}

/// What the writer takes at once.
pub(super) struct Batch {
    pub(super) changes: Changes,
    pub(super) written: Vec<Written>,
    pub(super) questions: Vec<Question>,
    /// The last one.
    pub(super) closing: bool,
}

impl Pending {
    /// Somebody waits, or it is the end.
    pub(super) fn is_awaited(&self) -> bool {
        self.closed || !self.written.is_empty() || !self.questions.is_empty()
    }

    pub(super) fn take(&mut self) -> Batch {
        self.pressing = None;
        Batch {
            changes: std::mem::take(&mut self.changes),
            written: std::mem::take(&mut self.written),
            questions: std::mem::take(&mut self.questions),
            closing: self.closed,
        }
    }
}

//! When the next round of each task begins. Pure: takes `now`, probes nothing.
//!
//! Must not hold a task that is no longer wanted.
//!
//! Each task has a *home* in the interval, by a hash of its target: targets that came together are
//! not hit in step, and their rounds are spread evenly. The nodes of one target are at home
//! within a moment of each other, so that a round is one look at it. A new task's first round is
//! due at once, or as soon as so many of them can be; the next ones come half an interval to an
//! interval apart until it is at home, which takes two at most.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::health::Task;

/// First rounds of tasks that came together begin within this, or a twentieth of the interval.
const START_SPREAD: Duration = Duration::from_millis(500);
/// And no more of them in a second than this.
const FIRST_PER_SECOND: f64 = 10_000.0;
/// The nodes of a target begin their parts of a round within this, or a twentieth of the interval.
const NODE_SPREAD: Duration = Duration::from_millis(500);

/// A task's place in the timetable; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u64);

/// A round that begins.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) slot: Slot,
    pub(super) task: Arc<Task>,
    /// When it should.
    pub(super) at: Instant,
}

/// A task as the same one in two configurations: by names, whatever the definitions are.
#[derive(Clone, Debug)]
struct Key(Arc<Task>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&*self.0, &*other.0);
        one.monitor.name == two.monitor.name
            && one.node.name == two.node.name
            && one.target.address == two.target.address
            && one.target.host == two.target.host
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let task = &*self.0;
        let target = (&task.target.address, &task.target.host);
        (&task.monitor.name, &task.node.name, target).hash(state);
    }
}

struct Entry {
    task: Arc<Task>,
    /// After the beginning of each interval.
    home: Duration,
    due: Instant,
    running: bool,
}

/// The timetable.
#[derive(Default)]
pub(super) struct Timetable {
    entries: HashMap<Slot, Entry>,
    slots: HashMap<Key, Slot>,
    due: BTreeSet<(Instant, Slot)>,
    next_slot: u64,
    /// When an interval began, whatever its length.
    origin: Option<Instant>,
}

impl Timetable {
    /// Takes over the tasks that are wanted now: an unchanged one (same monitor, node, address and
    /// host) keeps its time, a new one is due at once. Returns the slots that are no more.
    pub(super) fn replace(&mut self, wanted: Vec<Arc<Task>>, now: Instant) -> Vec<Slot> {
        let mut former = std::mem::take(&mut self.slots);
        self.slots.reserve(wanted.len());
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for task in wanted {
            let key = Key(Arc::clone(&task));
            if self.slots.contains_key(&key) {
                continue;
            }
            let kept = former.remove(&key);
            let slot = match kept.and_then(|slot| Some((slot, self.entries.get_mut(&slot)?))) {
                Some((slot, entry))
                    if entry.task.monitor == task.monitor && entry.task.node == task.node =>
                {
                    entry.task = task;
                    slot
                }
                _ => {
                    gone.extend(kept);
                    let slot = Slot(self.next_slot);
                    self.next_slot += 1;
                    new.push((slot, task));
                    slot
                }
            };
            self.slots.insert(key, slot);
        }
        gone.extend(former.into_values());
        for slot in &gone {
            if let Some(entry) = self.entries.remove(slot) {
                self.due.remove(&(entry.due, *slot));
            }
        }
        let least = Duration::from_secs_f64(new.len() as f64 / FIRST_PER_SECOND);
        for (slot, task) in new {
            self.add(slot, task, least, now);
        }
        gone
    }

    fn add(&mut self, slot: Slot, task: Arc<Task>, least_spread: Duration, now: Instant) {
        let origin = *self.origin.get_or_insert(now);
        let interval = task.monitor.interval;
        let home = home(&task);
        let ahead = until_home(origin, home, interval, now);
        let spread = START_SPREAD.min(interval / 20).max(least_spread);
        let due = if spread > interval / 2 {
            // So many cannot begin at once: they may as well begin at home.
            now + ahead
        } else {
            now + spread.mul_f64(ahead.div_duration_f64(interval))
        };
        self.due.insert((due, slot));
        self.entries.insert(
            slot,
            Entry {
                task,
                home,
                due,
                running: false,
            },
        );
    }

    /// When [`Self::take_due`] next has something to give.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The rounds that begin now, the longest due first, `most` of them; each is running until
    /// [`Self::finished`]. A task that is still running is passed over until its next time; how
    /// many were is told as well.
    pub(super) fn take_due(&mut self, now: Instant, most: usize) -> (Vec<Due>, usize) {
        let mut begin = Vec::new();
        let mut left_out = 0;
        let Some(origin) = self.origin else {
            return (begin, left_out);
        };
        while begin.len() < most
            && let Some((due, slot)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            let Some(entry) = self.entries.get_mut(&slot) else {
                continue;
            };
            entry.due = after(origin, entry, now);
            self.due.insert((entry.due, slot));
            if entry.running {
                left_out += 1;
                tracing::debug!(
                    monitor = %entry.task.monitor.name,
                    node = %entry.task.node.name,
                    address = %entry.task.target.address,
                    "the last round is not over: one is left out"
                );
                continue;
            }
            entry.running = true;
            begin.push(Due {
                slot,
                task: Arc::clone(&entry.task),
                at: due,
            });
        }
        (begin, left_out)
    }

    /// Those of `over` are under way no longer.
    pub(super) fn release(&mut self, over: impl Fn(Slot) -> bool) {
        for (slot, entry) in &mut self.entries {
            entry.running &= !over(*slot);
        }
    }

    /// Ends a round; `None` when its task is no longer wanted.
    pub(super) fn finished(&mut self, slot: Slot) -> Option<Arc<Task>> {
        let entry = self.entries.get_mut(&slot)?;
        entry.running = false;
        Some(Arc::clone(&entry.task))
    }
}

/// The time after `entry.due`, which has come. Times missed (a suspended host) are not made up.
fn after(origin: Instant, entry: &Entry, now: Instant) -> Instant {
    let interval = entry.task.monitor.interval;
    let from = |begin: Instant| {
        let ahead = until_home(origin, entry.home, interval, begin);
        if ahead >= interval / 2 {
            begin + ahead
        } else {
            // Too soon: a step that leaves the next one at home.
            begin + (ahead + interval) / 2
        }
    };
    let next = from(entry.due);
    if next > now { next } else { from(now) }
}

/// From `begin` to the next time that a task is at home: more than nothing, an interval at most.
fn until_home(origin: Instant, home: Duration, interval: Duration, begin: Instant) -> Duration {
    let interval_ns = interval.as_nanos().max(1);
    let gone = begin.duration_since(origin).as_nanos() % interval_ns;
    let ahead = (home.as_nanos() + interval_ns - gone) % interval_ns;
    let ahead = if ahead == 0 { interval_ns } else { ahead };
    Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX))
}

/// Where in its interval a task is at home: the same in every run.
fn home(task: &Task) -> Duration {
    let interval = task.monitor.interval;
    let target = (&task.monitor.name, &task.target.address, &task.target.host);
    let spread = NODE_SPREAD.min(interval / 20);
    let home = share(interval, phase(&target)) + share(spread, phase(&task.node.name));
    if home < interval {
        home
    } else {
        home - interval
    }
}

/// Spread evenly over `u32`.
fn phase(of: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// `phase` / 2^32 of `whole`.
fn share(whole: Duration, phase: u32) -> Duration {
    whole.mul_f64(f64::from(phase) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;

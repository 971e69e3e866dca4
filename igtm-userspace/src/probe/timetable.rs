//! When the next round of each target begins. Pure: takes `now`, probes nothing.
//!
//! Must not hold a target that is no longer wanted.
//!
//! A new target's first round is due at once (spread over [`START_SPREAD`]), its second between
//! half an interval and one later, by a phase of its own, and from then on one every interval:
//! targets that came together are not hit in step, and none waits longer than its interval.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::model::{Address, Monitor};
use crate::health::Target;

/// First rounds of targets that came together begin within this, or a twentieth of the interval.
const START_SPREAD: Duration = Duration::from_millis(500);

/// A target's place in the timetable; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u64);

/// What makes a target the same in two configurations, besides its monitor's definition.
type Key = (String, Address, Option<String>);

struct Entry {
    target: Target,
    monitor: Arc<Monitor>,
    due: Instant,
    /// Until the second round.
    fresh: bool,
    running: bool,
}

/// The timetable.
#[derive(Default)]
pub(super) struct Timetable {
    entries: HashMap<Slot, Entry>,
    slots: HashMap<Key, Slot>,
    due: BTreeSet<(Instant, Slot)>,
    next_slot: u64,
}

impl Timetable {
    /// Takes over the targets that are wanted now: an unchanged one (same monitor, address and
    /// host) keeps its time, a new one is due at once. Returns the slots that are no more.
    pub(super) fn replace(
        &mut self,
        wanted: Vec<(Target, Arc<Monitor>)>,
        now: Instant,
    ) -> Vec<Slot> {
        let mut former = std::mem::take(&mut self.slots);
        let mut gone = Vec::new();
        for (target, monitor) in wanted {
            let key = key(&target, &monitor);
            if self.slots.contains_key(&key) {
                continue;
            }
            let kept = former.remove(&key);
            let slot = match kept.and_then(|slot| Some((slot, self.entries.get_mut(&slot)?))) {
                Some((slot, entry)) if entry.monitor == monitor => {
                    entry.target = target;
                    entry.monitor = monitor;
                    slot
                }
                _ => {
                    gone.extend(kept);
                    self.add(target, monitor, &key, now)
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
        gone
    }

    fn add(&mut self, target: Target, monitor: Arc<Monitor>, key: &Key, now: Instant) -> Slot {
        let slot = Slot(self.next_slot);
        self.next_slot += 1;
        let spread = START_SPREAD.min(monitor.interval / 20);
        let due = now + share(spread, phase(key));
        self.due.insert((due, slot));
        self.entries.insert(
            slot,
            Entry {
                target,
                monitor,
                due,
                fresh: true,
                running: false,
            },
        );
        slot
    }

    /// When [`Self::take_due`] next has something to give.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The targets whose round begins now; each is running until [`Self::finished`]. One that is
    /// still running is passed over until its next time.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(Slot, Target, Arc<Monitor>)> {
        let mut begin = Vec::new();
        while let Some((due, slot)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            let Some(entry) = self.entries.get_mut(&slot) else {
                continue;
            };
            entry.due = after(entry, now);
            self.due.insert((entry.due, slot));
            if entry.running {
                tracing::debug!(
                    monitor = %entry.monitor.name,
                    address = %entry.target.address,
                    "the last round is not over: one is left out"
                );
                continue;
            }
            entry.running = true;
            begin.push((slot, entry.target.clone(), Arc::clone(&entry.monitor)));
        }
        begin
    }

    /// Ends a round; `None` when its target is no longer wanted.
    pub(super) fn finished(&mut self, slot: Slot) -> Option<(Target, Arc<Monitor>)> {
        let entry = self.entries.get_mut(&slot)?;
        entry.running = false;
        Some((entry.target.clone(), Arc::clone(&entry.monitor)))
    }
}

/// The time after `entry.due`, which has come. Times missed (a suspended host) are not made up.
fn after(entry: &mut Entry, now: Instant) -> Instant {
    let interval = entry.monitor.interval;
    if std::mem::take(&mut entry.fresh) {
        let half = interval / 2;
        let phase = phase(&key(&entry.target, &entry.monitor));
        return now + half + share(half, phase);
    }
    let next = entry.due + interval;
    if next > now { next } else { now + interval }
}

fn key(target: &Target, monitor: &Monitor) -> Key {
    (
        monitor.name.clone(),
        target.address.clone(),
        target.host.clone(),
    )
}

/// The same in every run; spread evenly over `u32`.
fn phase(key: &Key) -> u32 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// `phase` / 2^32 of `whole`.
fn share(whole: Duration, phase: u32) -> Duration {
    whole.mul_f64(f64::from(phase) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::model::MonitorId;
    use crate::health::testing::{monitor, ping};

    const INTERVAL: Duration = Duration::from_secs(60);

    fn wanted(
        monitor: &Arc<Monitor>,
        last: impl IntoIterator<Item = u8>,
    ) -> Vec<(Target, Arc<Monitor>)> {
        last.into_iter()
            .map(|last| {
                let target = Target {
                    monitor: MonitorId(0),
                    address: Address::Ip([192, 0, 2, last].into()),
                    host: None,
                };
                (target, Arc::clone(monitor))
            })
            .collect()
    }

    fn icmp() -> Arc<Monitor> {
        Arc::new(monitor("icmp", ping()))
    }

    /// Runs rounds that take no time, until `end`; when each began, by last octet.
    fn run(timetable: &mut Timetable, end: Instant) -> Vec<(Instant, Slot)> {
        let mut begun = Vec::new();
        while let Some(due) = timetable.next_due()
            && due < end
        {
            for (slot, _, _) in timetable.take_due(due) {
                begun.push((due, slot));
                timetable.finished(slot);
            }
        }
        begun
    }

    #[test]
    fn the_first_at_once_then_one_an_interval_out_of_step() {
        let start = Instant::now();
        let mut timetable = Timetable::default();
        timetable.replace(wanted(&icmp(), 0..100), start);
        let begun = run(&mut timetable, start + 10 * INTERVAL);
        let mut seconds = Vec::new();
        for slot in (0..100).map(Slot) {
            let own: Vec<Instant> = begun
                .iter()
                .filter(|each| each.1 == slot)
                .map(|each| each.0)
                .collect();
            assert!(own[0] - start <= START_SPREAD);
            let second = own[1] - own[0];
            assert!(second >= INTERVAL / 2 && second <= INTERVAL, "{second:?}");
            seconds.push(own[1]);
            assert!(
                own[1..]
                    .windows(2)
                    .all(|pair| pair[1] - pair[0] == INTERVAL)
            );
        }
        seconds.sort();
        let widest = seconds.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(
            widest < Some(INTERVAL / 10),
            "a tenth of the targets in step: {widest:?}"
        );
    }

    #[test]
    fn an_unchanged_target_keeps_its_time_and_a_redefined_one_starts_anew() {
        let start = Instant::now();
        let mut timetable = Timetable::default();
        timetable.replace(wanted(&icmp(), [1, 2]), start);
        run(&mut timetable, start + 3 * INTERVAL);
        let before = timetable.due.clone();

        // An equal definition in another allocation, at another place in the file.
        let mut moved = wanted(&icmp(), [2, 1]);
        for (target, _) in &mut moved {
            target.monitor = MonitorId(7);
        }
        assert_eq!(timetable.replace(moved, start + 3 * INTERVAL), []);
        assert_eq!(timetable.due, before);
        let next = timetable.next_due().expect("two targets");
        assert_eq!(timetable.take_due(next)[0].1.monitor, MonitorId(7));

        let other = Arc::new(Monitor {
            retries: 3,
            ..(*icmp()).clone()
        });
        let now = start + 4 * INTERVAL;
        let gone = timetable.replace(wanted(&other, [1]), now);
        assert_eq!(gone.len(), 2);
        assert!(timetable.next_due().expect("one target") <= now + START_SPREAD);
        assert_eq!(timetable.entries.len(), 1);
    }

    #[test]
    fn a_round_of_a_removed_target_ends_in_nothing() {
        let start = Instant::now();
        let mut timetable = Timetable::default();
        timetable.replace(wanted(&icmp(), [1]), start);
        let begun = timetable.take_due(start + INTERVAL);
        let slot = begun[0].0;
        assert_eq!(timetable.replace(Vec::new(), start + INTERVAL), [slot]);
        assert_eq!(timetable.finished(slot), None);
        assert_eq!(timetable.next_due(), None);
        // Wanted again, it is another.
        timetable.replace(wanted(&icmp(), [1]), start + INTERVAL);
        assert_eq!(timetable.finished(slot), None);
    }

    #[test]
    fn a_target_never_has_two_rounds_at_once() {
        let start = Instant::now();
        let mut timetable = Timetable::default();
        timetable.replace(wanted(&icmp(), [1]), start);
        let slot = timetable.take_due(start + INTERVAL)[0].0;
        assert!(timetable.take_due(start + 3 * INTERVAL).is_empty());
        timetable.finished(slot);
        assert!(
            timetable.take_due(start + 3 * INTERVAL).is_empty(),
            "not before its time"
        );
        assert_eq!(timetable.take_due(start + 4 * INTERVAL).len(), 1);
    }

    proptest! {
        #[test]
        fn the_book_is_kept_whatever_is_wanted(
            steps in proptest::collection::vec(
                (proptest::collection::btree_set(0_u8..12, 0..8), 0_u64..90), 1..20),
        ) {
            let monitor = icmp();
            let mut now = Instant::now();
            let mut timetable = Timetable::default();
            for (last, seconds) in steps {
                timetable.replace(wanted(&monitor, last.iter().copied()), now);
                prop_assert_eq!(timetable.entries.len(), last.len());
                prop_assert_eq!(timetable.slots.len(), last.len());
                now += Duration::from_secs(seconds);
                for (slot, _, _) in timetable.take_due(now) {
                    timetable.finished(slot);
                }
                let due: BTreeSet<(Instant, Slot)> =
                    timetable.entries.iter().map(|(slot, entry)| (entry.due, *slot)).collect();
                prop_assert_eq!(&timetable.due, &due);
                prop_assert!(due.iter().all(|(due, _)| *due > now && *due <= now + INTERVAL));
            }
        }
    }
}

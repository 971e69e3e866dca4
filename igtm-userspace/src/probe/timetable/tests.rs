//! Timetables over time: who begins when, whatever is wanted.

use proptest::prelude::*;

use super::*;
use crate::config::model::{Address, Monitor, MonitorId, Node};
use crate::health::Target;
use crate::health::testing::{monitor, ping};

const INTERVAL: Duration = Duration::from_secs(60);
const ALL: usize = usize::MAX;

fn wanted(monitor: &Arc<Monitor>, last: impl IntoIterator<Item = u8>) -> Vec<Arc<Task>> {
    last.into_iter()
        .map(|last| {
            Arc::new(Task {
                target: Target {
                    monitor: MonitorId(0),
                    address: Address::Ip([192, 0, 2, last].into()),
                    host: None,
                },
                monitor: Arc::clone(monitor),
                node: Arc::new(Node::local()),
            })
        })
        .collect()
}

fn icmp() -> Arc<Monitor> {
    Arc::new(monitor("icmp", ping()))
}

/// Runs rounds that take no time, until `end`; when each began.
fn run(timetable: &mut Timetable, end: Instant) -> Vec<(Instant, Slot)> {
    let mut begun = Vec::new();
    while let Some(due) = timetable.next_due()
        && due < end
    {
        for round in timetable.take_due(due, ALL).0 {
            begun.push((round.at, round.slot));
            timetable.finished(round.slot);
        }
    }
    begun
}

fn times(begun: &[(Instant, Slot)], slot: Slot) -> Vec<Instant> {
    let own = begun.iter().filter(|each| each.1 == slot);
    own.map(|each| each.0).collect()
}

#[test]
fn the_first_at_once_then_one_an_interval_out_of_step() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(wanted(&icmp(), 0..100), start);
    let begun = run(&mut timetable, start + 10 * INTERVAL);
    let mut homes = Vec::new();
    for slot in (0..100).map(Slot) {
        let own = times(&begun, slot);
        assert!(own[0] - start <= START_SPREAD);
        for pair in own.windows(2) {
            let gap = pair[1] - pair[0];
            assert!(gap >= INTERVAL / 2 && gap <= INTERVAL, "{gap:?}");
        }
        // At home after two steps, and from then on exactly an interval apart.
        assert!(
            own[2..]
                .windows(2)
                .all(|pair| pair[1] - pair[0] == INTERVAL)
        );
        homes.push((own[2] - start).as_nanos() % INTERVAL.as_nanos());
    }
    homes.sort_unstable();
    let widest = homes.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(
        widest < Some(INTERVAL.as_nanos() / 10),
        "a tenth of the interval without a round: {widest:?}"
    );
}

/// Rounds in each second of six intervals of 15 s, of `count` tasks that came together.
fn rounds_a_second(count: u32) -> Vec<u32> {
    let quick = Arc::new(Monitor {
        interval: Duration::from_secs(15),
        ..(*icmp()).clone()
    });
    let node = Arc::new(Node::local());
    let tasks = (0..count).map(|number| {
        Arc::new(Task {
            target: Target {
                monitor: MonitorId(0),
                address: Address::Ip((0x0a00_0000 + number).to_be_bytes().into()),
                host: None,
            },
            monitor: Arc::clone(&quick),
            node: Arc::clone(&node),
        })
    });
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(tasks.collect(), start);
    let mut seconds = vec![0; 90];
    for (at, _) in run(&mut timetable, start + 6 * quick.interval) {
        seconds[(at - start).as_secs() as usize] += 1;
    }
    seconds
}

#[test]
fn many_never_thunder() {
    // tasks, at most so many begin in a second, so many in the long run
    for (count, most, evenly) in [(100_000, 7_200, 6_667), (40_000, 14_000, 2_667)] {
        let seconds = rounds_a_second(count);
        assert!(seconds.iter().all(|count| *count < most), "{seconds:?}");
        let settled = seconds[45..].iter();
        let apart = settled.map(|count| count.abs_diff(evenly)).max();
        assert!(apart < Some(evenly / 10), "{seconds:?}");
    }
}

#[test]
fn the_nodes_of_a_target_look_within_a_moment() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    let here = wanted(&icmp(), [1]);
    let there = Task {
        node: Arc::new(Node {
            name: "there".to_owned(),
            ..Node::local()
        }),
        ..(*here[0]).clone()
    };
    timetable.replace(vec![Arc::clone(&here[0]), Arc::new(there)], start);
    let begun = run(&mut timetable, start + 10 * INTERVAL);
    let (one, two) = (times(&begun, Slot(0)), times(&begun, Slot(1)));
    for (one, two) in one.iter().zip(&two).skip(2) {
        let apart = one.max(two).duration_since(*one.min(two));
        assert!(apart <= NODE_SPREAD, "{apart:?}");
    }
}

#[test]
fn no_more_begin_at_once_than_may() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(wanted(&icmp(), 0..10), start);
    let now = start + START_SPREAD;
    let first = timetable.take_due(now, 4).0;
    let second = timetable.take_due(now, ALL).0;
    assert_eq!((first.len(), second.len()), (4, 6));
    let all: Vec<Instant> = first.iter().chain(&second).map(|round| round.at).collect();
    assert!(all.is_sorted(), "the longest due first");
}

#[test]
fn an_unchanged_task_keeps_its_time_and_a_redefined_one_starts_anew() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(wanted(&icmp(), [1, 2]), start);
    run(&mut timetable, start + 3 * INTERVAL);
    let before = timetable.due.clone();

    // An equal definition in another allocation, at another place in the file.
    let moved = wanted(&icmp(), [2, 1]).into_iter().map(|task| {
        let mut task = (*task).clone();
        task.target.monitor = MonitorId(7);
        Arc::new(task)
    });
    assert_eq!(timetable.replace(moved.collect(), start + 3 * INTERVAL), []);
    assert_eq!(timetable.due, before);
    let next = timetable.next_due().expect("two tasks");
    let begun = timetable.take_due(next, ALL).0;
    assert_eq!(begun[0].task.target.monitor, MonitorId(7));

    let other = Arc::new(Monitor {
        retries: 3,
        ..(*icmp()).clone()
    });
    let now = start + 4 * INTERVAL;
    let gone = timetable.replace(wanted(&other, [1]), now);
    assert_eq!(gone.len(), 2);
    assert!(timetable.next_due().expect("one task") <= now + START_SPREAD);
    assert_eq!(timetable.entries.len(), 1);

    let elsewhere = Task {
        node: Arc::new(Node {
            interface: Some("eth1".to_owned()),
            ..Node::local()
        }),
        ..(*wanted(&other, [1])[0]).clone()
    };
    let gone = timetable.replace(vec![Arc::new(elsewhere)], now);
    assert_eq!(gone.len(), 1, "the node looks from somewhere else");
}

#[test]
fn a_round_of_a_removed_task_ends_in_nothing() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(wanted(&icmp(), [1]), start);
    let slot = timetable.take_due(start + INTERVAL, ALL).0[0].slot;
    assert_eq!(timetable.replace(Vec::new(), start + INTERVAL), [slot]);
    assert_eq!(timetable.finished(slot), None);
    assert_eq!(timetable.next_due(), None);
    // Wanted again, it is another.
    timetable.replace(wanted(&icmp(), [1]), start + INTERVAL);
    assert_eq!(timetable.finished(slot), None);
}

#[test]
fn a_round_that_was_taken_and_never_begun_does_not_end_its_task() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(wanted(&icmp(), [1, 2]), start);
    let taken = timetable.take_due(start + INTERVAL, ALL).0;
    let begun = taken[0].slot;
    timetable.release(|slot| slot != begun);
    let (again, left_out) = timetable.take_due(start + 3 * INTERVAL, ALL);
    let again: Vec<_> = again.iter().map(|due| due.slot).collect();
    assert_eq!((again, left_out), (vec![taken[1].slot], 1));
}

#[test]
fn a_task_never_has_two_rounds_at_once() {
    let start = Instant::now();
    let mut timetable = Timetable::default();
    timetable.replace(wanted(&icmp(), [1]), start);
    let slot = timetable.take_due(start + INTERVAL, ALL).0[0].slot;
    let (begun, left_out) = timetable.take_due(start + 3 * INTERVAL, ALL);
    assert_eq!((begun.len(), left_out), (0, 1));
    timetable.finished(slot);
    assert!(
        timetable.take_due(start + 3 * INTERVAL, ALL).0.is_empty(),
        "not before its time"
    );
    assert_eq!(timetable.take_due(start + 4 * INTERVAL, ALL).0.len(), 1);
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
            for round in timetable.take_due(now, ALL).0 {
                timetable.finished(round.slot);
            }
            let due: BTreeSet<(Instant, Slot)> =
                timetable.entries.iter().map(|(slot, entry)| (entry.due, *slot)).collect();
            prop_assert_eq!(&timetable.due, &due);
            prop_assert!(due.iter().all(|(due, _)| *due > now && *due <= now + INTERVAL));
        }
    }
}

//! One of two nodes loses its way, and finds it again: whatever the order in which its looks at its
//! targets begin and end, no address goes down. What really fails does, a round later at most.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::config::model::Monitor;

/// When the looks at a target begin, and how long those that fail take; the times in milliseconds.
#[derive(Clone, Debug)]
struct Looks {
    /// From the start to the first one, and from each of the first ones to the next: a task finds
    /// its place in the interval by steps of half of it to all of it.
    steps: Vec<i64>,
    /// From n0's to n1's.
    apart: i64,
    /// Of the first failing one, the second and so on, over and over.
    durations: Vec<i64>,
}

/// A good look takes this long.
const QUICK: i64 = 3;

fn looks(monitor: &Monitor) -> impl Strategy<Value = Looks> {
    let interval = monitor.interval.as_millis() as i64;
    let worst = monitor.worst_case().as_millis() as i64;
    let steps = (
        0..interval / 20,
        proptest::collection::vec(interval / 2..=interval, 0..3),
    );
    let steps = steps.prop_map(|(first, then)| [vec![first], then].concat());
    let durations = proptest::collection::vec(QUICK..=worst, 1..4);
    (steps, 0..=interval / 20, durations).prop_map(|(steps, apart, durations)| Looks {
        steps,
        apart,
        durations,
    })
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).expect("a time")
}

fn monitored() -> Monitor {
    let mut monitor = monitor("icmp", ping());
    monitor.interval = std::time::Duration::from_secs(10);
    monitor.protocol = crate::config::model::Protocol::Tcp { port: 80 };
    monitor.timeout = std::time::Duration::from_secs(4);
    monitor
}

fn many(count: usize) -> (Config, Vec<Target>) {
    let addresses: Vec<String> = (0..count).map(|last| format!("192.0.2.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let config = config(vec![monitored()], vec![pool("a", Some(0), &addresses)]);
    let targets = targets(&config).into_iter().collect();
    (with_nodes(config, 2), targets)
}

/// Every report until `end`, by when it comes; n1 sees a target fail where `fails` says so of its
/// number and of when the look began, n0 never.
fn reports(
    looks: &[Looks],
    interval: i64,
    end: i64,
    fails: impl Fn(usize, i64) -> bool,
) -> BTreeMap<(i64, usize, &'static str), bool> {
    let mut all = BTreeMap::new();
    for (number, looks) in looks.iter().enumerate() {
        for (node, apart) in [("n0", 0), ("n1", looks.apart)] {
            let mut steps = looks.steps.iter();
            let mut durations = looks.durations.iter().cycle();
            let mut begin = apart + steps.next().expect("a first one");
            while begin < end {
                let failed = node == "n1" && fails(number, begin);
                let lasts = if failed {
                    durations.next().expect("without end")
                } else {
                    &QUICK
                };
                all.insert((begin + lasts, number, node), failed);
                begin += steps.next().unwrap_or(&interval);
            }
        }
    }
    all
}

/// Plays `reports`, with the clock asking every second; what changed.
fn play(
    health: &mut Health,
    targets: &[Target],
    reports: BTreeMap<(i64, usize, &'static str), bool>,
) -> Vec<(i64, Transition)> {
    let mut changes = Vec::new();
    let mut clock = 0;
    for ((now, number, node), failed) in reports {
        while clock + 1000 <= now {
            clock += 1000;
            let ticked = health.tick(moment(clock)).transitions;
            changes.extend(ticked.into_iter().map(|change| (clock, change)));
        }
        let said = say(health, &targets[number], node, outcome(failed), moment(now));
        changes.extend(said.into_iter().map(|change| (now, change)));
    }
    changes
}

fn check_cut(looks: &[Looks], from: i64, lasts: i64) -> Result<(), TestCaseError> {
    let (config, targets) = many(looks.len());
    let mut health = Health::new(&config, moment(0));
    let back = from + lasts;
    let cut = |_: usize, begin: i64| (from..back).contains(&begin);
    let reports = reports(looks, 10_000, back + 40_000, cut);
    let changes = play(&mut health, &targets, reports);
    let down: Vec<_> = changes
        .iter()
        .filter(|(_, change)| change.to == AddressState::Down)
        .collect();
    prop_assert!(down.is_empty(), "{down:#?}");
    for target in &targets {
        prop_assert_eq!(health.state(target), AddressState::Ok);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_node_that_loses_its_way_takes_nothing_down_in_any_order(
        looks in proptest::collection::vec(looks(&monitored()), 10..20),
        // From its first look on, or in the midst of it all.
        from in prop_oneof![Just(0), 0_i64..60_000],
        lasts in 17_000_i64..60_000,
    ) {
        check_cut(&looks, from, lasts)?;
    }

    #[test]
    fn what_one_of_two_really_sees_fail_goes_down_within_a_round_more(
        looks in proptest::collection::vec(looks(&monitored()), 1..20),
        dead in any::<prop::sample::Index>(),
        from in 0_i64..60_000,
    ) {
        let (config, targets) = many(looks.len());
        let mut health = Health::new(&config, moment(0));
        let dead = dead.index(targets.len());
        let reports = reports(&looks, 10_000, from + 60_000, |number, begin| {
            number == dead && begin >= from
        });
        let changes = play(&mut health, &targets, reports);
        let down: Vec<_> = changes
            .iter()
            .filter(|(_, change)| change.to == AddressState::Down)
            .collect();
        prop_assert_eq!(down.len(), 1, "{:#?}", down);
        prop_assert_eq!(&down[0].1.target, &targets[dead]);
        // It begins within an interval, takes its time, and another target's word comes within
        // an interval: a sole one is believed at once.
        prop_assert!(down[0].0 <= from + 10_000 + 4_000 + 10_500, "at {}", down[0].0);
    }
}

//! A node whose own network is down sees everything fail: it must not take addresses down.

use super::*;

/// `count` addresses, probed by n0 and n1.
fn many(count: usize) -> (Config, Vec<Target>) {
    let addresses: Vec<String> = (0..count).map(|last| format!("192.0.2.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut monitor = monitor("icmp", ping());
    monitor.failure_percent = 51;
    let config = config(vec![monitor], vec![pool("a", Some(0), &addresses)]);
    let targets = targets(&config).into_iter().collect();
    (with_nodes(config, 2), targets)
}

fn suspected(health: &Health) -> Vec<String> {
    let nodes = health.nodes().into_iter();
    let suspected = nodes.filter(|node| node.suspected);
    suspected.map(|node| node.node).collect()
}

/// A round of all targets: whether each fails, as n0 and as n1 sees it.
fn round(
    health: &mut Health,
    targets: &[Target],
    second: i64,
    fails: impl Fn(usize, usize) -> bool,
) {
    for (number, target) in targets.iter().enumerate() {
        for (node, name) in ["n0", "n1"].into_iter().enumerate() {
            say(
                health,
                target,
                name,
                outcome(fails(number, node)),
                at(second),
            );
        }
    }
    health.tick(at(second));
}

#[test]
fn a_node_that_sees_all_of_ten_fail_while_another_sees_some_pass() {
    // targets, what fails (of target, of node), who is suspected
    type Fails = fn(usize, usize) -> bool;
    let all_of_n1: Fails = |_, node| node == 1;
    let all: Fails = |_, _| true;
    let all_but_one: Fails = |target, node| node == 1 && target > 0;
    let half_really: Fails = |target, node| node == 1 || target < 9;
    let table = [
        (10, all_of_n1, &["n1"] as &[&str]),
        (9, all_of_n1, &[]),
        (10, all, &[]),
        (20, all_but_one, &[]),
        (10, half_really, &["n1"]),
    ];
    for (case, (count, fails, expected)) in table.into_iter().enumerate() {
        let (config, targets) = many(count);
        let mut health = Health::new(&config, at(0));
        round(&mut health, &targets, 1, |_, _| false);
        assert_eq!(suspected(&health), [] as [&str; 0]);
        round(&mut health, &targets, 61, fails);
        assert_eq!(suspected(&health), expected, "case {case}");
        // It is out of the ratio: what n0 sees decides.
        round(&mut health, &targets, 121, fails);
        for (number, target) in targets.iter().enumerate() {
            let expected = match (fails(number, 0), fails(number, 1)) {
                (false, true) if expected.is_empty() => AddressState::Warn,
                (true, _) => AddressState::Down,
                (false, _) => AddressState::Ok,
            };
            assert_eq!(
                health.state(target),
                expected,
                "case {case}, target {number}"
            );
        }
    }
}

#[test]
fn a_sole_node_is_never_suspected() {
    let (mut config, targets) = many(20);
    config.monitors[0].nodes.truncate(1);
    let mut health = Health::new(&config, at(0));
    for second in [1, 61] {
        for target in &targets {
            say(&mut health, target, "n0", refused(), at(second));
        }
        health.tick(at(second));
        assert_eq!(suspected(&health), [] as [&str; 0]);
    }
    assert!(
        targets
            .iter()
            .all(|one| health.state(one) == AddressState::Down)
    );
}

#[test]
fn one_good_word_ends_suspicion_and_so_does_agreement() {
    let (config, targets) = many(10);
    let mut health = Health::new(&config, at(0));
    round(&mut health, &targets, 1, |_, node| node == 1);
    assert_eq!(suspected(&health), ["n1"]);
    say(&mut health, &targets[3], "n1", Outcome::Good, at(61));
    assert_eq!(suspected(&health), [] as [&str; 0]);
    round(&mut health, &targets, 121, |_, node| node == 1);
    assert_eq!(suspected(&health), ["n1"]);
    // Now n0 sees the same: it was the targets after all.
    round(&mut health, &targets, 181, |_, _| true);
    assert_eq!(suspected(&health), [] as [&str; 0]);
}

#[test]
fn a_silent_witness_is_none() {
    let (config, targets) = many(10);
    let mut health = Health::new(&config, at(0));
    round(&mut health, &targets, 1, |_, _| false);
    for second in [61, 121, 181, 241] {
        for target in &targets {
            say(&mut health, target, "n1", refused(), at(second));
        }
        health.tick(at(second));
        // n0's good words are three intervals old at 181.
        let expected: &[&str] = if second <= 181 { &["n1"] } else { &[] };
        assert_eq!(suspected(&health), expected, "at {second}");
    }
}

/// The states that were ever entered by the words of a round, in which n1 speaks second.
fn entered(
    health: &mut Health,
    targets: &[Target],
    second: i64,
    fails: impl Fn(usize, usize) -> bool,
) -> Vec<AddressState> {
    let mut changes = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        // One after the other, as through an interval, with the clock asking in between.
        let second = second + number as i64;
        for (node, name) in ["n0", "n1"].into_iter().enumerate() {
            changes.extend(say(
                health,
                target,
                name,
                outcome(fails(number, node)),
                at(second),
            ));
        }
        changes.extend(health.tick(at(second)).transitions);
    }
    changes.into_iter().map(|change| change.to).collect()
}

#[test]
fn a_node_that_loses_its_network_takes_nothing_down_meanwhile() {
    let (mut config, targets) = many(20);
    // At the default of 50 the word of one of two is enough.
    config.monitors[0].failure_percent = 50;
    let mut health = Health::new(&config, at(0));
    entered(&mut health, &targets, 0, |_, _| false);
    for round in 1..4 {
        let states = entered(&mut health, &targets, 60 * round, |_, node| node == 1);
        assert_eq!(states, [], "round {round}");
    }
    assert_eq!(suspected(&health), ["n1"]);
    assert!(
        targets
            .iter()
            .all(|one| health.state(one) == AddressState::Ok)
    );
}

#[test]
fn what_only_one_node_sees_fail_is_believed_once_it_sees_another_pass() {
    let (mut config, targets) = many(20);
    config.monitors[0].failure_percent = 50;
    let mut health = Health::new(&config, at(0));
    entered(&mut health, &targets, 0, |_, _| false);
    let refuses = |target: usize, node: usize| node == 1 && target == 7;
    for (number, target) in targets.iter().enumerate().take(8) {
        for (node, name) in ["n0", "n1"].into_iter().enumerate() {
            let word = outcome(refuses(number, node));
            assert_eq!(say(&mut health, target, name, word, at(60)), []);
        }
    }
    assert_eq!(health.tick(at(61)).transitions, []);
    let changes = say(&mut health, &targets[8], "n1", Outcome::Good, at(61));
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (&changes[0].target, changes[0].to),
        (&targets[7], AddressState::Down)
    );
    // Where both see it fail there is nothing to wait for.
    say(&mut health, &targets[9], "n0", refused(), at(62));
    let changes = say(&mut health, &targets[9], "n1", refused(), at(62));
    assert_eq!(changes[0].to, AddressState::Down);
}

#[test]
fn a_held_verdict_waits_no_longer_than_the_next_round() {
    let (mut config, targets) = many(20);
    config.monitors[0].failure_percent = 50;
    let mut health = Health::new(&config, at(0));
    entered(&mut health, &targets, 0, |_, _| false);
    say(&mut health, &targets[0], "n0", Outcome::Good, at(60));
    assert_eq!(say(&mut health, &targets[0], "n1", refused(), at(60)), []);
    // That another node speaks again, or this one, tells nothing of its other targets.
    let again = say(&mut health, &targets[0], "n0", Outcome::Good, at(90));
    assert_eq!(again, []);
    assert_eq!(say(&mut health, &targets[0], "n1", refused(), at(119)), []);
    // An interval, a round's worst case, and what reports may wait.
    let worst = config.monitors[0].worst_case().as_secs() as i64;
    assert_eq!(health.tick(at(120 + worst)).transitions, []);
    let changes = health.tick(at(122 + worst)).transitions;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to, AddressState::Down);
}

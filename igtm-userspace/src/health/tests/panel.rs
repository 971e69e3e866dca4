//! Several nodes on one target: when a round is over, who is in it, what stands when few report.

use super::*;
use crate::health::{NodeSight, NodeStatus};

#[test]
fn a_round_is_over_when_every_node_has_reported() {
    let (config, target) = by_nodes(3);
    let mut health = Health::new(&config, at(0));
    assert_eq!(say(&mut health, &target, "n0", refused(), at(1)), []);
    assert_eq!(say(&mut health, &target, "n2", Outcome::Good, at(1)), []);
    let changes = say(&mut health, &target, "n1", Outcome::Good, at(2));
    assert_eq!(changes[0].to, AddressState::Warn, "a third of them fails");
    assert_eq!(changes[0].reasons.len(), 1);
    // The same minute's words are one round: bad_rounds counts minutes, not nodes.
    for (second, node) in [(61, "n0"), (61, "n1")] {
        assert_eq!(say(&mut health, &target, node, refused(), at(second)), []);
    }
    let changes = say(&mut health, &target, "n2", refused(), at(61));
    assert_eq!(changes[0].to, AddressState::Down);
    let nodes: Vec<&str> = changes[0]
        .reasons
        .iter()
        .map(|one| one.node.as_str())
        .collect();
    assert_eq!(nodes, ["n0", "n1", "n2"]);
}

#[test]
fn a_node_that_does_not_report_is_waited_for_a_rounds_time_only() {
    let (config, target) = by_nodes(3);
    let mut health = Health::new(&config, at(0));
    for node in ["n0", "n1", "n2"] {
        say(&mut health, &target, node, Outcome::Good, at(1));
    }
    // n2 says nothing more. A round can take 5 s and half the interval of pings, and some slack.
    say(&mut health, &target, "n0", refused(), at(61));
    say(&mut health, &target, "n1", refused(), at(61));
    assert_eq!(health.tick(at(95)).transitions, []);
    let tick = health.tick(at(100));
    assert_eq!(
        tick.transitions[0].to,
        AddressState::Down,
        "2 of 3, n2's last word counts"
    );
    assert_eq!(health.tick(at(101)).transitions, []);
    // After three intervals it is silent, and nobody waits for it.
    say(&mut health, &target, "n0", Outcome::Good, at(200));
    let changes = say(&mut health, &target, "n1", Outcome::Good, at(200));
    assert_eq!(changes[0].to, AddressState::Ok);
}

#[test]
fn a_second_word_of_one_node_ends_the_round() {
    let (config, target) = by_nodes(2);
    let mut health = Health::new(&config, at(0));
    assert_eq!(say(&mut health, &target, "n0", refused(), at(1)), []);
    let changes = say(&mut health, &target, "n0", Outcome::Good, at(61));
    assert_eq!(changes[0].to, AddressState::Down, "the round of the first");
    let changes = say(&mut health, &target, "n1", Outcome::Good, at(62));
    assert_eq!(changes[0].to, AddressState::Ok);
}

#[test]
fn with_fewer_than_half_reporting_the_verdict_stands_and_is_stale() {
    let (config, target) = by_nodes(3);
    let mut health = Health::new(&config, at(0));
    for node in ["n0", "n1", "n2"] {
        say(&mut health, &target, node, Outcome::Good, at(1));
    }
    let stale = |health: &Health, second| {
        let known = health.target(&target).expect("wanted");
        known.is_stale(at(second))
    };
    // n1 and n2 are gone; n0 says "down" for ever.
    for minute in 1..=10 {
        let second = 60 * minute + 1;
        say(&mut health, &target, "n0", refused(), at(second));
        health.tick(at(second + 40));
        assert_eq!(stale(&health, second + 40), minute >= 3, "minute {minute}");
    }
    // While their words were fresh, one of three failed.
    assert_eq!(health.state(&target), AddressState::Warn);
    let status = health.status(&target, at(700)).expect("wanted");
    assert!(status.stale);
    assert_eq!(
        status.nodes[1],
        NodeSight {
            node: "n1".to_owned(),
            at: Some(at(1)),
            failure: None,
            counts: false,
        }
    );
    // Half of them is enough.
    say(&mut health, &target, "n1", refused(), at(661));
    // What was silent begins no round; the next one waits for it no longer than for anybody.
    assert_eq!(say(&mut health, &target, "n0", refused(), at(661)), []);
    let tick = health.tick(at(701));
    assert_eq!(tick.transitions[0].to, AddressState::Down);
    assert!(!stale(&health, 701));
}

#[test]
fn a_dead_prober_makes_every_verdict_stale() {
    let (config, one, two) = two_targets();
    let mut health = Health::new(&config, at(0));
    say(&mut health, &one, "local", Outcome::Good, at(1));
    let stale = |health: &Health, target, second| {
        let known = health.target(target).expect("wanted");
        known.is_stale(at(second))
    };
    assert!(!stale(&health, &one, 181));
    assert!(stale(&health, &one, 182), "three intervals are over");
    assert!(!stale(&health, &two, 182), "unknown is not stale");
    assert_eq!(
        health.state(&one),
        AddressState::Ok,
        "the last verdict stands"
    );
}

#[test]
fn a_silent_node_is_told_once_and_when_it_is_back() {
    let (config, target) = by_nodes(2);
    let mut health = Health::new(&config, at(0));
    let unable = Outcome::Unable("cannot send from 192.0.2.9".to_owned());
    say(&mut health, &target, "n0", Outcome::Good, at(100));
    say(&mut health, &target, "n1", unable, at(100));
    assert_eq!(health.tick(at(180)).nodes, []);
    let silent = health.tick(at(181)).nodes;
    assert_eq!(silent.len(), 1);
    assert_eq!((silent[0].node.as_str(), silent[0].silent), ("n1", true));
    assert_eq!(silent[0].since, at(0));
    assert_eq!(
        silent[0].trouble.as_deref(),
        Some("cannot send from 192.0.2.9")
    );
    assert_eq!(health.tick(at(182)).nodes, []);
    let known: Vec<NodeStatus> = health.nodes();
    let told = known
        .iter()
        .map(|one| (one.node.as_str(), one.tasks, one.silent));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [("local", 0, false), ("n0", 1, false), ("n1", 1, true)],
        "local was asked for nothing: that is not silence"
    );
    say(&mut health, &target, "n1", Outcome::Good, at(200));
    let back = health.tick(at(201)).nodes;
    assert_eq!(
        (back.len(), back[0].silent, back[0].since),
        (1, false, at(181))
    );
}

#[test]
fn who_has_no_source_of_a_family_has_no_say() {
    let (mut config, _) = by_nodes(2);
    config.nodes[1].source_v6 = "2001:db8::9".parse().ok();
    let mut health = Health::new(&config, at(0));
    let target = targets(&config).into_iter().next().expect("one");
    let nodes: Vec<_> = health
        .tasks()
        .iter()
        .map(|task| task.node.name.clone())
        .collect();
    assert_eq!(nodes, ["n1"]);
    let changes = say(&mut health, &target, "n1", refused(), at(1));
    assert_eq!(changes[0].to, AddressState::Down);
}

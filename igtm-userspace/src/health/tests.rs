//! Reports in, states out: one node, several, silent and suspected ones, reloads, restarts.

mod cut;
mod keeping;
mod panel;
mod properties;
mod suspicion;

use jiff::Timestamp;

use super::testing::{config, monitor, ping, pool, refused, say, with_nodes};
use super::{AddressState, Health, HealthView, Outcome, Target, Transition, targets};
use crate::config::model::Config;
use crate::notify::event::NodeReason;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

/// Two addresses, probed once a minute by `local`.
fn two_targets() -> (Config, Target, Target) {
    let config = config(
        vec![monitor("icmp", ping())],
        vec![pool("a", Some(0), &["192.0.2.1", "192.0.2.2"])],
    );
    let mut all = targets(&config).into_iter();
    let (one, two) = (all.next().expect("two"), all.next().expect("two"));
    (config, one, two)
}

/// One address, probed once a minute by the nodes `n0`, `n1` …
fn by_nodes(count: usize) -> (Config, Target) {
    let config = config(
        vec![monitor("icmp", ping())],
        vec![pool("a", Some(0), &["192.0.2.1"])],
    );
    let target = targets(&config).into_iter().next().expect("one");
    (with_nodes(config, count), target)
}

fn outcome(failed: bool) -> Outcome {
    if failed { refused() } else { Outcome::Good }
}

#[test]
fn a_transition_says_what_changed_since_when_and_why() {
    let (config, one, _) = two_targets();
    let mut health = Health::new(&config, at(0));
    let good = say(&mut health, &one, "local", Outcome::Good, at(10));
    assert_eq!(
        good,
        [Transition {
            target: one.clone(),
            from: AddressState::Unknown,
            to: AddressState::Ok,
            since: at(0),
            at: at(10),
            reasons: Vec::new(),
        }]
    );
    assert_eq!(say(&mut health, &one, "local", Outcome::Good, at(70)), []);
    let bad = say(&mut health, &one, "local", refused(), at(130));
    assert_eq!(
        bad,
        [Transition {
            target: one.clone(),
            from: AddressState::Ok,
            to: AddressState::Down,
            since: at(10),
            at: at(130),
            reasons: vec![NodeReason {
                node: "local".to_owned(),
                reason: "connection refused".to_owned()
            }],
        }]
    );
    let known = health.target(&one).expect("wanted");
    assert_eq!(known.state(), AddressState::Down);
    assert_eq!(known.since(), at(130));
    assert_eq!(known.last_round(), Some(at(130)));
    assert_eq!(known.reasons(), bad[0].reasons);
}

#[test]
fn all_are_known_once_each_has_finished_a_round() {
    let (config, one, two) = two_targets();
    let mut health = Health::new(&config, at(0));
    let unable = Outcome::Unable("no ICMP socket here".to_owned());
    say(&mut health, &one, "local", Outcome::Good, at(1));
    say(&mut health, &two, "local", unable, at(1));
    assert!(!health.all_known(), "nobody reported on the second");
    say(&mut health, &two, "local", refused(), at(2));
    assert!(health.all_known());
}

#[test]
fn a_node_that_could_not_look_changes_nothing() {
    let (config, one, _) = two_targets();
    let mut health = Health::new(&config, at(0));
    say(&mut health, &one, "local", refused(), at(1));
    let before = health.status(&one, at(2));
    let unable = || Outcome::Unable("no ICMP socket here".to_owned());
    assert_eq!(say(&mut health, &one, "local", unable(), at(2)), []);
    assert_eq!(health.status(&one, at(2)), before);
    let trouble = health.nodes()[0].trouble.clone();
    assert_eq!(trouble.as_deref(), Some("no ICMP socket here"));
    // Not even in a row of bad rounds.
    let (mut config, one, _) = two_targets();
    config.monitors[0].bad_rounds = 2;
    let mut health = Health::new(&config, at(0));
    say(&mut health, &one, "local", refused(), at(1));
    say(&mut health, &one, "local", unable(), at(61));
    assert_eq!(health.state(&one), AddressState::Warn);
    say(&mut health, &one, "local", refused(), at(121));
    assert_eq!(health.state(&one), AddressState::Down);
    assert_eq!(health.nodes()[0].trouble, None);
}

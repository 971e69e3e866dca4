//! What is worth a write is enough: a restart at any moment changes no verdict and no alert.

use proptest::prelude::*;

use super::at;
use crate::config::model::Config;
use crate::health::testing::{config, monitor, nodes, ping, pool, round};
use crate::health::{AddressState, Health, HealthView, SavedTarget, Target, targets};
use crate::state::is_news;

fn one_target() -> (Config, Target) {
    let config = config(
        vec![monitor("icmp", ping())],
        vec![pool("a", Some(0), &["192.0.2.1"])],
    );
    let target = targets(&config).into_iter().next().expect("one");
    (config, target)
}

#[test]
fn a_restored_state_stands_but_is_not_taken_for_a_round() {
    let (config, target) = one_target();
    let mut health = Health::new(&config, at(0));
    health.report(round(&config, &target, nodes(1, 1)), at(5));
    let saved = health.export();
    let mut health = Health::new(&config, at(100));
    health.restore(saved.clone());
    assert_eq!(health.export(), saved);
    assert_eq!(health.state(&target), AddressState::Down);
    assert!(!health.all_known(), "no round of this run has finished");
    // Still down: nothing to tell. Up: told, with since when it was down.
    let told = health.report(round(&config, &target, nodes(1, 1)), at(101));
    assert_eq!(told, None);
    assert!(health.all_known());
    let up = health.report(round(&config, &target, nodes(0, 1)), at(102));
    let up = up.expect("a transition");
    assert_eq!(
        (up.from, up.to, up.since),
        (AddressState::Down, AddressState::Ok, at(5))
    );
}

#[test]
fn what_the_file_no_longer_wants_is_left_out() {
    let (config, target) = one_target();
    let mut health = Health::new(&config, at(0));
    health.report(round(&config, &target, nodes(1, 1)), at(5));
    let mut saved = health.export();
    saved[0].address = "192.0.2.9".parse().expect("an address");
    let mut health = Health::new(&config, at(6));
    health.restore(saved);
    assert_eq!(health.export(), []);
    assert_eq!(health.state(&target), AddressState::Unknown);
}

#[test]
fn a_steady_state_is_no_news() {
    let (mut config, target) = one_target();
    config.monitors[0].bad_rounds = 3;
    config.monitors[0].good_rounds = 2;
    let mut health = Health::new(&config, at(0));
    let mut former: Option<SavedTarget> = None;
    // failing of one node, and whether that is news
    let steps = [
        (0, true),
        (0, false),
        (0, false),
        (1, true),
        (1, true),
        (1, true), // down
        (1, false),
        (0, true),
        (0, true), // up
        (0, false),
    ];
    for (second, (failing, expected)) in (1..).zip(steps) {
        health.report(round(&config, &target, nodes(failing, 1)), at(second));
        let now = health.export_one(&target).expect("a round has finished");
        assert_eq!(is_news(former.as_ref(), &now), expected, "round {second}");
        former = Some(now);
    }
}

proptest! {
    #[test]
    fn a_restart_changes_no_verdict(
        rounds in proptest::collection::vec((0_usize..3, any::<bool>()), 1..40),
        bad_rounds in 1_u32..4, good_rounds in 1_u32..4,
    ) {
        let (mut config, target) = one_target();
        config.monitors[0].bad_rounds = bad_rounds;
        config.monitors[0].good_rounds = good_rounds;
        let mut steady = Health::new(&config, at(0));
        let mut broken = steady.clone();
        let mut written: Option<SavedTarget> = None;
        for (second, (failing, restart)) in (1..).zip(rounds) {
            if restart {
                broken = Health::new(&config, at(second));
                broken.restore(written.clone());
            }
            let before = broken.export_one(&target);
            let told = broken.report(round(&config, &target, nodes(failing, 2)), at(second));
            let expected = steady.report(round(&config, &target, nodes(failing, 2)), at(second));
            let now = broken.export_one(&target).expect("a round has finished");
            if is_news(before.as_ref(), &now) {
                written = Some(now);
            }
            prop_assert_eq!(
                told.map(|change| (change.from, change.to, change.at)),
                expected.map(|change| (change.from, change.to, change.at))
            );
            prop_assert_eq!(broken.state(&target), steady.state(&target));
        }
    }
}

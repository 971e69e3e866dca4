//! Pools that go down and come back, whoever says so.

use super::*;
use crate::alerts::{Cause, PoolsDown};
use crate::config::model::PoolId;
use crate::health::testing::refused;
use crate::health::{Forced, ForcedState, Outcome, Report};

/// A round of every target, those of `failing` refusing; what changed.
fn round(ground: &Ground, health: &mut Health, failing: &[&str], now: i64) -> Vec<(Target, Cause)> {
    let mut changed = Vec::new();
    for task in health.tasks() {
        let fails = failing.contains(&task.target.address.to_string().as_str());
        let outcome = if fails { refused() } else { Outcome::Good };
        for transition in health.report(Report { task, outcome }, at(now)) {
            let cause = Cause::new(ground, &transition, 1, Vec::new());
            changed.push((transition.target, cause));
        }
    }
    changed
}

fn told(events: &[(Event, Vec<Cause>)]) -> Vec<(Kind, &str)> {
    let events = events.iter();
    let told = events.filter_map(|(event, _)| Some((event.kind, event.pool.as_deref()?)));
    told.collect()
}

#[test]
fn a_pool_is_told_of_when_nothing_in_it_is_usable_and_when_something_is() {
    let ground = ground(FILE);
    let mut health = Health::new(&ground.config, at(0));
    let mut pools = PoolsDown::default();
    let first = round(&ground, &mut health, &[], 1);
    assert!(
        pools
            .of_step(&ground, &health, &first, &[], at(1))
            .is_empty()
    );
    let down = round(&ground, &mut health, &["192.0.2.3"], 61);
    let events = pools.of_step(&ground, &health, &down, &[], at(61));
    assert_eq!(told(&events), [(Kind::PoolDown, "second")]);
    assert_eq!(events[0].1[0].address, "192.0.2.3");
    let down_event = &events[0].0;
    assert_eq!(down_event.instance.as_deref(), Some("www"));
    assert_eq!(down_event.reason[0].node, "local");
    assert_eq!(down_event.reason[0].reason, "192.0.2.3: connection refused");
    // Told once; a next run knows it too.
    assert!(
        pools
            .of_step(&ground, &health, &down, &[], at(62))
            .is_empty()
    );
    let mut next = PoolsDown::resumed(&ground, &health, [], at(62));
    assert!(
        next.of_step(&ground, &health, &down, &[], at(63))
            .is_empty()
    );
    assert!(next.of_file(&ground, &health, at(63)).is_empty());
    let up = round(&ground, &mut health, &[], 121);
    // A next run goes on from when it went down.
    for mut pools in [pools, next] {
        let events = pools.of_step(&ground, &health, &up, &[], at(121));
        assert_eq!(told(&events), [(Kind::PoolUp, "second")]);
        assert_eq!(events[0].0.duration_s, Some(60));
    }
}

#[test]
fn what_is_forced_counts_but_not_what_is_drained() {
    let ground = ground(FILE);
    let mut health = Health::new(&ground.config, at(0));
    round(&ground, &mut health, &[], 1);
    let mut pools = PoolsDown::default();
    let second = ground
        .config
        .pools
        .iter()
        .position(|pool| pool.name == "second");
    let second = [PoolId(second.expect("it is there"))];
    for (state, expected) in [
        (ForcedState::Drain, None),
        (ForcedState::Down, Some(Kind::PoolDown)),
        // What is drained counts for nothing: it does not make the pool well.
        (ForcedState::Drain, None),
        (ForcedState::Up, Some(Kind::PoolUp)),
    ] {
        health.force(Forced {
            address: "192.0.2.3".parse().expect("an address"),
            pool: None,
            state,
            reason: "disk swap".to_owned(),
            who: "ops".to_owned(),
            since: at(2),
            until: None,
        });
        let events = pools.of_step(&ground, &health, &[], &second, at(3));
        let kinds: Vec<_> = events.iter().map(|(event, _)| event.kind).collect();
        assert_eq!(kinds, Vec::from_iter(expected), "{state:?}");
    }
}

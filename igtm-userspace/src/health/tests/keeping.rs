//! What is kept: over a reload, over a restart, and what operators say.

use super::*;
use crate::config::model::{MonitorId, Node};
use crate::health::testing::{domain_of, strategy};
use crate::health::{Forced, ForcedState, SavedTarget, address_state, measured_state};

#[test]
fn a_reload_keeps_what_is_unchanged_wherever_its_monitor_now_stands() {
    let (old, one, two) = two_targets();
    let mut health = Health::new(&old, at(0));
    say(&mut health, &one, "local", refused(), at(1));
    say(&mut health, &two, "local", refused(), at(1));

    let mut new = config(
        vec![monitor("other", ping()), monitor("icmp", ping())],
        vec![
            pool("a", Some(1), &["192.0.2.1", "192.0.2.3"]),
            pool("b", Some(0), &["192.0.2.1"]),
        ],
    );
    health.reconcile(&new, at(5));
    let states: Vec<(usize, String, AddressState)> = targets(&new)
        .into_iter()
        .map(|each| {
            let state = health.state(&each);
            (each.monitor.0, each.address.to_string(), state)
        })
        .collect();
    assert_eq!(
        states,
        [
            (0, "192.0.2.1".to_owned(), AddressState::Unknown),
            (1, "192.0.2.1".to_owned(), AddressState::Down),
            (1, "192.0.2.3".to_owned(), AddressState::Unknown),
        ]
    );
    assert_eq!(health.tasks().len(), 3);

    // Under another definition the last state stands until a round of that one.
    new.monitors[1].retries = 3;
    health.reconcile(&new, at(6));
    let moved = Target {
        monitor: MonitorId(1),
        ..one
    };
    assert_eq!(health.state(&moved), AddressState::Down);
    say(&mut health, &moved, "local", Outcome::Good, at(7));
    assert_eq!(health.state(&moved), AddressState::Ok);
}

#[test]
fn a_report_of_a_former_configuration_is_left_out() {
    let (old, one, two) = two_targets();
    let mut health = Health::new(&old, at(0));
    let late = health.tasks();
    let mut new = config(
        vec![monitor("other", ping())],
        vec![pool("a", Some(0), &["192.0.2.1"])],
    );
    new.monitors[0].bad_rounds = 2;
    health.reconcile(&new, at(1));
    for task in late {
        let outcome = refused();
        assert_eq!(
            health.report(crate::health::Report { task, outcome }, at(2)),
            []
        );
    }
    for target in [one, two] {
        assert_eq!(health.state(&target), AddressState::Unknown);
    }
}

#[test]
fn a_reload_keeps_the_words_of_nodes_that_are_the_same() {
    let (mut config, target) = by_nodes(3);
    let mut health = Health::new(&config, at(0));
    for node in ["n0", "n1", "n2"] {
        say(&mut health, &target, node, refused(), at(1));
    }
    // n0 goes, another comes before the others, n2 looks from somewhere else.
    config.nodes[1] = Node {
        name: "new".to_owned(),
        ..config.nodes[1].clone()
    };
    config.nodes[3].interface = Some("eth9".to_owned());
    health.reconcile(&config, at(2));
    let status = health.status(&target, at(3)).expect("wanted");
    let words: Vec<_> = status
        .nodes
        .iter()
        .map(|one| (one.node.as_str(), one.at))
        .collect();
    assert_eq!(words, [("new", None), ("n1", Some(at(1))), ("n2", None)]);
    assert_eq!(status.state, AddressState::Down);
    // A node alone does not define a monitor: n1's task is the one that it was.
    say(&mut health, &target, "n1", Outcome::Good, at(61));
    say(&mut health, &target, "new", Outcome::Good, at(61));
    say(&mut health, &target, "n2", Outcome::Good, at(61));
    assert_eq!(health.state(&target), AddressState::Ok);
}

fn saved(health: &Health) -> Vec<SavedTarget> {
    let text = serde_json::to_string(&health.export()).expect("it is JSON");
    let mut saved: Vec<SavedTarget> = serde_json::from_str(&text).expect("as written");
    saved.sort_by(|a, b| a.address.cmp(&b.address));
    saved
}

#[test]
fn a_restart_keeps_states_and_runs_but_waits_for_a_round() {
    let (mut config, one, two) = two_targets();
    config.monitors[0].bad_rounds = 3;
    config.monitors[0].good_rounds = 2;
    let mut health = Health::new(&config, at(0));
    assert_eq!(saved(&health), [], "nothing is known yet");
    for minute in 0..3 {
        say(&mut health, &one, "local", refused(), at(60 * minute));
    }
    say(&mut health, &two, "local", refused(), at(120));
    let kept = saved(&health);
    assert_eq!(health.export_one(&one).as_ref(), Some(&kept[0]));

    // Another file: the monitor stands elsewhere, an address is gone.
    let mut config = super::config(
        vec![monitor("new", ping()), config.monitors[0].clone()],
        vec![pool("a", Some(1), &["192.0.2.1", "192.0.2.3"])],
    );
    config.monitors[1].interval = std::time::Duration::from_secs(30);
    let mut health = Health::new(&config, at(1000));
    health.restore(kept);
    let one = Target {
        monitor: MonitorId(1),
        ..one
    };
    let known = health.target(&one).expect("wanted");
    assert_eq!(
        (known.state(), known.since()),
        (AddressState::Down, at(120))
    );
    assert_eq!(known.reasons()[0].reason, "connection refused");
    assert!(known.is_stale(at(1000)), "nobody has looked in this life");
    assert!(!health.all_known());
    assert_eq!(health.export().len(), 1);
    // Two good rounds are still needed.
    say(&mut health, &one, "local", Outcome::Good, at(1001));
    assert_eq!(health.state(&one), AddressState::Down);
    let changes = say(&mut health, &one, "local", Outcome::Good, at(1031));
    assert_eq!(
        (changes[0].from, changes[0].since),
        (AddressState::Down, at(120))
    );
    // What is measured is not undone.
    let old = SavedTarget {
        state: AddressState::Down,
        ..health.export_one(&one).expect("measured")
    };
    health.restore([old]);
    assert_eq!(health.state(&one), AddressState::Ok);
}

#[test]
fn an_operator_has_the_last_word_on_an_address() {
    use AddressState::{Down, Ok, Unmonitored};
    let (mut config, one, _) = two_targets();
    config.pools.push(pool("b", None, &["192.0.2.1"]));
    config.instances = vec![domain_of("www.example.com", vec![strategy(&[0, 1], 1)])];
    let mut health = Health::new(&config, at(0));
    say(&mut health, &one, "local", refused(), at(1));
    let seen = |health: &Health| {
        [0, 1].map(|at| {
            let (pool, instance) = (&config.pools[at], &config.instances[0]);
            let address = &pool.addresses[0];
            let state = address_state(health, &config, pool, address, instance);
            (
                state,
                measured_state(health, &config, pool, address, instance),
            )
        })
    };
    let forced = |pool: Option<&str>, state, until: Option<i64>| Forced {
        address: one.address.clone(),
        pool: pool.map(str::to_owned),
        state,
        reason: "maintenance".to_owned(),
        who: "ops".to_owned(),
        since: at(1),
        until: until.map(at),
    };
    assert_eq!(seen(&health), [(Down, Down), (Unmonitored, Unmonitored)]);
    health.force(forced(None, ForcedState::Up, None));
    assert_eq!(seen(&health), [(Ok, Down), (Ok, Unmonitored)]);
    health.force(forced(Some("b"), ForcedState::Drain, Some(60)));
    assert_eq!(seen(&health), [(Ok, Down), (Down, Unmonitored)]);
    // A reload does not end it.
    health.reconcile(&config, at(30));
    assert_eq!(seen(&health), [(Ok, Down), (Down, Unmonitored)]);
    assert_eq!(health.expire(at(60)).len(), 1);
    assert_eq!(seen(&health), [(Ok, Down), (Ok, Unmonitored)]);
    assert!(health.unforce(&one.address, None).is_some());
    assert_eq!(seen(&health), [(Down, Down), (Unmonitored, Unmonitored)]);
}

//! Nodes that fall silent, and operators' words.

use super::*;
use crate::alerts::{Cause, Forcing, Said, of_drain, of_force, of_node};
use crate::config::model::PoolId;
use crate::health::{Forced, ForcedState, NodeChange};
use crate::snapshot::Change;

#[test]
fn a_node_is_told_of_with_its_trouble() {
    let ground = ground(FILE);
    let change = |silent| NodeChange {
        node: "gz".to_owned(),
        silent,
        since: at(0),
        at: at(45),
        trouble: Some("cannot send from 192.0.2.9".to_owned()),
    };
    let silent = of_node(&ground.config, &change(true));
    assert_eq!(
        (silent.kind, silent.severity),
        (Kind::NodeSilent, Severity::Warning)
    );
    assert_eq!(silent.title, "the node gz is silent");
    assert_eq!(silent.reason[0].node, "gz");
    assert_eq!(silent.reason[0].reason, "cannot send from 192.0.2.9");
    assert_eq!((silent.since, silent.duration_s), (Some(at(0)), Some(45)));
    let back = of_node(&ground.config, &change(false));
    assert_eq!((back.kind, back.severity), (Kind::NodeBack, Severity::Info));
    assert_eq!(back.reason[0].reason, "the node gz is back");
}

#[test]
fn an_operators_word_is_told_unless_it_is_about_draining() {
    use ForcedState::{Down, Drain, Up};
    let ground = ground(FILE);
    let address = "192.0.2.3".parse().expect("an address");
    let by = Forced {
        address: "192.0.2.3".parse().expect("an address"),
        pool: None,
        state: Up,
        reason: "disk swap".to_owned(),
        who: "ops".to_owned(),
        since: at(0),
        until: None,
    };
    // before, after, measured as down, what is told
    let table = [
        (
            None,
            Some(Down),
            false,
            Some((Kind::AddressDown, "forced down: disk swap")),
        ),
        (None, Some(Down), true, None),
        (None, Some(Drain), false, None),
        (None, Some(Drain), true, None),
        (
            None,
            Some(Up),
            true,
            Some((Kind::AddressUp, "forced up: disk swap")),
        ),
        (None, Some(Up), false, None),
        (
            Some(Down),
            Some(Up),
            false,
            Some((Kind::AddressUp, "forced up: disk swap")),
        ),
        (
            Some(Down),
            None,
            false,
            Some((Kind::AddressUp, "no longer forced: disk swap")),
        ),
        (Some(Down), None, true, None),
        (Some(Drain), None, false, None),
        (
            Some(Drain),
            None,
            true,
            Some((Kind::AddressDown, "no longer forced: disk swap")),
        ),
        (
            Some(Up),
            None,
            true,
            Some((Kind::AddressDown, "no longer forced: disk swap")),
        ),
    ];
    for (before, after, measured_down, expected) in table {
        let change = Forcing {
            pool: "second",
            address: &address,
            before,
            after,
            measured_down,
            by: Some(&by),
        };
        let event = of_force(&ground.config, &change, at(5));
        let told = event
            .as_ref()
            .map(|event| (event.kind, event.reason[0].reason.as_str()));
        assert_eq!(told, expected, "{before:?} to {after:?}");
        if let Some(event) = event {
            assert_eq!(event.pool.as_deref(), Some("second"));
            assert_eq!(event.address.as_deref(), Some("192.0.2.3"));
        }
    }
}

/// An operator's word about 192.0.2.1 in the pool `first`, and what it moves: what is told, and what
/// is only kept. Its target goes down in the same step where it `fails`.
fn moved(state: ForcedState, fails: bool) -> (Vec<Event>, Vec<Event>) {
    let ground = ground(FILE);
    let mut health = Health::new(&ground.config, at(0));
    let cookies = crate::snapshot::fixture::COOKIES;
    let former = Snapshot::new(Arc::clone(&ground), &health, 1, cookies);
    let word = Forced {
        address: "192.0.2.1".parse().expect("an address"),
        pool: Some("first".to_owned()),
        state,
        reason: "maintenance".to_owned(),
        who: "ops".to_owned(),
        since: at(1),
        until: None,
    };
    health.force(word.clone());
    let pools = ground.config.pools.iter();
    let first = pools.enumerate().find(|(_, pool)| pool.name == "first");
    let pool = PoolId(first.expect("it is there").0);
    let change = Change {
        pools: &[pool],
        ..Change::default()
    };
    let now = former.after_change(&change, &health, former.resolved.clone(), 2);
    let mut since = Since::default();
    since.of_change(None, &former, &Drained::default(), at(0));
    let forcing = Forcing {
        pool: "first",
        address: &word.address,
        before: None,
        after: Some(state),
        measured_down: false,
        by: Some(&word),
    };
    let said = [Said {
        pool,
        drain: of_drain(&ground.config, &forcing),
    }];
    let transition = Transition {
        target: target(&ground.config, "192.0.2.1"),
        from: AddressState::Ok,
        to: AddressState::Down,
        since: at(0),
        at: at(1),
        reasons: Vec::new(),
    };
    let cause = Cause::new(&ground, &transition, 1, Vec::new());
    let changed = Vec::from_iter(fails.then_some((transition.target, cause)));
    let drained = Drained::of_step(&ground, &said, &changed);
    let told = since.of_change(Some(&former), &now, &drained, at(1));
    (told, since.take_quiet())
}

#[test]
fn an_operators_word_on_a_pool_moves_what_depends_on_it() {
    // A failure that comes with a drain is told.
    for (state, fails) in [(ForcedState::Down, false), (ForcedState::Drain, true)] {
        let (events, quiet) = moved(state, fails);
        // www leaves its first tier; api, with the same address in other pools, does not notice.
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].kind, Kind::TierSwitched);
        assert_eq!(events[0].instance.as_deref(), Some("www"));
        assert_eq!(events[0].answers_now, ["192.0.2.3"]);
        assert_eq!(quiet, []);
    }
}

#[test]
fn what_a_drain_moves_is_kept_and_alerts_nobody() {
    let (events, quiet) = moved(ForcedState::Drain, false);
    assert_eq!(events, []);
    let [kept] = &quiet[..] else {
        panic!("one move: {quiet:?}");
    };
    assert_eq!(kept.kind, Kind::TierSwitched);
    assert_eq!(kept.answers_now, ["192.0.2.3"]);
    assert_eq!(
        kept.reason[0].reason,
        "192.0.2.1 of pool first is forced drain: maintenance"
    );
}

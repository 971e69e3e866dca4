//! Nodes that fall silent, and operators' words.

use super::*;
use crate::alerts::{Before, Cause, of_node};
use crate::config::model::{Address, PoolId};
use crate::health::testing::refused;
use crate::health::{Forced, ForcedState, NodeChange, Outcome, Report};
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
    const DOWN: Kind = Kind::AddressDown;
    const UP: Kind = Kind::AddressUp;
    let said = |kind, words| Some((kind, words));
    // measured as down, what is said one after the other (`None`: no more), what is told of the last
    type Told = Option<(Kind, &'static str)>;
    let table: [(bool, &[Option<ForcedState>], Told); 14] = [
        (false, &[Some(Down)], said(DOWN, "forced down: disk swap")),
        (true, &[Some(Down)], None),
        (false, &[Some(Drain)], None),
        (true, &[Some(Drain)], None),
        (true, &[Some(Up)], said(UP, "forced up: disk swap")),
        (false, &[Some(Up)], None),
        (
            false,
            &[Some(Down), Some(Up)],
            said(UP, "forced up: disk swap"),
        ),
        (
            false,
            &[Some(Down), None],
            said(UP, "no longer forced: disk swap"),
        ),
        (true, &[Some(Down), None], None),
        (false, &[Some(Drain), None], None),
        (true, &[Some(Drain), None], None),
        (
            true,
            &[Some(Up), None],
            said(DOWN, "no longer forced: disk swap"),
        ),
        // Told as down by a word, drained, and well when that ends.
        (
            false,
            &[Some(Down), Some(Drain), None],
            said(UP, "no longer forced: disk swap"),
        ),
        (false, &[Some(Down), Some(Drain), Some(Down)], None),
    ];
    for (measured_down, words, expected) in table {
        let mut health = Health::new(&ground.config, at(0));
        let mut told = AddressesTold::default();
        for task in health.tasks() {
            let fails = measured_down && task.target.address.to_string() == "192.0.2.3";
            let outcome = if fails { refused() } else { Outcome::Good };
            for transition in health.report(Report { task, outcome }, at(1)) {
                told.of_transition(&ground, &health, &transition);
            }
        }
        let mut last = Vec::new();
        for word in words {
            let address = "192.0.2.3".parse().expect("an address");
            let before = Before::of(&health, &[address]);
            say(&mut health, "192.0.2.3", None, *word);
            last = told.of_words(&ground, &health, &before, at(5)).0;
        }
        let found = last.first();
        let found = found.map(|event| (event.kind, event.reason[0].reason.as_str()));
        assert_eq!(found, expected, "{measured_down} {words:?}");
        if let Some(event) = last.first() {
            assert_eq!(event.pool.as_deref(), Some("second"));
            assert_eq!(event.address.as_deref(), Some("192.0.2.3"));
        }
    }
}

/// Another word about an address, in a pool or in all; `None` ends it.
fn say(health: &mut Health, address: &str, pool: Option<&str>, state: Option<ForcedState>) {
    let address = address.parse().expect("an address");
    match state {
        Some(state) => health.force(Forced {
            address,
            pool: pool.map(str::to_owned),
            state,
            reason: "disk swap".to_owned(),
            who: "ops".to_owned(),
            since: at(1),
            until: None,
        }),
        None => health.unforce(&address, pool),
    };
}

/// An operator's word about 192.0.2.1 in the pool `first`, and what it moves: what is told, and what
/// is only kept. Its target goes down in the same step where it `fails`.
fn moved(state: ForcedState, fails: bool) -> (Vec<Event>, Vec<Event>) {
    let ground = ground(FILE);
    let mut health = Health::new(&ground.config, at(0));
    let cookies = crate::snapshot::fixture::COOKIES;
    let former = Snapshot::new(Arc::clone(&ground), &health, 1, cookies);
    let address: [Address; 1] = ["192.0.2.1".parse().expect("an address")];
    let before = Before::of(&health, &address);
    say(&mut health, "192.0.2.1", Some("first"), Some(state));
    let mut told = AddressesTold::default();
    let (_, said) = told.of_words(&ground, &health, &before, at(1));
    let pools: Vec<PoolId> = said.iter().map(|said| said.pool).collect();
    let change = Change {
        pools: &pools,
        ..Change::default()
    };
    let now = former.after_change(&change, &health, former.resolved.clone(), 2);
    let mut since = Since::default();
    since.of_change(None, &former, &Because::default(), at(0));
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
    let because = Because::of_step(&ground, &health, &said, &changed);
    let told = since.of_change(Some(&former), &now, &because, at(1));
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
        let word = state.word();
        let why = format!("192.0.2.1 of pool first is forced {word}: disk swap");
        assert_eq!(events[0].reason[0].reason, why);
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
        "192.0.2.1 of pool first is forced drain: disk swap"
    );
}

//! Transitions and snapshots in, events out.

mod ends;
mod itself;
mod kept;
mod pools;
mod run;
mod said;
mod words;

use std::sync::Arc;

use jiff::Timestamp;

use super::{AddressesTold, Because, Since, Stand};
use crate::config::model::Config;
use crate::health::{AddressState, Health, Target, Transition, targets};
use crate::notify::event::{Event, Kind, NodeReason, Severity};
use crate::policy::Active;
use crate::snapshot::fixture::{Down, ground, snapshot};
use crate::snapshot::{Ground, Snapshot};

const FILE: &str = r#"
[server]
node = "edge-1"
[[zone]]
origin = "example.com"
ns = ["ns.example.net"]
contact = "ops.example.net"
[[monitor]]
name = "tcp"
protocol = "tcp"
[[monitor]]
name = "other"
protocol = "tcp"
port = 80
[[pool]]
name = "first"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.1" }]
[[pool]]
name = "also"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.1" }, { value = "192.0.2.2", enabled = false }]
[[pool]]
name = "elsewhere"
type = "ipv4"
monitor = "other"
address = [{ value = "192.0.2.1" }]
[[pool]]
name = "second"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.3" }]
[[pool]]
name = "last"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.4" }]
[[instance]]
name = "www"
domain = "www.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "last"
tier = [{ pools = ["first"] }, { pools = ["second"] }]
[[instance]]
name = "api"
domain = "api.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "last"
tier = [{ pools = ["also", "elsewhere"] }]
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

/// Answered so since then, as was told, and from the first tier before that.
fn stand(active: Active, since: i64) -> Stand {
    Stand {
        active,
        since: at(since),
        left: (active != Active::Tier(0)).then(|| at(since)),
        believed: None,
    }
}

/// The target of `address` by the monitor `tcp`.
fn target(config: &Config, address: &str) -> Target {
    let health = Health::new(config, at(0));
    let tasks = health.tasks().into_iter();
    let mut targets = tasks.map(|task| task.target.clone());
    let found = targets.find(|target| {
        target.address.to_string() == address && config.monitor(target.monitor).name == "tcp"
    });
    found.expect("it is probed")
}

/// What is told of an address on its way through states, of the last of them.
fn events_of(ground: &Ground, address: &str, way: &[AddressState]) -> Vec<Event> {
    let health = Health::new(&ground.config, at(0));
    let mut told = AddressesTold::default();
    let mut from = AddressState::Unknown;
    let mut last = Vec::new();
    for to in way {
        let transition = Transition {
            target: target(&ground.config, address),
            from,
            to: *to,
            since: at(0),
            at: at(90),
            reasons: vec![NodeReason {
                node: "local".to_owned(),
                reason: "connection refused".to_owned(),
            }],
        };
        last = told.of_transition(ground, &health, &transition);
        from = *to;
    }
    last
}

#[test]
fn what_gets_worse_is_told_and_whatever_was_told_ends() {
    use AddressState::{Down, Ok, Warn};
    let ground = ground(FILE);
    type Told = Option<(Kind, &'static str)>;
    let steps: [(&[AddressState], Told); 11] = [
        (&[Down], Some((Kind::AddressDown, "is down"))),
        (&[Ok], None),
        (&[Ok, Down], Some((Kind::AddressDown, "is down"))),
        (&[Ok, Warn, Down], Some((Kind::AddressDown, "is down"))),
        (&[Ok, Down, Ok], Some((Kind::AddressUp, "is up again"))),
        (
            &[Ok, Down, Warn],
            Some((Kind::AddressUp, "is up again, though some probes fail")),
        ),
        (&[Ok, Down, Warn, Ok], None),
        (&[Warn], Some((Kind::AddressWarn, "is at risk"))),
        (&[Ok, Warn], Some((Kind::AddressWarn, "is at risk"))),
        // Warned of, and never down.
        (
            &[Ok, Warn, Ok],
            Some((Kind::AddressUp, "is no longer at risk")),
        ),
        (
            &[Ok, Warn, Down, Ok],
            Some((Kind::AddressUp, "is up again")),
        ),
    ];
    for (way, expected) in steps {
        let events = events_of(&ground, "192.0.2.3", way);
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert_eq!(
            kinds,
            Vec::from_iter(expected.map(|(kind, _)| kind)),
            "{way:?}"
        );
        if let (Some(event), Some((_, words))) = (events.first(), expected) {
            assert!(event.title.contains(words), "{way:?}: {}", event.title);
            assert_eq!(event.state_to, way.last().copied());
        }
    }
}

#[test]
fn an_address_is_told_of_in_every_pool_that_it_is_probed_for() {
    let ground = ground(FILE);
    let events = events_of(&ground, "192.0.2.1", &[AddressState::Down]);
    let pools: Vec<_> = events.iter().map(|event| event.pool.as_deref()).collect();
    // Not elsewhere: that is another monitor's verdict.
    assert_eq!(pools, [Some("first"), Some("also")]);
    for event in &events {
        assert_eq!(event.severity, Severity::Warning);
        assert_eq!(event.node, "edge-1");
        assert_eq!(event.address.as_deref(), Some("192.0.2.1"));
        assert_eq!(event.reason[0].reason, "connection refused");
        assert_eq!((event.since, event.duration_s), (Some(at(0)), Some(90)));
        assert_eq!(event.time, at(90));
        // Two instances depend on it: naming one would be wrong.
        assert_eq!((&event.instance, &event.domain), (&None, &None));
        assert!(event.title.contains("192.0.2.1") && event.title.contains("down"));
    }
    let events = events_of(
        &ground,
        "192.0.2.3",
        &[AddressState::Down, AddressState::Ok],
    );
    assert_eq!(events[0].instance.as_deref(), Some("www"));
    assert_eq!(events[0].domain.as_deref(), Some("www.example.com"));
    assert_eq!(events[0].lines, ["default"]);
    assert_eq!(events[0].severity, Severity::Info);
}

/// What is answered next: as the daemon does it, by the targets that changed.
fn next(ground: &Arc<Ground>, down: &[&str], serial: u32, former: Option<&Snapshot>) -> Snapshot {
    let targets: Vec<Target> = targets(&ground.config).into_iter().collect();
    former.map_or_else(
        || snapshot(ground, down, serial),
        |former| former.after(&targets, &Down(down), serial),
    )
}

/// What is told of `www` on the way through states of health, each by the addresses down.
fn way(ground: &Arc<Ground>, downs: &[&[&str]]) -> Vec<Vec<Event>> {
    let mut since = Since::default();
    let mut former = None;
    let mut told = Vec::new();
    for (n, down) in downs.iter().enumerate() {
        let now = next(ground, down, n as u32, former.as_ref());
        let mut events = since.of_change(
            former.as_ref(),
            &now,
            &Because::default(),
            at(10 * n as i64),
        );
        events.retain(|event| event.instance.as_deref() == Some("www"));
        told.push(events);
        former = Some(now);
    }
    told
}

/// Addresses that are down, and what is told: kind, severity, from where, to where.
type Step = (
    &'static [&'static str],
    Option<(Kind, Severity, &'static str, &'static str)>,
);

#[test]
fn a_strategy_is_told_of_when_it_moves() {
    const FIRST: &str = "192.0.2.1";
    const SECOND: &str = "192.0.2.3";
    let ground = ground(FILE);
    let steps: [Step; 8] = [
        (&[], None),
        (
            &[FIRST],
            Some((Kind::TierSwitched, Severity::Warning, "tier 1", "tier 2")),
        ),
        (&[FIRST], None),
        (
            &[FIRST, SECOND],
            Some((
                Kind::FallbackEntered,
                Severity::Critical,
                "tier 2",
                "fallback",
            )),
        ),
        (
            &[FIRST],
            Some((Kind::FallbackLeft, Severity::Info, "fallback", "tier 2")),
        ),
        (
            &[],
            Some((Kind::TierRestored, Severity::Info, "tier 2", "tier 1")),
        ),
        (
            &[FIRST, SECOND],
            Some((
                Kind::FallbackEntered,
                Severity::Critical,
                "tier 1",
                "fallback",
            )),
        ),
        (
            &[SECOND],
            Some((Kind::FallbackLeft, Severity::Info, "fallback", "tier 1")),
        ),
    ];
    let told = way(&ground, &steps.map(|(down, _)| down));
    for (n, ((down, expected), events)) in steps.iter().zip(&told).enumerate() {
        let found: Vec<_> = events
            .iter()
            .map(|event| {
                let [from, to] = [&event.tier_from, &event.tier_to];
                let [from, to] = [from, to].map(|tier| tier.as_deref().unwrap_or_default());
                (event.kind, event.severity, from, to)
            })
            .collect();
        assert_eq!(found, Vec::from_iter(*expected), "step {n}, down {down:?}");
    }
    let fallback = &told[3][0];
    assert_eq!(fallback.strategy.as_deref(), Some("default"));
    assert_eq!(fallback.lines, ["default"]);
    assert_eq!(fallback.answers_before, ["192.0.2.3"]);
    assert_eq!(fallback.answers_now, ["192.0.2.4"]);
    // Tier 2 had answered since step 1, 20 s before.
    assert_eq!(
        (fallback.since, fallback.duration_s),
        (Some(at(10)), Some(20))
    );
    assert!(fallback.title.contains("fallback") && fallback.title.contains("www.example.com"));
    // The whole way back took two steps: what is over began with the first of the way there.
    let restored = &told[5][0];
    assert_eq!(
        (restored.since, restored.duration_s),
        (Some(at(10)), Some(40))
    );
}

#[test]
fn the_first_answer_is_told_of_when_it_is_not_the_first_tiers() {
    let ground = ground(FILE);
    assert_eq!(way(&ground, &[&[]])[0], []);
    let told = way(&ground, &[&["192.0.2.1"]]);
    assert_eq!(told[0][0].kind, Kind::TierSwitched);
    assert!(
        told[0][0].answers_before.is_empty(),
        "nothing was answered before"
    );
}

/// A reload that takes the strategy away, or renames it, is no failover.
#[test]
fn a_changed_file_is_no_move() {
    let ground_before = ground(FILE);
    let before = snapshot(&ground_before, &["192.0.2.1"], 1);
    let mut since = Since::default();
    since.of_change(None, &before, &Because::default(), at(0));
    for (from, to) in [
        ("edge-1", "edge-1"), // the same again
        (
            "[[instance]]\nname = \"www\"",
            "[[instance]]\nttl = 30\nname = \"www\"",
        ),
    ] {
        let ground = ground(&FILE.replace(from, to));
        let now = snapshot(&ground, &["192.0.2.1"], 2);
        assert_eq!(
            since.of_change(Some(&before), &now, &Because::default(), at(5)),
            []
        );
    }
    // A second tier that goes away while it answers: that is one, to the fallback.
    let shorter = FILE.replace(", { pools = [\"second\"] }]", "]");
    let now = snapshot(&ground(&shorter), &["192.0.2.1"], 3);
    let events = since.of_change(Some(&before), &now, &Because::default(), at(7));
    assert_eq!(events[0].kind, Kind::FallbackEntered);
    // A disabled instance is not answered: it moves nowhere.
    let disabled = FILE.replace("name = \"www\"", "name = \"www\"\nenabled = false");
    let now = snapshot(&ground(&disabled), &["192.0.2.1"], 4);
    assert_eq!(
        since.of_change(Some(&before), &now, &Because::default(), at(9)),
        []
    );
}

/// A former run has told that tier 2 answers: this one does not say so again, but what is otherwise.
#[test]
fn a_restart_tells_only_what_is_otherwise() {
    let ground = ground(FILE);
    let name = || ("www".to_owned(), "default".to_owned());
    for (former, down, expected) in [
        (Active::Tier(1), &["192.0.2.1"][..], None),
        (Active::Tier(1), &[], Some(Kind::TierRestored)),
        (Active::Fallback, &["192.0.2.1"], Some(Kind::FallbackLeft)),
        (Active::Tier(0), &["192.0.2.1"], Some(Kind::TierSwitched)),
    ] {
        let mut since = Since::restored([(name(), stand(former, -50))]);
        let first = snapshot(&ground, down, 1);
        let told = since.of_change(None, &first, &Because::default(), at(10));
        let of_www = told
            .iter()
            .find(|event| event.instance.as_deref() == Some("www"));
        assert_eq!(
            of_www.map(|event| event.kind),
            expected,
            "{former} {down:?}"
        );
        if let Some(event) = of_www {
            assert_eq!(event.tier_from, Some(former.to_string()));
            assert_eq!((event.since, event.duration_s), (Some(at(-50)), Some(60)));
        }
        // From then on as ever, and for as long as it has been so.
        let next = snapshot(&ground, &["192.0.2.1", "192.0.2.3"], 2);
        let told = since.of_change(Some(&first), &next, &Because::default(), at(20));
        let of_www = told
            .iter()
            .find(|event| event.instance.as_deref() == Some("www"));
        let entered = of_www.expect("it has moved");
        assert_eq!(entered.kind, Kind::FallbackEntered);
        let moved = if expected.is_some() { at(10) } else { at(-50) };
        assert_eq!(entered.since, Some(moved));
    }
}

//! Every key of `match`, kinds, groups, and what makes one message.

use super::*;
use crate::config::model::Matching;

/// An event of the pool `shared`, which no one instance is told of.
fn shared(kind: Kind) -> Event {
    Event {
        pool: Some("shared".to_owned()),
        ..fixture::event(kind, "192.0.2.9")
    }
}

fn silent(node: &str) -> Event {
    Event {
        pool: None,
        address: None,
        reason: vec![crate::notify::event::NodeReason {
            node: node.to_owned(),
            reason: "nothing".to_owned(),
        }],
        ..fixture::event(Kind::NodeSilent, "")
    }
}

#[test]
fn every_key_of_match() {
    let names = |list: &[&str]| {
        list.iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let all = Matching::default;
    let instances = |list: &[&str]| Matching {
        instances: names(list),
        ..all()
    };
    let lines = |list: &[&str]| Matching {
        lines: names(list),
        ..all()
    };
    let pools = |list: &[&str]| Matching {
        pools: names(list),
        ..all()
    };
    let addresses = |list: &[&str]| Matching {
        addresses: names(list),
        ..all()
    };
    let nodes = |list: &[&str]| Matching {
        nodes: names(list),
        ..all()
    };
    let severity = |severity| Matching { severity, ..all() };
    let down = address(Kind::AddressDown, "192.0.2.1");
    let fell = moved(Kind::FallbackEntered, "fallback");
    for (matching, event, expected) in [
        (all(), &down, true),
        (instances(&["www"]), &down, true),
        (instances(&["api"]), &down, false),
        (instances(&["api", "www"]), &down, true),
        // Without an instance: those that use its pool, also as a fallback.
        (instances(&["api"]), &shared(Kind::AddressDown), true),
        (instances(&["www"]), &shared(Kind::AddressDown), true),
        (instances(&["www"]), &silent("gz"), false),
        // Without a line: those on which its pool is used, by its instance.
        (lines(&["telecom"]), &down, true),
        (lines(&["telecom"]), &shared(Kind::PoolDown), true),
        (lines(&["default"]), &fell, false),
        (lines(&["telecom"]), &fell, true),
        (lines(&["telecom"]), &silent("gz"), false),
        (pools(&["own"]), &down, true),
        (pools(&["shared"]), &down, false),
        (pools(&["own"]), &fell, false),
        (addresses(&["192.0.2.1"]), &down, true),
        (addresses(&["192.0.2.2"]), &down, false),
        (nodes(&["edge-1"]), &down, true),
        (nodes(&["gz"]), &silent("gz"), true),
        (nodes(&["bj"]), &silent("gz"), false),
        (severity(Severity::Warning), &down, true),
        (severity(Severity::Critical), &down, false),
        (severity(Severity::Critical), &fell, true),
        // All of them must hold.
        (
            Matching {
                pools: names(&["own"]),
                ..instances(&["api"])
            },
            &down,
            false,
        ),
    ] {
        let subscription = Subscription {
            matching,
            ..night()
        };
        let mut bench = Bench::new(vec![subscription.clone()]);
        let told = !bench.take(event.clone()).is_empty();
        assert_eq!(told, expected, "{:?}: {event:?}", subscription.matching);
    }
}

#[test]
fn kinds_and_enabled() {
    let mut downs = night();
    downs.events = vec![Kind::FallbackEntered];
    let mut off = subscription("off", &[1]);
    off.enabled = false;
    let mut bench = Bench::new(vec![downs, off]);
    assert_eq!(bench.take(address(Kind::AddressDown, "192.0.2.1")), []);
    assert_eq!(
        bench.take(moved(Kind::FallbackEntered, "fallback")).len(),
        1
    );
}

#[test]
fn a_group_of_channels_is_its_channels_once_each() {
    let mut night = night();
    night.channels = vec![ChannelId(1), ChannelId(2)];
    let mut bench = Bench::new(vec![night]);
    let fates = bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(fates[0].channels, ["mail", "ops"]);
    let told = bench.pass(3);
    assert_eq!(
        told,
        [
            "mail: address_down 192.0.2.1",
            "ops: address_down 192.0.2.1"
        ]
    );
}

#[test]
fn company_is_waited_for_from_the_first_event_on() {
    let mut bench = Bench::new(vec![night()]);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(bench.pass(2), Vec::<String>::new());
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    assert_eq!(
        bench.pass(1),
        ["ops: address_down 192.0.2.1, address_down 192.0.2.2"]
    );
    // A clock that is put back keeps nothing waiting for longer than it was to.
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    bench.now -= jiff::SignedDuration::from_hours(5);
    assert_eq!(bench.pass(3), ["ops: address_up 192.0.2.1"]);
}

#[test]
fn of_a_storm_the_most_severe_are_told_and_the_rest_is_counted() {
    let mut bench = Bench::new(vec![night()]);
    for n in 0..10_000 {
        bench.take(address(
            Kind::AddressDown,
            &format!("10.0.{}.{}", n / 256, n % 256),
        ));
    }
    bench.take(moved(Kind::FallbackEntered, "fallback"));
    let told = bench.pass(3);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("address_down 10.0.0.98, fallback_entered fallback"),
        "{told:?}"
    );
    assert!(told[0].ends_with(" +9901"), "{told:?}");
    // Those that were only counted were told of, too.
    bench.take(address(Kind::AddressUp, "10.0.9.9"));
    assert_eq!(bench.pass(3), ["ops: address_up 10.0.9.9"]);
}

#[test]
fn a_test_goes_through_the_rules_and_leaves_nothing_behind() {
    let mut bench = Bench::new(vec![night()]);
    let test = |kind| Event {
        test: true,
        ..address(kind, "192.0.2.1")
    };
    assert_eq!(bench.take(test(Kind::AddressDown)).len(), 1);
    assert_eq!(bench.pass(3).len(), 1);
    assert!(bench.router.open.is_empty());
    // Nor does a test of a recovery end what lasts.
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    bench.take(test(Kind::AddressUp));
    assert_eq!(bench.router.open.len(), 1);
}

#[test]
fn who_failed_is_not_told_so_and_those_of_on_failure_are_told_what_was_lost() {
    let mut night = night();
    night.on_failure = vec![ChannelId(2)];
    let mut bench = Bench::new(vec![night]);
    let failed = Arc::new(Event {
        pool: None,
        address: None,
        ..fixture::event(Kind::ChannelFailed, "ops")
    });
    let down = Arc::new(address(Kind::AddressDown, "192.0.2.1"));
    let lost = push("ops", &bench.rules, vec![down]);
    let zone = TimeZone::UTC;
    let moment = Moment {
        rules: &bench.rules,
        now: bench.now,
        zone: &zone,
    };
    let but = Troubled {
        failed: "ops".to_owned(),
        others: Vec::new(),
    };
    let fates = bench.router.take(&failed, Some(&but), moment);
    assert_eq!(fates[0].channels, Vec::<String>::new());
    let instead = bench
        .router
        .failed("night", lost_by(&failed, &lost, &[]), moment);
    assert_eq!(instead, ["mail"]);
    assert_eq!(
        bench.pass(3),
        ["instead mail: channel_failed ops, address_down 192.0.2.1"]
    );
}

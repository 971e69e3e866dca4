//! Quiet hours and mutes.

use super::*;
use crate::notify::routing::Withheld;

const NOTHING: [&str; 0] = [];
const HOUR: i64 = 3600;

fn at_night(severity: Severity) -> Bench {
    let mut night = night();
    night.quiet = quiet(severity);
    Bench::at("2026-01-05T22:00:00Z", vec![night])
}

#[test]
fn what_still_lasts_when_quiet_is_over_is_told_then_and_nothing_else() {
    let mut bench = at_night(Severity::Critical);
    bench.pass(2 * HOUR);
    let fates = bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(fates[0].withheld, Some(Withheld::Quiet));
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    bench.pass(HOUR);
    bench.restart();
    bench.take(address(Kind::AddressUp, "192.0.2.2"));
    assert_eq!(bench.pass(6 * HOUR - 60), NOTHING, "till 06:59");
    assert_eq!(bench.pass(120), ["ops: address_down 192.0.2.1"]);
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    assert_eq!(bench.pass(60), ["ops: address_up 192.0.2.1"]);
}

#[test]
fn what_is_severe_enough_is_told_at_once_and_so_is_its_end() {
    let mut bench = at_night(Severity::Critical);
    bench.pass(2 * HOUR);
    bench.take(moved(Kind::TierSwitched, "tier 2"));
    assert_eq!(bench.pass(60), NOTHING);
    bench.take(moved(Kind::FallbackEntered, "fallback"));
    assert_eq!(bench.pass(60), ["ops: fallback_entered fallback"]);
    bench.take(moved(Kind::TierRestored, "tier 1"));
    assert_eq!(bench.pass(60), ["ops: tier_restored tier 1"]);
    assert_eq!(bench.pass(12 * HOUR), NOTHING);
}

#[test]
fn the_end_of_what_was_told_before_waits_for_the_morning() {
    let mut bench = at_night(Severity::Critical);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    assert_eq!(bench.pass(2 * HOUR).len(), 1);
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    bench.take(address(Kind::AddressUp, "192.0.2.2"));
    bench.restart();
    // Down again: that it was up in between is nothing they need to know.
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    assert_eq!(bench.pass(7 * HOUR - 60), NOTHING);
    assert_eq!(
        bench.pass(120),
        ["ops: address_up 192.0.2.1, address_down 192.0.2.2"]
    );
    assert_eq!(bench.router.open.len(), 1);
}

#[test]
fn repeats_wait_for_the_morning_and_what_just_happens_is_not_told() {
    let mut bench = at_night(Severity::Warning);
    bench.rules = {
        let mut night = night();
        night.quiet = quiet(Severity::Critical);
        night.repeat_interval = Duration::from_hours(3);
        Rules::new(Arc::new(config(vec![night])))
    };
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(bench.pass(HOUR - 60), ["ops: address_down 192.0.2.1"]);
    bench.pass(120);
    let happened = Event {
        pool: None,
        address: None,
        ..fixture::event(Kind::ChannelFailed, "mail")
    };
    bench.take(happened);
    assert_eq!(bench.pass(8 * HOUR - 180), NOTHING);
    assert_eq!(bench.pass(180), ["again ops: address_down 192.0.2.1"]);
    assert_eq!(bench.pass(3 * HOUR), ["again ops: address_down 192.0.2.1"]);
}

#[test]
fn a_muted_instance_is_not_told_of_until_that_is_over() {
    let mut bench = Bench::new(vec![night()]);
    bench.mute("www", HOUR);
    let fates = bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(fates[0].withheld, Some(Withheld::Muted));
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    // A pool that another instance uses as well is told of; once that is muted, it is not.
    let shared = |kind| Event {
        pool: Some("shared".to_owned()),
        ..fixture::event(kind, "192.0.2.9")
    };
    bench.take(shared(Kind::AddressDown));
    assert_eq!(bench.pass(60), ["ops: address_down 192.0.2.9"]);
    bench.mute("api", HOUR / 2);
    bench.take(shared(Kind::AddressUp));
    bench.restart();
    assert_eq!(bench.pass(HOUR / 2 - 60), NOTHING);
    assert_eq!(
        bench.pass(120),
        ["ops: address_up 192.0.2.9"],
        "api is no longer muted"
    );
    bench.take(address(Kind::AddressUp, "192.0.2.2"));
    assert_eq!(bench.pass(HOUR / 2), ["ops: address_down 192.0.2.1"]);
    assert_eq!(bench.router.mutes().count(), 0, "it ended by itself");
}

#[test]
fn a_mute_that_is_ended_tells_at_once_what_still_lasts() {
    let mut bench = Bench::new(vec![night()]);
    bench.mute("www", HOUR);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(bench.pass(60), NOTHING);
    assert!(bench.router.unmute("www").is_some());
    assert!(bench.router.unmute("www").is_none());
    assert_eq!(bench.pass(3), ["ops: address_down 192.0.2.1"]);
}

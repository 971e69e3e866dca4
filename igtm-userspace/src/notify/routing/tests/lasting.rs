//! What lasts: recoveries to whoever was told, repeats, reloads.

use super::*;
use crate::config::model::Matching;
use crate::notify::condition::{self, Condition, Phase};
use crate::notify::event::NodeReason;
use crate::notify::pagerduty;

const NOTHING: [&str; 0] = [];

#[test]
fn recovery_is_told_to_whoever_was_told_whatever_else_they_asked_for() {
    let mut severe = night();
    severe.matching = Matching {
        severity: Severity::Warning,
        ..Matching::default()
    };
    let mut downs = subscription("downs", &[1]);
    downs.events = vec![Kind::AddressDown];
    let mut critical = subscription("critical", &[1]);
    critical.matching.severity = Severity::Critical;
    let mut bench = Bench::new(vec![severe, downs, critical]);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    assert_eq!(
        bench.pass(3),
        [
            "mail: address_down 192.0.2.1",
            "ops: address_down 192.0.2.1"
        ]
    );
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    assert_eq!(
        bench.pass(3),
        ["mail: address_up 192.0.2.1", "ops: address_up 192.0.2.1"]
    );
    // Once: and nobody hears of the end of what they never heard of.
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    bench.take(address(Kind::AddressUp, "192.0.2.2"));
    assert_eq!(bench.pass(60), NOTHING);
}

#[test]
fn who_asks_for_ends_only_is_told_of_them() {
    let mut ups = night();
    ups.events = vec![Kind::AddressUp, Kind::ConfigApplied];
    let mut bench = Bench::new(vec![ups]);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    let applied = Event {
        pool: None,
        address: None,
        ..fixture::event(Kind::ConfigApplied, "x")
    };
    bench.take(applied);
    assert_eq!(
        bench.pass(3),
        ["ops: address_up 192.0.2.1, config_applied x"]
    );
}

#[test]
fn a_file_that_is_applied_is_news_also_where_none_was_refused() {
    let mut bench = Bench::new(vec![night()]);
    let file = |kind| Event {
        pool: None,
        address: None,
        ..fixture::event(kind, "x")
    };
    bench.take(file(Kind::ConfigApplied));
    assert_eq!(bench.pass(3), ["ops: config_applied x"]);
    bench.take(file(Kind::ConfigRejected));
    bench.take(file(Kind::ConfigApplied));
    assert_eq!(bench.pass(3), ["ops: config_rejected x, config_applied x"]);
    assert!(bench.router.open.is_empty());
}

#[test]
fn a_step_back_towards_the_first_tier_is_told_and_it_still_lasts() {
    let mut critical = night();
    critical.matching.severity = Severity::Critical;
    let mut bench = Bench::new(vec![critical]);
    bench.take(moved(Kind::TierSwitched, "tier 2"));
    assert_eq!(bench.pass(3), NOTHING);
    bench.take(moved(Kind::FallbackEntered, "fallback"));
    bench.take(moved(Kind::FallbackLeft, "tier 2"));
    assert_eq!(
        bench.pass(3),
        ["ops: fallback_entered fallback, fallback_left tier 2"]
    );
    bench.take(moved(Kind::TierRestored, "tier 1"));
    assert_eq!(bench.pass(3), ["ops: tier_restored tier 1"]);
    assert!(bench.router.open.is_empty());
}

#[test]
fn what_lasts_is_told_again_until_it_is_over() {
    let mut often = night();
    often.repeat_interval = Duration::from_hours(12);
    let once = subscription("once", &[1]);
    let mut bench = Bench::new(vec![often, once]);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    let both = "address_down 192.0.2.1, address_down 192.0.2.2";
    assert_eq!(
        bench.pass(60),
        [format!("mail: {both}"), format!("ops: {both}")]
    );
    assert_eq!(bench.pass(12 * 3600 - 120), NOTHING);
    assert_eq!(bench.pass(120), [format!("again ops: {both}")]);
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    bench.pass(60);
    assert_eq!(bench.pass(12 * 3600), ["again ops: address_down 192.0.2.2"]);
}

#[test]
fn a_reload_keeps_who_was_told_and_ends_what_is_gone() {
    let mut bench = Bench::new(vec![night()]);
    bench.take(address(Kind::AddressDown, "192.0.2.1"));
    bench.take(address(Kind::AddressDown, "10.9.9.9"));
    bench.pass(3);
    // The subscription tells another channel now, and one is new: the former channel hears the end.
    let mut moved = night();
    moved.channels = vec![ChannelId(1)];
    bench.reconfigure(vec![moved, subscription("new", &[1])]);
    let gone = "10.9.9.9 of pool own is no longer in the configuration, or is disabled";
    assert_eq!(bench.pass(3), [format!("ops: {gone}")]);
    assert_eq!(bench.router.open.len(), 1, "10.9.9.9 is in no file");
    bench.take(address(Kind::AddressUp, "192.0.2.1"));
    assert_eq!(bench.pass(3), ["ops: address_up 192.0.2.1"]);
    // Gone altogether: whoever was told is told of the end all the same.
    bench.reconfigure(vec![night()]);
    bench.take(address(Kind::AddressDown, "192.0.2.2"));
    bench.pass(3);
    bench.reconfigure(vec![]);
    assert_eq!(bench.pass(100_000), NOTHING);
    bench.take(address(Kind::AddressUp, "192.0.2.2"));
    assert_eq!(bench.pass(3), ["ops: address_up 192.0.2.2"]);
    assert!(bench.router.open.is_empty());
}

/// Removed while the daemon was stopped, or by a reload: incidents and alerts that nobody else would
/// ever resolve.
#[test]
fn whoever_was_told_is_told_that_it_is_gone() {
    let node = || Event {
        pool: None,
        address: None,
        reason: vec![NodeReason {
            node: "gz".to_owned(),
            reason: "nothing".to_owned(),
        }],
        ..fixture::event(Kind::NodeSilent, "x")
    };
    let strategy = || Event {
        strategy: Some("east".to_owned()),
        domain: Some("www.example.com".to_owned()),
        ..moved(Kind::FallbackEntered, "fallback")
    };
    let pool = || Event {
        pool: Some("old".to_owned()),
        address: None,
        ..fixture::event(Kind::PoolDown, "x")
    };
    for (told, title) in [
        (
            address(Kind::AddressWarn, "10.9.9.9"),
            "10.9.9.9 of pool own",
        ),
        (pool(), "pool old"),
        (strategy(), "www (www.example.com), strategy east,"),
        (node(), "the node gz"),
    ] {
        let mut bench = Bench::new(vec![night()]);
        bench.take(told.clone());
        bench.pass(3);
        bench.restart();
        let told_as_gone =
            format!("ops: {title} is no longer in the configuration, or is disabled");
        assert_eq!(bench.pass(3), [told_as_gone]);
        assert!(bench.router.open.is_empty());
        // The incident, or alert, is the same one.
        let end = condition::gone(&told, bench.now);
        let begun = Condition::of(&told).map(|(condition, _)| condition);
        assert_eq!(Condition::of(&end), begun.map(|one| (one, Phase::Over)));
        assert_eq!(pagerduty::dedup_key(&end), pagerduty::dedup_key(&told));
        // What nobody heard of ends unheard.
        bench.mute("www", 3600);
        bench.take(address(Kind::AddressDown, "10.9.9.9"));
        bench.pass(3);
        bench.restart();
        assert_eq!(bench.pass(7200), NOTHING);
    }
}

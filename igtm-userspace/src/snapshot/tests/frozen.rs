//! Frozen answers: what a change of the configuration freezes and ends.

mod any_files;
mod records;

use std::sync::Arc;

use jiff::Timestamp;

use super::super::fixture::{COOKIES, Down, KEY, config, ground, snapshot};
use super::super::freeze::{Ended, Plan, Why};
use super::super::frozen::Frozen;
use super::super::{Ground, Snapshot, compare};
use super::entries;
use crate::policy::fixture;
use crate::state::FrozenKey;

/// What a reload makes of what `running` answers: the text, with this health, at this second.
fn reload(running: &Snapshot, text: &str, down: &[&str], second: i64) -> (Snapshot, Plan) {
    let config = config(text);
    let at = Timestamp::from_second(second).expect("in range");
    let plan = Plan::of(running, &config, at);
    let former = Some(&*running.ground);
    let ground = Ground::with_frozen(config, KEY, former, plan.frozen.clone()).expect("it fits");
    let serial = running.serial + 1;
    let next = Snapshot::new(Arc::new(ground), &Down(down), serial, COOKIES);
    (next, plan)
}

const HEAD: &str = r#"
zone = [{ origin = "example.com", ns = ["ns.example.net"], contact = "ops.example.net" }]
monitor = [{ name = "tcp", protocol = "tcp" }]
[[line]]
name = "telecom"
prefixes = ["203.0.113.0/24"]
[[line]]
name = "unicom"
prefixes = ["198.51.100.0/24"]
[[pool]]
name = "first"
type = "ipv4"
policy = "weight"
monitor = "tcp"
address = [{ value = "192.0.2.1", weight = 80 }, { value = "192.0.2.2", weight = 20 }]
[[pool]]
name = "rest"
type = "ipv4"
address = [{ value = "192.0.2.9" }]
[[pool]]
name = "cdn"
type = "domain"
address = [{ value = "cdn.example.net" }]
[[instance]]
name = "www"
domain = "www.example.com"
access_domain = "www.gtm.example.com"
ttl = "30s"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "rest"
tier = [{ pools = ["rest"] }]
"#;

const KEPT: &str = r#"
[[instance.strategy]]
name = "south"
lines = ["telecom", "unicom"]
keep = true
fallback = "rest"
tier = [{ pools = ["first"], policy = "weight" }]
"#;

fn key(line: &str) -> FrozenKey {
    FrozenKey {
        instance: "www".to_owned(),
        strategy: "south".to_owned(),
        line: line.to_owned(),
        ipv6: false,
    }
}

#[test]
fn a_strategy_that_is_removed_or_disabled_is_answered_as_last() {
    let with = format!("{HEAD}{KEPT}");
    // 192.0.2.2 is down: the last answer is without it.
    let before = snapshot(&ground(&with), &["192.0.2.2"], 1);
    let disabled = with.replace("keep = true", "keep = true\nenabled = false");
    for file in [HEAD, &disabled] {
        let (after, plan) = reload(&before, file, &[], 9);
        assert_eq!(plan.freezing.frozen, [key("telecom"), key("unicom")]);
        assert_eq!(entries(&after), entries(&before));
        let compared = compare::compare(&before, &after);
        assert_eq!(compared.to_string(), "no name is answered otherwise\n");
        let line = &after.ground.frozen[0];
        assert_eq!((line.ttl_s, line.since.as_second()), (30, 9));
    }
}

#[test]
fn what_is_not_to_be_kept_or_answered_nothing_goes() {
    let with = format!("{HEAD}{KEPT}");
    for file in [
        with.replace("keep = true", "keep = false"),
        with.replace("keep = true", "keep = true\nenabled = false"),
    ] {
        let before = snapshot(&ground(&file), &[], 1);
        let (after, plan) = reload(&before, HEAD, &[], 9);
        assert_eq!(plan, Plan::default());
        assert!(
            entries(&after)
                .iter()
                .all(|entry| entry.contains("default"))
        );
    }
}

#[test]
fn an_instance_that_is_gone_leaves_its_frozen_lines_alone() {
    let with = format!("{HEAD}{KEPT}");
    let before = snapshot(&ground(&with), &[], 1);
    let end = HEAD.find("[[instance]]").expect("there");
    let (after, _) = reload(&before, &HEAD[..end], &[], 9);
    let south = "192.0.2.1 weight 8000, 192.0.2.2 weight 2000";
    assert_eq!(
        entries(&after),
        [
            format!("www.gtm.example.com A telecom: {south}"),
            format!("www.gtm.example.com A unicom: {south}"),
        ]
    );
    // And comes back: what it claims is released, what it does not stays.
    let back = format!("{HEAD}{KEPT}").replace("\"telecom\", \"unicom\"", "\"unicom\"");
    let (back, plan) = reload(
        &after,
        &back.replace("name = \"www\"", "name = \"web\""),
        &[],
        10,
    );
    let claimed = Why::Claimed {
        instance: "web".to_owned(),
        strategy: "south".to_owned(),
    };
    let released = [Ended {
        key: key("unicom"),
        why: claimed,
    }];
    assert_eq!(plan.freezing.released, released);
    assert_eq!(entries(&back).len(), 3);
    assert_eq!(back.ground.frozen[0].since.as_second(), 9);
}

#[test]
fn without_its_line_zone_or_name_nothing_can_be_frozen() {
    let with = format!("{HEAD}{KEPT}");
    let before = snapshot(&ground(&with), &[], 1);
    let frozen = reload(&before, HEAD, &[], 9).0;
    let line = HEAD.replace("name = \"unicom\"", "name = \"mobile\"");
    let zone = HEAD.replace("example.com", "example.org");
    let taken = HEAD
        .replace(
            "domain = \"www.example.com\"",
            "domain = \"www.gtm.example.com\"",
        )
        .replace(
            "access_domain = \"www.gtm.example.com\"",
            "access_domain = \"x.example.com\"",
        );
    let by = Why::Taken {
        instance: "www".to_owned(),
    };
    for (file, lines, why) in [
        (&line, &["unicom"][..], Why::NoLine),
        (&zone, &["telecom", "unicom"], Why::NotServed),
        (&taken, &["telecom", "unicom"], by),
    ] {
        let ended: Vec<Ended> = lines
            .iter()
            .map(|line| Ended {
                key: key(line),
                why: why.clone(),
            })
            .collect();
        let (_, plan) = reload(&frozen, file, &[], 10);
        assert_eq!(
            (&plan.freezing.released, plan.freezing.lost.len()),
            (&ended, 0)
        );
        let (after, plan) = reload(&before, file, &[], 10);
        assert_eq!(
            (&plan.freezing.lost, plan.freezing.released.len()),
            (&ended, 0)
        );
        assert_eq!(after.ground.frozen.len(), 2 - ended.len());
        assert!(plan.freezing.to_string().contains(&why.to_string()));
    }
}

#[test]
fn what_is_written_down_is_read_again() {
    let domains = KEPT.replace("[\"first\"], policy = \"weight\"", "[\"cdn\"]");
    for kept in [KEPT, &domains] {
        let before = snapshot(&ground(&format!("{HEAD}{kept}")), &[], 1);
        let (_, plan) = reload(&before, HEAD, &[], 9);
        assert!(plan.frozen.len() >= 2);
        let read = plan.frozen.iter().map(|one| {
            let saved = one.to_saved().expect("it is written");
            Frozen::from_saved(one.key.clone(), saved).expect("it is read")
        });
        let read: Vec<Frozen> = read.collect();
        assert_eq!(read, plan.frozen);
        let restored = Plan::restored(&read, &config(HEAD));
        assert_eq!(restored.frozen, plan.frozen);
        let claimed = Plan::restored(&read, &config(&format!("{HEAD}{kept}")));
        assert_eq!(
            (claimed.frozen.len(), claimed.freezing.released.len()),
            (0, read.len())
        );
    }
}

#[test]
fn of_two_for_one_place_the_later_is_restored() {
    let mut one = fixture::frozen("www.gtm.example.com", "telecom", &[("192.0.2.1", 1)]);
    let mut other = one.clone();
    other.key.strategy = "newer".to_owned();
    other.since = Timestamp::from_second(9).expect("in range");
    for _ in 0..2 {
        let plan = Plan::restored(&[one.clone(), other.clone()], &config(HEAD));
        assert_eq!(plan.frozen.len(), 1);
        assert_eq!(plan.frozen[0].key.strategy, "newer");
        assert_eq!(plan.freezing.released[0].why, Why::Superseded);
        std::mem::swap(&mut one, &mut other);
    }
}

#[test]
fn what_no_igtm_wrote_is_refused() {
    let before = snapshot(&ground(&format!("{HEAD}{KEPT}")), &[], 1);
    let (_, plan) = reload(&before, HEAD, &[], 9);
    let saved = plan.frozen[0].to_saved().expect("it is written");
    for (part, value) in [
        ("kind", "ipv5".into()),
        ("kind", "ipv6".into()),
        ("active", "nobody".into()),
        ("name", "a..b".into()),
        ("candidates", serde_json::json!([["192.0.2.1", 0]])),
        ("candidates", serde_json::json!([["192.0.2.1"]])),
        (
            "candidates",
            vec![("192.0.2.1", 1); 128]
                .into_iter()
                .map(|(a, w)| serde_json::json!([a, w]))
                .collect(),
        ),
    ] {
        let mut bad = saved.clone();
        bad.answer[part] = value;
        assert!(Frozen::from_saved(key("telecom"), bad).is_err(), "{part}");
    }
}

//! From a file and health to what the kernel answers from.

mod change;
mod figures;
mod flat;
mod frozen;
mod names;
mod recipes;

use igtm_common::layout::{Answer, NO_VIEW, Text};

use super::fixture::{config, ground, snapshot};
use super::{CapacityError, Either, Ground, Image, Snapshot, SnapshotError};
use crate::line::ViewId;

const FILE: &str = r#"
zone = [{ origin = "example.com", ns = ["ns.example.net"], contact = "ops.example.net" }]
line = [
  { name = "telecom", kind = "operator", prefixes = ["203.0.113.0/24", "2001:db8:a::/48"] },
  { name = "office", prefixes = ["203.0.113.128/25"] },
]
monitor = [{ name = "tcp", protocol = "tcp" }]
[[pool]]
name = "four"
type = "ipv4"
policy = "weight"
monitor = "tcp"
address = [{ value = "192.0.2.1", weight = 80 }, { value = "192.0.2.2", weight = 20 }]
[[pool]]
name = "rest"
type = "ipv4"
address = [{ value = "192.0.2.9" }]
[[pool]]
name = "six"
type = "ipv6"
address = [{ value = "2001:db8::1" }]
[[pool]]
name = "cdn"
type = "domain"
address = [{ value = "cdn.example.net" }]
[[instance]]
name = "www"
domain = "www.example.com"
ttl = "30s"
[[instance.strategy]]
name = "telecom"
lines = ["telecom"]
fallback = "six"
tier = [{ pools = ["four"], policy = "weight", min_healthy = 2 }, { pools = ["rest"] }]
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "rest"
tier = [{ pools = ["rest"] }]
[[instance]]
name = "cdn"
domain = "cdn.gtm.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "cdn"
tier = [{ pools = ["cdn"] }]
"#;

fn text<const N: usize>(text: &Text<N>) -> String {
    let octets = text.iter().take_while(|octet| **octet != 0);
    String::from_utf8(octets.map(|octet| octet.cast_unsigned()).collect()).expect("UTF-8")
}

fn described<const C: usize, const O: usize, const T: usize>(answer: &Answer<C, O, T>) -> String {
    match answer.records {
        0 => "(none)".to_owned(),
        _ => text(&answer.addresses),
    }
}

/// Every answered line as `name type line: addresses`, sorted; one without records is `(none)`.
fn entries(snapshot: &Snapshot) -> Vec<String> {
    let image = &snapshot.image;
    let fixed = &image.fixed;
    let mut entries = Vec::new();
    for (_, of, name) in fixed.names.iter() {
        for (family, at) in [("A", 0), ("AAAA", 1)] {
            if of.view[at] == NO_VIEW {
                continue;
            }
            let lines = &fixed.views.view(ViewId(of.view[at])).lines;
            let slots = &fixed.slots[of.slots[at] as usize..][..lines.len()];
            for (slot, line) in slots.iter().zip(lines) {
                assert_eq!(slot.line, line.0, "a slot is its line's");
                let line = &fixed.line_names[usize::from(slot.line)];
                let answer = match image.answer(slot.answer) {
                    None => "nothing".to_owned(),
                    Some(Either::Small(answer)) => described(answer),
                    Some(Either::Large(answer)) => described(answer),
                };
                entries.push(format!("{} {family} {line}: {answer}", text(name)));
            }
        }
    }
    entries.sort();
    entries
}

#[test]
fn every_name_family_and_claimed_line_has_a_slot() {
    let snapshot = snapshot(&ground(FILE), &[], 1);
    assert_eq!(
        entries(&snapshot),
        [
            "cdn.gtm.example.com A default: cdn.example.net",
            "cdn.gtm.example.com AAAA default: cdn.example.net",
            "www.example.com A default: 192.0.2.9",
            "www.example.com A telecom: 192.0.2.1 weight 8000, 192.0.2.2 weight 2000",
            "www.example.com AAAA telecom: (none)",
        ]
    );
    assert_eq!(
        snapshot.image.fixed.line_names,
        ["default", "telecom", "office"]
    );
}

#[test]
fn health_decides_what_a_slot_refers_to() {
    for (down, expected) in [
        (&["192.0.2.2"][..], "192.0.2.9"),
        // The lower tier is unmonitored: never down, so the fallback is never reached.
        (&["192.0.2.1", "192.0.2.2", "192.0.2.9"], "192.0.2.9"),
    ] {
        let entries = entries(&snapshot(&ground(FILE), down, 1));
        assert_eq!(
            entries[3],
            format!("www.example.com A telecom: {expected}"),
            "{down:?}"
        );
    }
}

/// A fallback of the other family: NODATA for A, not the default line's answer.
#[test]
fn a_line_whose_answer_does_not_fit_hides_the_lines_behind_it() {
    let file = FILE.replace(", { pools = [\"rest\"] }]", "]");
    let entries = entries(&snapshot(&ground(&file), &["192.0.2.1"], 1));
    assert_eq!(entries[3], "www.example.com A telecom: (none)");
    assert_eq!(entries[4], "www.example.com AAAA telecom: 2001:db8::1");
}

#[test]
fn a_disabled_instance_has_no_slot_but_a_name() {
    let file = FILE.replace("ttl = \"30s\"", "enabled = false");
    let ground = ground(&file);
    let entries = entries(&snapshot(&ground, &[], 1));
    assert!(
        entries.iter().all(|entry| entry.starts_with("cdn.")),
        "{entries:?}"
    );
    let mut names = ground.fixed.names.iter();
    let www = names.find(|(_, _, name)| text(name) == "www.example.com");
    assert_eq!(www.expect("it exists").1.view, [NO_VIEW; 2]);
}

#[test]
fn more_than_the_maps_hold_is_refused_with_the_numbers() {
    let mut image = Image::default();
    assert_eq!(image.check_capacity(), Ok(()));
    image.zones = ground(FILE).zones(1).repeat((1 << 14) + 1);
    assert_eq!(
        image.check_capacity(),
        Err(CapacityError {
            what: "zones",
            needed: 16_385,
            most: 16_384
        })
    );
}

fn with_addresses(count: usize) -> String {
    let addresses: Vec<String> = (0..count)
        .map(|n| format!("{{ value = \"192.0.2.{n}\" }}"))
        .collect();
    FILE.replace("{ value = \"192.0.2.9\" }", &addresses.join(", "))
}

/// The size of an answer is that of its largest alternative, whatever the health.
#[test]
fn an_answer_that_may_be_large_is_a_large_one() {
    assert_eq!(ground(&with_addresses(7)).answers(), (5, 0));
    let ground = ground(&with_addresses(8));
    assert_eq!(ground.answers(), (3, 2));
    // Telecom's first tier holds two.
    for down in [&[][..], &["192.0.2.1"]] {
        let snapshot = snapshot(&ground, down, 1);
        assert_eq!(
            (snapshot.image.small.len(), snapshot.image.large.len()),
            (3, 2)
        );
    }
}

#[test]
fn more_addresses_than_an_answer_holds_are_refused_with_the_numbers() {
    let mut config = (*config(&with_addresses(127))).clone();
    assert!(Ground::new(config.clone().into(), super::fixture::KEY, None).is_ok());
    let pool = &mut config.pools[1];
    let more = crate::config::model::PoolAddress {
        value: crate::policy::fixture::address("192.0.2.200"),
        ..pool.addresses[0].clone()
    };
    pool.addresses.push(more);
    let error = Ground::new(config.into(), super::fixture::KEY, None).expect_err("too many");
    assert!(
        matches!(&error, SnapshotError::Answer { instance, .. } if instance == "www"),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "instance www, strategy default: 128 addresses in one answer, at most 127 are supported"
    );
}

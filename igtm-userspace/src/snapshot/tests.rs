//! From a file and health to the entries that the kernel answers from.

use std::sync::Arc;

use hickory_proto::rr::RecordType;
use igtm_common::layout::{Answer, NO_LINE, RECORDS, Text};

use super::fixture::{KEY, ground, snapshot};
use super::names::hash;
use super::{CapacityError, Ground, Image, Snapshot, SnapshotError};
use crate::config;
use crate::policy::fixture::name;

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

/// Every entry as `name type line: addresses`, sorted; one without records ends in `(none)`.
fn entries(snapshot: &Snapshot) -> Vec<String> {
    let entry = |answer: &Answer, qtype: u16| {
        let none = if answer.records == 0 { " (none)" } else { "" };
        format!(
            "{} {} {}: {}{none}",
            text(&answer.name),
            RecordType::from(qtype),
            text(&answer.line),
            text(&answer.addresses)
        )
    };
    let answers = snapshot.image.answers.iter();
    let mut entries: Vec<_> = answers
        .map(|(key, answer)| entry(answer, key.qtype))
        .collect();
    entries.sort();
    entries
}

#[test]
fn every_name_type_and_claimed_line_has_an_entry() {
    let snapshot = snapshot(&ground(FILE), &[], 1, None);
    assert_eq!(
        entries(&snapshot),
        [
            "cdn.gtm.example.com A default: cdn.example.net",
            "cdn.gtm.example.com AAAA default: cdn.example.net",
            "cdn.gtm.example.com CNAME default: cdn.example.net",
            "www.example.com A default: 192.0.2.9",
            "www.example.com A telecom: 192.0.2.1 weight 8000, 192.0.2.2 weight 2000",
        ]
    );
}

#[test]
fn health_decides_what_an_entry_holds() {
    for (down, expected) in [
        (&["192.0.2.2"][..], "192.0.2.9"),
        // The lower tier is unmonitored: never down, so the fallback is never reached.
        (&["192.0.2.1", "192.0.2.2", "192.0.2.9"], "192.0.2.9"),
    ] {
        let entries = entries(&snapshot(&ground(FILE), down, 1, None));
        assert_eq!(
            entries[4],
            format!("www.example.com A telecom: {expected}"),
            "{down:?}"
        );
    }
}

/// A fallback of the other family: NODATA for A, not the default line's answer.
#[test]
fn a_line_whose_answer_does_not_fit_hides_the_lines_behind_it() {
    let file = FILE.replace(", { pools = [\"rest\"] }]", "]");
    let ground = ground(&file);
    let snapshot = snapshot(&ground, &["192.0.2.1"], 1, None);
    let entries = entries(&snapshot);
    assert!(
        entries.contains(&"www.example.com A telecom: 2001:db8::1 (none)".to_owned()),
        "{entries:?}"
    );
    assert!(
        entries.contains(&"www.example.com AAAA telecom: 2001:db8::1".to_owned()),
        "{entries:?}"
    );
    let www = hash(&KEY, &name("www.example.com")).expect("short");
    let found = |client: &str, qtype| {
        let chain = ground.lines.chain_of(client.parse().expect("an address"));
        snapshot
            .look_up(www, qtype, chain)
            .map(|answer| answer.records)
    };
    assert_eq!(found("203.0.113.1", RecordType::A), Some(0));
    assert_eq!(found("203.0.113.1", RecordType::AAAA), Some(1));
    assert_eq!(found("192.0.2.1", RecordType::A), Some(1));
    assert_eq!(found("192.0.2.1", RecordType::AAAA), None);
    // Office is preferred and claimed by nobody: telecom decides.
    assert_eq!(found("203.0.113.200", RecordType::AAAA), Some(1));
}

#[test]
fn chains_and_prefixes_are_the_line_tables() {
    let snapshot = snapshot(&ground(FILE), &[], 1, None);
    let image = &snapshot.image;
    assert_eq!(image.line_names, ["default", "telecom", "office"]);
    assert_eq!(image.chains[0].lines[..2], [0, NO_LINE]);
    let chain = |prefix: &str| {
        let chain = image.prefixes[&prefix.parse().expect("a prefix")];
        let lines = image.chains[chain as usize].lines.iter();
        lines
            .take_while(|line| **line != NO_LINE)
            .map(|line| image.line_names[usize::from(*line)].as_str())
            .collect::<Vec<_>>()
            .join(" > ")
    };
    assert_eq!(chain("203.0.113.128/25"), "office > telecom > default");
    assert_eq!(chain("2001:db8:a::/48"), "telecom > default");
}

#[test]
fn what_did_not_change_is_shared_with_the_former_snapshot() {
    let ground = ground(FILE);
    let former = snapshot(&ground, &[], 1, None);
    let now = snapshot(&ground, &["192.0.2.1"], 2, Some(&former));
    assert_eq!(now.serial, 2);
    for (key, answer) in &now.image.answers {
        let same = Arc::ptr_eq(answer, &former.image.answers[key]);
        assert_eq!(
            same,
            text(&answer.line) != "telecom",
            "{}",
            text(&answer.line)
        );
    }
}

#[test]
fn a_disabled_instance_has_no_entry_but_a_name() {
    let file = FILE.replace("ttl = \"30s\"", "enabled = false");
    let ground = ground(&file);
    let entries = entries(&snapshot(&ground, &[], 1, None));
    assert!(
        entries.iter().all(|entry| entry.starts_with("cdn.")),
        "{entries:?}"
    );
    for (asked, exists) in [
        ("www.example.com", true),
        ("example.com", true),
        ("gtm.example.com", true),
        ("cdn.gtm.example.com", true),
        ("other.example.com", false),
        ("a.www.example.com", false),
        ("com", false),
    ] {
        assert_eq!(ground.names.exists(&name(asked)), exists, "{asked}");
    }
}

#[test]
fn more_than_the_maps_hold_is_refused_with_the_numbers() {
    let mut image = Image::default();
    assert_eq!(image.check_capacity(), Ok(()));
    image.line_names = vec![String::new(); 1025];
    assert_eq!(
        image.check_capacity(),
        Err(CapacityError {
            what: "lines",
            needed: 1025,
            most: 1024
        })
    );
}

#[test]
fn more_addresses_than_an_answer_holds_are_refused_with_the_numbers() {
    let addresses: Vec<String> = (0..=RECORDS)
        .map(|n| format!("{{ value = \"192.0.2.{n}\" }}"))
        .collect();
    let file = format!(
        "version = 1\n{}",
        FILE.replace("{ value = \"192.0.2.9\" }", &addresses.join(", "))
    );
    let path = std::path::Path::new("/nowhere/igtm.toml");
    match config::parse(&file, path) {
        // Told before it is run, with the place: better still.
        Err(problems) => assert!(problems.to_string().contains("33"), "{problems}"),
        Ok(config) => {
            let ground = Arc::new(Ground::new(Arc::new(config), KEY).expect("it fits"));
            let error = Snapshot::new(ground, &super::fixture::Down(&[]), 1, None)
                .expect_err("it does not fit");
            assert!(
                matches!(&error, SnapshotError::Answer { instance, .. } if instance == "www"),
                "{error}"
            );
            assert!(error.to_string().contains("33 addresses"), "{error}");
        }
    }
}

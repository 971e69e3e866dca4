//! What stands at which name, and where its slots are.

use std::collections::HashMap;
use std::sync::Arc;

use igtm_common::layout::{EXISTS, NO_VIEW, PASS, PASS_OTHERS};

use super::super::fixture::{KEY, config, ground};
use super::{FILE, Ground, text};

const NAMES: &str = r#"
zone = [
  { origin = "example.com", ns = ["ns.example.net"], contact = "ops.example.net" },
  { origin = "sub.example.com", ns = ["ns.example.net"], contact = "ops.example.net" },
]
[[pool]]
name = "four"
type = "ipv4"
address = [{ value = "192.0.2.1" }]
[[pool]]
name = "cdn"
type = "domain"
address = [{ value = "cdn.example.net" }]
[[instance]]
name = "apex"
domain = "example.com"
strategy = [{ name = "default", lines = ["default"], fallback = "four", tier = [{ pools = ["four"] }] }]
[[instance]]
name = "deep"
domain = "a.b.sub.example.com"
strategy = [{ name = "default", lines = ["default"], fallback = "cdn", tier = [{ pools = ["four"] }] }]
[[instance]]
name = "shop"
domain = "shop.example.com"
access_domain = "shop.b.sub.example.com"
strategy = [{ name = "default", lines = ["default"], fallback = "four", tier = [{ pools = ["four"] }] }]
[[instance]]
name = "off"
domain = "off.example.com"
enabled = false
strategy = [{ name = "default", lines = ["default"], fallback = "four", tier = [{ pools = ["four"] }] }]
"#;

#[test]
fn every_name_is_known_for_what_it_is() {
    let fixed = &ground(NAMES).fixed;
    let names: Vec<_> = fixed
        .names
        .iter()
        .map(|(_, of, name)| {
            let views = of.view.map(|view| view != NO_VIEW);
            (text(name), of.zone, of.flags, views)
        })
        .collect();
    let mut names: Vec<_> = names
        .iter()
        .map(|(name, zone, flags, views)| (name.as_str(), *zone, *flags, *views))
        .collect();
    names.sort_unstable();
    let (a, both, none) = ([true, false], [true, true], [false, false]);
    assert_eq!(
        names,
        [
            // A fallback of domains: AAAA may be a CNAME, and so may any other type.
            ("a.b.sub.example.com", 1, EXISTS | PASS_OTHERS, both),
            ("b.sub.example.com", 1, EXISTS, none),
            ("example.com", 0, EXISTS | PASS_OTHERS, a),
            ("off.example.com", 0, EXISTS, none),
            ("shop.b.sub.example.com", 1, EXISTS, a),
            ("shop.example.com", 0, EXISTS | PASS, none),
            ("sub.example.com", 1, EXISTS | PASS_OTHERS, none),
        ]
    );
    assert_eq!(fixed.deepest, 5);
}

/// The slots of each name by its text.
fn slots(ground: &Ground) -> HashMap<String, [u32; 2]> {
    let names = ground.fixed.names.iter();
    names.map(|(_, of, name)| (text(name), of.slots)).collect()
}

fn after(former: &Ground, file: &str) -> Ground {
    Ground::new(config(file), KEY, Some(former)).expect("it fits")
}

#[test]
fn what_keeps_its_lines_keeps_its_slots() {
    let before = ground(FILE);
    let first = slots(&before);
    // The first instance goes, and with it the slots before the other's.
    let end = FILE.find("[[instance]]\nname = \"cdn\"").expect("there");
    let begin = FILE.find("[[instance]]\nname = \"www\"").expect("there");
    let without = format!("{}{}", &FILE[..begin], &FILE[end..]);
    let alone = after(&before, &without);
    assert_eq!(
        slots(&alone)["cdn.gtm.example.com"],
        first["cdn.gtm.example.com"]
    );
    assert_eq!(alone.fixed.slots.len(), before.fixed.slots.len());
    // It comes back, into the same room.
    let again = after(&alone, FILE);
    assert_eq!(
        slots(&again)["cdn.gtm.example.com"],
        first["cdn.gtm.example.com"]
    );
    assert_eq!(again.fixed.slots.len(), before.fixed.slots.len());
}

#[test]
fn lines_that_stay_are_not_compiled_again() {
    let before = ground(FILE);
    let other = after(&before, &FILE.replace("ttl = \"30s\"", "ttl = \"31s\""));
    assert!(Arc::ptr_eq(&other.lines, &before.lines));
    assert!(Arc::ptr_eq(&other.fixed.views, &before.fixed.views));
    // Another prefix, or other lines claimed.
    let moved = after(&before, &FILE.replace("203.0.113.128/25", "203.0.113.0/25"));
    assert_ne!(moved.lines, before.lines);
    let file = FILE.replace("lines = [\"telecom\"]", "lines = [\"office\"]");
    let claimed = after(&before, &file);
    assert!(Arc::ptr_eq(&claimed.lines, &before.lines));
    assert_ne!(claimed.fixed.views, before.fixed.views);
}

#[test]
fn lines_are_the_same_by_their_names() {
    let before = ground(FILE);
    // Another line before them all: telecom has another number, and is the same line.
    let file = FILE.replace(
        "line = [",
        "line = [ { name = \"new\", prefixes = [\"192.0.2.0/24\"] },",
    );
    let moved = after(&before, &file);
    assert_eq!(slots(&moved), slots(&before));
    // Other lines claimed: other slots.
    let file = FILE.replace("lines = [\"telecom\"]", "lines = [\"telecom\", \"office\"]");
    let other = after(&before, &file);
    assert_ne!(
        slots(&other)["www.example.com"],
        slots(&before)["www.example.com"]
    );
    let cdn = "cdn.gtm.example.com";
    assert_eq!(slots(&other)[cdn], slots(&before)[cdn]);
}

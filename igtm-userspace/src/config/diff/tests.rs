//! Two small files, and what the second changes.

use std::path::Path;

use super::*;
use crate::config::parse;

const FILE: &str = r#"version = 1
[[zone]]
origin = "gtm.example.com"
ns = ["ns1.example.net"]
contact = "hostmaster.example.com"
[[line]]
name = "telecom"
kind = "operator"
prefixes = ["192.0.2.0/25", "198.51.100.0/24"]
[[line]]
name = "unicom"
kind = "operator"
prefixes = ["203.0.113.0/24"]
[[monitor]]
name = "web"
protocol = "http"
[[pool]]
name = "a"
type = "ipv4"
monitor = "web"
address = [{ value = "192.0.2.1" }, { value = "192.0.2.2", weight = 20 }]
[[pool]]
name = "b"
type = "ipv4"
address = [{ value = "192.0.2.3" }]
[[instance]]
name = "www"
domain = "www.gtm.example.com"
[[instance.strategy]]
name = "telecom"
lines = ["telecom"]
fallback = "b"
tier = [{ pools = ["a"] }]
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "b"
tier = [{ pools = ["a", "b"] }]
[[channel]]
name = "ops"
type = "webhook"
url = "https://hooks.example.net/secret-path"
"#;

fn config(text: &str) -> Config {
    parse(text, Path::new("/nowhere/igtm.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The text of what replacing each `from` by its `to` changes.
fn changed(replacements: &[(&str, &str)]) -> String {
    let text = replacements
        .iter()
        .fold(FILE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
    diff(&config(FILE), &config(&text)).to_string()
}

#[test]
fn nothing_is_different_in_the_same_file() {
    let none = diff(&config(FILE), &config(FILE));
    assert!(none.is_empty());
    assert_eq!(none.to_string(), "no object is added, removed or changed\n");
    // Comments and spaces are nothing.
    assert!(diff(&config(FILE), &config(&FILE.replace('\n', " # x\n"))).is_empty());
}

#[test]
fn fields_and_parts_are_named() {
    for (replacements, expected) in [
        (
            &[("weight = 20", "weight = 30, enabled = false")][..],
            "0 added, 0 removed, 1 changed\n~ pool a\n    address 192.0.2.2: weight: 20 → 30\n    address 192.0.2.2: enabled: true → false\n",
        ),
        (
            &[("{ value = \"192.0.2.1\" }", "{ value = \"192.0.2.9\" }")],
            "0 added, 0 removed, 1 changed\n~ pool a\n    address 192.0.2.1: removed (weight 100; region none; enabled true)\n    address 192.0.2.9: added (weight 100; region none; enabled true)\n",
        ),
        (
            &[(
                "protocol = \"http\"",
                "protocol = \"http\"\ninterval = \"15s\"",
            )],
            "0 added, 0 removed, 1 changed\n~ monitor web\n    interval: 1m → 15s\n",
        ),
        (
            &[("lines = [\"telecom\"]", "lines = [\"telecom\", \"unicom\"]")],
            "0 added, 0 removed, 1 changed\n~ instance www\n    strategy telecom: lines: telecom → telecom, unicom\n",
        ),
        (
            &[(
                "tier = [{ pools = [\"a\"] }]",
                "tier = [{ pools = [\"b\"] }, { pools = [\"a\"], policy = \"weight\" }]",
            )],
            "0 added, 0 removed, 1 changed\n~ instance www\n    strategy telecom: tier 1: a × 100 (all, min_healthy 1) → b × 100 (all, min_healthy 1)\n    strategy telecom: tier 2: added (a × 100 (weight, min_healthy 1))\n",
        ),
        (
            &[("192.0.2.0/25", "192.0.2.0/26")],
            "0 added, 0 removed, 1 changed\n~ line telecom\n    prefixes: 2 → 2: 1 added, 1 removed\n",
        ),
        (
            &[("[[zone]]", "[server]\nport = 5353\n[[zone]]")],
            "0 added, 0 removed, 1 changed\n~ server\n    port: 53 → 5353\n",
        ),
    ] {
        assert_eq!(changed(replacements), expected);
    }
}

#[test]
fn a_secret_is_compared_but_not_shown() {
    let text = changed(&[("secret-path", "another-path")]);
    assert_eq!(
        text,
        "0 added, 0 removed, 1 changed\n~ channel ops\n    url: [secret] → [secret]\n"
    );
}

/// References are by name: an object that moves in the file is the same.
#[test]
fn objects_are_known_by_name() {
    let new_first = "[[pool]]\nname = \"new\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.7\" }]\n[[pool]]\nname = \"a\"";
    let text = changed(&[("[[pool]]\nname = \"a\"", new_first)]);
    assert_eq!(text, "1 added, 0 removed, 0 changed\n+ pool new\n");
    let back = diff(
        &config(&FILE.replace("[[pool]]\nname = \"a\"", new_first)),
        &config(FILE),
    );
    assert_eq!(
        back.to_string(),
        "0 added, 1 removed, 0 changed\n- pool new\n"
    );
    let renamed = changed(&[("name = \"www\"", "name = \"web\"")]);
    assert_eq!(
        renamed,
        "1 added, 1 removed, 0 changed\n- instance www\n+ instance web\n"
    );
}

#[test]
fn the_order_of_lines_is_told_because_it_decides() {
    let swapped = FILE
        .replace("name = \"telecom\"\nkind", "name = \"x\"\nkind")
        .replace("name = \"unicom\"", "name = \"telecom\"")
        .replace("name = \"x\"\nkind", "name = \"unicom\"\nkind")
        .replace("[\"192.0.2.0/25\", \"198.51.100.0/24\"]", "[]")
        .replace(
            "prefixes = [\"203.0.113.0/24\"]",
            "prefixes = [\"192.0.2.0/25\", \"198.51.100.0/24\"]",
        )
        .replace("prefixes = []", "prefixes = [\"203.0.113.0/24\"]");
    assert_eq!(
        diff(&config(FILE), &config(&swapped)).to_string(),
        "0 added, 0 removed, 1 changed\n~ line\n    order: default, telecom, unicom → default, unicom, telecom\n"
    );
}

#[test]
fn records_of_zones_are_counted() {
    let of_file = |records: &str| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("z");
        std::fs::write(&path, records).expect("written");
        let line = format!(
            "contact = \"hostmaster.example.com\"\nfile = \"{}\"",
            path.display()
        );
        config(&FILE.replace("contact = \"hostmaster.example.com\"", &line))
    };
    let old = of_file("a 60 A 192.0.2.1\nb 60 A 192.0.2.1\n");
    let changes = diff(
        &old,
        &of_file("; moved\nb 60 A 192.0.2.1\na 60 A 192.0.2.1\n"),
    );
    assert!(changes.is_empty(), "{changes}");
    let changes = diff(
        &old,
        &of_file("a 60 A 192.0.2.1\nb 61 A 192.0.2.1\nc 60 TXT x y\n"),
    );
    assert_eq!(
        changes.to_string(),
        "0 added, 0 removed, 1 changed\n~ zone gtm.example.com\n    records: 3 → 4: 2 added, 1 removed\n"
    );
    let changes = diff(
        &config(FILE),
        &config(&FILE.replace("ns1.example", "ns2.example")),
    );
    assert_eq!(
        changes.to_string(),
        "0 added, 0 removed, 1 changed\n~ zone gtm.example.com\n    ns: ns1.example.net. → ns2.example.net.\n"
    );
}

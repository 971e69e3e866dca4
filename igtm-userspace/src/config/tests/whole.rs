//! Bad files as a whole: what is not built, keys and shapes, many problems at once, no file.

use std::path::Path;

use crate::config::{load, parse};

use super::harness::{expect, problems};

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (text, expected) in [
        (
            "[[node]]\nname = \"x\"\nagent = true",
            "4:9: `node.agent = true` is not supported yet",
        ),
        (
            "[limits]\nslip = -1\nipv4_prefix = 33",
            "3:8: `slip` is -1; it must be a whole number from 0 to 1000|4:15: `ipv4_prefix` is 33; it must be a whole number from 1 to 32",
        ),
        ("[cluster]", "2:2: `[cluster]` is not supported yet"),
    ] {
        let expected: Vec<&str> = expected.split('|').collect();
        expect(text, &expected);
    }
}

#[test]
fn keys_and_shapes() {
    for (text, expected) in [
        (
            "[sever]\nport = 1",
            "2:2: unknown key `sever`; did you mean `server`?",
        ),
        (
            "[limits]\ncolour = 1",
            "3:1: unknown key `colour`; `limits` has responses_per_second, slip, ipv4_prefix, ipv6_prefix",
        ),
        (
            "[monitor]\nname = \"x\"",
            "2:1: `monitor` is a list of tables: write `[[monitor]]`",
        ),
        (
            "server = 3",
            "2:10: `server` is a whole number; it must be a table",
        ),
        (
            "pool = [1]",
            "2:9: `pool` is a whole number; it must be a table",
        ),
        ("version = 1", "2:1: duplicate key"),
        (
            "[plan]\nprofile = \"unlimted\"",
            "3:11: `profile` is \"unlimted\"; it must be \"unlimited\", \"failover\", \"standard\" or \"ultimate\"; did you mean `unlimited`?",
        ),
    ] {
        expect(text, &[expected]);
    }
    let parsed = |text| parse(text, Path::new("x.toml")).map(drop).unwrap_err();
    assert_eq!(parsed("").to_string(), "x.toml:1:1: `version` is missing");
    assert_eq!(
        parsed("version = \"1\"").to_string(),
        "x.toml:1:11: `version` is \"1\"; it must be 1, the version that this igtm reads"
    );
}

#[test]
fn every_problem_in_one_run() {
    expect(
        "[server]\nport = 0\n[[pool]]\nname = \"p\"\ntype = \"ipv4\"\nmonitor = \"wbe\"\naddress = [{ value = \"x\" }]\n[[monitor]]\nname = \"web\"\nprotocol = \"tcp\"\nretrys = 1\n[[instance]]\nname = \"i\"\ndomain = \"www.example.com\"\n[[instance.strategy]]\nname = \"s\"\nlines = [\"telecom\"]\nfallback = \"q\"\n",
        &[
            "3:8: `port` is 0; it must be a whole number from 1 to 65535",
            "7:11: no monitor is named `wbe`; did you mean `web`?",
            "8:22: `value` is \"x\"; it must be an IPv4 address",
            "12:1: unknown key `retrys`; did you mean `retries`?",
            "15:10: the access domain `www.example.com` is in no zone served here: there is no `[[zone]]`; set `access_domain` to a name in one of them",
            "17:8: a strategy has 1 to 4 tiers: add an `[[instance.strategy.tier]]`",
            "18:10: no line is named `telecom`",
            "19:12: no pool is named `q`",
        ],
    );
}

#[test]
fn every_syntax_error_in_one_run() {
    let found = problems("a = \nb = 1\nc = [1,\n[x]\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("2:5: "), "{found:?}");
}

#[test]
fn a_file_that_cannot_be_read() {
    let problems = load(Path::new("/nowhere/igtm.toml")).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "/nowhere/igtm.toml:1:1: cannot read this file: No such file or directory (os error 2)"
    );
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("x.toml");
    std::fs::write(&file, b"version = 1\n# \xb5\xe7").expect("it can be written");
    let problems = load(&file).unwrap_err();
    assert_eq!(
        problems.to_string(),
        format!(
            "{}:2:3: this file is not UTF-8 from here on",
            file.display()
        )
    );
}

//! Files that are bad, each with the exact messages it gets.

use std::path::Path;

use proptest::prelude::*;

use crate::config::{load, parse};

/// A good file that each case spoils: nothing in it stands on the line of a case's own text.
const ZONE: &str = "[[zone]]\norigin = \"example.com\"\nns = [\"ns.example.net\"]\ncontact = \"ops.example.net\"\n";
const POOL: &str =
    "[[pool]]\nname = \"p\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.1\" }]\n";
const INSTANCE: &str = "[[instance]]\nname = \"i\"\ndomain = \"www.example.com\"\n";
const STRATEGY: &str = "[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n";

/// The problems of `version = 1`, then `text` from line 2 on, as `LINE:COLUMN: message`.
fn problems(text: &str) -> Vec<String> {
    let text = format!("version = 1\n{text}");
    match parse(&text, Path::new("/nowhere/x.toml")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| problem.to_string().replace("/nowhere/x.toml:", ""))
            .collect(),
    }
}

#[track_caller]
fn expect(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected, "for\n{text}");
}

/// As [`expect`], after the tables that an instance needs.
#[track_caller]
fn expect_after(before: &[&str], text: &str, expected: &[(usize, &str)]) {
    let before = before.concat();
    let first = before.lines().count();
    let expected: Vec<String> = expected
        .iter()
        .map(|(line, rest)| format!("{}:{rest}", first + line))
        .collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expect(&format!("{before}{text}"), &expected);
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (text, expected) in [
        (
            "[admin]\nsocket = \"x\"",
            "2:2: `[admin]` is not supported yet",
        ),
        ("[geo]", "2:2: `[geo]` is not supported yet"),
        (
            "[[node]]\nname = \"x\"",
            "2:3: `[[node]]` is not supported yet",
        ),
        ("[[failover]]", "2:3: `[[failover]]` is not supported yet"),
        ("[[template]]", "2:3: `[[template]]` is not supported yet"),
        ("[limits]", "2:2: `[limits]` is not supported yet"),
        ("[cluster]", "2:2: `[cluster]` is not supported yet"),
        (
            "[plan]\nprofile = \"standard\"",
            "3:11: `plan.profile = \"standard\"` is not supported yet",
        ),
        (
            &format!("{ZONE}file = \"x\""),
            "6:1: `zone.file` is not supported yet",
        ),
        (
            "[[line]]\nname = \"a\"\nprefixes = []\nasn = [4134]\ncountry = [\"CN\"]",
            "5:1: `line.asn` is not supported yet|6:1: `line.country` is not supported yet",
        ),
        (
            "[[monitor]]\nname = \"m\"\nprotocol = \"tcp\"\nnodes = [\"local\", \"isp\"]",
            "5:19: `monitor.nodes` other than [\"local\"] is not supported yet",
        ),
        (
            "[[channel]]\nname = \"c\"\ntype = \"slack\"\nwebhook = \"https://x\"",
            "4:8: `channel.type = \"slack\"` is not supported yet",
        ),
        (
            "[[channel]]\nname = \"c\"\ntype = \"webhook\"\nurl = \"http://x\"\ntemplate = \"t\"\nlanguage = \"zh\"",
            "6:1: `channel.template` is not supported yet|7:1: `channel.language` is not supported yet",
        ),
    ] {
        let expected: Vec<&str> = expected.split('|').collect();
        expect(text, &expected);
    }
    expect_after(
        &[ZONE, POOL, INSTANCE],
        &format!("plan = \"standard\"\n{STRATEGY}keep = true\n"),
        &[
            (2, "1: `instance.plan` is not supported yet"),
            (8, "8: `instance.strategy.keep` = true is not supported yet"),
        ],
    );
    let channel = "[[channel]]\nname = \"c\"\ntype = \"webhook\"\nurl = \"http://x\"\n";
    expect_after(
        &[channel],
        "[[subscription]]\nname = \"s\"\nchannels = [\"c\"]\nevents = [\"address_up\", \"pool_down\"]\nmatch = {}\non_failure = []\nrepeat_interval = 0\nquiet = {}\n",
        &[
            (5, "25: `the event pool_down` is not supported yet"),
            (6, "1: `subscription.match` is not supported yet"),
            (7, "1: `subscription.on_failure` is not supported yet"),
            (8, "1: `subscription.repeat_interval` is not supported yet"),
            (9, "1: `subscription.quiet` is not supported yet"),
        ],
    );
}

#[test]
fn keys_and_shapes() {
    for (text, expected) in [
        (
            "[sever]\nport = 1",
            "2:2: unknown key `sever`; did you mean `server`?",
        ),
        ("colour = 1", "2:1: unknown key `colour`"),
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
            "3:11: `profile` is \"unlimted\"; it must be \"unlimited\"; did you mean `unlimited`?",
        ),
    ] {
        expect(text, &[expected]);
    }
    let parsed = |text| parse(text, Path::new("x.toml")).map(drop).unwrap_err();
    assert_eq!(parsed("").to_string(), "x.toml:1:1: `version` is missing");
    assert_eq!(
        parsed("version = \"1\"").to_string(),
        "x.toml:1:11: `version` is \"1\"; it must be a whole number from 0 to 18446744073709551615"
    );
}

#[test]
fn server() {
    for (line, expected) in [
        (
            "port = 0",
            "3:8: `port` is 0; it must be a whole number from 1 to 65535",
        ),
        (
            "port = 70000",
            "3:8: `port` is 70000; it must be a whole number from 1 to 65535",
        ),
        (
            "udp_size = 511",
            "3:12: `udp_size` is 511; it must be a whole number from 512 to 4096",
        ),
        (
            "ecs = \"yes\"",
            "3:7: `ecs` is \"yes\"; it must be true or false",
        ),
        (
            "node = \"a b\"",
            "3:8: `node` is \"a b\"; it must be 1 to 64 letters, digits, `-`, `_` or `.`",
        ),
        (
            "xdp = \"nativ\"",
            "3:7: `xdp` is \"nativ\"; it must be \"auto\", \"native\", \"generic\" or \"off\"; did you mean `native`?",
        ),
        (
            "listen = []",
            "3:10: `listen` is empty; leave it out to answer on all of the host's addresses",
        ),
        (
            "listen = \"::\"",
            "3:10: `listen` is a text; it must be a list of addresses",
        ),
        (
            "listen = [\"::1\", \"::1\"]",
            "3:18: `::1` stands in this list twice",
        ),
        (
            "listen = [\"::\", \"::1\"]",
            "3:17: `::1` is covered by `::`; leave out one of them",
        ),
        (
            "listen = [\"192.0.2.1:53\"]",
            "3:11: `listen` is \"192.0.2.1:53\"; it must be an IPv4 or IPv6 address without port or length",
        ),
        (
            "listen = [\"::ffff:192.0.2.1\"]",
            "3:11: `listen` is \"::ffff:192.0.2.1\"; it must be written as `192.0.2.1`",
        ),
        (
            "interfaces = [\"eth0\", \"eth0\"]",
            "3:23: `eth0` stands in this list twice",
        ),
        (
            "interfaces = [\"a/b\"]",
            "3:15: `interfaces` is \"a/b\"; it must be an interface's name of 1 to 15 octets without spaces or `/`",
        ),
        (
            "start_wait = \"soon\"",
            "3:14: `start_wait` is \"soon\"; it must be a duration from 0s to 1h (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
        ),
        (
            "state_dir = \"\"",
            "3:13: `state_dir` is \"\"; it must be a path",
        ),
    ] {
        expect(&format!("[server]\n{line}"), &[expected]);
    }
}

#[test]
fn zones() {
    expect(
        &format!("{ZONE}{ZONE}"),
        &["6:10: the zone `example.com` is declared on line 3 already"]
            .map(|m| m.replace("6:", "7:"))
            .each_ref()
            .map(String::as_str),
    );
    expect(
        "[[zone]]\norigin = \"example.com\"\nns = [\"ns.example.com\"]\ncontact = \"ops@example.com\"\nmin_ttl = \"1500ms\"",
        &[
            "4:7: the name server `ns.example.com` lies in the zone `example.com` served here and so needs a static address, and `zone.file` is not supported yet; name a server outside",
            "5:11: `contact` is \"ops@example.com\"; it must be a domain name (write `user@example.com` as `user.example.com`)",
            "6:11: `min_ttl` is \"1500ms\"; it must be whole seconds",
        ],
    );
    expect(
        "[[zone]]",
        &[
            "2:1: `origin` is missing in `zone`",
            "2:1: `ns` is missing in `zone`",
            "2:1: `contact` is missing in `zone`",
        ],
    );
}

#[test]
fn lines() {
    for (text, expected) in [
        (
            "name = \"default\"\nprefixes = []",
            "3:8: the line `default` is built in: it holds every client and is not declared",
        ),
        (
            "name = \"a\"\nprefixes = []\nkind = \"default\"",
            "5:8: the kind `default` is the built-in line's; leave `kind` out or choose another",
        ),
        (
            "name = \"a\"",
            "3:8: the line `a` holds nobody: it has no `prefixes`, no `prefix_files` and is no line's parent",
        ),
        (
            "name = \"a\"\nprefixes = [\"192.0.2.7/24\"]",
            "4:13: `192.0.2.7/24` has host bits set; write `192.0.2.0/24`",
        ),
        (
            "name = \"a\"\nprefix_files = [\"gone.txt\"]",
            "4:17: cannot read `/nowhere/gone.txt`: No such file or directory (os error 2)",
        ),
        (
            "name = \"a\"\nprefixes = []\nparent = \"b\"",
            "5:10: no line is named `b`; did you mean `a`?",
        ),
        (
            "name = \"a\"\nprefixes = []\nparent = \"default\"",
            "5:10: the line `default` holds every client already; leave `parent` out",
        ),
        (
            "name = \"a\"\nprefixes = []\nparent = \"a\"",
            "5:10: a line cannot be its own ancestor: a → a",
        ),
        (
            "name = \"a\"\nparent = \"c\"\n[[line]]\nname = \"b\"\nparent = \"a\"\n[[line]]\nname = \"c\"\nparent = \"b\"",
            "4:10: a line cannot be its own ancestor: a → c → b → a",
        ),
        (
            "name = \"a\"\nprefixes = []\n[[line]]\nname = \"a\"\nprefixes = []",
            "6:8: the name `a` is taken by the line of line 3",
        ),
    ] {
        expect(&format!("[[line]]\n{text}"), &[expected]);
    }
}

#[test]
fn a_bad_prefix_file_is_told_with_its_own_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a.txt");
    std::fs::write(&file, "192.0.2.0/24\n  192.0.2.1/24 # x\n\nfoo\n").expect("it can be written");
    let text = "version = 1\n[[line]]\nname = \"a\"\nprefix_files = [\"a.txt\"]\n";
    let problems = parse(text, &directory.path().join("x.toml")).unwrap_err();
    let file = file.display();
    assert_eq!(
        problems.to_string(),
        format!(
            "{file}:2:3: `192.0.2.1/24` has host bits set; write `192.0.2.0/24`\n\
             {file}:4:1: `foo` is not a prefix; write ADDRESS/LENGTH like `192.0.2.0/24` or `2001:db8::/32`"
        )
    );
}

#[test]
fn monitors() {
    for (text, expected) in [
        (
            "protcol = \"tcp\"",
            "2:1: `protocol` is missing in `monitor`|4:1: unknown key `protcol`; did you mean `protocol`?",
        ),
        (
            "protocol = \"udp\"",
            "4:12: `protocol` is \"udp\"; it must be \"ping\", \"tcp\", \"http\" or \"https\"; did you mean `tcp`?",
        ),
        (
            "protocol = \"tcp\"\npackets = 3\npath = \"/\"",
            "5:1: `packets` is a key of ping monitors; this one is `tcp`|6:1: `path` is a key of http and https monitors; this one is `tcp`",
        ),
        (
            "protocol = \"http\"\nverify = true",
            "5:1: `verify` is a key of https monitors; this one is `http`",
        ),
        (
            "protocol = \"ping\"\nport = 1",
            "5:1: `port` is a key of tcp, http and https monitors; this one is `ping`",
        ),
        (
            "protocol = \"tcp\"\ninterval = \"500ms\"",
            "5:12: `interval` is \"500ms\"; it must be a duration from 1s to 1d (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
        ),
        (
            "protocol = \"tcp\"\ntimeout = 61",
            "5:11: `timeout` is 61; it must be a duration from 100ms to 1m (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
        ),
        (
            "protocol = \"tcp\"\nretries = 6",
            "5:11: `retries` is 6; it must be a whole number from 0 to 5",
        ),
        (
            "protocol = \"tcp\"\nretries = -1",
            "5:11: `retries` is -1; it must be a whole number from 0 to 5",
        ),
        (
            "protocol = \"tcp\"\nfailure_percent = 0.5",
            "5:19: `failure_percent` is 0.5; it must be a whole number from 1 to 100",
        ),
        (
            "protocol = \"tcp\"\ninterval = \"9s\"",
            "5:12: a round can take 10s (timeout 5s × 2 attempts), longer than the interval of 9s",
        ),
        (
            "protocol = \"ping\"\ninterval = \"15s\"",
            "5:12: a round can take 17s500ms (timeout 5s × 2 attempts + 7s500ms to spread the packets), longer than the interval of 15s",
        ),
        (
            "protocol = \"http\"\npath = \"healthz\"",
            "5:8: `path` is \"healthz\"; it must be a path that begins with `/`, of at most 2048 ASCII characters without spaces or `#`",
        ),
        (
            "protocol = \"tcp\"\nnodes = []",
            "5:9: `nodes` is empty; leave it out to probe from `local`",
        ),
    ] {
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&format!("[[monitor]]\nname = \"m\"\n{text}"), &expected);
    }
}

#[test]
fn a_monitor_fits_its_interval_exactly() {
    let monitor = |rest: &str| format!("[[monitor]]\nname = \"m\"\n{rest}");
    expect(&monitor("protocol = \"tcp\"\ninterval = \"10s\""), &[]);
    expect(&monitor("protocol = \"ping\"\ninterval = \"20s\""), &[]);
    expect(
        &monitor("protocol = \"ping\"\npackets = 1\ninterval = \"10s\""),
        &[],
    );
}

#[test]
fn pools() {
    for (text, expected) in [
        (
            "type = \"ipv4\"",
            "3:8: the pool `p` has no address: add a `[[pool.address]]`",
        ),
        (
            "type = \"ipv5\"\naddress = [{ value = \"x\" }]",
            "4:8: `type` is \"ipv5\"; it must be \"ipv4\", \"ipv6\" or \"domain\"; did you mean `ipv4`?",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"2001:db8::1\" }]",
            "5:22: `2001:db8::1` is an IPv6 address; this pool is of type \"ipv4\", and types are not mixed",
        ),
        (
            "type = \"ipv6\"\naddress = [{ value = \"192.0.2.1\" }]",
            "5:22: `192.0.2.1` is an IPv4 address; this pool is of type \"ipv6\", and types are not mixed",
        ),
        (
            "type = \"domain\"\naddress = [{ value = \"192.0.2.1\" }]",
            "5:22: `192.0.2.1` is an IP address; this pool is of type \"domain\", and types are not mixed",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"www.example.com\" }]",
            "5:22: `www.example.com` is a domain name; this pool is of type \"ipv4\", and types are not mixed",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"192.0.2.256\" }]",
            "5:22: `value` is \"192.0.2.256\"; it must be an IPv4 address",
        ),
        (
            "type = \"ipv4\"\naddress = [{ value = \"0.0.0.0\" }]",
            "5:22: `value` is \"0.0.0.0\"; it must be an address that clients can reach; this one means \"none\"",
        ),
        (
            "type = \"ipv6\"\naddress = [{ value = \"::ffff:192.0.2.1\" }]",
            "5:22: `value` is \"::ffff:192.0.2.1\"; it must be an address that clients can reach; write `192.0.2.1` in a pool of type \"ipv4\"",
        ),
        (
            "type = \"ipv6\"\naddress = [{ value = \"2001:db8::1\" }, { value = \"2001:DB8:0::1\" }]",
            "5:47: `2001:db8::1` is in this pool already, on line 5",
        ),
        (
            "type = \"domain\"\naddress = [{ value = \"a.example\" },\n{ value = \"A.example.\" }]",
            "6:11: `a.example` is in this pool already, on line 5",
        ),
        (
            "type = \"ipv4\"\nmonitor = \"m\"\naddress = [{ value = \"192.0.2.1\", weight = 0 }]",
            "5:11: no monitor is named `m`|6:44: `weight` is 0; it must be a whole number from 1 to 100",
        ),
        (
            "type = \"ipv4\"\n[[pool.address]]\nvalue = \"192.0.2.1\"\nwieght = 3",
            "7:1: unknown key `wieght`; did you mean `weight`?",
        ),
        (
            "type = \"ipv4\"\naddress = [{ weight = 3 }]",
            "5:12: `value` is missing in `pool.address`",
        ),
    ] {
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&format!("[[pool]]\nname = \"p\"\n{text}"), &expected);
    }
}

#[test]
fn tiers() {
    let pools = "[[pool]]\nname = \"six\"\ntype = \"ipv6\"\naddress = [{ value = \"2001:db8::1\" }]\n[[pool]]\nname = \"off\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.9\", enabled = false }]\n[[pool]]\nname = \"same\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.1\" }]\n";
    let tier = |fallback: &str, tier: &str| {
        format!(
            "{INSTANCE}[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"{fallback}\"\ntier = {tier}\n"
        )
    };
    for (fallback, tiers, expected) in [
        (
            "p",
            "[]",
            vec![(
                6,
                "8: a strategy has 1 to 4 tiers: add an `[[instance.strategy.tier]]`",
            )],
        ),
        (
            "p",
            "[{ pools = [] }]",
            vec![(9, "19: `pools` is empty; a tier has at least one pool")]
                .into_iter()
                .map(|(l, m)| (l - 0, m))
                .collect(),
        ),
        (
            "p",
            "[{ pools = [\"p\", \"six\"] }]",
            vec![(
                9,
                "25: the pool `six` is of type \"ipv6\" and `p` of type \"ipv4\": a tier's pools have one type",
            )],
        ),
        (
            "p",
            "[{ pools = [\"p\", { pool = \"p\" }] }]",
            vec![(9, "25: this pool stands in the tier twice")],
        ),
        (
            "p",
            "[{ pools = [\"p\", \"same\"], min_healthy = 2 }]",
            vec![(
                9,
                "48: `min_healthy` is 2; the tier has 1 enabled address, and it must be 1 to 1",
            )],
        ),
        (
            "p",
            "[{ pools = [\"p\"], min_healthy = 0 }]",
            vec![(
                9,
                "40: `min_healthy` is 0; it must be a whole number from 1 to 1000000",
            )],
        ),
        (
            "p",
            "[{ pools = [\"off\"] }]",
            vec![(
                9,
                "9: none of this tier's addresses is enabled, so it could never be active",
            )],
        ),
        (
            "off",
            "[{ pools = [\"p\"] }]",
            vec![(
                8,
                "12: no address of the fallback pool `off` is enabled: it would answer nothing",
            )],
        ),
        (
            "P",
            "[{ pools = [{ pool = \"q\", weight = 101 }] }]",
            vec![
                (8, "12: no pool is named `P`; did you mean `p`?"),
                (9, "29: no pool is named `q`; did you mean `p`?"),
                (
                    9,
                    "43: `weight` is 101; it must be a whole number from 1 to 100",
                ),
            ],
        ),
        (
            "p",
            "[{ pools = [\"p\"] }, { pools = [\"p\"] }, { pools = [\"p\"] }, { pools = [\"p\"] }, { pools = [\"p\"] }]",
            vec![(9, "85: this strategy has 5 tiers; it may have 1 to 4")],
        ),
    ] {
        expect_after(&[ZONE, POOL, pools], &tier(fallback, tiers), &expected);
    }
}

#[test]
fn strategies() {
    let line = "[[line]]\nname = \"a\"\nprefixes = [\"192.0.2.0/24\"]\n";
    let other = "[[instance.strategy]]\nname = \"t\"\nlines = [\"a\", \"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n";
    expect_after(
        &[line, ZONE, POOL, INSTANCE, STRATEGY],
        other,
        &[(
            4,
            "15: the line `default` is claimed for A by the strategy `s` (line 18) already",
        )],
    );
    expect_after(
        &[line, ZONE, POOL, INSTANCE, STRATEGY],
        &format!("{other}enabled = false\n"),
        &[],
    );
    expect_after(
        &[line, ZONE, POOL, INSTANCE],
        &STRATEGY.replace("default", "a"),
        &[(
            0,
            "8: the instance `i` has no enabled strategy on the line `default`",
        )],
    );
    expect_after(
        &[ZONE, POOL],
        INSTANCE,
        &[(
            3,
            "8: an instance has a strategy: add an `[[instance.strategy]]` for `default`",
        )],
    );
    expect_after(
        &[ZONE, POOL, INSTANCE],
        &STRATEGY.replace("[\"default\"]", "[\"defualt\", \"default\", \"default\"]"),
        &[
            (4, "10: no line is named `defualt`; did you mean `default`?"),
            (4, "32: `default` stands in this list twice"),
        ],
    );
}

#[test]
fn domains_and_zones() {
    let instance =
        |name: &str, rest: &str| format!("[[instance]]\nname = \"{name}\"\n{rest}\n{STRATEGY}");
    let i = instance("i", "domain = \"www.example.com\"");
    for (rest, expected) in [
        (
            "domain = \"WWW.example.com.\"",
            vec![(
                4,
                "10: `www.example.com` is the domain of the instance `i` (line 12) already",
            )],
        ),
        (
            "domain = \"www.example.org\"",
            vec![(
                4,
                "10: the access domain `www.example.org` is in no zone served here: the zones are example.com; set `access_domain` to a name in one of them",
            )],
        ),
        (
            "domain = \"www.example.org\"\naccess_domain = \"www.example.com\"",
            vec![(
                5,
                "17: `www.example.com` is the access domain of the instance `i` (line 12) already",
            )],
        ),
        (
            "domain = \"example.com\"\naccess_domain = \"a.example.com\"",
            vec![(
                4,
                "10: `example.com` is a zone's apex, where no CNAME to the access domain may stand; leave `access_domain` out",
            )],
        ),
        (
            "domain = \"a.example.com\"\nttl = 0",
            vec![(
                5,
                "7: `ttl` is 0; it must be a duration from 1s to 7d (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
            )],
        ),
        (
            "domain = \"a.example.com\"\nmax_answers = 21",
            vec![(
                5,
                "15: `max_answers` is 21; it must be a whole number from 1 to 20",
            )],
        ),
    ] {
        expect_after(&[ZONE, POOL, &i], &instance("j", rest), &expected);
    }
    let cname =
        "[[pool]]\nname = \"p\"\ntype = \"domain\"\naddress = [{ value = \"www.example.com\" }]\n";
    expect_after(
        &[ZONE, cname],
        &instance("j", "domain = \"example.com\""),
        &[(
            4,
            "10: `example.com` is a zone's apex and the pool `p` is of type \"domain\": flattening is not supported yet",
        )],
    );
    expect_after(
        &[ZONE, cname],
        &instance("j", "domain = \"www.example.com\""),
        &[(
            4,
            "10: the pool `p` sends `www.example.com` back to this instance: a CNAME loop",
        )],
    );
}

#[test]
fn a_monitor_without_host_needs_an_instance() {
    let text = "[[monitor]]\nname = \"m\"\nprotocol = \"http\"\n";
    let pool = POOL.replace("type", "monitor = \"m\"\ntype");
    expect(
        &format!("{text}{pool}"),
        &[
            "3:8: the monitor `m` needs a `host`: no instance uses the pool `p`, so there is no domain to ask for",
        ],
    );
    expect(&format!("{text}host = \"a.example\"\n{pool}"), &[]);
    expect(
        &format!("{text}{ZONE}{pool}{INSTANCE}{STRATEGY}enabled = true\n"),
        &[],
    );
}

#[test]
fn channels_never_show_a_secret() {
    for (text, expected) in [
        (
            "",
            "2:1: `url` is missing in `channel` (or `url_file`, or `url_env`)",
        ),
        (
            "url = \"ftp://hunter2\"",
            "5:7: `url` (not shown: it is a secret) must be an http:// or https:// URL",
        ),
        (
            "url = [\"http://x\", \"http://hunter2\"]",
            "5:20: a webhook has one `url`",
        ),
        (
            "url = \"http://x\"\nurl_env = \"IGTM_NO_SUCH\"",
            "6:11: give only one of `url`, `url_file` and `url_env`|6:11: `url_env` is \"IGTM_NO_SUCH\"; it must be the name of an environment variable that is set",
        ),
        (
            "url = \"http://x\"\nsecret = \"hunter2\"",
            "6:10: `secret` (not shown) must be \"whsec_\" and then the key in base64 with padding",
        ),
        (
            "url = \"http://x\"\nsecret = 1",
            "6:10: `secret` is a whole number; it must be a text",
        ),
        (
            "url = \"http://x\"\nsecret_file = \"gone\"",
            "6:15: cannot read `/nowhere/gone`: No such file or directory (os error 2)",
        ),
        (
            "url = \"http://x\"\nheaders = { \"a b\" = \"hunter2\", host = \"hunter2\", c = \"hunter\\n2\" }",
            "6:13: `a b` cannot be the name of an HTTP header|6:32: the header `host` is set by igtm itself|6:54: the value of this header (not shown) has characters that HTTP does not allow",
        ),
        (
            "url = \"http://x\"\nwebhook = \"hunter2\"",
            "6:1: unknown key `webhook`",
        ),
    ] {
        let text = format!("[[channel]]\nname = \"c\"\ntype = \"webhook\"\n{text}");
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&text, &expected);
        assert!(!problems(&text).concat().contains("hunter"));
    }
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
            "19:12: no pool is named `q`; did you mean `p`?",
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

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/igtm.toml");
    std::fs::read_to_string(path).expect("the example is there")
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "\\PC*|(version = 1\n)?([a-z\\[\\]{}=\".,0-9\n -]{0,80})") {
        let _ = parse(&text, Path::new("/nowhere/x.toml"));
    }

    /// Pieces of the example taken out, doubled, or swapped for other tokens.
    #[test]
    fn a_mutated_example_is_judged(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..6_usize, 0..40_usize), 1..8)
    ) {
        let mut text: Vec<char> = example().chars().collect();
        for (index, kind, length) in edits {
            let from = index.index(text.len());
            let to = (from + length).min(text.len());
            let piece: Vec<char> = match kind {
                0 => Vec::new(),
                1 => text[from..to].repeat(2),
                2 => "[]".chars().collect(),
                3 => "-1".chars().collect(),
                4 => "\"default\"".chars().collect(),
                _ => "\n[[pool]]\n".chars().collect(),
            };
            text.splice(from..to, piece);
        }
        let text: String = text.into_iter().collect();
        if let Err(problems) = parse(&text, Path::new("/nowhere/x.toml")) {
            prop_assert!(problems.iter().count() > 0);
            let lines = text.split('\n').count();
            for problem in problems.iter() {
                prop_assert!((1..=lines).contains(&problem.line), "{}", problem);
            }
        }
    }

    /// One line of the example left out, or one value replaced: still TOML, so it reaches the rules.
    #[test]
    fn an_example_with_a_line_changed_is_judged(
        index in any::<prop::sample::Index>(),
        value in prop::option::of(prop_oneof!["0", "\"x\"", "[]", "true", "{ a = 1 }", "[\"default\", \"x\"]"])
    ) {
        let text = example();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = index.index(lines.len());
        match (value, lines[at].split_once(" = ")) {
            (Some(value), Some((key, _))) => lines[at] = format!("{key} = {value}"),
            _ => drop(lines.remove(at)),
        }
        let _ = parse(&lines.join("\n"), Path::new("/nowhere/x.toml"));
    }
}

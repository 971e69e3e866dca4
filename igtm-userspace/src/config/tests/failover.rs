//! The short form: what it is compiled to, bad ones, and that its long form decides the same.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::harness::{INSTANCE, POOL, STRATEGY, ZONE, expect_after};
use crate::config::model::{Address, Config, LineId, MonitorId, PoolType};
use crate::config::parse;
use crate::health::AddressState;
use crate::policy::fixture::Observed;
use crate::policy::{assign, choose_line, decide};

const MONITOR: &str = "[[monitor]]\nname = \"m\"\nprotocol = \"tcp\"\n";
const LINES: &str = "[[line]]\nname = \"a\"\nprefixes = [\"198.51.100.0/24\"]\n[[line]]\nname = \"b\"\nprefixes = [\"203.0.113.0/24\"]\n";
const FAILOVER: &str = "[[failover]]\nname = \"f\"\ndomain = \"api.example.com\"\nprimary = \"192.0.2.10\"\nbackups = [\"192.0.2.11\"]\nmonitor = \"m\"\n";

fn config(text: &str) -> Config {
    let text = format!("version = 1\n{ZONE}{MONITOR}{LINES}{text}");
    parse(&text, Path::new("/nowhere/x.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// One failover's table.
fn failover(name: &str, line: &str, addresses: &[&str], more: &str) -> String {
    let (primary, backups) = addresses.split_first().expect("a primary");
    format!(
        "[[failover]]\nname = \"{name}\"\ndomain = \"api.example.com\"\nline = \"{line}\"\nprimary = \"{primary}\"\nbackups = {backups:?}\nmonitor = \"m\"\n{more}"
    )
}

#[test]
fn what_is_made_and_how_it_is_named() {
    let config = config(&[
        failover("f-4", "default", &["192.0.2.1", "192.0.2.2", "cdn.example.net"], "ttl = \"30s\"\n"),
        failover("f-6", "a", &["2001:db8::1", "2001:db8::2"], "enabled = false\n"),
        "[[failover]]\nname = \"other\"\ndomain = \"WWW.example.com\"\nprimary = \"192.0.2.1\"\nbackups = [\"192.0.2.2\"]\nmonitor = \"m\"\n".to_owned(),
    ].concat());
    let names: Vec<&str> = config.instances.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        ["failover:api.example.com", "failover:www.example.com"]
    );
    let pools: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(
        pools,
        [
            "failover:f-4:primary",
            "failover:f-4:backup-1",
            "failover:f-4:backup-2",
            "failover:f-6:primary",
            "failover:f-6:backup-1",
            "failover:other:primary",
            "failover:other:backup-1",
        ]
    );
    let [api, www] = &config.instances[..] else {
        panic!("there are two");
    };
    assert_eq!(
        (api.ttl, www.ttl),
        (Duration::from_secs(30), Duration::from_secs(60))
    );
    let [four, six] = &api.strategies[..] else {
        panic!("there are two");
    };
    assert_eq!((four.name.as_str(), six.name.as_str()), ("f-4", "f-6"));
    assert_eq!((four.enabled, six.enabled), (true, false));
    assert_eq!(
        (&four.lines[..], &six.lines[..]),
        (&[LineId(0)][..], &[LineId(1)][..])
    );
    assert_eq!(four.tiers.len(), 3);
    assert_eq!(four.fallback, four.tiers[0].pools[0].pool);
    assert_eq!(
        config.pool(four.tiers[2].pools[0].pool).r#type,
        PoolType::Domain
    );
    assert_eq!(config.pool(four.fallback).monitor, Some(MonitorId(0)));
    assert_eq!(www.strategies[0].lines, [LineId::DEFAULT]);
}

#[test]
fn bad_failovers() {
    let change = |from: &str, to: &str| FAILOVER.replace(from, to);
    let more = |rest: &str| format!("{FAILOVER}{rest}");
    for (text, expected) in [
        (
            change("\"192.0.2.10\"", "\"192.0.2.300\""),
            vec![(
                5,
                "11: `primary` is \"192.0.2.300\"; it must be an IPv4 address, an IPv6 address or a domain name",
            )],
        ),
        (
            change("\"192.0.2.10\"", "\"::ffff:192.0.2.1\""),
            vec![(
                5,
                "11: `primary` is \"::ffff:192.0.2.1\"; it must be written as `192.0.2.1`",
            )],
        ),
        (
            change("192.0.2.11", "192.0.2.10"),
            vec![(
                6,
                "12: `192.0.2.10` is in this failover already, on line 12",
            )],
        ),
        (
            change("[\"192.0.2.11\"]", "[]"),
            vec![(6, "11: `backups` has 0 addresses; it may have 1 to 3")],
        ),
        (
            change(
                "\"192.0.2.11\"",
                "\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\", \"192.0.2.4\"",
            ),
            vec![(6, "51: `backups` has 4 addresses; it may have 1 to 3")],
        ),
        (
            change("\"m\"", "\"n\""),
            vec![(7, "11: no monitor is named `n`")],
        ),
        (
            change("monitor = \"m\"\n", ""),
            vec![(2, "1: `monitor` is missing in `failover`")],
        ),
        (
            more("line = \"defualt\"\n"),
            vec![(8, "8: no line is named `defualt`; did you mean `default`?")],
        ),
        (
            more("lines = [\"default\"]\n"),
            vec![(8, "1: unknown key `lines`; did you mean `line`?")],
        ),
        (
            change("api.example.com", "api.example.org"),
            vec![(
                4,
                "10: the access domain `api.example.org` is in no zone served here: the zones are example.com",
            )],
        ),
        (
            change("api.example.com", "a..b"),
            vec![(
                4,
                "10: `domain` is \"a..b\"; it must be a domain name (no label may be empty)",
            )],
        ),
        (
            change("\"192.0.2.11\"", "\"api.example.com\""),
            vec![(
                4,
                "10: the pool `failover:f:backup-1` sends `api.example.com` back to this instance: a CNAME loop",
            )],
        ),
    ] {
        expect_after(&[ZONE_AND_MONITOR], &text, &expected);
    }
}

/// Seven lines after `version`, so that a failover begins on line 9 of a case's file.
const ZONE_AND_MONITOR: &str = "[[zone]]\norigin = \"example.com\"\nns = [\"ns.example.net\"]\ncontact = \"ops.example.net\"\n[[monitor]]\nname = \"m\"\nprotocol = \"tcp\"\n";

#[test]
fn failovers_of_one_domain_agree() {
    let second = |line: &str, addresses: &[&str], more: &str| failover("g", line, addresses, more);
    let v4 = ["192.0.2.1", "192.0.2.2"];
    let before = [ZONE, MONITOR, LINES, FAILOVER, "ttl = \"30s\"\n"];
    for (text, expected) in [
        (second("a", &v4, ""), vec![]),
        (
            second("default", &["2001:db8::1", "2001:db8::2"], "ttl = 30\n"),
            vec![],
        ),
        (
            second("default", &v4, ""),
            vec![(
                5,
                "8: the line `default` is claimed for A by the failover `f` (line 16) already",
            )],
        ),
        (
            second("default", &["2001:db8::1", "cdn.example.net"], ""),
            vec![(
                5,
                "8: the line `default` is claimed for A by the failover `f` (line 16) already",
            )],
        ),
        (
            second("a", &v4, "ttl = \"1m\"\n"),
            vec![(
                9,
                "7: `ttl` is 1m; the failover `f` of `api.example.com` says 30s (line 21), and a name has one TTL: say it once or the same",
            )],
        ),
    ] {
        expect_after(&before, &text, &expected);
    }
}

#[test]
fn a_failover_and_an_instance_do_not_share_a_name() {
    let instance = format!("{INSTANCE}{STRATEGY}");
    let before = [ZONE, MONITOR, POOL, &instance];
    expect_after(
        &before,
        &FAILOVER.replace("api.", "www."),
        &[(
            4,
            "10: `www.example.com` is the domain of the instance `i` (line 15) already",
        )],
    );
    let instance = instance.replace(
        "domain = ",
        "access_domain = \"api.example.com\"\ndomain = ",
    );
    expect_after(
        &[ZONE, MONITOR, POOL, &instance],
        FAILOVER,
        &[(
            4,
            "10: `api.example.com` is the access domain of the instance `i` (line 15) already",
        )],
    );
    // Its business domain would be a CNAME, which the failover answers: the failover is told.
    let instance = instance
        .replace("\"api.example.com\"", "\"x.example.com\"")
        .replace("\"www.example.com\"", "\"api.example.com\"");
    expect_after(
        &[ZONE, MONITOR, POOL, &instance],
        FAILOVER,
        &[(
            4,
            "10: `api.example.com` is the domain of the instance `i` (line 16) already",
        )],
    );
}

/// The addresses of a failover on one line: of one family each, or mixed.
fn on_a_line() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    const V4: [&str; 5] = [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
        "192.0.2.4",
        "192.0.2.5",
    ];
    const V6: [&str; 4] = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"];
    const ANY: [&str; 5] = [
        "192.0.2.1",
        "2001:db8::1",
        "x.example.net",
        "y.example.net",
        "192.0.2.2",
    ];
    let some =
        |from: &'static [&'static str]| prop::sample::subsequence(from, 2..=4).prop_shuffle();
    prop_oneof![
        Just(vec![]),
        some(&V4).prop_map(|four| vec![four]),
        some(&V6).prop_map(|six| vec![six]),
        (some(&V4), some(&V6)).prop_map(|(four, six)| vec![four, six]),
        some(&ANY).prop_map(|mixed| vec![mixed]),
    ]
}

/// What the failovers say, the long way.
fn long_form(on_lines: &[Vec<Vec<&str>>], ttl_s: u64) -> String {
    let (mut pools, mut strategies) = (String::new(), String::new());
    for (line, failovers) in ["default", "a", "b"].iter().zip(on_lines) {
        for (number, addresses) in failovers.iter().enumerate() {
            let mut tiers = Vec::new();
            for (at, address) in addresses.iter().enumerate() {
                let r#type = match address {
                    domain if domain.ends_with("net") => "domain",
                    six if six.contains(':') => "ipv6",
                    _ => "ipv4",
                };
                let pool = format!("{line}-{number}-{at}");
                pools += &format!(
                    "[[pool]]\nname = \"{pool}\"\ntype = \"{type}\"\nmonitor = \"m\"\naddress = [{{ value = \"{address}\" }}]\n"
                );
                tiers.push(format!("{{ pools = [\"{pool}\"] }}"));
            }
            let tiers = tiers.join(", ");
            strategies += &format!(
                "[[instance.strategy]]\nname = \"{line}-{number}\"\nlines = [\"{line}\"]\nfallback = \"{line}-{number}-0\"\ntier = [{tiers}]\n"
            );
        }
    }
    format!(
        "{pools}[[instance]]\nname = \"api\"\ndomain = \"api.example.com\"\nttl = {ttl_s}\n{strategies}"
    )
}

proptest! {
    #[test]
    fn the_long_form_decides_the_same(
        first in on_a_line().prop_filter("the long form needs `default`", |it| !it.is_empty()),
        more in prop::array::uniform2(on_a_line()),
        ttl_s in 1..1_000_u64,
        down in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let [second, third] = more;
        let on_lines = [first, second, third];
        let mut short_text = String::new();
        for (line, failovers) in ["default", "a", "b"].iter().zip(&on_lines) {
            for (number, addresses) in failovers.iter().enumerate() {
                let ttl = if short_text.is_empty() { format!("ttl = {ttl_s}\n") } else { String::new() };
                short_text += &failover(&format!("{line}-{number}"), line, addresses, &ttl);
            }
        }
        let (short, long) = (config(&short_text), config(&long_form(&on_lines, ttl_s)));
        let addresses: Vec<Address> = long
            .pools
            .iter()
            .map(|pool| pool.addresses[0].value.clone())
            .collect();
        let down: HashMap<_, _> = down
            .iter()
            .map(|at| ((MonitorId(0), at.get(&addresses).clone()), AddressState::Down))
            .collect();
        let health = Observed(down);
        prop_assert_eq!(short.instances.len(), 1);
        let [one, other] = [&short, &long].map(|config| &config.instances[0]);
        prop_assert_eq!(short.effective_ttl(one), long.effective_ttl(other));
        for ipv6 in [false, true] {
            for chain in [&[LineId(0)][..], &[LineId(1), LineId(0)], &[LineId(2), LineId(1), LineId(0)]] {
                let answers = [(&short, one), (&long, other)].map(|(config, instance)| {
                    let claim = choose_line(chain, &assign(config, instance, ipv6))?;
                    let strategy = &instance.strategies[claim.strategy];
                    Some((claim, decide(config, instance, strategy, &health)))
                });
                prop_assert_eq!(&answers[0], &answers[1]);
            }
        }
    }
}

#[test]
fn lines_that_no_failover_names_are_not_answered() {
    let text = FAILOVER.replace("primary", "line = \"a\"\nprimary");
    let config = config(&text);
    let claims = assign(&config, &config.instances[0], false);
    assert_eq!(choose_line(&[LineId(2), LineId(0)], &claims), None);
    assert!(choose_line(&[LineId(1), LineId(0)], &claims).is_some());
}

//! Plans: what each allows, overrides, the floor of TTLs, and each quota with its exact message.

use std::path::Path;
use std::time::Duration;

use super::harness::{ZONE, expect, problems};
use crate::config::model::{Config, Plan, Profile, ProtocolKind};
use crate::config::parse;

fn config(text: &str) -> Config {
    parse(
        &format!("version = 1\n{text}"),
        Path::new("/nowhere/x.toml"),
    )
    .unwrap_or_else(|problems| panic!("{problems}"))
}

/// A monitor, so many addresses in a pool, and an instance; `plan` begins on line 2.
fn using(plan: &str, addresses: usize, more: &str) -> String {
    let addresses: Vec<String> = (1..=addresses)
        .map(|n| format!("{{ value = \"192.0.2.{n}\" }}"))
        .collect();
    let addresses = addresses.join(", ");
    format!(
        "{plan}\n{ZONE}[[monitor]]\nname = \"m\"\nprotocol = \"ping\"\ninterval = \"5m\"\n[[pool]]\nname = \"p\"\ntype = \"ipv4\"\nmonitor = \"m\"\naddress = [{addresses}]\n[[instance]]\nname = \"i\"\ndomain = \"www.example.com\"\n{more}[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{{ pools = [\"p\"] }}]\n"
    )
}

#[test]
fn the_profiles_are_product_md_s() {
    let row = |profile| {
        let plan = Plan::of(profile);
        let counts = [
            plan.max_addresses,
            plan.max_probe_tasks,
            plan.max_nodes,
            plan.max_lines,
        ];
        let seconds = [plan.min_interval, plan.min_ttl].map(|it| it.as_secs());
        (
            counts.map(|it| it.unwrap_or_default()),
            seconds,
            plan.protocols.len(),
            plan.types.len(),
            plan.weight_policy,
        )
    };
    assert_eq!(
        row(Profile::Failover),
        ([3, 9, 3, 3], [300, 600], 1, 1, false)
    );
    assert_eq!(
        row(Profile::Standard),
        ([16, 216, 24, 5], [60, 60], 4, 3, true)
    );
    assert_eq!(
        row(Profile::Ultimate),
        ([16, 592, 37, 13], [15, 1], 4, 3, true)
    );
    for (profile, word) in Profile::ALL {
        assert_eq!(profile.word(), word);
        assert_eq!(
            Plan::of(profile).is_unlimited(),
            profile == Profile::Unlimited
        );
    }
    for (kind, word) in ProtocolKind::ALL {
        assert_eq!(kind.word(), word);
    }
}

#[test]
fn an_instance_s_own_plan_is_used_else_the_common_one() {
    let plan = "plan = { profile = \"standard\", max_addresses = 1, min_ttl = 90 }\n";
    let own = config(&using(
        "[plan]\nprofile = \"ultimate\"\nmax_lines = 40",
        1,
        plan,
    ));
    assert_eq!(own.plan.max_lines, Some(40));
    assert_eq!(own.plan.max_nodes, Some(37));
    let instance = &own.instances[0];
    assert_eq!(own.plan_of(instance).profile, Profile::Standard);
    assert_eq!(own.effective_ttl(instance), Duration::from_secs(90));
    let common = config(&using("[plan]\nprofile = \"failover\"", 1, "ttl = 1\n"));
    let instance = &common.instances[0];
    assert_eq!(common.plan_of(instance), &common.plan);
    assert_eq!(common.effective_ttl(instance), Duration::from_secs(600));
    let named = config(&using(
        "[plan]\nprofile = \"failover\"",
        4,
        "plan = \"unlimited\"\n",
    ));
    assert!(named.plan_of(&named.instances[0]).is_unlimited());
}

#[test]
fn counts_are_held_against_the_plan() {
    expect(&using("[plan]\nprofile = \"failover\"", 3, ""), &[]);
    expect(
        &using("[plan]\nprofile = \"failover\"", 5, ""),
        &["16:97: the instance `i` has 5 monitored addresses; its plan \"failover\" allows 3"],
    );
    // An override, and addresses that nobody monitors or that are disabled, which do not count.
    expect(
        &using("[plan]\nprofile = \"failover\"\nmax_addresses = 5", 5, ""),
        &[],
    );
    let text = using("[plan]\nprofile = \"failover\"", 5, "");
    expect(&text.replace("monitor = \"m\"\n", ""), &[]);
    expect(
        &text.replace("[[instance]]", "[[instance]]\nenabled = false"),
        &[],
    );
    expect(
        &text
            .replace(".4\" }", ".4\", enabled = false }")
            .replace(".5\" }", ".5\", enabled = false }"),
        &[],
    );
    expect(
        &using("[plan]\nmax_probe_tasks = 3", 5, ""),
        &["18:8: the instance `i` has 5 probe tasks; its plan \"unlimited\" allows 3"],
    );
    let lines = "[[line]]\nname = \"a\"\nprefixes = [\"192.0.2.0/24\"]\n";
    let text =
        using("[plan]\nmax_lines = 1", 1, "").replace("[\"default\"]", "[\"default\", \"a\"]");
    expect(
        &format!("{text}{lines}"),
        &["22:21: the instance `i` has 2 lines; its plan \"unlimited\" allows 1"],
    );
}

#[test]
fn kinds_are_held_against_the_plan() {
    let failover =
        |from: &str, to: &str| using("[plan]\nprofile = \"failover\"", 2, "").replace(from, to);
    for (text, expected) in [
        (
            failover("\"ping\"", "\"tcp\""),
            vec!["10:12: `protocol` is \"tcp\"; the plan \"failover\" allows \"ping\" only"],
        ),
        (
            failover("interval = \"5m\"\n", ""),
            vec!["9:8: `interval` is 1m; the plan \"failover\" allows 5m and longer"],
        ),
        (
            failover("interval = \"5m\"", "interval = \"5m\"\nenabled = false"),
            vec![],
        ),
        (
            failover("type = \"ipv4\"", "policy = \"weight\"\ntype = \"ipv4\""),
            vec!["14:10: `policy` is \"weight\"; the plan \"failover\" allows \"all\" only"],
        ),
        (
            failover("[\"p\"] }]", "[\"p\"], policy = \"weight\" }]"),
            vec!["24:35: `policy` is \"weight\"; the plan \"failover\" allows \"all\" only"],
        ),
        (
            failover("ipv4", "ipv6").replace("192.0.2.", "2001:db8::"),
            vec!["14:8: `type` is \"ipv6\"; the plan \"failover\" allows \"ipv4\" only"],
        ),
    ] {
        expect(&text, &expected);
    }
    // Two instances on one pool: it is told once.
    let second = "[[instance]]\nname = \"j\"\ndomain = \"j.example.com\"\n[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n";
    let text = failover("\"ping\"", "\"tcp\"") + second;
    assert_eq!(problems(&text).len(), 1);
}

#[test]
fn what_no_instance_uses_is_held_against_the_common_plan() {
    expect(
        "[plan]\nprofile = \"failover\"\n[[monitor]]\nname = \"m\"\nprotocol = \"tcp\"\n[[pool]]\nname = \"p\"\ntype = \"domain\"\npolicy = \"weight\"\naddress = [{ value = \"www.example.net\" }]\n",
        &[
            "5:8: `interval` is 1m; the plan \"failover\" allows 5m and longer",
            "6:12: `protocol` is \"tcp\"; the plan \"failover\" allows \"ping\" only",
            "9:8: `type` is \"domain\"; the plan \"failover\" allows \"ipv4\" only",
            "10:10: `policy` is \"weight\"; the plan \"failover\" allows \"all\" only",
        ],
    );
}

#[test]
fn failovers_are_held_against_the_common_plan() {
    let text = |more: &str| {
        format!(
            "[plan]\nprofile = \"failover\"\n{ZONE}[[monitor]]\nname = \"m\"\nprotocol = \"ping\"\ninterval = 300\n[[failover]]\nname = \"f\"\ndomain = \"www.example.com\"\nprimary = \"192.0.2.1\"\nbackups = [\"192.0.2.2\"{more}]\nmonitor = \"m\"\n"
        )
    };
    expect(&text(""), &[]);
    expect(
        &text(", \"2001:db8::1\", \"192.0.2.4\""),
        &[
            "16:25: `type` is \"ipv6\"; the plan \"failover\" allows \"ipv4\" only",
            "16:40: the instance `failover:www.example.com` has 4 monitored addresses; its plan \"failover\" allows 3",
        ],
    );
}

#[test]
fn bad_plans() {
    for (text, expected) in [
        (
            "max_nodes = 0",
            "3:13: `max_nodes` is 0; it must be a whole number from 1 to 10000000",
        ),
        (
            "protocols = []",
            "3:13: `protocols` is empty; leave it out for those of the profile",
        ),
        (
            "types = [\"ipv4\", \"ipv4\"]",
            "3:18: `ipv4` stands in this list twice",
        ),
        (
            "protocols = [\"htp\"]",
            "3:14: `protocols` is \"htp\"; it must be \"ping\", \"tcp\", \"http\" or \"https\"; did you mean `http`?",
        ),
        (
            "max_line = 3",
            "3:1: unknown key `max_line`; did you mean `max_lines`?",
        ),
    ] {
        expect(&format!("[plan]\n{text}"), &[expected]);
    }
    expect(
        &using("", 1, "plan = \"standart\"\n"),
        &[
            "19:8: `plan` is \"standart\"; it must be \"unlimited\", \"failover\", \"standard\" or \"ultimate\"; did you mean `standard`?",
        ],
    );
}

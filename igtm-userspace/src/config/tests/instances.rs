//! Bad instances, strategies and tiers, each with its exact messages.

use super::harness::{INSTANCE, POOL, STRATEGY, ZONE, expect_after};

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
            vec![(9, "19: `pools` is empty; a tier has at least one pool")],
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
                (9, "29: no pool is named `q`"),
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
            "15: the line `default` is claimed for A by the strategy `s` (line 17) already",
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
}

#[test]
fn domains_that_no_reply_could_be_drawn_from() {
    let pool = |count: usize| {
        let domains: Vec<String> = (0..count)
            .map(|at| format!("{{ value = \"target-{at:02}.cdn.example.net\" }}"))
            .collect();
        let domains = domains.join(", ");
        format!("[[pool]]\nname = \"p\"\ntype = \"domain\"\naddress = [{domains}]\n")
    };
    let before = [ZONE, INSTANCE, STRATEGY];
    // Each takes 12 octets and a name of 27: 91 fit 3568 octets.
    expect_after(&before, &pool(91), &[]);
    let problem = "these domains take 3588 octets of records; more than 3568 are not supported";
    // Said of the fallback and of the tier.
    expect_after(
        &before,
        &pool(92),
        &[
            (0, &format!("12: {problem}")),
            (1, &format!("20: {problem}")),
        ],
    );
}

//! The rules of product.md §3 one by one, as a table a person can read.

use super::fixture::{self, Observed};
use super::{Decision, Draw, decide};
use crate::config::model::Policy::{All, Weight};
use crate::config::model::Switch::{Auto, Hold};
use crate::config::model::*;
use crate::health::AddressState;

/// Pools are named by their position, their addresses by a final digit.
struct Case {
    what: &'static str,
    pools: &'static [PoolCase],
    switch: Switch,
    tiers: &'static [TierCase],
    fallback: usize,
    /// (pool, address) that is down there.
    down: &'static [(usize, &'static str)],
    answer: &'static str,
}

/// Policy, and (address, weight).
type PoolCase = (Policy, &'static [(&'static str, u32)]);

/// Policy, min_healthy, and (pool, weight).
type TierCase = (Policy, usize, &'static [(usize, u32)]);

const ONE: PoolCase = (All, &[("192.0.2.1", 100)]);
const TWO: PoolCase = (All, &[("192.0.2.2", 100)]);
const ALL_34: PoolCase = (All, &[("192.0.2.3", 80), ("192.0.2.4", 20)]);
const WEIGHT_34: PoolCase = (Weight, &[("192.0.2.3", 80), ("192.0.2.4", 20)]);
const WEIGHT_45: PoolCase = (Weight, &[("192.0.2.4", 10), ("192.0.2.5", 30)]);
const DOMAINS: PoolCase = (Weight, &[("a.example.net", 3), ("b.example.net", 1)]);

const CASES: &[Case] = &[
    Case {
        what: "an all pool in an all tier: every address, rotated",
        pools: &[ALL_34],
        switch: Auto,
        tiers: &[(All, 1, &[(0, 50)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: all of 192.0.2.3 192.0.2.4",
    },
    Case {
        what: "a weight pool in an all tier: every address, rotated",
        pools: &[WEIGHT_34],
        switch: Auto,
        tiers: &[(All, 1, &[(0, 50)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: all of 192.0.2.3 192.0.2.4",
    },
    Case {
        what: "a weight pool in a weight tier: address weight × pool weight",
        pools: &[WEIGHT_34],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 50)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: one of 192.0.2.3×4000 192.0.2.4×1000",
    },
    Case {
        what: "an all pool in a weight tier: the pool's weight each",
        pools: &[ALL_34],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 50)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: one of 192.0.2.3×50 192.0.2.4×50",
    },
    Case {
        what: "both policies in one weight tier: each by its own row",
        pools: &[ONE, WEIGHT_34],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 100), (1, 2)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: one of 192.0.2.1×100 192.0.2.3×160 192.0.2.4×40",
    },
    Case {
        what: "an address in two pools of a tier: once, its weights added",
        pools: &[ALL_34, WEIGHT_45],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 7), (1, 2)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: one of 192.0.2.3×7 192.0.2.4×27 192.0.2.5×60",
    },
    Case {
        what: "down in one of its pools only: usable, with all its weight",
        pools: &[ALL_34, WEIGHT_45],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 7), (1, 2)])],
        fallback: 0,
        down: &[(1, "192.0.2.4")],
        answer: "tier 1: one of 192.0.2.3×7 192.0.2.4×27 192.0.2.5×60",
    },
    Case {
        what: "down in both of its pools: withheld",
        pools: &[ALL_34, WEIGHT_45],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 7), (1, 2)])],
        fallback: 0,
        down: &[(0, "192.0.2.4"), (1, "192.0.2.4")],
        answer: "tier 1: one of 192.0.2.3×7 192.0.2.5×60",
    },
    Case {
        what: "an address in two pools counts once towards min_healthy",
        pools: &[ONE, ONE, TWO],
        switch: Auto,
        tiers: &[(All, 2, &[(0, 1), (1, 1)]), (All, 1, &[(2, 1)])],
        fallback: 0,
        down: &[],
        answer: "tier 2: all of 192.0.2.2",
    },
    Case {
        what: "fewer usable than min_healthy: the next tier, though some are left",
        pools: &[ALL_34, TWO],
        switch: Auto,
        tiers: &[(All, 2, &[(0, 1)]), (All, 1, &[(1, 1)])],
        fallback: 0,
        down: &[(0, "192.0.2.3")],
        answer: "tier 2: all of 192.0.2.2",
    },
    Case {
        what: "no tier has enough: every address of the fallback, its health and policy ignored",
        pools: &[ONE, WEIGHT_34],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 1)])],
        fallback: 1,
        down: &[(0, "192.0.2.1"), (1, "192.0.2.3")],
        answer: "fallback: all of 192.0.2.3 192.0.2.4",
    },
    Case {
        what: "hold: min_healthy ignored, the down one withheld",
        pools: &[ALL_34, TWO],
        switch: Hold,
        tiers: &[(All, 2, &[(0, 1)]), (All, 1, &[(1, 1)])],
        fallback: 1,
        down: &[(0, "192.0.2.3")],
        answer: "tier 1: all of 192.0.2.4",
    },
    Case {
        what: "hold with none left: all of the first tier",
        pools: &[ALL_34, TWO],
        switch: Hold,
        tiers: &[(All, 1, &[(0, 1)]), (All, 1, &[(1, 1)])],
        fallback: 1,
        down: &[(0, "192.0.2.3"), (0, "192.0.2.4")],
        answer: "tier 1: all of 192.0.2.3 192.0.2.4",
    },
    Case {
        what: "hold with none left in a weight tier: still one, by weight",
        pools: &[WEIGHT_34],
        switch: Hold,
        tiers: &[(Weight, 1, &[(0, 1)])],
        fallback: 0,
        down: &[(0, "192.0.2.3"), (0, "192.0.2.4")],
        answer: "tier 1: one of 192.0.2.3×80 192.0.2.4×20",
    },
    Case {
        what: "domains in an all tier: one CNAME, drawn evenly",
        pools: &[DOMAINS],
        switch: Auto,
        tiers: &[(All, 1, &[(0, 100)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: CNAME, all of a.example.net b.example.net",
    },
    Case {
        what: "domains in a weight tier: one CNAME, by weight",
        pools: &[DOMAINS],
        switch: Auto,
        tiers: &[(Weight, 1, &[(0, 100)])],
        fallback: 0,
        down: &[],
        answer: "tier 1: CNAME, one of a.example.net×300 b.example.net×100",
    },
];

fn in_words(decision: &Decision) -> String {
    let answer = &decision.answer;
    let (how, weighed) = match answer.draw {
        Draw::Rotate => ("all of", false),
        Draw::Weighted => ("one of", true),
    };
    let cname = if answer.kind == PoolType::Domain {
        "CNAME, "
    } else {
        ""
    };
    let candidates = answer.candidates.iter().map(|one| match weighed {
        true => format!("{}×{}", one.address, one.weight),
        false => one.address.to_string(),
    });
    let candidates: Vec<_> = candidates.collect();
    format!("{}: {cname}{how} {}", decision.active, candidates.join(" "))
}

#[test]
fn every_rule() {
    for case in CASES {
        let mut config = fixture::config();
        for (at, (policy, addresses)) in case.pools.iter().enumerate() {
            fixture::pool(&mut config, &at.to_string(), *policy, addresses);
        }
        let tiers = case.tiers.iter().map(|(policy, min_healthy, pools)| {
            let pools: Vec<_> = pools.iter().map(|&(at, w)| (PoolId(at), w)).collect();
            fixture::tier(*policy, *min_healthy, &pools)
        });
        let lines = [LineId::DEFAULT];
        let fallback = PoolId(case.fallback);
        let mut strategy = fixture::strategy("s", &lines, tiers.collect(), fallback);
        strategy.switch = case.switch;
        let mut health = Observed::default();
        for (pool, address) in case.down {
            let key = (MonitorId(*pool), fixture::address(address));
            health.0.insert(key, AddressState::Down);
        }
        let instance = fixture::instance(vec![strategy]);
        let decision = decide(&config, &instance, &instance.strategies[0], &health);
        assert_eq!(in_words(&decision), case.answer, "{}", case.what);
    }
}

#[test]
fn a_disabled_address_is_never_answered() {
    let mut config = fixture::config();
    let two = [("192.0.2.1", 100), ("192.0.2.2", 100)];
    let pool = fixture::pool(&mut config, "p", All, &two);
    config.pools[pool.0].addresses[0].enabled = false;
    for (switch, down, answer) in [
        (Auto, false, "tier 1: all of 192.0.2.2"),
        (Auto, true, "fallback: all of 192.0.2.2"),
        (Hold, true, "tier 1: all of 192.0.2.2"),
    ] {
        let tiers = vec![fixture::tier(All, 1, &[(pool, 1)])];
        let mut strategy = fixture::strategy("s", &[LineId::DEFAULT], tiers, pool);
        strategy.switch = switch;
        let mut health = Observed::default();
        if down {
            let key = (MonitorId(0), fixture::address("192.0.2.2"));
            health.0.insert(key, AddressState::Down);
        }
        let instance = fixture::instance(vec![strategy]);
        let decision = decide(&config, &instance, &instance.strategies[0], &health);
        assert_eq!(in_words(&decision), answer);
        assert_eq!(decision.tiers[0].enabled, 1);
    }
}

#[test]
fn how_many_one_answer_holds() {
    let many: Vec<String> = (1..=30).map(|n| format!("192.0.2.{n}")).collect();
    let many: Vec<_> = many.iter().map(|text| (text.as_str(), 1)).collect();
    let many_v6: Vec<String> = (1..=30).map(|n| format!("2001:db8::{n}")).collect();
    let many_v6: Vec<_> = many_v6.iter().map(|text| (text.as_str(), 1)).collect();
    let domains = [("a.example.net", 1), ("b.example.net", 1)];
    for (addresses, policy, max_answers, window) in [
        (&many[..], All, None, 20),
        (&many[..], All, Some(25), 25),
        (&many[..], All, Some(40), 30),
        (&many[..3], All, None, 3),
        (&many[..], Weight, Some(25), 1),
        (&many_v6[..], All, None, 8),
        (&many_v6[..], All, Some(9), 9),
        (&domains[..], All, Some(9), 1),
    ] {
        let mut config = fixture::config();
        let pool = fixture::pool(&mut config, "p", All, addresses);
        let tiers = vec![fixture::tier(policy, 1, &[(pool, 1)])];
        let strategy = fixture::strategy("s", &[LineId::DEFAULT], tiers, pool);
        let mut instance = fixture::instance(vec![strategy]);
        instance.max_answers = max_answers;
        let decision = decide(
            &config,
            &instance,
            &instance.strategies[0],
            &Observed::default(),
        );
        assert_eq!(
            decision.answer.window(instance.max_answers),
            window,
            "{max_answers:?}"
        );
    }
}

#[test]
fn which_families_an_answer_fits() {
    for (address, a, aaaa) in [
        ("192.0.2.1", true, false),
        ("2001:db8::1", false, true),
        ("a.example.net", true, true),
    ] {
        let mut config = fixture::config();
        let pool = fixture::pool(&mut config, "p", All, &[(address, 1)]);
        let tiers = vec![fixture::tier(All, 1, &[(pool, 1)])];
        let strategy = fixture::strategy("s", &[LineId::DEFAULT], tiers, pool);
        let instance = fixture::instance(vec![strategy]);
        let decision = decide(
            &config,
            &instance,
            &instance.strategies[0],
            &Observed::default(),
        );
        assert_eq!(decision.answer.fits(false), a, "{address}");
        assert_eq!(decision.answer.fits(true), aaaa, "{address}");
    }
}

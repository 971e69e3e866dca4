//! The policy against a slow, obvious reading of product.md §3, over generated configurations.

use proptest::prelude::{Strategy as Generate, any, prop, prop_assert, prop_assert_eq, proptest};

use super::fixture::{self, Observed};
use super::{Active, Decision, Draw, assign, choose_line, decide};
use crate::config::model::*;
use crate::health::AddressState;

/// A configuration with one instance of one strategy, and what is observed.
#[derive(Clone, Debug)]
struct World {
    config: Config,
    observed: Observed,
}

impl World {
    fn instance(&self) -> &Instance {
        &self.config.instances[0]
    }

    fn strategy(&self) -> &Strategy {
        &self.instance().strategies[0]
    }

    fn decide(&self) -> Decision {
        decide(
            &self.config,
            self.instance(),
            self.strategy(),
            &self.observed,
        )
    }

    /// Whether this entry of this pool may be used: enabled, and not seen down.
    fn usable_entry(&self, pool: &Pool, entry: &PoolAddress) -> bool {
        let Some(id) = pool.monitor.filter(|id| self.config.monitor(*id).enabled) else {
            return entry.enabled;
        };
        let seen = self.observed.0.get(&(id, entry.value.clone()));
        entry.enabled && seen != Some(&AddressState::Down)
    }

    /// Every enabled address of these pools once, in order, whether usable in any of them.
    fn addresses(&self, pools: &[PoolId]) -> Vec<(Address, bool)> {
        let mut found: Vec<(Address, bool)> = Vec::new();
        for pool in pools.iter().map(|id| self.config.pool(*id)) {
            for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
                if !found.iter().any(|(address, _)| *address == entry.value) {
                    let anywhere = pools.iter().any(|id| {
                        let other = self.config.pool(*id);
                        let mut entries = other.addresses.iter();
                        entries.any(|one| one.value == entry.value && self.usable_entry(other, one))
                    });
                    found.push((entry.value.clone(), anywhere));
                }
            }
        }
        found
    }

    /// The table of §3: the weight of an address in a weight tier.
    fn weight(&self, tier: &Tier, address: &Address) -> u32 {
        let mut sum = 0;
        for place in &tier.pools {
            let pool = self.config.pool(place.pool);
            for entry in &pool.addresses {
                if entry.value == *address && entry.enabled {
                    if pool.policy == Policy::Weight {
                        sum += entry.weight * place.weight;
                    } else {
                        sum += place.weight;
                    }
                }
            }
        }
        sum
    }

    /// What §3 says: who answers, whether one is drawn by weight, and the addresses.
    fn by_words(&self) -> (Active, Draw, Vec<(Address, u32)>) {
        let strategy = self.strategy();
        let pools = |tier: &Tier| tier.pools.iter().map(|one| one.pool).collect::<Vec<_>>();
        let mut chosen = None;
        for (at, tier) in strategy.tiers.iter().enumerate() {
            let all = self.addresses(&pools(tier));
            let usable: Vec<_> = all.iter().filter(|one| one.1).cloned().collect();
            let active = match strategy.switch {
                Switch::Hold => true,
                Switch::Auto => usable.len() >= tier.min_healthy,
            };
            if active && usable.is_empty() {
                chosen = Some((Active::HeldAll, tier, all));
            } else if active {
                chosen = Some((Active::Tier(at), tier, usable));
            }
            if chosen.is_some() {
                break;
            }
        }
        match chosen {
            Some((active, tier, addresses)) if tier.policy == Policy::Weight => {
                let weigh = |(address, _)| {
                    let weight = self.weight(tier, &address);
                    (address, weight)
                };
                let weighed = addresses.into_iter().map(weigh).collect();
                (active, Draw::Weighted, weighed)
            }
            Some((active, _, addresses)) => {
                let even = addresses.into_iter().map(|(address, _)| (address, 1));
                (active, Draw::Rotate, even.collect())
            }
            None => {
                let all = self.addresses(&[strategy.fallback]);
                let even = all.into_iter().map(|(address, _)| (address, 1));
                (Active::Fallback, Draw::Rotate, even.collect())
            }
        }
    }
}

const POOLS: usize = 9;

/// Three pools of each type over few addresses, so that pools share them.
fn any_world() -> impl Generate<Value = World> {
    let pool = (
        any::<bool>(),
        prop::collection::btree_map(0..5_u8, (1..=100_u32, prop::bool::weighted(0.8)), 1..5),
        prop::sample::select(vec![Some(true), Some(true), Some(true), Some(false), None]),
        prop::collection::vec(0..7_u8, 5),
    );
    let tier = (
        0..3_usize,
        prop::collection::btree_map(0..3_usize, 1..=100_u32, 1..=3),
        any::<bool>(),
        1..4_usize,
    );
    (
        prop::collection::vec(pool, POOLS),
        prop::collection::vec(tier, 1..=4),
        prop::bool::weighted(0.3),
        0..POOLS,
    )
        .prop_map(|(pools, tiers, hold, fallback)| {
            let mut config = fixture::config();
            let mut observed = Observed::default();
            for (at, (weighted, addresses, monitored, states)) in pools.into_iter().enumerate() {
                let texts: Vec<_> = addresses
                    .iter()
                    .map(|(n, (weight, _))| (address_text(at / 3, *n), *weight))
                    .collect();
                let given: Vec<_> = texts.iter().map(|(text, w)| (text.as_str(), *w)).collect();
                let id =
                    fixture::pool(&mut config, &format!("pool-{at}"), policy(weighted), &given);
                let pool = &mut config.pools[id.0];
                for (entry, (n, (_, enabled))) in pool.addresses.iter_mut().zip(&addresses) {
                    entry.enabled = *enabled;
                    let state = match states[usize::from(*n)] {
                        0 => AddressState::Ok,
                        1 => AddressState::Warn,
                        2 => AddressState::Unknown,
                        // Down more often than not, or no tier is ever left.
                        _ => AddressState::Down,
                    };
                    observed
                        .0
                        .insert((MonitorId(at), entry.value.clone()), state);
                }
                pool.monitor = monitored.map(|_| MonitorId(at));
                config.monitors[at].enabled = monitored == Some(true);
            }
            let tiers = tiers.into_iter().map(|(r#type, members, weighted, min)| {
                let places = members
                    .into_iter()
                    .map(|(at, w)| (PoolId(r#type * 3 + at), w));
                fixture::tier(policy(weighted), min, &places.collect::<Vec<_>>())
            });
            let lines = [LineId::DEFAULT];
            let mut strategy = fixture::strategy("s", &lines, tiers.collect(), PoolId(fallback));
            strategy.switch = if hold { Switch::Hold } else { Switch::Auto };
            config.instances.push(fixture::instance(vec![strategy]));
            World { config, observed }
        })
}

fn policy(weighted: bool) -> Policy {
    if weighted {
        Policy::Weight
    } else {
        Policy::All
    }
}

fn address_text(r#type: usize, n: u8) -> String {
    match r#type {
        0 => format!("192.0.2.{n}"),
        1 => format!("2001:db8::{n}"),
        _ => format!("d{n}.example.net"),
    }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    #[test]
    fn a_decision_is_what_the_words_say(world in any_world()) {
        let decision = world.decide();
        let (active, draw, addresses) = world.by_words();
        prop_assert_eq!(decision.active, active);
        prop_assert_eq!(decision.answer.draw, draw);
        let weights = decision.answer.candidates.iter().map(|one| (one.address.clone(), one.weight));
        prop_assert_eq!(weights.collect::<Vec<_>>(), addresses);
    }

    #[test]
    fn every_tier_is_counted_as_the_words_say(world in any_world()) {
        let decision = world.decide();
        prop_assert_eq!(decision.tiers.len(), world.strategy().tiers.len());
        for (view, tier) in decision.tiers.iter().zip(&world.strategy().tiers) {
            let pools: Vec<_> = tier.pools.iter().map(|one| one.pool).collect();
            let all = world.addresses(&pools);
            prop_assert_eq!(view.enabled, all.len());
            prop_assert_eq!(view.usable, all.iter().filter(|one| one.1).count());
            prop_assert_eq!(view.min_healthy, tier.min_healthy);
        }
    }

    #[test]
    fn candidates_are_of_their_type_and_pools(world in any_world()) {
        let decision = world.decide();
        let answer = &decision.answer;
        for one in &answer.candidates {
            prop_assert!(!one.pools.is_empty());
            for pool in &one.pools {
                let pool = world.config.pool(*pool);
                prop_assert_eq!(pool.r#type, answer.kind);
                prop_assert!(pool.addresses.iter().any(|entry| entry.enabled && entry.value == one.address));
            }
            let withheld = matches!(decision.active, Active::Tier(_)) && !one.state.usable();
            prop_assert!(!withheld, "{} is down", one.address);
        }
        let shares = answer.shares();
        let total: u32 = answer.candidates.iter().map(|one| one.weight).sum();
        for (one, share) in answer.candidates.iter().zip(&shares) {
            prop_assert!((share * f64::from(total) - f64::from(one.weight)).abs() < 1e-6);
        }
        if !shares.is_empty() {
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_claim_is_the_first_of_the_chain(
        claimed in prop::collection::vec((prop::collection::btree_set(0..5_u16, 0..3), 0..3_usize, any::<bool>()), 1..4),
        chain in prop::sample::subsequence(vec![4_u16, 2, 1, 3], 0..=4),
        ipv6 in any::<bool>(),
        enabled in any::<bool>(),
    ) {
        let mut config = fixture::config();
        let pools = ["192.0.2.1", "2001:db8::1", "d.example.net"]
            .map(|text| fixture::pool(&mut config, text, Policy::All, &[(text, 1)]));
        let strategies = claimed.iter().map(|(lines, r#type, on)| {
            let lines: Vec<_> = lines.iter().map(|at| LineId(*at)).collect();
            let tiers = vec![fixture::tier(Policy::All, 1, &[(pools[*r#type], 1)])];
            let mut strategy = fixture::strategy("s", &lines, tiers, pools[*r#type]);
            strategy.enabled = *on;
            strategy
        });
        let mut instance = fixture::instance(strategies.collect());
        instance.enabled = enabled;
        let mut chain: Vec<_> = chain.into_iter().map(LineId).collect();
        chain.push(LineId::DEFAULT);
        // Line by line, strategy by strategy.
        let mut expected = None;
        for line in &chain {
            for (at, (lines, r#type, on)) in claimed.iter().enumerate() {
                let family = *r#type == 2 || (*r#type == 1) == ipv6;
                if expected.is_none() && enabled && *on && family && lines.contains(&line.0) {
                    expected = Some((*line, at));
                }
            }
        }
        let claim = choose_line(&chain, &assign(&config, &instance, ipv6));
        prop_assert_eq!(claim.map(|claim| (claim.line, claim.strategy)), expected);
    }
}

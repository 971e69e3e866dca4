//! Strategies among each other and against their pools: claims, the default line, tiers.
//!
//! Must not look at names or zones.

use std::collections::{BTreeSet, HashMap};

use igtm_common::layout::LargeAnswer;

use super::super::instance::InstanceMark;
use super::super::model::{
    Address, Config, Instance, LineId, PoolId, PoolType, Strategy, Tier, TierPool,
};
use super::super::pool::type_word;
use super::super::problem::{At, Report};
use super::super::strategy::{StrategyMark, TierMark};
use super::Marks;

/// Looks at one instance.
pub(super) fn check(
    config: &Config,
    marks: &Marks,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    refuse_without_default(instance, mark, report);
    refuse_double_claims(config, marks, instance, mark, report);
    for (strategy, mark) in instance.strategies.iter().zip(&mark.strategies) {
        for (tier, mark) in strategy.tiers.iter().zip(&mark.tiers) {
            refuse_mixed_types(config, marks, tier, mark, report);
            refuse_high_threshold(config, marks, tier, mark, report);
            let pools = tier.pools.iter().map(|member| member.pool);
            if let Some(at) = mark.pools.first() {
                refuse_large(config, marks, pools, *at, report);
            }
        }
        refuse_empty_fallback(config, marks, strategy, mark, report);
        if mark.pools_known {
            refuse_large(config, marks, [strategy.fallback], mark.fallback, report);
        }
    }
}

fn refuse_without_default(instance: &Instance, mark: &InstanceMark, report: &Report<'_>) {
    let known = mark.strategies.iter().all(|mark| mark.lines_known);
    let mut enabled = instance.strategies.iter().filter(|s| s.enabled);
    let covered = enabled.any(|strategy| strategy.lines.contains(&LineId::DEFAULT));
    // An instance without any strategy is told so by its reader.
    if known && !covered && !instance.strategies.is_empty() {
        let message = format!(
            "the instance `{}` has no enabled strategy on the line `default`",
            instance.name
        );
        report.problem(mark.at, message);
    }
}

/// One line and family is claimed by one enabled strategy.
fn refuse_double_claims(
    config: &Config,
    marks: &Marks,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    if !has_double_claims(config, instance, mark) {
        return;
    }
    let mut claimed: HashMap<(LineId, bool), (&str, At)> = HashMap::new();
    for (strategy, mark) in instance.strategies.iter().zip(&mark.strategies) {
        if !strategy.enabled || !families_known(marks, strategy, mark) {
            continue;
        }
        let families = [false, true].map(|ipv6| strategy.claims(config, ipv6));
        for (line, at) in strategy.lines.iter().zip(&mark.lines) {
            let mut clashes: Vec<(&str, &str, At)> = Vec::new();
            for (ipv6, family) in [(false, "A"), (true, "AAAA")] {
                if !families[usize::from(ipv6)] {
                    continue;
                }
                match claimed.get(&(*line, ipv6)) {
                    Some((other, place)) => clashes.push((family, other, *place)),
                    None => {
                        claimed.insert((*line, ipv6), (&strategy.name, mark.at));
                    }
                }
            }
            for (family, other, place) in clashes {
                let place = report.line_of(place);
                let line = &config.line(*line).name;
                report.problem(
                    *at,
                    format!("the line `{line}` is claimed for {family} by the strategy `{other}` (line {place}) already"),
                );
            }
        }
    }
}

/// Whether there may be a line to tell of: cheaper than to find which, and hardly ever so.
fn has_double_claims(config: &Config, instance: &Instance, mark: &InstanceMark) -> bool {
    if mark.strategies.iter().any(|mark| !mark.pools_known) {
        return true;
    }
    let enabled = instance.strategies.iter().filter(|one| one.enabled);
    let mut claimed: Vec<(LineId, bool)> = enabled
        .flat_map(|strategy| {
            let families = [false, true].into_iter();
            let families = families.filter(|ipv6| strategy.claims(config, *ipv6));
            families.flat_map(|ipv6| strategy.lines.iter().map(move |line| (*line, ipv6)))
        })
        .collect();
    claimed.sort_unstable();
    claimed.windows(2).any(|pair| pair[0] == pair[1])
}

fn families_known(marks: &Marks, strategy: &Strategy, mark: &StrategyMark) -> bool {
    let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
    mark.pools_known
        && tiers
            .map(|member| member.pool)
            .chain([strategy.fallback])
            .all(|id| marks.pool(id).is_some_and(|pool| pool.type_known))
}

fn refuse_mixed_types(
    config: &Config,
    marks: &Marks,
    tier: &Tier,
    mark: &TierMark,
    report: &Report<'_>,
) {
    let known = |id: PoolId| marks.pool(id).is_some_and(|pool| pool.type_known);
    let mut members = tier
        .pools
        .iter()
        .zip(&mark.pools)
        .filter(|(member, _)| known(member.pool))
        .map(|(member, at)| (config.pool(member.pool), at));
    let Some((first, _)) = members.next() else {
        return;
    };
    for (pool, at) in members.filter(|(pool, _)| pool.r#type != first.r#type) {
        report.problem(
            *at,
            format!(
                "the pool `{}` is of type \"{}\" and `{}` of type \"{}\": a tier's pools have one type",
                pool.name,
                type_word(pool.r#type),
                first.name,
                type_word(first.r#type)
            ),
        );
    }
}

/// `min_healthy` counts distinct addresses that are enabled in some pool of the tier.
fn refuse_high_threshold(
    config: &Config,
    marks: &Marks,
    tier: &Tier,
    mark: &TierMark,
    report: &Report<'_>,
) {
    let known = |id: PoolId| marks.pool(id).is_some_and(|pool| pool.addresses_known);
    if !mark.known || !tier.pools.iter().all(|member| known(member.pool)) {
        return;
    }
    // Within one pool no address stands twice.
    let enabled = |member: &TierPool| {
        let addresses = config.pool(member.pool).addresses.iter();
        addresses.filter(|address| address.enabled).count()
    };
    if tier
        .pools
        .iter()
        .any(|member| enabled(member) >= tier.min_healthy)
    {
        return;
    }
    let enabled: BTreeSet<_> = tier
        .pools
        .iter()
        .flat_map(|member| &config.pool(member.pool).addresses)
        .filter(|address| address.enabled)
        .map(|address| &address.value)
        .collect();
    let (found, wanted) = (enabled.len(), tier.min_healthy);
    if found == 0 {
        let message = "none of this tier's addresses is enabled, so it could never be active";
        report.problem(mark.min_healthy, message);
    } else if wanted > found {
        report.problem(
            mark.min_healthy,
            format!(
                "`min_healthy` is {wanted}; the tier has {found} enabled {}, and it must be 1 to {found}",
                if found == 1 { "address" } else { "addresses" }
            ),
        );
    }
}

fn refuse_empty_fallback(
    config: &Config,
    marks: &Marks,
    strategy: &Strategy,
    mark: &StrategyMark,
    report: &Report<'_>,
) {
    let known = marks.pool(strategy.fallback);
    if mark.pools_known && known.is_some_and(|pool| pool.addresses_known) {
        let pool = config.pool(strategy.fallback);
        if pool.addresses.iter().all(|address| !address.enabled) {
            let message = format!(
                "no address of the fallback pool `{}` is enabled: it would answer nothing",
                pool.name
            );
            report.problem(mark.fallback, message);
        }
    }
}

/// What is answered together has to fit one entry of the kernel's maps.
fn refuse_large(
    config: &Config,
    marks: &Marks,
    pools: impl IntoIterator<Item = PoolId, IntoIter: Clone>,
    at: At,
    report: &Report<'_>,
) {
    let pools = pools.into_iter();
    let small = |id: usize| {
        let pool = config.pools.get(id)?;
        (pool.r#type != PoolType::Domain).then_some(pool.addresses.len())
    };
    // Hardly ever are there so many that it takes more than counting, repetitions included.
    let count: Option<usize> = pools.clone().map(|PoolId(id)| small(id)).sum();
    if count.is_some_and(|count| count <= LargeAnswer::MOST_RECORDS) {
        return;
    }
    let mut addresses = BTreeSet::new();
    for id in pools {
        if !marks.pool(id).is_some_and(|pool| pool.addresses_known) {
            return;
        }
        let enabled = config.pool(id).addresses.iter().filter(|a| a.enabled);
        addresses.extend(enabled.map(|address| &address.value));
    }
    let found = addresses.len();
    let (most, most_octets) = (LargeAnswer::MOST_RECORDS, LargeAnswer::MOST_OCTETS);
    if found > most {
        let message = format!(
            "{found} enabled addresses are answered together; more than {most} are not supported"
        );
        report.problem(at, message);
        return;
    }
    let octets: usize = addresses.iter().map(|address| record_octets(address)).sum();
    if octets > most_octets {
        let message = format!(
            "these domains take {octets} octets of records; more than {most_octets} are not supported"
        );
        report.problem(at, message);
    }
}

/// A CNAME's record (RFC 1035 §4.1.3); addresses fit by their number.
fn record_octets(address: &Address) -> usize {
    match address {
        Address::Ip(_) => 0,
        // hickory's length leaves the root label out.
        Address::Domain(name) => 12 + name.len() + 1,
    }
}

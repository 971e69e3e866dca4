//! `[[instance.strategy]]`: what one set of lines is answered; its tiers and fallback.
//!
//! Must not compare strategies with each other: that is the rules'.

use super::model::{LineId, Policy, PoolId, Strategy, Switch, Tier, TierPool};
use super::names::{Named, Names};
use super::pool::{DEFAULT_WEIGHT, POLICIES, WEIGHT};
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;

const SWITCHES: [(Switch, &str); 2] = [(Switch::Auto, "auto"), (Switch::Hold, "hold")];

/// Most tiers of a strategy, 一级…四级.
const MOST_TIERS: usize = 4;

/// What the rules need to know of a strategy beside the model.
pub(super) struct StrategyMark {
    /// Where it is named.
    pub(super) at: At,
    /// Where each of its lines is named.
    pub(super) lines: Vec<At>,
    /// Whether every line was found.
    pub(super) lines_known: bool,
    /// Whether every pool of every tier and the fallback was found; if not, their ids mean nothing.
    pub(super) pools_known: bool,
    /// Where the fallback is named.
    pub(super) fallback: At,
    /// One for each tier.
    pub(super) tiers: Vec<TierMark>,
}

/// What the rules need to know of a tier beside the model.
pub(super) struct TierMark {
    /// Where each of its pools is named.
    pub(super) pools: Vec<At>,
    /// Whether every pool was found.
    pub(super) known: bool,
    /// Where `policy` stands, or else the tier.
    pub(super) policy: At,
    /// Where `min_healthy` stands, or else the tier.
    pub(super) min_healthy: At,
}

/// Reads one strategy; `named` is its name, declared already.
pub(super) fn read(
    mut section: Section<'_>,
    named: Named,
    lines: &Names,
    pools: &Names,
) -> (Strategy, StrategyMark) {
    let report = section.report();
    let claimed = section.need("lines");
    let resolved = claimed
        .map(|list| lines.resolve_list(&list))
        .unwrap_or_default();
    if let Some(list) = claimed
        && resolved.complete
        && resolved.found.is_empty()
    {
        list.problem("`lines` is empty; a strategy is for at least one line");
    }
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let keep = section.take("keep").and_then(|v| v.bool());
    let switch = section.take("switch").and_then(|v| v.one_of(&SWITCHES));
    let fallback = section.need("fallback");
    let fallback_pool = fallback.and_then(|v| pools.resolve(&v));
    let (tiers, marks) = tiers(&mut section, named.at, pools, report);
    let mark = StrategyMark {
        at: named.at,
        lines: resolved.found.iter().map(|(_, at)| *at).collect(),
        lines_known: resolved.complete,
        pools_known: fallback_pool.is_some() && marks.iter().all(|tier| tier.known),
        fallback: fallback.map_or(named.at, |value| value.at),
        tiers: marks,
    };
    section.finish();
    let mut lines = Vec::with_capacity(resolved.found.len());
    let ids = resolved.found.iter().map(|(position, _)| *position);
    lines.extend(ids.filter_map(|position| u16::try_from(position).ok().map(LineId)));
    let strategy = Strategy {
        name: named.text,
        lines,
        enabled: enabled.unwrap_or(true),
        keep: keep.unwrap_or(false),
        switch: switch.unwrap_or(Switch::Auto),
        tiers,
        fallback: PoolId(fallback_pool.unwrap_or_default()),
    };
    (strategy, mark)
}

fn tiers(
    section: &mut Section<'_>,
    at: At,
    pools: &Names,
    report: &Report<'_>,
) -> (Vec<Tier>, Vec<TierMark>) {
    let before = report.count();
    let sections = section.tables("tier");
    if sections.is_empty() && report.count() == before {
        let message = "a strategy has 1 to 4 tiers: add an `[[instance.strategy.tier]]`";
        report.problem(at, message);
    }
    if let Some(extra) = sections.get(MOST_TIERS) {
        let found = sections.len();
        let message = format!("this strategy has {found} tiers; it may have 1 to {MOST_TIERS}");
        report.problem(extra.at(), message);
    }
    sections
        .into_iter()
        .map(|section| tier(section, pools))
        .unzip()
}

fn tier(mut section: Section<'_>, names: &Names) -> (Tier, TierMark) {
    let mut pools: Vec<TierPool> = Vec::new();
    let mut places = Vec::new();
    let mut known = false;
    if let Some(list) = section.need("pools")
        && let Some(items) = list.items(&"a list of pools")
    {
        known = items.len() > 0;
        if !known {
            list.problem("`pools` is empty; a tier has at least one pool");
        }
        pools.reserve_exact(items.len());
        places.reserve_exact(items.len());
        for item in items {
            match tier_pool(&item, names) {
                None => known = false,
                Some(member) if pools.iter().any(|other| other.pool == member.pool) => {
                    item.problem("this pool stands in the tier twice");
                }
                Some(member) => {
                    pools.push(member);
                    places.push(item.at);
                }
            }
        }
    }
    let policy_value = section.take("policy");
    let policy = policy_value.and_then(|v| v.one_of(&POLICIES));
    let threshold = section.take("min_healthy");
    // Held against the number of addresses by the rules, once all pools are read.
    let min_healthy = threshold.and_then(|v| v.integer(1..=1_000_000_usize));
    let mark = TierMark {
        pools: places,
        known,
        policy: policy_value.map_or(section.at(), |value| value.at),
        min_healthy: threshold.map_or(section.at(), |value| value.at),
    };
    section.finish();
    let tier = Tier {
        pools,
        policy: policy.unwrap_or(Policy::All),
        min_healthy: min_healthy.unwrap_or(1),
    };
    (tier, mark)
}

/// `{ pool = "x", weight = 100 }`, or `"x"` for short.
fn tier_pool(item: &Value<'_>, names: &Names) -> Option<TierPool> {
    if !item.is_table() {
        return names.resolve(item).map(|position| TierPool {
            pool: PoolId(position),
            weight: DEFAULT_WEIGHT,
        });
    }
    let mut section = item.table("instance.strategy.tier.pools")?;
    let pool = section.need("pool").and_then(|v| names.resolve(&v));
    let weight = section.take("weight").and_then(|v| v.integer(WEIGHT));
    section.finish();
    Some(TierPool {
        pool: PoolId(pool?),
        weight: weight.unwrap_or(DEFAULT_WEIGHT),
    })
}

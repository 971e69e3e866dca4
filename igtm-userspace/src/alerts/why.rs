//! Why an address is not usable, in few words, for events that are not about that address alone. Pure.
//!
//! Must not grow with a storm: the first addresses and nodes are named, the others counted.

use std::collections::BTreeSet;

use super::place::{effective, target};
use crate::config::model::{Config, Instance, Pool, PoolAddress, Strategy, TierPool};
use crate::health::{AddressState, Forced, Health, HealthView as _, is_by_instance};
use crate::notify::event::NodeReason;
use crate::policy::Active;
use crate::snapshot::Ground;

/// So many addresses are named.
const ADDRESSES: usize = 4;
/// So many nodes are named of each.
const NODES: usize = 3;

/// The first of many addresses, each with its reasons.
pub(super) struct Few<'a, K> {
    node: &'a str,
    named: BTreeSet<&'a K>,
    reasons: Vec<NodeReason>,
    more: usize,
}

impl<'a, K: Ord> Few<'a, K> {
    /// `node` tells of those that are only counted.
    pub(super) fn new(node: &'a str) -> Self {
        Self {
            node,
            named: BTreeSet::new(),
            reasons: Vec::new(),
            more: 0,
        }
    }

    /// Takes in an address, once; what it says is only asked of the first.
    pub(super) fn add(&mut self, address: &'a K, says: impl FnOnce() -> Vec<NodeReason>) {
        if !self.named.insert(address) {
            return;
        }
        if self.named.len() <= ADDRESSES {
            self.reasons.extend(says());
        } else {
            self.more += 1;
        }
    }

    pub(super) fn reasons(mut self) -> Vec<NodeReason> {
        if self.more > 0 {
            let addresses = if self.more == 1 {
                "address"
            } else {
                "addresses"
            };
            self.reasons.push(NodeReason {
                node: self.node.to_owned(),
                reason: format!("and {} more {addresses}", self.more),
            });
        }
        self.reasons
    }
}

/// Why an address of a pool is not usable there; empty when it is, or nothing is known of it.
pub(super) fn of_address(
    config: &Config,
    health: &Health,
    pool: &Pool,
    entry: &PoolAddress,
    host: Option<&String>,
) -> Vec<NodeReason> {
    let here = |reason| NodeReason {
        node: config.server.node.clone(),
        reason,
    };
    let address = &entry.value;
    if let Some(forced) = health.forced_in(&pool.name, address) {
        let usable = forced.state.usable();
        return Vec::from_iter((!usable).then(|| here(by_word(forced, pool))));
    }
    let target = target(config, pool, entry, host);
    let Some(found) = target.and_then(|target| health.target(&target)) else {
        return Vec::new();
    };
    if found.state() != AddressState::Down {
        return Vec::new();
    }
    let all = found.reasons();
    let mut reasons: Vec<NodeReason> = all
        .iter()
        .take(NODES)
        .map(|one| NodeReason {
            node: one.node.clone(),
            reason: format!("{address}: {}", one.reason),
        })
        .collect();
    match (reasons.last_mut(), all.len().saturating_sub(NODES)) {
        // It recovers, but was not good for long enough.
        (None, _) => reasons.push(here(format!("{address} is down"))),
        (Some(_), 0) => {}
        (Some(last), 1) => last.reason += " (and one more node)",
        (Some(last), more) => last.reason += &format!(" (and {more} more nodes)"),
    }
    reasons
}

/// An operator's word, with its reason.
pub(super) fn by_word(forced: &Forced, pool: &Pool) -> String {
    let Forced {
        address,
        state,
        reason,
        ..
    } = forced;
    let word = state.word();
    format!("{address} of pool {} is forced {word}: {reason}", pool.name)
}

/// Why none of what is more preferred than `now` answers.
pub(super) fn of_strategy(
    ground: &Ground,
    health: &Health,
    (instance, strategy): (&Instance, &Strategy),
    now: Active,
) -> Vec<NodeReason> {
    let config = &*ground.config;
    let mut few = Few::new(&config.server.node);
    for TierPool { pool, .. } in strategy
        .tiers
        .iter()
        .take(now.rank())
        .flat_map(|tier| &tier.pools)
    {
        let pool = config.pool(*pool);
        let host = is_by_instance(config, pool).then(|| instance.domain_text());
        for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
            if unusable(config, health, pool, entry, host.as_ref()) {
                few.add(&entry.value, || {
                    of_address(config, health, pool, entry, host.as_ref())
                });
            }
        }
    }
    few.reasons()
}

/// Why nothing in a pool is usable.
pub(super) fn of_pool(
    config: &Config,
    health: &Health,
    pool: &Pool,
    host: Option<&String>,
) -> Vec<NodeReason> {
    let mut few = Few::new(&config.server.node);
    for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
        if unusable(config, health, pool, entry, host) {
            few.add(&entry.value, || {
                of_address(config, health, pool, entry, host)
            });
        }
    }
    few.reasons()
}

/// Also what is drained.
fn unusable(
    config: &Config,
    health: &Health,
    pool: &Pool,
    entry: &PoolAddress,
    host: Option<&String>,
) -> bool {
    match health.forced(&pool.name, &entry.value) {
        Some(forced) => !forced.usable(),
        None => effective(config, health, pool, entry, host) == Some(AddressState::Down),
    }
}

//! Pools and their addresses as the tree shows them: users, tasks, states.
//!
//! Where a monitor asks for each instance's own domain, an address has a state for each of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hickory_proto::rr::Name;

use super::build::MOST_SHOWN;
use super::{AddressStatus, ForceStatus, PoolStatus};
use crate::admin::published::Published;
use crate::config::model::{Config, Instance, Pool, PoolAddress, PoolId, Strategy};
use crate::health::rollup::{self, State};
use crate::health::{AddressState, Target, is_by_instance};

/// Who uses each pool.
pub(crate) struct Usage<'a> {
    /// Instances, by pool.
    users: Vec<usize>,
    /// Of pools that are probed by instance: the domains.
    domains: Vec<Option<HashSet<&'a Name>>>,
}

impl<'a> Usage<'a> {
    pub(crate) fn of(config: &'a Config) -> Self {
        let pools = config.pools.len();
        let mut usage = Self {
            users: vec![0; pools],
            domains: config
                .pools
                .iter()
                .map(|pool| is_by_instance(config, pool).then(HashSet::new))
                .collect(),
        };
        let mut last_user = vec![usize::MAX; pools];
        for (at, instance) in config.instances.iter().enumerate() {
            for strategy in &instance.strategies {
                for pool in of_strategy(strategy) {
                    if last_user[pool.0] != at {
                        last_user[pool.0] = at;
                        usage.users[pool.0] += 1;
                    }
                    if let Some(domains) = &mut usage.domains[pool.0]
                        && instance.enabled
                        && strategy.enabled
                    {
                        domains.insert(&instance.domain);
                    }
                }
            }
        }
        usage
    }

    /// How many targets a pool takes.
    fn tasks(&self, config: &Config, id: PoolId) -> usize {
        let pool = config.pool(id);
        let probed = pool.monitor.is_some_and(|id| config.monitor(id).enabled);
        let enabled = pool.addresses.iter().filter(|one| one.enabled).count();
        match &self.domains[id.0] {
            _ if !probed => 0,
            Some(domains) => enabled * domains.len(),
            None => enabled,
        }
    }
}

/// Its pools, tiers first; repeats are left in.
pub(crate) fn of_strategy(strategy: &Strategy) -> impl Iterator<Item = PoolId> {
    let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
    tiers.map(|place| place.pool).chain([strategy.fallback])
}

/// The state of every pool: the worst that any instance sees.
pub(crate) fn states(published: &Published, usage: &Usage<'_>) -> Vec<State> {
    let (ground, health) = (&published.ground, &published.health);
    let config = &*ground.config;
    let mut seen: HashMap<(PoolId, &str), Vec<AddressState>> = HashMap::new();
    for (target, health) in health.targets() {
        let Some(host) = &target.host else { continue };
        for pool in ground.recipes.pools(target) {
            if usage.domains[pool.0].is_some() {
                let name = &config.pool(*pool).name;
                let forced = published.health.forced_in(name, &target.address);
                let state = forced.map_or(health.state(), |forced| forced.state.held());
                seen.entry((*pool, host)).or_default().push(state);
            }
        }
    }
    let mut worst: BTreeMap<PoolId, State> = BTreeMap::new();
    for ((pool, _), states) in seen {
        let state = worst.entry(pool).or_default();
        *state = (*state).max(rollup::pool(states));
    }
    let pools = config.pools.iter().enumerate();
    pools
        .map(|(at, pool)| match usage.domains[at] {
            // Without an instance that uses it, nothing probes it.
            Some(_) => worst.get(&PoolId(at)).copied().unwrap_or_default(),
            None => {
                let enabled = pool.addresses.iter().filter(|one| one.enabled);
                rollup::pool(enabled.map(|one| state_of(published, pool, one)))
            }
        })
        .collect()
}

/// Of an address whose state is the same for every instance: forced, else measured.
fn state_of(published: &Published, pool: &Pool, address: &PoolAddress) -> AddressState {
    if let Some(forced) = published.health.forced_in(&pool.name, &address.value) {
        return forced.state.held();
    }
    let target = Target::shared(&published.ground.config, pool, address);
    let known = target.and_then(|target| published.health.target(&target));
    known.map_or(AddressState::Unmonitored, |health| health.state())
}

/// The pools of the instances `shown`, and with `unused` those that nobody uses.
pub(super) fn shown(
    published: &Published,
    usage: &Usage<'_>,
    states: &[State],
    shown: &[usize],
    unused: bool,
) -> Vec<PoolStatus> {
    let config = &*published.ground.config;
    let mut wanted: BTreeMap<PoolId, BTreeSet<usize>> = BTreeMap::new();
    for at in shown {
        for strategy in &config.instances[*at].strategies {
            for pool in of_strategy(strategy) {
                wanted.entry(pool).or_default().insert(*at);
            }
        }
    }
    if unused {
        let ids = (0..config.pools.len()).map(PoolId);
        let nobodys = ids.filter(|id| usage.users[id.0] == 0);
        for id in nobodys.take(MOST_SHOWN) {
            wanted.entry(id).or_default();
        }
    }
    let each = wanted.into_iter();
    each.map(|(id, instances)| {
        let instances = instances.iter().map(|at| &config.instances[*at]);
        PoolStatus {
            users: usage.users[id.0],
            tasks: usage.tasks(config, id),
            ..pool_status(published, id, states[id.0], instances)
        }
    })
    .collect()
}

fn pool_status<'a>(
    published: &Published,
    id: PoolId,
    state: State,
    instances: impl Iterator<Item = &'a Instance>,
) -> PoolStatus {
    let config = &*published.ground.config;
    let pool = config.pool(id);
    let addresses = if is_by_instance(config, pool) {
        let mut told = HashSet::new();
        instances
            .filter(|instance| told.insert(&instance.domain))
            .flat_map(|instance| {
                let own = pool.addresses.iter();
                own.map(|address| address_status(published, pool, address, Some(instance)))
            })
            .collect()
    } else {
        let own = pool.addresses.iter();
        own.map(|address| address_status(published, pool, address, None))
            .collect()
    };
    PoolStatus {
        name: pool.name.clone(),
        r#type: pool.r#type.name().to_owned(),
        policy: pool.policy.name().to_owned(),
        state,
        monitor: pool.monitor.map(|id| config.monitor(id).name.clone()),
        users: 0,
        tasks: 0,
        addresses,
    }
}

fn address_status(
    published: &Published,
    pool: &Pool,
    address: &PoolAddress,
    instance: Option<&Instance>,
) -> AddressStatus {
    let config = &*published.ground.config;
    let target = match instance {
        Some(instance) => Target::of(config, pool, address, instance),
        None => Target::shared(config, pool, address),
    };
    // What only a disabled strategy would ask for is probed by nobody.
    let known = target.and_then(|target| published.health.target(&target));
    let state = known.map_or(AddressState::Unmonitored, |health| health.state());
    AddressStatus {
        address: address.value.to_string(),
        host: instance.map(Instance::domain_text),
        weight: address.weight,
        region: address.region.clone(),
        enabled: address.enabled,
        state,
        forced: published
            .health
            .forced_in(&pool.name, &address.value)
            .map(ForceStatus::from),
        stale: known.is_some_and(|health| health.is_stale(published.at)),
        since: known.map(|health| health.since()),
        last_round: known.and_then(|health| health.last_round()),
        why: known.map_or_else(Vec::new, |health| health.reasons().to_vec()),
    }
}

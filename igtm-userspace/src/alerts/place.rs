//! Where an address or a pool is told of: by the domain that is asked for, where each instance's own
//! is. Pure.
//!
//! Must not know what was told.

use std::collections::BTreeSet;

use crate::config::model::{Address, Config, Instance, Pool, PoolAddress, PoolId};
use crate::health::{AddressState, ForcedState, Health, HealthView as _, Target, is_by_instance};
use crate::snapshot::{Ground, RecipeId};

/// A pool, and the domain that is asked for where that is each instance's own.
pub(super) type Place = (PoolId, Option<String>);

/// Where a target counts.
pub(super) fn of_target<'a>(
    ground: &'a Ground,
    target: &'a Target,
) -> impl Iterator<Item = Place> + 'a {
    let pools = ground.recipes.pools(target).iter();
    pools.map(|id| {
        let own = is_by_instance(&ground.config, ground.config.pool(*id));
        (*id, target.host.clone().filter(|_| own))
    })
}

/// A pool, for each domain that it is asked for.
pub(super) fn of_pool(config: &Config, health: &Health, id: PoolId) -> BTreeSet<Place> {
    let pool = config.pool(id);
    if !is_by_instance(config, pool) {
        return BTreeSet::from([(id, None)]);
    }
    let own: BTreeSet<&Address> = pool.addresses.iter().map(|entry| &entry.value).collect();
    let targets = health.targets().filter(|(target, _)| {
        Some(target.monitor) == pool.monitor && own.contains(&target.address)
    });
    targets
        .map(|(target, _)| (id, target.host.clone()))
        .collect()
}

/// What decides the state of an address there; `None`: nothing does.
pub(super) fn target(
    config: &Config,
    pool: &Pool,
    entry: &PoolAddress,
    host: Option<&String>,
) -> Option<Target> {
    let Some(host) = host else {
        return Target::shared(config, pool, entry);
    };
    let monitor = pool.monitor?;
    config.monitor(monitor).enabled.then(|| Target {
        monitor,
        address: entry.value.clone(),
        host: Some(host.clone()),
    })
}

/// What an address is there, for whoever is alerted; `None` while that is to stay as it was told:
/// it is drained, or not known yet.
pub(super) fn effective(
    config: &Config,
    health: &Health,
    pool: &Pool,
    entry: &PoolAddress,
    host: Option<&String>,
) -> Option<AddressState> {
    match health.forced(&pool.name, &entry.value) {
        Some(forced) => of_force(forced),
        None => match target(config, pool, entry, host) {
            Some(target) => of_round(health.state(&target)),
            None => Some(AddressState::Ok),
        },
    }
}

/// The same of what an operator says.
pub(super) fn of_force(forced: ForcedState) -> Option<AddressState> {
    (forced != ForcedState::Drain).then(|| forced.held())
}

/// The same of what is measured.
pub(super) fn of_round(state: AddressState) -> Option<AddressState> {
    match state {
        AddressState::Unknown => None,
        // Nobody sees it fail.
        AddressState::Unmonitored => Some(AddressState::Ok),
        state => Some(state),
    }
}

/// The one instance whose answers such recipes decide, and its lines that they are for; `None` when
/// there are none or several.
pub(super) fn sole_user(
    ground: &Ground,
    recipes: impl IntoIterator<Item = RecipeId>,
) -> Option<(&Instance, Vec<String>)> {
    let recipes = recipes.into_iter();
    let mut users = recipes.flat_map(|recipe| ground.recipes.users(recipe));
    let first = *users.next()?;
    let mut strategies = BTreeSet::from([first.strategy]);
    for user in users {
        if user.instance != first.instance {
            return None;
        }
        strategies.insert(user.strategy);
    }
    let instance = ground.strategy(first).0;
    let strategies = strategies
        .iter()
        .map(|at| &instance.strategies[*at as usize]);
    let mut lines: Vec<String> = Vec::new();
    for line in strategies.flat_map(|strategy| &strategy.lines) {
        let name = &ground.config.line(*line).name;
        if !lines.contains(name) {
            lines.push(name.clone());
        }
    }
    Some((instance, lines))
}

//! Which pools are down, and the events of that. Pure.
//!
//! A drained address counts for nothing here: what an operator withholds alerts nobody.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Cause, event, seconds};
use crate::config::model::{Config, Pool, PoolId};
use crate::health::{AddressState, ForcedState, Health, HealthView as _, Target, is_by_instance};
use crate::notify::event::{Event, Kind, Severity};
use crate::snapshot::Ground;

/// Of a step in which more targets of a pool changed, the first so many are told.
const MOST: usize = 16;

/// A pool, and the domain that is asked for where that is each instance's own.
type Place = (PoolId, Option<String>);

/// The pools that are down, by name and domain, each since when.
#[derive(Clone, Debug, Default)]
pub struct PoolsDown(BTreeMap<(String, Option<String>), Timestamp>);

impl PoolsDown {
    /// Those that a former run has told of: they are known, and not told again.
    pub fn known(ground: &Ground, health: &Health, at: Timestamp) -> Self {
        let config = &*ground.config;
        let mut known = Self::default();
        for place in places(ground, health) {
            if is_down(config, health, &place) == Some(true) {
                let since = down_since(config, health, &place).unwrap_or(at);
                known.0.insert(name(config, &place), since);
            }
        }
        known
    }

    /// The events of a step: of the pools whose targets, or whose forced states, have changed.
    pub fn of_step(
        &mut self,
        ground: &Ground,
        health: &Health,
        changed: &[(Target, Cause)],
        pools: &[PoolId],
        at: Timestamp,
    ) -> Vec<(Event, Vec<Cause>)> {
        let mut step: BTreeMap<Place, Vec<Cause>> = BTreeMap::new();
        for id in pools {
            for place in of_pool(&ground.config, health, *id) {
                step.entry(place).or_default();
            }
        }
        for (target, cause) in changed {
            for place in of_target(ground, target) {
                let causes = step.entry(place).or_default();
                if causes.len() < MOST {
                    causes.push(cause.clone());
                }
            }
        }
        let told = step.into_iter().filter_map(|(place, causes)| {
            let event = self.turn(&ground.config, health, &place, at)?;
            Some((event, causes))
        });
        told.collect()
    }

    /// The events of another file: what is gone from it is forgotten.
    pub fn of_file(&mut self, ground: &Ground, health: &Health, at: Timestamp) -> Vec<Event> {
        let config = &*ground.config;
        let mut all = places(ground, health);
        let pools = config.pools.iter().enumerate();
        let ids: BTreeMap<&str, PoolId> = pools
            .map(|(at, pool)| (pool.name.as_str(), PoolId(at)))
            .collect();
        self.0.retain(|(pool, host), _| {
            let id = ids.get(pool.as_str());
            all.extend(id.map(|id| (*id, host.clone())));
            id.is_some()
        });
        let told = all.iter();
        told.filter_map(|place| self.turn(config, health, place, at))
            .collect()
    }

    /// The event of a pool that is down now, or no longer.
    fn turn(
        &mut self,
        config: &Config,
        health: &Health,
        place: &Place,
        at: Timestamp,
    ) -> Option<Event> {
        let down = is_down(config, health, place)?;
        let (pool, host) = name(config, place);
        let (kind, severity, word, since) =
            match (down, self.0.contains_key(&(pool.clone(), host.clone()))) {
                (true, false) => {
                    self.0.insert((pool.clone(), host.clone()), at);
                    let word = "down: nothing in it is usable";
                    (Kind::PoolDown, Severity::Warning, word, None)
                }
                (false, true) => {
                    let since = self.0.remove(&(pool.clone(), host.clone()));
                    (Kind::PoolUp, Severity::Info, "up again", since)
                }
                _ => return None,
            };
        let of = host
            .as_ref()
            .map_or(String::new(), |host| format!(", asked for {host},"));
        Some(Event {
            title: format!("pool {pool}{of} is {word}"),
            domain: host,
            pool: Some(pool),
            since,
            duration_s: since.map(|since| seconds(since, at)),
            ..event(config, kind, severity, at)
        })
    }
}

fn name(config: &Config, (id, host): &Place) -> (String, Option<String>) {
    (config.pool(*id).name.clone(), host.clone())
}

/// Where a target counts.
fn of_target<'a>(ground: &'a Ground, target: &'a Target) -> impl Iterator<Item = Place> + 'a {
    let pools = ground.recipes.pools(target).iter();
    pools.map(|id| {
        let own = is_by_instance(&ground.config, ground.config.pool(*id));
        (*id, target.host.clone().filter(|_| own))
    })
}

/// A pool, for each domain that it is asked for.
fn of_pool(config: &Config, health: &Health, id: PoolId) -> BTreeSet<Place> {
    let pool = config.pool(id);
    if !is_by_instance(config, pool) {
        return BTreeSet::from([(id, None)]);
    }
    let own = health.targets().filter(|(target, _)| {
        let stands = |entry: &_| target.address == *entry;
        Some(target.monitor) == pool.monitor
            && pool.addresses.iter().any(|entry| stands(&entry.value))
    });
    own.map(|(target, _)| (id, target.host.clone())).collect()
}

/// Every place that may be down: where something is, or is forced.
fn places(ground: &Ground, health: &Health) -> BTreeSet<Place> {
    let down = health.targets();
    let down = down.filter(|(_, health)| health.state() == AddressState::Down);
    let mut places: BTreeSet<Place> = down
        .flat_map(|(target, _)| of_target(ground, target))
        .collect();
    let forced: BTreeSet<_> = health.forces().map(|one| &one.address).collect();
    if !forced.is_empty() {
        for (at, pool) in ground.config.pools.iter().enumerate() {
            if pool.addresses.iter().any(|one| forced.contains(&one.value)) {
                places.extend(of_pool(&ground.config, health, PoolId(at)));
            }
        }
    }
    places
}

/// Whether nothing in it is usable; `None` when nothing in it counts.
fn is_down(config: &Config, health: &Health, (id, host): &Place) -> Option<bool> {
    let pool = config.pool(*id);
    let mut counted = false;
    for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
        let state = match health.forced(&pool.name, &entry.value) {
            Some(ForcedState::Drain) => continue,
            Some(forced) => forced.held(),
            None => target(config, pool, entry, host.as_ref())
                .map_or(AddressState::Unmonitored, |target| health.state(&target)),
        };
        if state.usable() {
            return Some(false);
        }
        counted = true;
    }
    counted.then_some(true)
}

/// When the last address of a pool went down that is.
fn down_since(config: &Config, health: &Health, (id, host): &Place) -> Option<Timestamp> {
    let pool = config.pool(*id);
    let entries = pool.addresses.iter().filter(|entry| entry.enabled);
    let since = entries.filter_map(|entry| {
        if let Some(forced) = health.forced_in(&pool.name, &entry.value) {
            return (forced.state == ForcedState::Down).then_some(forced.since);
        }
        let target = target(config, pool, entry, host.as_ref())?;
        Some(health.target(&target)?.since())
    });
    since.max()
}

fn target(
    config: &Config,
    pool: &Pool,
    entry: &crate::config::model::PoolAddress,
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

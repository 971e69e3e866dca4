//! Which pools are down, and the events of that. Pure.
//!
//! A drained address counts for nothing here: what an operator withholds alerts nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::addresses::forced;
use super::place::{Place, effective, of_pool, of_target, sole_user, target};
use super::why::{self, Few};
use super::{Cause, event, seconds};
use crate::config::model::{Config, Instance, PoolId};
use crate::health::{AddressState, ForcedState, Health, HealthView as _, Target};
use crate::notify::event::{Event, Kind, NodeReason, Severity};
use crate::notify::inventory::Inventory;
use crate::snapshot::Ground;

/// Of a step in which more targets of a pool changed, the first so many are told.
const MOST: usize = 16;

/// The pools that are down, by name and domain, each since when.
#[derive(Clone, Debug, Default)]
pub struct PoolsDown(BTreeMap<(String, Option<String>), Timestamp>);

impl PoolsDown {
    /// Those that a former run has told of: they are known, and not told again. `open` are the
    /// events of what it told to last.
    pub fn resumed<'a>(
        ground: &Ground,
        health: &Health,
        open: impl IntoIterator<Item = &'a Arc<Event>>,
        at: Timestamp,
    ) -> Self {
        let config = &*ground.config;
        let mut known = Self::default();
        for place in places(ground, health) {
            if is_down(config, health, &place) == Some(true) {
                let since = down_since(config, health, &place).unwrap_or(at);
                known.0.insert(name(config, &place), since);
            }
        }
        for event in open {
            if let (Kind::PoolDown, Some(pool)) = (event.kind, &event.pool) {
                let name = (pool.clone(), event.host.clone());
                known.0.entry(name).or_insert(event.time);
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
            let event = self.turn(ground, health, &place, at)?;
            Some((event, causes))
        });
        told.collect()
    }

    /// The events of another file, and those of a start. What is gone from the file is forgotten:
    /// whoever was told hears that from the [`Inventory`].
    pub fn of_file(&mut self, ground: &Ground, health: &Health, at: Timestamp) -> Vec<Event> {
        let config = &*ground.config;
        let mut all = places(ground, health);
        let pools = config.pools.iter().enumerate();
        let ids: BTreeMap<&str, PoolId> = pools
            .map(|(at, pool)| (pool.name.as_str(), PoolId(at)))
            .collect();
        let inventory = Inventory::new(config);
        let mut told = Vec::new();
        let mut known: BTreeMap<PoolId, BTreeSet<Place>> = BTreeMap::new();
        self.0.retain(|(pool, host), since| {
            let Some(id) = ids.get(pool.as_str()) else {
                return false;
            };
            let places = known
                .entry(*id)
                .or_insert_with(|| of_pool(config, health, *id));
            let place = (*id, host.clone());
            if places.contains(&place) {
                all.insert(place);
                return true;
            }
            let gone = gone(config, pool, host, *since, at);
            // Otherwise it is said by whoever looks for what is gone.
            told.extend(inventory.has(&gone).then_some(gone));
            false
        });
        let turned = all.iter();
        told.extend(turned.filter_map(|place| self.turn(ground, health, place, at)));
        told
    }

    /// The event of a pool that is down now, or no longer.
    fn turn(
        &mut self,
        ground: &Ground,
        health: &Health,
        place: &Place,
        at: Timestamp,
    ) -> Option<Event> {
        let config = &*ground.config;
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
        let reason = match kind {
            Kind::PoolDown => why::of_pool(config, health, config.pool(place.0), host.as_ref()),
            _ => of_return(config, health, place),
        };
        let (user, lines) = user(ground, place).unzip();
        let title = format!("{} is {word}", named(&pool, host.as_ref()));
        Some(Event {
            title,
            instance: user.map(|instance| instance.name.clone()),
            domain: user.map(Instance::domain_text).or_else(|| host.clone()),
            lines: lines.unwrap_or_default(),
            host,
            pool: Some(pool),
            reason,
            since,
            duration_s: since.map(|since| seconds(since, at)),
            ..event(config, kind, severity, at)
        })
    }
}

fn gone(
    config: &Config,
    pool: &str,
    host: &Option<String>,
    since: Timestamp,
    at: Timestamp,
) -> Event {
    Event {
        title: format!("{} is not probed any more", named(pool, host.as_ref())),
        pool: Some(pool.to_owned()),
        host: host.clone(),
        since: Some(since),
        duration_s: Some(seconds(since, at)),
        gone: true,
        ..event(config, Kind::PoolUp, Severity::Info, at)
    }
}

fn named(pool: &str, host: Option<&String>) -> String {
    let of = host.map_or_else(String::new, |host| format!(", asked for {host},"));
    format!("pool {pool}{of}")
}

/// What is usable in it again.
fn of_return(config: &Config, health: &Health, (id, host): &Place) -> Vec<NodeReason> {
    let pool = config.pool(*id);
    let node = &*config.server.node;
    let mut few = Few::new(node);
    for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
        let forced = health.forced(&pool.name, &entry.value);
        let state = effective(config, health, pool, entry, host.as_ref());
        if state.is_some_and(AddressState::usable) {
            few.add(&entry.value, || {
                let word = if forced.is_some() {
                    "forced up"
                } else {
                    "up again"
                };
                vec![NodeReason {
                    node: node.to_owned(),
                    reason: format!("{} is {word}", entry.value),
                }]
            });
        }
    }
    few.reasons()
}

/// The one instance that it answers for, with its lines.
fn user<'a>(ground: &'a Ground, place: &Place) -> Option<(&'a Instance, Vec<String>)> {
    let config = &*ground.config;
    let (id, host) = place;
    let pool = config.pool(*id);
    match host {
        None => sole_user(ground, ground.recipes.using(*id)),
        Some(_) => {
            let entry = pool.addresses.iter().find(|entry| entry.enabled)?;
            let target = target(config, pool, entry, host.as_ref())?;
            sole_user(ground, ground.recipes.dependents(config, &target))
        }
    }
}

fn name(config: &Config, (id, host): &Place) -> (String, Option<String>) {
    (config.pool(*id).name.clone(), host.clone())
}

/// Every place that may be down: where something is, or is forced.
fn places(ground: &Ground, health: &Health) -> BTreeSet<Place> {
    let down = health.targets();
    let down = down.filter(|(_, health)| health.state() == AddressState::Down);
    let mut places: BTreeSet<Place> = down
        .flat_map(|(target, _)| of_target(ground, target))
        .collect();
    places.extend(
        forced(&ground.config, health)
            .into_iter()
            .map(|(place, _)| place),
    );
    places
}

/// Whether nothing in it is usable; `None` when nothing in it counts, or what might be is not known
/// yet.
fn is_down(config: &Config, health: &Health, (id, host): &Place) -> Option<bool> {
    let pool = config.pool(*id);
    let (mut counted, mut unknown) = (false, false);
    for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
        if health.forced(&pool.name, &entry.value) == Some(ForcedState::Drain) {
            continue;
        }
        match effective(config, health, pool, entry, host.as_ref()) {
            Some(AddressState::Down) => counted = true,
            Some(_) => return Some(false),
            None => unknown = true,
        }
    }
    (counted && !unknown).then_some(true)
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

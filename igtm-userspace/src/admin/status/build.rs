//! A [`Status`] from what is published: which instances are shown, and what of them.
//!
//! Pure. Must cost little where nothing much is wrong, also with 100 000 instances: strategies that
//! are decided together are looked at once.

use std::collections::HashMap;

use super::{
    DaemonStatus, ForceStatus, InstanceStatus, MonitorStatus, RefusedStatus, StateStatus, Status,
    Summary,
};
use crate::admin::published::Published;
use crate::config::model::{Config, Instance, Switch};
use crate::health::rollup::{self, State};

use super::frozen;
use super::pools::{self, Usage};
use super::{StrategyStatus, TierStatus};
use crate::policy::Decision;
use crate::state::Rounds;

/// Instances (and pools that nobody uses) that are shown when nobody asked for more.
pub const MOST_SHOWN: usize = 50;
/// Instances that are shown at all.
pub const MOST_AT_ALL: usize = 10_000;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Instances, by name or domain, or all that use a pool; empty: the whole.
    pub names: Vec<String>,
    /// Every instance, up to [`MOST_AT_ALL`].
    pub all: bool,
}

/// Nothing has a name that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no instance, domain or pool is named {name}")]
pub struct Unknown {
    /// As asked.
    pub name: String,
}

/// The tree, or the part of it that is asked for.
///
/// `rounds` are those of the last days by monitor, if they are known.
pub fn build(
    published: &Published,
    rounds: Option<&HashMap<String, Rounds>>,
    asked: &Asked,
) -> Result<Status, Unknown> {
    let config = &*published.ground.config;
    let states = States::of(published);
    let chosen = choose(published, &states, asked)?;
    let most = match asked.all || !asked.names.is_empty() {
        true => MOST_AT_ALL,
        false => MOST_SHOWN,
    };
    let shown = &chosen[..chosen.len().min(most)];
    let usage = Usage::of(config);
    let pool_states = pools::states(published, &usage);
    let whole = asked.names.is_empty();
    let monitors = match whole {
        true => monitors(published, rounds),
        false => Vec::new(),
    };
    let most_monitors = if asked.all { MOST_AT_ALL } else { MOST_SHOWN };
    let mut frozen: Vec<_> = frozen::shown(&published.ground.frozen, asked).collect();
    let frozen_left_out = frozen.len().saturating_sub(most);
    frozen.truncate(most);
    Ok(Status {
        daemon: daemon(published),
        summary: summary(published, &states, &pool_states),
        instances: shown
            .iter()
            .map(|at| instance(published, *at, states.instances[*at]))
            .collect(),
        instances_left_out: if whole {
            config.instances.len() - shown.len()
        } else {
            chosen.len() - shown.len()
        },
        frozen,
        frozen_left_out,
        pools: pools::shown(published, &usage, &pool_states, shown, whole),
        monitors_left_out: monitors.len().saturating_sub(most_monitors),
        monitors: monitors.into_iter().take(most_monitors).collect(),
        forces: if whole { forces(published) } else { Vec::new() },
        nodes: if whole {
            published.health.nodes()
        } else {
            Vec::new()
        },
        // Not part of what is published: whoever asks the channels adds them.
        channels: Vec::new(),
        mutes: Vec::new(),
    })
}

/// The state of every instance.
pub(crate) struct States {
    /// In the order of the configuration.
    pub(crate) instances: Vec<State>,
    /// How many strategies there are in each state.
    pub(crate) strategies: Vec<(State, usize)>,
}

impl States {
    pub(crate) fn of(published: &Published) -> Self {
        let recipes = &published.ground.recipes;
        let by_recipe: Vec<State> = match &published.snapshot {
            Some(snapshot) => {
                let decisions = snapshot.decisions.iter().take(recipes.of_strategies());
                decisions.map(|one| rollup::strategy(Some(one))).collect()
            }
            None => vec![State::Unknown; recipes.len()],
        };
        let mut counts = [0; State::ALL.len()];
        let instances = published.ground.config.instances.iter().enumerate();
        let instances = instances.map(|(at, instance)| {
            let states = (0..instance.strategies.len()).map(|strategy| {
                let recipe = recipes.followed(at, strategy);
                recipe.map_or(State::Disabled, |id| by_recipe[id.0 as usize])
            });
            rollup::instance(states.inspect(|state| counts[*state as usize] += 1))
        });
        Self {
            instances: instances.collect(),
            strategies: State::ALL.into_iter().zip(counts).collect(),
        }
    }
}

/// The instances that are asked for, worst first where only some can be shown.
fn choose(published: &Published, states: &States, asked: &Asked) -> Result<Vec<usize>, Unknown> {
    let config = &*published.ground.config;
    if !asked.names.is_empty() {
        let mut chosen = Vec::new();
        for name in &asked.names {
            let found = named(config, name);
            // Nothing of its file may be left of what is frozen.
            let mut frozen = published.ground.frozen.iter();
            match found {
                Err(_) if frozen.any(|one| frozen::is(one, name)) => {}
                found => chosen.extend(found?),
            }
        }
        chosen.sort_unstable();
        chosen.dedup();
        return Ok(chosen);
    }
    let all = 0..config.instances.len();
    if asked.all || config.instances.len() <= MOST_SHOWN {
        return Ok(all.collect());
    }
    let bad = |at: &usize| states.instances[*at] > State::Ok;
    let mut chosen: Vec<usize> = all.filter(bad).collect();
    // Stable: within a state, the order of the file.
    chosen.sort_by_key(|at| std::cmp::Reverse(states.instances[*at]));
    Ok(chosen)
}

fn named(config: &Config, name: &str) -> Result<Vec<usize>, Unknown> {
    let domain = name.trim_end_matches('.').to_lowercase();
    let is = |instance: &Instance| {
        instance.name == name
            || instance.domain_text() == domain
            || text_of(&instance.access_domain) == domain
    };
    let pool = config.pools.iter().position(|pool| pool.name == name);
    let uses = |instance: &Instance| {
        let mut own = instance.strategies.iter().flat_map(pools::of_strategy);
        pool.is_some_and(|pool| own.any(|id| id.0 == pool))
    };
    let all = config.instances.iter().enumerate();
    let found: Vec<usize> = all
        .filter(|(_, one)| is(one) || uses(one))
        .map(|(at, _)| at)
        .collect();
    if found.is_empty() && pool.is_none() {
        return Err(Unknown {
            name: name.to_owned(),
        });
    }
    Ok(found)
}

fn text_of(name: &hickory_proto::rr::Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

fn daemon(published: &Published) -> DaemonStatus {
    let server = &published.ground.config.server;
    DaemonStatus {
        node: server.node.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: published.at,
        started: published.started,
        not_ready: published.not_ready(),
        serial: published.snapshot.as_ref().map(|snapshot| snapshot.serial),
        file: published.file.display().to_string(),
        applied: published.applied,
        refused: published.refused.as_ref().map(|refused| RefusedStatus {
            at: refused.at,
            why: refused.why.clone(),
        }),
        kernel: published.kernel.attached,
        interfaces: server.interfaces.clone(),
        state: StateStatus {
            trouble: published.state.trouble.clone(),
            made_again: published.state.made_again,
        },
    }
}

fn summary(published: &Published, states: &States, pool_states: &[State]) -> Summary {
    let mut summary = Summary::default();
    for state in &states.instances {
        *summary.instances.entry(*state).or_default() += 1;
    }
    let strategies = states.strategies.iter().copied();
    summary.strategies = strategies.filter(|(_, count)| *count > 0).collect();
    for state in pool_states {
        *summary.pools.entry(*state).or_default() += 1;
    }
    for (_, health) in published.health.targets() {
        *summary.targets.entry(health.state()).or_default() += 1;
    }
    summary
}

fn instance(published: &Published, at: usize, state: State) -> InstanceStatus {
    let instance = &published.ground.config.instances[at];
    let strategies = 0..instance.strategies.len();
    InstanceStatus {
        name: instance.name.clone(),
        domain: instance.domain_text(),
        access_domain: text_of(&instance.access_domain),
        state,
        strategies: strategies.map(|one| strategy(published, at, one)).collect(),
    }
}

fn strategy(published: &Published, instance_at: usize, at: usize) -> StrategyStatus {
    let config = &*published.ground.config;
    let instance = &config.instances[instance_at];
    let strategy = &instance.strategies[at];
    let followed = published.ground.recipes.followed(instance_at, at);
    let snapshot = published.snapshot.as_deref();
    let decision = snapshot.and_then(|snapshot| snapshot.decision(instance_at, at));
    let state = match (followed, snapshot) {
        (Some(_), None) => State::Unknown,
        _ => rollup::strategy(decision),
    };
    let answers = decision.map_or_else(Vec::new, |decision| {
        let candidates = decision.answer.candidates.iter();
        candidates.map(|one| one.address.to_string()).collect()
    });
    StrategyStatus {
        name: strategy.name.clone(),
        lines: strategy
            .lines
            .iter()
            .map(|id| config.line(*id).name.clone())
            .collect(),
        state,
        switch: match strategy.switch {
            Switch::Auto => "auto",
            Switch::Hold => "hold",
        }
        .to_owned(),
        active: decision.map(|decision| decision.active.to_string()),
        since: decision.and_then(|_| published.since.of(&instance.name, &strategy.name)),
        tiers: (0..strategy.tiers.len())
            .map(|tier| tier_status(config, strategy, tier, decision))
            .collect(),
        fallback: config.pool(strategy.fallback).name.clone(),
        answers,
    }
}

fn tier_status(
    config: &Config,
    strategy: &crate::config::model::Strategy,
    at: usize,
    decision: Option<&Decision>,
) -> TierStatus {
    let tier = &strategy.tiers[at];
    let view = decision.map(|decision| decision.tiers[at]);
    let places = tier.pools.iter();
    TierStatus {
        active: decision.is_some_and(|decision| decision.active.tier() == Some(at)),
        usable: view.map(|view| view.usable),
        enabled: view.map(|view| view.enabled),
        min_healthy: tier.min_healthy,
        policy: tier.policy.name().to_owned(),
        pools: places
            .map(|place| (config.pool(place.pool).name.clone(), place.weight))
            .collect(),
    }
}

fn forces(published: &Published) -> Vec<ForceStatus> {
    let mut forces: Vec<ForceStatus> = published.health.forces().map(ForceStatus::from).collect();
    forces.sort_by(|a, b| (&a.address, &a.pool).cmp(&(&b.address, &b.pool)));
    forces
}

fn monitors(published: &Published, rounds: Option<&HashMap<String, Rounds>>) -> Vec<MonitorStatus> {
    let config = &*published.ground.config;
    let mut monitors: Vec<MonitorStatus> = config
        .monitors
        .iter()
        .map(|monitor| MonitorStatus {
            name: monitor.name.clone(),
            protocol: monitor.protocol.name().to_owned(),
            enabled: monitor.enabled,
            interval_ms: u64::try_from(monitor.interval.as_millis()).unwrap_or(u64::MAX),
            targets: std::collections::BTreeMap::new(),
            rounds_7d: rounds.map(|all| all.get(&monitor.name).copied().unwrap_or_default()),
        })
        .collect();
    for (target, health) in published.health.targets() {
        if let Some(monitor) = monitors.get_mut(target.monitor.0) {
            *monitor.targets.entry(health.state()).or_default() += 1;
        }
    }
    monitors
}

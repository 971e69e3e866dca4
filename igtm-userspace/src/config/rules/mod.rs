//! Rules that need more than one object: claims, thresholds, zones, names that clash.
//!
//! Runs over the configuration as it was read, placeholders and all: what rests on a placeholder
//! is skipped, since its real problem is told already. Must not change the configuration.

mod chains;
mod names;
mod nodes;
mod plans;
mod statics;
mod strategies;

use super::instance::InstanceMark;
use super::model::{Config, Instance, Pool, PoolId, Protocol, Strategy};
use super::monitor::MonitorMark;
use super::pool::PoolMark;
use super::problem::Report;
use super::zonefile::Contents;

/// Positions, and what the rules may rely on.
pub(super) struct Marks {
    /// Whether every zone's origin is known.
    pub(super) zones_known: bool,
    /// What the files of zones hold, one for each zone.
    pub(super) zones: Vec<Option<Contents>>,
    /// One for each monitor.
    pub(super) monitors: Vec<MonitorMark>,
    /// One for each pool.
    pub(super) pools: Vec<PoolMark>,
    /// One for each instance.
    pub(super) instances: Vec<InstanceMark>,
}

impl Marks {
    fn pool(&self, id: PoolId) -> Option<&PoolMark> {
        self.pools.get(id.0)
    }
}

/// Reports what is to be said of each instance by itself, whatever other instances there are;
/// those of `config` and `marks` may be missing.
pub(super) fn check_each<'a>(
    config: &Config,
    marks: &Marks,
    instances: impl Iterator<Item = (&'a Instance, &'a InstanceMark)>,
    report: &Report<'_>,
) {
    for (instance, mark) in instances {
        names::check(config, marks, instance, mark, report);
        statics::check(config, marks, instance, mark, report);
        strategies::check(config, marks, instance, mark, report);
        plans::check(config, marks, instance, mark, report);
    }
}

/// Reports what only all instances together show. Of a file read in pieces the marks of strategies
/// are gone: all of those were good.
pub(super) fn check_together(config: &Config, marks: &Marks, report: &Report<'_>) {
    names::refuse_shared(config, marks, report);
    chains::check(config, marks, report);
    nodes::check(config, marks, report);
    plans::check_unused(config, marks, report);
    refuse_monitors_without_host(config, marks, report);
}

/// Every pool that `strategy` names.
fn pools_of(strategy: &Strategy) -> impl Iterator<Item = PoolId> {
    let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
    tiers.map(|member| member.pool).chain([strategy.fallback])
}

/// Without `host` a monitor asks for the domain of the instances that use the pool: there must be
/// one. Enabled or not: switching an instance off must not make the file bad.
fn refuse_monitors_without_host(config: &Config, marks: &Marks, report: &Report<'_>) {
    let is_hostless = |pool: &Pool| {
        let monitor = pool.monitor.map(|id| &config.monitor(id).protocol);
        monitor.is_some_and(|one| matches!(one, Protocol::Http(check) if check.host.is_none()))
    };
    let mut strategies = marks.instances.iter().flat_map(|mark| &mark.strategies);
    if !config.pools.iter().any(is_hostless) || strategies.any(|mark| !mark.pools_known) {
        return;
    }
    let mut used = vec![false; config.pools.len()];
    let strategies = config.instances.iter().flat_map(|one| &one.strategies);
    for pool in strategies.flat_map(pools_of) {
        if let Some(slot) = used.get_mut(pool.0) {
            *slot = true;
        }
    }
    for (pool, used) in config.pools.iter().zip(used) {
        let Some(id) = pool.monitor.filter(|_| !used) else {
            continue;
        };
        let monitor = config.monitor(id);
        if let Protocol::Http(check) = &monitor.protocol
            && check.host.is_none()
            && let Some(mark) = marks.monitors.get(id.0)
        {
            let message = format!(
                "the monitor `{}` needs a `host`: no instance uses the pool `{}`, so there is no domain to ask for",
                monitor.name, pool.name
            );
            report.problem(mark.at, message);
        }
    }
}

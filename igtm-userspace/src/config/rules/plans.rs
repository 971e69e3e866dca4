//! Quotas: what an instance uses, held against its plan; what no instance uses, against `[plan]`.
//!
//! Only what is in force counts: disabled addresses, monitors, strategies and instances do not.
//! What is told at a monitor or a pool does not name the instance, so that however many use it, it
//! is told once a plan. Must not raise a TTL: that is [`Config::effective_ttl`]'s.

use std::collections::{BTreeSet, HashSet};

use super::super::duration;
use super::super::instance::InstanceMark;
use super::super::model::{
    Config, Instance, LineId, MonitorId, NodeId, Plan, Policy, PoolId, Strategy, Tier,
};
use super::super::pool::type_word;
use super::super::problem::{At, Report};
use super::super::strategy::StrategyMark;
use super::{Marks, pools_of};
use crate::health::{self, Target};

/// Holds an instance against its own plan, or else `[plan]`.
pub(super) fn check(
    config: &Config,
    marks: &Marks,
    instance: &Instance,
    mark: &InstanceMark,
    report: &Report<'_>,
) {
    let plan = config.plan_of(instance);
    let known = mark.strategies.iter().all(|mark| mark.pools_known);
    if plan.is_unlimited() || !instance.enabled || !known {
        return;
    }
    let strategies = || {
        let all = instance.strategies.iter().zip(&mark.strategies);
        all.filter(|(strategy, _)| strategy.enabled)
    };
    let pools: BTreeSet<PoolId> = strategies()
        .flat_map(|(strategy, _)| pools_of(strategy))
        .collect();
    let quota = Quota {
        config,
        marks,
        plan,
        report,
    };
    let tiers = strategies().flat_map(|(strategy, mark)| strategy.tiers.iter().zip(&mark.tiers));
    for (tier, mark) in tiers {
        quota.policy(tier, mark.policy);
    }
    quota.lines(instance, strategies());
    quota.addresses(instance, &pools);
    quota.tasks(instance, mark, &pools);
    for pool in &pools {
        quota.pool(*pool);
    }
    let monitors: BTreeSet<MonitorId> = pools
        .iter()
        .filter_map(|pool| config.pool(*pool).monitor)
        .collect();
    quota.nodes(instance, &monitors);
    for monitor in monitors {
        quota.monitor(monitor);
    }
}

/// Holds the pools and monitors that no instance names against `[plan]`.
pub(super) fn check_unused(config: &Config, marks: &Marks, report: &Report<'_>) {
    if config.plan.is_unlimited() {
        return;
    }
    let quota = Quota {
        config,
        marks,
        plan: &config.plan,
        report,
    };
    let strategies = config.instances.iter().flat_map(|one| &one.strategies);
    let pools: HashSet<PoolId> = strategies.flat_map(pools_of).collect();
    let monitors: HashSet<MonitorId> = pools
        .iter()
        .filter_map(|pool| config.pools.get(pool.0)?.monitor)
        .collect();
    for pool in (0..config.pools.len()).map(PoolId) {
        if !pools.contains(&pool) {
            quota.pool(pool);
        }
    }
    for monitor in (0..config.monitors.len()).map(MonitorId) {
        if !monitors.contains(&monitor) {
            quota.monitor(monitor);
        }
    }
}

/// A plan, and where to tell what exceeds it.
struct Quota<'a> {
    config: &'a Config,
    marks: &'a Marks,
    plan: &'a Plan,
    report: &'a Report<'a>,
}

impl Quota<'_> {
    fn plan(&self) -> &'static str {
        self.plan.profile.word()
    }

    /// "… has FOUND WHAT; its plan allows MOST".
    fn exceeded(&self, at: At, instance: &Instance, found: usize, what: &str, most: usize) {
        let (name, plan) = (&instance.name, self.plan());
        self.report.problem(
            at,
            format!("the instance `{name}` has {found} {what}; its plan \"{plan}\" allows {most}"),
        );
    }

    fn policy(&self, tier: &Tier, at: At) {
        if tier.policy == Policy::Weight && !self.plan.weight_policy {
            self.refuse_weight(at);
        }
    }

    fn refuse_weight(&self, at: At) {
        let plan = self.plan();
        let message = format!("`policy` is \"weight\"; the plan \"{plan}\" allows \"all\" only");
        self.report.problem(at, message);
    }

    fn lines<'s>(
        &self,
        instance: &Instance,
        strategies: impl Iterator<Item = (&'s Strategy, &'s StrategyMark)>,
    ) {
        let Some(most) = self.plan.max_lines else {
            return;
        };
        let mut lines: BTreeSet<LineId> = BTreeSet::new();
        let mut first_beyond = None;
        for (strategy, mark) in strategies {
            for (line, at) in strategy.lines.iter().zip(&mark.lines) {
                if lines.insert(*line) && lines.len() == most + 1 {
                    first_beyond = Some(*at);
                }
            }
        }
        if let Some(at) = first_beyond {
            self.exceeded(at, instance, lines.len(), "lines", most);
        }
    }

    fn addresses(&self, instance: &Instance, pools: &BTreeSet<PoolId>) {
        let Some(most) = self.plan.max_addresses else {
            return;
        };
        let mut found = BTreeSet::new();
        let mut first_beyond = None;
        for id in pools {
            let pool = self.config.pool(*id);
            let places = self.marks.pool(*id).map_or(&[][..], |mark| &mark.addresses);
            for (address, at) in pool.addresses.iter().zip(places) {
                if Target::of(self.config, pool, address, instance).is_some()
                    && found.insert(&address.value)
                    && found.len() == most + 1
                {
                    first_beyond = Some(*at);
                }
            }
        }
        if let Some(at) = first_beyond {
            self.exceeded(at, instance, found.len(), "monitored addresses", most);
        }
    }

    fn tasks(&self, instance: &Instance, mark: &InstanceMark, pools: &BTreeSet<PoolId>) {
        let Some(most) = self.plan.max_probe_tasks else {
            return;
        };
        let targets: BTreeSet<Target> = pools
            .iter()
            .map(|id| self.config.pool(*id))
            .flat_map(|pool| {
                let of = |address| Target::of(self.config, pool, address, instance);
                pool.addresses.iter().filter_map(of)
            })
            .collect();
        let found = health::tasks_of(self.config, &targets);
        if found > most {
            self.exceeded(mark.at, instance, found, "probe tasks", most);
        }
    }

    fn nodes(&self, instance: &Instance, monitors: &BTreeSet<MonitorId>) {
        let Some(most) = self.plan.max_nodes else {
            return;
        };
        let mut nodes: BTreeSet<NodeId> = BTreeSet::new();
        let mut first_beyond = None;
        for id in monitors {
            let monitor = self.config.monitor(*id);
            if monitor.enabled {
                nodes.extend(&monitor.nodes);
            }
            if nodes.len() > most && first_beyond.is_none() {
                first_beyond = self.marks.monitors.get(id.0).map(|mark| mark.nodes);
            }
        }
        if let Some(at) = first_beyond {
            self.exceeded(at, instance, nodes.len(), "nodes", most);
        }
    }

    fn pool(&self, id: PoolId) {
        let pool = self.config.pool(id);
        let Some(mark) = self.marks.pool(id).filter(|mark| mark.type_known) else {
            return;
        };
        if !self.plan.types.contains(&pool.r#type) {
            let plan = self.plan();
            let found = type_word(pool.r#type);
            let allowed = quoted(self.plan.types.iter().map(|kind| type_word(*kind)));
            let message =
                format!("`type` is \"{found}\"; the plan \"{plan}\" allows {allowed} only");
            self.report.problem(mark.r#type, message);
        }
        if pool.policy == Policy::Weight && !self.plan.weight_policy {
            self.refuse_weight(mark.policy);
        }
    }

    fn monitor(&self, id: MonitorId) {
        let monitor = self.config.monitor(id);
        let Some(mark) = self.marks.monitors.get(id.0) else {
            return;
        };
        if !monitor.enabled || !mark.known {
            return;
        }
        let plan = self.plan();
        let kind = monitor.protocol.kind();
        if !self.plan.protocols.contains(&kind) {
            let found = kind.word();
            let allowed = quoted(self.plan.protocols.iter().map(|kind| kind.word()));
            let message =
                format!("`protocol` is \"{found}\"; the plan \"{plan}\" allows {allowed} only");
            self.report.problem(mark.protocol, message);
        }
        if monitor.interval < self.plan.min_interval {
            let found = duration::format(monitor.interval);
            let least = duration::format(self.plan.min_interval);
            let message =
                format!("`interval` is {found}; the plan \"{plan}\" allows {least} and longer");
            self.report.problem(mark.interval, message);
        }
    }
}

fn quoted<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}

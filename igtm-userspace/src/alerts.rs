//! Which events a change raises (product.md §4). Pure: two snapshots or a transition in, events out.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::config::model::{Config, Instance, Strategy};
use crate::health::{AddressState, Target, Transition};
use crate::notify::event::{Event, Kind, Severity};
use crate::policy::{Active, Decision};
use crate::snapshot::Snapshot;

/// The events of a transition: one for each pool that holds the address.
pub fn of_transition(config: &Config, transition: &Transition) -> Vec<Event> {
    let (from, to) = (transition.from, transition.to);
    let (kind, severity, word) = match (from, to) {
        (_, AddressState::Down) => (Kind::AddressDown, Severity::Warning, "down"),
        (AddressState::Down, _) => (Kind::AddressUp, Severity::Info, "up again"),
        _ => return Vec::new(),
    };
    let pools = config.pools.iter().filter(|pool| {
        pool.monitor == Some(transition.target.monitor)
            && pool
                .addresses
                .iter()
                .any(|address| address.enabled && address.value == transition.target.address)
    });
    pools
        .map(|pool| {
            let address = transition.target.address.to_string();
            let users = users(config, &transition.target);
            Event {
                title: format!("{address} of pool {} is {word}", pool.name),
                instance: single(&users, |instance| instance.name.clone()),
                domain: single(&users, Instance::domain_text),
                pool: Some(pool.name.clone()),
                address: Some(address),
                reason: transition.reasons.clone(),
                since: Some(transition.since),
                duration_s: Some(seconds(transition.since, transition.at)),
                ..event(config, kind, severity, transition.at)
            }
        })
        .collect()
}

/// When each strategy began to be answered as it is.
#[derive(Clone, Debug, Default)]
pub struct Since(HashMap<(String, String), Timestamp>);

impl Since {
    /// The events of going from `former` to `now`: strategies that moved between their tiers
    /// and the fallback. Without a former snapshot, from where every strategy wants to be.
    pub fn of_change(
        &mut self,
        former: Option<&Snapshot>,
        now: &Snapshot,
        at: Timestamp,
    ) -> Vec<Event> {
        let config = &now.ground.config;
        let former = former.map(by_instance);
        let mut events = Vec::new();
        for (instance, decisions) in config.instances.iter().zip(&now.decisions) {
            for (strategy, decision) in instance.strategies.iter().zip(decisions) {
                if !instance.enabled || !strategy.enabled {
                    continue;
                }
                let name = (instance.name.clone(), strategy.name.clone());
                let old = former.as_ref().and_then(|former| {
                    let (instance, decisions) = former.get(instance.name.as_str())?;
                    find(instance, decisions, strategy)
                });
                let old_active = old.map_or(Active::Tier(0), |old| old.active);
                let since = *self.0.entry(name.clone()).or_insert(at);
                if old_active == decision.active {
                    continue;
                }
                self.0.insert(name, at);
                if let Some((kind, severity)) = kind(old_active, decision.active) {
                    let lines = strategy.lines.iter();
                    events.push(Event {
                        title: title(instance, strategy, kind, decision),
                        instance: Some(instance.name.clone()),
                        domain: Some(instance.domain_text()),
                        lines: lines.map(|line| config.line(*line).name.clone()).collect(),
                        strategy: Some(strategy.name.clone()),
                        tier_from: Some(old_active.to_string()),
                        tier_to: Some(decision.active.to_string()),
                        since: Some(since),
                        duration_s: Some(seconds(since, at)),
                        answers_before: old.map(answers).unwrap_or_default(),
                        answers_now: answers(decision),
                        ..event(config, kind, severity, at)
                    });
                }
            }
        }
        events
    }
}

/// Rank of what answers: tiers in order, the fallback last.
fn rank(active: Active) -> usize {
    active.tier().unwrap_or(usize::MAX)
}

fn kind(from: Active, to: Active) -> Option<(Kind, Severity)> {
    match (from, to) {
        (_, Active::Fallback) => Some((Kind::FallbackEntered, Severity::Critical)),
        (Active::Fallback, _) => Some((Kind::FallbackLeft, Severity::Info)),
        (from, to) if rank(to) > rank(from) => Some((Kind::TierSwitched, Severity::Warning)),
        (from, to) if rank(to) < rank(from) => Some((Kind::TierRestored, Severity::Info)),
        // Held to the first tier, with some or all of its addresses: no move.
        _ => None,
    }
}

fn title(instance: &Instance, strategy: &Strategy, kind: Kind, now: &Decision) -> String {
    let what = match kind {
        Kind::FallbackEntered => "is answered from the fallback",
        Kind::FallbackLeft => "has left the fallback",
        Kind::TierRestored => "is back on a preferred tier",
        _ => "has switched to another tier",
    };
    let answers = answers(now).join(", ");
    format!(
        "{} ({}), strategy {}, {what}: {}, {answers}",
        instance.name,
        instance.domain_text(),
        strategy.name,
        now.active
    )
}

/// What was decided for each instance, by its name: a change may have to look for all of them.
fn by_instance(snapshot: &Snapshot) -> HashMap<&str, (&Instance, &[Decision])> {
    let instances = &snapshot.ground.config.instances;
    let decided = instances.iter().zip(&snapshot.decisions);
    decided
        .map(|(instance, decisions)| (instance.name.as_str(), (instance, &decisions[..])))
        .collect()
}

fn find<'a>(
    instance: &Instance,
    decisions: &'a [Decision],
    strategy: &Strategy,
) -> Option<&'a Decision> {
    let mut strategies = instance.strategies.iter();
    let at = strategies.position(|old| old.name == strategy.name)?;
    decisions.get(at)
}

fn answers(decision: &Decision) -> Vec<String> {
    let candidates = decision.answer.candidates.iter();
    candidates
        .map(|candidate| candidate.address.to_string())
        .collect()
}

/// The instances whose answers depend on a target.
fn users<'a>(config: &'a Config, target: &Target) -> Vec<&'a Instance> {
    let depends = |instance: &&Instance| {
        instance.strategies.iter().any(|strategy| {
            let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
            let mut pools = tiers.map(|member| member.pool).chain([strategy.fallback]);
            pools.any(|pool| {
                let pool = config.pool(pool);
                pool.addresses.iter().any(|address| {
                    Target::of(config, pool, address, instance).as_ref() == Some(target)
                })
            })
        })
    };
    config.instances.iter().filter(depends).collect()
}

fn single<T>(users: &[&Instance], of: impl Fn(&Instance) -> T) -> Option<T> {
    match users {
        [one] => Some(of(one)),
        _ => None,
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

fn event(config: &Config, kind: Kind, severity: Severity, time: Timestamp) -> Event {
    Event {
        kind,
        severity,
        title: String::new(),
        time,
        node: config.server.node.clone(),
        instance: None,
        domain: None,
        lines: Vec::new(),
        strategy: None,
        tier_from: None,
        tier_to: None,
        pool: None,
        address: None,
        reason: Vec::new(),
        since: None,
        duration_s: None,
        answers_before: Vec::new(),
        answers_now: Vec::new(),
        test: false,
    }
}

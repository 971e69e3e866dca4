//! Which events a change raises (product.md §4). Pure: two snapshots or a transition in, events out.

mod cause;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use imbl::HashMap as SharedMap;
use jiff::Timestamp;

use crate::config::model::{Address, Config, Instance, Strategy};
use crate::health::{AddressState, Forced, ForcedState, NodeChange, Target, Transition};
use crate::notify::event::{Event, Kind, NodeReason, Severity};
use crate::policy::{Active, Decision};
use crate::snapshot::{Ground, RecipeId, Snapshot};
pub use cause::{Cause, NodeReport, of_moves};

/// The events of a transition: one for each pool that holds the address.
pub fn of_transition(ground: &Ground, transition: &Transition) -> Vec<Event> {
    let config = &*ground.config;
    let (from, to) = (transition.from, transition.to);
    let (kind, severity, word) = match (from, to) {
        (_, AddressState::Down) => (Kind::AddressDown, Severity::Warning, "down"),
        (AddressState::Down, _) => (Kind::AddressUp, Severity::Info, "up again"),
        _ => return Vec::new(),
    };
    let user = sole_user(ground, &transition.target);
    let address = transition.target.address.to_string();
    let pools = ground.recipes.pools(&transition.target).iter();
    pools
        .map(|pool| {
            let pool = &config.pool(*pool).name;
            Event {
                title: format!("{address} of pool {pool} is {word}"),
                instance: user.map(|instance| instance.name.clone()),
                domain: user.map(Instance::domain_text),
                pool: Some(pool.clone()),
                address: Some(address.clone()),
                reason: transition.reasons.clone(),
                since: Some(transition.since),
                duration_s: Some(seconds(transition.since, transition.at)),
                ..event(config, kind, severity, transition.at)
            }
        })
        .collect()
}

/// The event of a node that has become silent, or is back.
pub fn of_node(config: &Config, change: &NodeChange) -> Event {
    let node = &change.node;
    let (kind, severity, title) = if change.silent {
        let title = format!("the node {node} is silent");
        (Kind::NodeSilent, Severity::Warning, title)
    } else {
        (
            Kind::NodeBack,
            Severity::Info,
            format!("the node {node} is back"),
        )
    };
    let trouble = change.trouble.clone().filter(|_| change.silent);
    let reason = trouble.unwrap_or_else(|| title.clone());
    Event {
        title,
        reason: vec![NodeReason {
            node: node.clone(),
            reason,
        }],
        since: Some(change.since),
        duration_s: Some(seconds(change.since, change.at)),
        ..event(config, kind, severity, change.at)
    }
}

/// Another word of an operator about an address of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Forcing<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Which.
    pub address: &'a Address,
    /// What it was held to be.
    pub before: Option<ForcedState>,
    /// What it is held to be now.
    pub after: Option<ForcedState>,
    /// What holds where nobody says anything.
    pub measured_down: bool,
    /// The word itself, with its reason; on the end of one, the one that ended.
    pub by: Option<&'a Forced>,
}

/// The event of an operator's word, if it is told: one about draining is not.
pub fn of_force(config: &Config, change: &Forcing<'_>, at: Timestamp) -> Option<Event> {
    // Down, up, or drained: neither.
    let down = |forced| match forced {
        Some(ForcedState::Down) => Some(true),
        Some(ForcedState::Up) => Some(false),
        Some(ForcedState::Drain) => None,
        None => Some(change.measured_down),
    };
    let (kind, severity, word) = match (down(change.before), down(change.after)) {
        (Some(false) | None, Some(true)) => (Kind::AddressDown, Severity::Warning, "down"),
        (Some(true), Some(false)) => (Kind::AddressUp, Severity::Info, "up again"),
        _ => return None,
    };
    let (address, pool) = (change.address, change.pool);
    let said = match change.after {
        Some(state) => format!("forced {}", state.word()),
        None => "no longer forced".to_owned(),
    };
    let reason = change.by.map(|by| NodeReason {
        node: config.server.node.clone(),
        reason: format!("{said}: {}", by.reason),
    });
    Some(Event {
        title: format!("{address} of pool {pool} is {word} ({said})"),
        pool: Some(pool.to_owned()),
        address: Some(address.to_string()),
        reason: Vec::from_iter(reason),
        ..event(config, kind, severity, at)
    })
}

/// The one instance whose answers depend on a target; `None` when there are none or several.
fn sole_user<'a>(ground: &'a Ground, target: &Target) -> Option<&'a Instance> {
    let recipes = ground
        .recipes
        .dependents(&ground.config, target)
        .into_iter();
    let mut users = recipes.flat_map(|recipe| ground.recipes.users(recipe));
    let first = users.next()?;
    let alone = users.all(|user| user.instance == first.instance);
    alone.then(|| ground.strategy(*first).0)
}

/// When each strategy began to be answered as it is. A clone costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// The first answer of all; so long has whatever is not in `moved` been as it is.
    first: Option<Timestamp>,
    /// By the names of instance and strategy: those that have moved or come since.
    moved: SharedMap<(String, String), Timestamp>,
    /// From what a former run answered, until this one's first answer.
    former: HashMap<(String, String), Active>,
    /// What the next run has to know; see [`Self::take_news`].
    news: Vec<News>,
}

/// From what a strategy, by the names of its instance and itself, is answered and since when;
/// `None`: it is gone from the file.
pub type News = ((String, String), Option<(Active, Timestamp)>);

impl Since {
    /// Since when the strategy of an instance has been answered as it is; `None` before the
    /// first answer.
    pub fn of(&self, instance: &str, strategy: &str) -> Option<Timestamp> {
        let name = (instance.to_owned(), strategy.to_owned());
        self.moved.get(&name).copied().or(self.first)
    }

    /// Goes on from a former run: what it has told is not told again, and what happened since is.
    pub fn restored(
        moves: impl IntoIterator<Item = ((String, String), Active, Timestamp)>,
    ) -> Self {
        let mut since = Self::default();
        for (name, active, at) in moves {
            since.moved.insert(name.clone(), at);
            since.former.insert(name, active);
        }
        since
    }

    /// What of it has changed since it was last asked, for the next run.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The events of going from `former` to `now`: strategies that moved between their tiers
    /// and the fallback. Without a former snapshot, from where every strategy wants to be.
    pub fn of_change(
        &mut self,
        former: Option<&Snapshot>,
        now: &Snapshot,
        at: Timestamp,
    ) -> Vec<Event> {
        self.first.get_or_insert(at);
        match (former, &now.redecided) {
            (Some(former), Some(redecided)) if Arc::ptr_eq(&former.ground, &now.ground) => {
                self.of_health(former, now, redecided, at)
            }
            _ => self.of_file(former, now, at),
        }
    }

    /// Looks at those that follow a recipe whose decision is another.
    fn of_health(
        &mut self,
        former: &Snapshot,
        now: &Snapshot,
        redecided: &[RecipeId],
        at: Timestamp,
    ) -> Vec<Event> {
        let ground = &now.ground;
        let decided = |snapshot: &'_ Snapshot, recipe: RecipeId| {
            Arc::clone(&snapshot.decisions[recipe.0 as usize])
        };
        let mut events = Vec::new();
        for recipe in redecided {
            let (old, new) = (decided(former, *recipe), decided(now, *recipe));
            if old.active == new.active {
                continue;
            }
            for user in ground.recipes.users(*recipe) {
                let (instance, strategy) = ground.strategy(*user);
                let moved = Move {
                    config: &ground.config,
                    instance,
                    strategy,
                    old: Some(&old),
                    new: &new,
                };
                events.extend(self.tell(&moved, at));
            }
        }
        events
    }

    /// Looks at all.
    fn of_file(&mut self, former: Option<&Snapshot>, now: &Snapshot, at: Timestamp) -> Vec<Event> {
        let config = &now.ground.config;
        let former = former.map(|former| (former, Standing::of(&former.ground.config)));
        let mut events = Vec::new();
        for (instance_at, instance) in config.instances.iter().enumerate() {
            let before = former.as_ref().and_then(|(former, standing)| {
                Some((*former, standing.find(&instance.name, instance_at)?))
            });
            for (strategy_at, strategy) in instance.strategies.iter().enumerate() {
                let Some(new) = now.decision(instance_at, strategy_at) else {
                    continue;
                };
                let old = before.and_then(|(former, at)| decision(former, at, strategy));
                if former.is_some() && old.is_none() {
                    let name = (instance.name.clone(), strategy.name.clone());
                    if self.moved.insert(name.clone(), at).is_some() {
                        // It was disabled meanwhile: what was kept of it is of then.
                        self.news.push((name, Some((new.active, at))));
                    }
                }
                let moved = Move {
                    config,
                    instance,
                    strategy,
                    old,
                    new,
                };
                events.extend(self.tell(&moved, at));
            }
        }
        self.forget(config);
        self.former = HashMap::new();
        events
    }

    /// Leaves out what is gone from the file.
    fn forget(&mut self, config: &Config) {
        let standing = Standing::of(config);
        let wanted = |(instance, strategy): &(String, String)| {
            let place = standing.by_name(instance);
            let strategies = place.map(|at| &config.instances[at].strategies);
            strategies.is_some_and(|all| all.iter().any(|one| one.name == *strategy))
        };
        let gone: Vec<(String, String)> = self
            .moved
            .keys()
            .filter(|name| !wanted(name))
            .cloned()
            .collect();
        for name in gone {
            self.moved.remove(&name);
            self.news.push((name, None));
        }
    }

    /// The event of a move, if it is one.
    fn tell(&mut self, moved: &Move<'_>, at: Timestamp) -> Option<Event> {
        let Move {
            config,
            instance,
            strategy,
            old,
            new,
        } = *moved;
        let name = (instance.name.clone(), strategy.name.clone());
        let old_active = match old {
            Some(old) => old.active,
            None => self.former.remove(&name).unwrap_or(Active::Tier(0)),
        };
        if old_active == new.active {
            return None;
        }
        self.news.push((name.clone(), Some((new.active, at))));
        let since = self.moved.insert(name, at).or(self.first).unwrap_or(at);
        let (kind, severity) = kind(old_active, new.active)?;
        let lines = strategy.lines.iter();
        Some(Event {
            title: title(instance, strategy, kind, new),
            instance: Some(instance.name.clone()),
            domain: Some(instance.domain_text()),
            lines: lines.map(|line| config.line(*line).name.clone()).collect(),
            strategy: Some(strategy.name.clone()),
            tier_from: Some(old_active.to_string()),
            tier_to: Some(new.active.to_string()),
            since: Some(since),
            duration_s: Some(seconds(since, at)),
            answers_before: old.map(answers).unwrap_or_default(),
            answers_now: answers(new),
            ..event(config, kind, severity, at)
        })
    }
}

/// A strategy before and now.
#[derive(Clone, Copy)]
struct Move<'a> {
    config: &'a Config,
    instance: &'a Instance,
    strategy: &'a Strategy,
    old: Option<&'a Decision>,
    new: &'a Decision,
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

/// Where each instance stands in a file: a change of it may have to look for all of them.
struct Standing<'a> {
    instances: &'a [Instance],
    /// Made when it is needed: most files keep the order that they had.
    by_name: OnceCell<HashMap<&'a str, usize>>,
}

impl<'a> Standing<'a> {
    fn of(config: &'a Config) -> Self {
        Self {
            instances: &config.instances,
            by_name: OnceCell::new(),
        }
    }

    /// The place of an instance, which is `likely` there.
    fn find(&self, name: &str, likely: usize) -> Option<usize> {
        let there = self.instances.get(likely);
        match there.filter(|instance| instance.name == name) {
            Some(_) => Some(likely),
            None => self.by_name(name),
        }
    }

    fn by_name(&self, name: &str) -> Option<usize> {
        let by_name = self.by_name.get_or_init(|| {
            let instances = self.instances.iter().enumerate();
            instances
                .map(|(at, instance)| (instance.name.as_str(), at))
                .collect()
        });
        by_name.get(name).copied()
    }
}

/// What was decided for the strategy of this name.
fn decision<'a>(
    former: &'a Snapshot,
    instance: usize,
    strategy: &Strategy,
) -> Option<&'a Decision> {
    let mut strategies = former.ground.config.instances[instance].strategies.iter();
    let at = strategies.position(|old| old.name == strategy.name)?;
    former.decision(instance, at)
}

fn answers(decision: &Decision) -> Vec<String> {
    let candidates = decision.answer.candidates.iter();
    candidates
        .map(|candidate| candidate.address.to_string())
        .collect()
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

#[cfg(test)]
mod tests;

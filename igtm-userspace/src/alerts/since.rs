//! Since when each strategy is answered as it is, and the events of its moves. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::HashMap as SharedMap;
use jiff::Timestamp;

use super::because::Because;
use super::drained::Believed;
use super::standing::{Standing, decision};
use super::{event, seconds};
use crate::config::model::{Config, Instance, Strategy};
use crate::notify::event::{Event, Kind, NodeReason, Severity};
use crate::policy::{Active, Decision};
use crate::snapshot::{Ground, RecipeId, Snapshot};

/// When each strategy began to be answered as it is. A clone costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// The first answer of all; so long has whatever is not in `moved` been as it is.
    first: Option<Timestamp>,
    /// By the names of instance and strategy: those that have moved or come since.
    moved: SharedMap<(String, String), Timestamp>,
    /// Since when those that are not answered from their first tier are not.
    left: SharedMap<(String, String), Timestamp>,
    believed: Believed,
    /// Moves of the last change that alert nobody.
    quiet: Vec<Event>,
    /// From what a former run answered, until this one's first answer.
    former: HashMap<(String, String), Active>,
    /// What the next run has to know; see [`Self::take_news`].
    news: Vec<News>,
}

/// How a strategy, by the names of its instance and itself, is answered; `None`: it is gone from
/// the file.
pub type News = ((String, String), Option<Stand>);

/// How a strategy is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// From what.
    pub active: Active,
    /// Since when.
    pub since: Timestamp,
    /// Since when not from its first tier, where that is so.
    pub left: Option<Timestamp>,
    /// From what it is by all that was told, where drains alone have moved it on.
    pub believed: Option<Active>,
}

impl Since {
    /// Since when the strategy of an instance has been answered as it is; `None` before the
    /// first answer.
    pub fn of(&self, instance: &str, strategy: &str) -> Option<Timestamp> {
        let name = (instance.to_owned(), strategy.to_owned());
        self.moved.get(&name).copied().or(self.first)
    }

    /// Goes on from a former run: what it has told is not told again, and what happened since is.
    pub fn restored(moves: impl IntoIterator<Item = ((String, String), Stand)>) -> Self {
        let mut since = Self::default();
        for (name, stand) in moves {
            since.moved.insert(name.clone(), stand.since);
            if let Some(left) = stand.left {
                since.left.insert(name.clone(), left);
            }
            if let Some(believed) = stand.believed {
                since.believed.restore(name.clone(), believed);
            }
            since.former.insert(name, stand.active);
        }
        since
    }

    /// What of it has changed since it was last asked, for the next run.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The moves of the last change that are kept but alert nobody.
    pub fn take_quiet(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.quiet)
    }

    /// All that the next run has to know of what is answered by `now`.
    pub fn standing(&self, now: &Snapshot) -> Vec<((String, String), Stand)> {
        let config = &now.ground.config;
        let standing = Standing::of(config);
        let moved = self.moved.iter().filter_map(|(name, since)| {
            let instance = standing.by_name(&name.0)?;
            let mut strategies = config.instances[instance].strategies.iter();
            let strategy = strategies.position(|one| one.name == name.1)?;
            let decision = now.decision(instance, strategy)?;
            let stand = Stand {
                active: decision.active,
                since: *since,
                left: self.left.get(name).copied(),
                believed: self.believed.of(name),
            };
            Some((name.clone(), stand))
        });
        moved.collect()
    }

    /// The events of going from `former` to `now`: strategies that moved between their tiers
    /// and the fallback, other than by being drained, with the reasons `because` of which they did.
    /// Without a former snapshot, from where every strategy wants to be.
    pub fn of_change(
        &mut self,
        former: Option<&Snapshot>,
        now: &Snapshot,
        because: &Because<'_>,
        at: Timestamp,
    ) -> Vec<Event> {
        self.first.get_or_insert(at);
        match (former, &now.redecided) {
            (Some(former), Some(redecided)) if Arc::ptr_eq(&former.ground, &now.ground) => {
                self.of_health(former, now, (redecided, because), at)
            }
            _ => self.of_file(former, now, because, at),
        }
    }

    /// Looks at those that follow a recipe whose decision is another.
    fn of_health(
        &mut self,
        former: &Snapshot,
        now: &Snapshot,
        (redecided, because): (&[RecipeId], &Because<'_>),
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
                    ground,
                    instance,
                    strategy,
                    recipe: Some(*recipe),
                    old: Some(&old),
                    new: &new,
                    drained: because.is_drained(*recipe),
                    reloaded: false,
                };
                events.extend(self.tell(&moved, because, at));
            }
        }
        events
    }

    /// Looks at all.
    fn of_file(
        &mut self,
        former: Option<&Snapshot>,
        now: &Snapshot,
        because: &Because<'_>,
        at: Timestamp,
    ) -> Vec<Event> {
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
                        self.believed.forget(&name);
                        self.left.remove(&name);
                        self.keep(name, new.active, at);
                    }
                }
                let moved = Move {
                    ground: &now.ground,
                    instance,
                    strategy,
                    recipe: now.ground.recipes.followed(instance_at, strategy_at),
                    old,
                    new,
                    drained: false,
                    reloaded: former.is_some(),
                };
                events.extend(self.tell(&moved, because, at));
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
            self.left.remove(&name);
            self.believed.forget(&name);
            self.news.push((name, None));
        }
    }

    fn keep(&mut self, name: (String, String), active: Active, since: Timestamp) {
        let believed = self.believed.of(&name);
        let stand = Stand {
            active,
            since,
            left: self.left.get(&name).copied(),
            believed,
        };
        self.news.push((name, Some(stand)));
    }

    /// The event of a move, if it is one that is told.
    fn tell(&mut self, moved: &Move<'_>, because: &Because<'_>, at: Timestamp) -> Option<Event> {
        let Move {
            ground,
            instance,
            strategy,
            old,
            new,
            drained,
            ..
        } = *moved;
        let config = &*ground.config;
        let name = (instance.name.clone(), strategy.name.clone());
        let old_active = match old {
            Some(old) => old.active,
            None => self.former.remove(&name).unwrap_or(Active::Tier(0)),
        };
        if old_active == new.active {
            return None;
        }
        let way = (old_active, new.active);
        let told = self.believed.tells(&name, way, drained);
        let left = match (old_active.rank(), new.active.rank()) {
            (0, 1..) => {
                self.left.insert(name.clone(), at);
                None
            }
            (_, 0) => self.left.remove(&name),
            _ => None,
        };
        self.keep(name.clone(), new.active, at);
        let since = self.moved.insert(name, at).or(self.first).unwrap_or(at);
        // Back where it is meant to be answered from: how long it was not, by however many steps.
        let since = left.unwrap_or(since);
        let (kind, severity) = kind(old_active, new.active)?;
        let lines = strategy.lines.iter();
        let event = Event {
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
            reason: moved.reasons(because, way),
            ..event(config, kind, severity, at)
        };
        if told {
            return Some(event);
        }
        self.quiet.push(event);
        None
    }
}

/// A strategy before and now.
#[derive(Clone, Copy)]
struct Move<'a> {
    ground: &'a Ground,
    instance: &'a Instance,
    strategy: &'a Strategy,
    /// What it follows.
    recipe: Option<RecipeId>,
    old: Option<&'a Decision>,
    new: &'a Decision,
    /// By draining alone.
    drained: bool,
    /// By another file, perhaps.
    reloaded: bool,
}

impl Move<'_> {
    fn reasons(&self, because: &Because<'_>, way: (Active, Active)) -> Vec<NodeReason> {
        let strategy = (self.instance, self.strategy);
        let found = self
            .recipe
            .map(|recipe| because.reasons(self.ground, recipe, strategy, way));
        let mut found = found.unwrap_or_default();
        if found.is_empty() && self.reloaded {
            found.push(NodeReason {
                node: self.ground.config.server.node.clone(),
                reason: "another configuration was applied".to_owned(),
            });
        }
        found
    }
}

fn kind(from: Active, to: Active) -> Option<(Kind, Severity)> {
    match (from, to) {
        (_, Active::Fallback) => Some((Kind::FallbackEntered, Severity::Critical)),
        (Active::Fallback, _) => Some((Kind::FallbackLeft, Severity::Info)),
        (from, to) if to.rank() > from.rank() => Some((Kind::TierSwitched, Severity::Warning)),
        (from, to) if to.rank() < from.rank() => Some((Kind::TierRestored, Severity::Info)),
        // Held to the first tier, with some or all of its addresses: no move.
        _ => None,
    }
}

/// So many answers are named in a title.
const IN_TITLE: usize = 4;

fn title(instance: &Instance, strategy: &Strategy, kind: Kind, now: &Decision) -> String {
    let what = match kind {
        Kind::FallbackEntered => "is answered from the fallback",
        Kind::FallbackLeft => "has left the fallback",
        Kind::TierRestored => "is back on a preferred tier",
        _ => "has switched to another tier",
    };
    let answers = answers(now);
    let (first, more) = answers.split_at(answers.len().min(IN_TITLE));
    let mut answers = first.join(", ");
    if !more.is_empty() {
        answers += &format!(" and {} more", more.len());
    }
    format!(
        "{} ({}), strategy {}, {what}: {}, {answers}",
        instance.name,
        instance.domain_text(),
        strategy.name,
        now.active
    )
}

fn answers(decision: &Decision) -> Vec<String> {
    let candidates = decision.answer.candidates.iter();
    candidates
        .map(|candidate| candidate.address.to_string())
        .collect()
}

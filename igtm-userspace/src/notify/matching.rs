//! Which subscriptions want an event, and which instances and lines it concerns.
//!
//! Pure. Must not know quiet hours, what was told before, nor what channels speak.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::event::{Event, Kind};
use crate::config::model::{
    ChannelId, ChannelKind, Config, Instance, Matching, Strategy, Subscription,
};

/// A configuration as alerts ask it.
#[derive(Debug)]
pub struct Rules {
    /// Whose subscriptions and channels.
    pub config: Arc<Config>,
    /// Who uses which pool; made when somebody asks first, since most never do.
    users: OnceLock<HashMap<String, Vec<(u32, u32)>>>,
}

impl Rules {
    /// Of `config`.
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            users: OnceLock::new(),
        }
    }

    /// The subscription of that name, unless it is disabled.
    pub fn subscription(&self, name: &str) -> Option<&Subscription> {
        let mut all = self.config.subscriptions.iter();
        all.find(|one| one.enabled && one.name == name)
    }

    /// Whether `subscription` asks for `event` by itself.
    pub fn wants(&self, subscription: &Subscription, event: &Event) -> bool {
        let Matching {
            instances,
            lines,
            pools,
            addresses,
            nodes,
            severity,
        } = &subscription.matching;
        let kinds = &subscription.events;
        let any = |list: &[String], holds: &dyn Fn(&String) -> bool| {
            list.is_empty() || list.iter().any(holds)
        };
        let is = |field: &Option<String>, name: &String| field.as_ref() == Some(name);
        subscription.enabled
            && (kinds.is_empty() || kinds.contains(&event.kind))
            && event.severity >= *severity
            && any(pools, &|name| is(&event.pool, name))
            && any(addresses, &|name| is(&event.address, name))
            && any(nodes, &|name| concerns_node(event, name))
            && any(instances, &|name| {
                self.concerns(event, &|instance| instance == name)
            })
            && any(lines, &|name| self.concerns_line(event, name))
    }

    /// Whether some instance that `event` concerns is one of those: its own, or where it has none,
    /// those that use its pool.
    pub fn concerns(&self, event: &Event, one: &dyn Fn(&str) -> bool) -> bool {
        match (&event.instance, &event.pool) {
            (Some(instance), _) => one(instance),
            (None, Some(pool)) => self.users_of(pool).any(|(user, _)| one(&user.name)),
            (None, None) => false,
        }
    }

    /// Whether all the instances that `event` concerns, of which there are some, are such.
    pub fn concerns_only(&self, event: &Event, such: &dyn Fn(&str) -> bool) -> bool {
        // The first that is not ends it: a pool may have 100 000 users.
        !self.concerns(event, &|instance| !such(instance)) && self.concerns(event, such)
    }

    /// The names of the instances that `event` concerns, at most `most` of them.
    pub fn instances(&self, event: &Event, most: usize) -> BTreeSet<String> {
        match (&event.instance, &event.pool) {
            (Some(instance), _) => BTreeSet::from([instance.clone()]),
            (None, Some(pool)) => {
                let users = self.users_of(pool).take(most);
                users.map(|(user, _)| user.name.clone()).collect()
            }
            (None, None) => BTreeSet::new(),
        }
    }

    fn concerns_line(&self, event: &Event, name: &str) -> bool {
        if !event.lines.is_empty() {
            return event.lines.iter().any(|line| line == name);
        }
        let Some(pool) = &event.pool else {
            return false;
        };
        let mut users = self.users_of(pool);
        users.any(|(user, strategy)| {
            let own = event.instance.as_ref();
            let mut lines = strategy.lines.iter();
            own.is_none_or(|own| *own == user.name)
                && lines.any(|line| self.config.line(*line).name == name)
        })
    }

    /// Each strategy that uses the pool, and whose it is.
    fn users_of(&self, pool: &str) -> impl Iterator<Item = (&Instance, &Strategy)> {
        let users = self.users.get_or_init(|| users(&self.config)).get(pool);
        users.into_iter().flatten().map(|(instance, strategy)| {
            let instance = &self.config.instances[*instance as usize];
            (instance, &instance.strategies[*strategy as usize])
        })
    }

    /// The names of channels, groups as those in them, each once. A disabled group stands for itself:
    /// it is told, which suppresses it.
    pub fn names(&self, channels: &[ChannelId]) -> Vec<String> {
        let mut names = Vec::new();
        let mut add = |id: &ChannelId| {
            let name = &self.config.channels[id.0].name;
            if !names.contains(name) {
                names.push(name.clone());
            }
        };
        for id in channels {
            let channel = &self.config.channels[id.0];
            match &channel.kind {
                ChannelKind::Group { channels } if channel.enabled => {
                    channels.iter().for_each(&mut add);
                }
                _ => add(id),
            }
        }
        names
    }
}

/// The node that tells, and those that saw it; a channel that failed is none.
fn concerns_node(event: &Event, name: &str) -> bool {
    let saw = || event.reason.iter().any(|reason| reason.node == name);
    event.node == name || (event.kind != Kind::ChannelFailed && saw())
}

/// Positions of instance and strategy by pool.
fn users(config: &Config) -> HashMap<String, Vec<(u32, u32)>> {
    let mut users: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
    for (instance, one) in (0..).zip(&config.instances) {
        for (strategy, one) in (0..).zip(&one.strategies) {
            let members = one.tiers.iter().flat_map(|tier| &tier.pools);
            let pools = members.map(|member| member.pool).chain([one.fallback]);
            for pool in pools.collect::<BTreeSet<_>>() {
                let of_pool = users.entry(config.pool(pool).name.clone()).or_default();
                of_pool.push((instance, strategy));
            }
        }
    }
    users
}

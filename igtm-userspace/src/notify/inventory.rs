//! What is in the file: a condition of something that is gone from it can neither last nor end.
//!
//! Pure.

use std::collections::{HashMap, HashSet};

use super::event::{Event, Kind};
use crate::config::model::{Config, Instance, Pool};

/// The objects of a configuration by their names.
#[derive(Debug)]
pub struct Inventory<'a> {
    instances: HashMap<&'a str, &'a Instance>,
    pools: HashMap<&'a str, &'a Pool>,
    nodes: HashSet<&'a str>,
}

impl<'a> Inventory<'a> {
    /// Of `config`.
    pub fn new(config: &'a Config) -> Self {
        let instances = config.instances.iter();
        let pools = config.pools.iter();
        let nodes = config.nodes.iter().map(|one| one.name.as_str());
        Self {
            instances: instances.map(|one| (one.name.as_str(), one)).collect(),
            pools: pools.map(|one| (one.name.as_str(), one)).collect(),
            nodes: nodes.collect(),
        }
    }

    /// Whether all that `event` names is there.
    pub fn has(&self, event: &Event) -> bool {
        let instance = event.instance.as_deref();
        let instance = instance.map(|name| self.instances.get(name));
        let pool = event.pool.as_deref().map(|name| self.pools.get(name));
        if instance.is_some_and(|one| one.is_none()) || pool.is_some_and(|one| one.is_none()) {
            return false;
        }
        let strategy = |name: &String| match instance.flatten() {
            Some(instance) => {
                let mut all = instance.strategies.iter();
                all.any(|one| one.enabled && one.name == *name)
            }
            None => false,
        };
        let address = |text: &String| match pool.flatten() {
            Some(pool) => {
                let mut all = pool.addresses.iter();
                all.any(|one| one.enabled && one.value.to_string() == *text)
            }
            None => true,
        };
        event.strategy.as_ref().is_none_or(strategy)
            && event.address.as_ref().is_none_or(address)
            && (event.kind != Kind::NodeSilent || self.has_node(event))
    }

    fn has_node(&self, event: &Event) -> bool {
        let mut silent = event.reason.iter().take(1);
        silent.all(|one| self.nodes.contains(one.node.as_str()))
    }
}

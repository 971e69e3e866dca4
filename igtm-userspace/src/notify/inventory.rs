//! What is in the file: a condition of something that is gone from it can neither last nor end.
//!
//! Pure.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::event::{Event, Kind};
use crate::config::model::{Config, Instance, Pool};
use crate::health::is_by_instance;

/// The objects of a configuration by their names.
#[derive(Debug)]
pub struct Inventory<'a> {
    config: &'a Config,
    instances: HashMap<&'a str, &'a Instance>,
    pools: HashMap<&'a str, &'a Pool>,
    nodes: HashSet<&'a str>,
    domains: OnceCell<HashSet<String>>,
}

impl<'a> Inventory<'a> {
    /// Of `config`.
    pub fn new(config: &'a Config) -> Self {
        let instances = config.instances.iter();
        let pools = config.pools.iter();
        let nodes = config.nodes.iter().map(|one| one.name.as_str());
        Self {
            config,
            instances: instances.map(|one| (one.name.as_str(), one)).collect(),
            pools: pools.map(|one| (one.name.as_str(), one)).collect(),
            nodes: nodes.collect(),
            domains: OnceCell::new(),
        }
    }

    /// Whether all that `event` names is there and enabled. What is there but not probed any more is
    /// ended by whoever told of it.
    pub fn has(&self, event: &Event) -> bool {
        let instance = event.instance.as_deref();
        let instance = instance.map(|name| self.instances.get(name));
        let pool = event.pool.as_deref().map(|name| self.pools.get(name));
        if instance.is_some_and(|one| one.is_none()) || pool.is_some_and(|one| one.is_none()) {
            return false;
        }
        if let Some(pool) = pool.flatten()
            && !self.is_asked_for(pool, event)
        {
            return false;
        }
        let strategy = |name: &String| match instance.flatten() {
            Some(instance) => {
                let mut all = instance.strategies.iter();
                instance.enabled && all.any(|one| one.enabled && one.name == *name)
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

    /// Whether a pool is told of as `event` does: for a domain, or for all.
    fn is_asked_for(&self, pool: &Pool, event: &Event) -> bool {
        let by_instance = is_by_instance(self.config, pool);
        match &event.host {
            Some(host) => by_instance && self.domains().contains(host),
            None => !by_instance,
        }
    }

    /// Those of enabled instances: made when they are needed.
    fn domains(&self) -> &HashSet<String> {
        self.domains.get_or_init(|| {
            let instances = self.config.instances.iter();
            let enabled = instances.filter(|instance| instance.enabled);
            enabled.map(Instance::domain_text).collect()
        })
    }

    fn has_node(&self, event: &Event) -> bool {
        let mut silent = event.reason.iter().take(1);
        silent.all(|one| self.nodes.contains(one.node.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Policy;
    use crate::notify::event::NodeReason;
    use crate::notify::fixture::event;
    use crate::policy::fixture;

    fn config() -> Config {
        let mut config = fixture::config();
        let pool = fixture::pool(&mut config, "web", Policy::All, &[("192.0.2.1", 1)]);
        let tier = fixture::tier(Policy::All, 1, &[(pool, 1)]);
        let line = crate::config::model::LineId(0);
        let strategy = fixture::strategy("all", &[line], vec![tier], pool);
        config.instances = vec![fixture::instance(vec![strategy])];
        config
    }

    fn down() -> Event {
        Event {
            since: Some(jiff::Timestamp::UNIX_EPOCH),
            ..event(Kind::AddressDown, "192.0.2.1")
        }
    }

    fn fell() -> Event {
        Event {
            pool: None,
            address: None,
            instance: Some("www".to_owned()),
            strategy: Some("all".to_owned()),
            ..event(Kind::FallbackEntered, "")
        }
    }

    fn silent() -> Event {
        Event {
            pool: None,
            address: None,
            reason: vec![NodeReason {
                node: "local".to_owned(),
                reason: "nothing".to_owned(),
            }],
            ..event(Kind::NodeSilent, "")
        }
    }

    #[test]
    fn what_is_gone_or_disabled_does_not_last() {
        type Change = fn(&mut Config);
        let asked_for = |host: &str| Event {
            host: Some(host.to_owned()),
            ..down()
        };
        let cases: [(Event, bool, Change); 9] = [
            (down(), true, |_| {}),
            (down(), false, |config| config.pools.clear()),
            (down(), false, |config| {
                config.pools[0].addresses[0].enabled = false
            }),
            // Of no instance's own domain here.
            (asked_for("www.example.com"), false, |_| {}),
            (fell(), true, |_| {}),
            (fell(), false, |config| config.instances[0].enabled = false),
            (fell(), false, |config| {
                config.instances[0].strategies[0].enabled = false
            }),
            (silent(), true, |_| {}),
            (silent(), false, |config| config.nodes.clear()),
        ];
        for (event, expected, change) in cases {
            let mut config = config();
            change(&mut config);
            let has = Inventory::new(&config).has(&event);
            assert_eq!(has, expected, "{event:?}");
        }
    }
}

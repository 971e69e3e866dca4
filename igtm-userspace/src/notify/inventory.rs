//! What is in the file: a condition of something that is gone from it can neither last nor end.
//!
//! Pure.

use std::collections::{HashMap, HashSet};

use super::event::{Event, Kind};
use crate::config::model::{Config, Instance, Pool};

/// The objects of a configuration by their names.
#[derive(Debug)]
pub struct Inventory<'a> {
    config: &'a Config,
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
            config,
            instances: instances.map(|one| (one.name.as_str(), one)).collect(),
            pools: pools.map(|one| (one.name.as_str(), one)).collect(),
            nodes: nodes.collect(),
        }
    }

    /// Whether all that `event` names is there, and still answered or probed.
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
                instance.enabled && all.any(|one| one.enabled && one.name == *name)
            }
            None => false,
        };
        let address = |text: &String| match pool.flatten() {
            Some(pool) => {
                let mut all = pool.addresses.iter();
                self.measures(pool, event)
                    && all.any(|one| one.enabled && one.value.to_string() == *text)
            }
            None => true,
        };
        event.strategy.as_ref().is_none_or(strategy)
            && event.address.as_ref().is_none_or(address)
            && (event.kind != Kind::NodeSilent || self.has_node(event))
    }

    /// What nobody probes any more is not measured to be down. An operator's word, which tells of no
    /// time before it, holds all the same.
    fn measures(&self, pool: &Pool, event: &Event) -> bool {
        let monitor = pool.monitor.map(|id| self.config.monitor(id));
        event.since.is_none() || monitor.is_some_and(|monitor| monitor.enabled)
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
    fn what_is_gone_disabled_or_not_probed_does_not_last() {
        type Change = fn(&mut Config);
        let forced = Event {
            since: None,
            ..down()
        };
        let cases: [(Event, bool, Change); 11] = [
            (down(), true, |_| {}),
            (down(), false, |config| config.pools.clear()),
            (down(), false, |config| {
                config.pools[0].addresses[0].enabled = false
            }),
            (down(), false, |config| config.monitors[0].enabled = false),
            (down(), false, |config| config.pools[0].monitor = None),
            (forced, true, |config| config.pools[0].monitor = None),
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

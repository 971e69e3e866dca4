//! 监控任务: how many probe tasks there are, each a monitor, a node, an address and a host.
//!
//! Must not schedule anything.

use std::collections::BTreeSet;

use super::target::pools;
use super::{FixedHost, Target, fixed_host, probing, targets};
use crate::config::model::{Address, Config, Monitor};

/// How many nodes look at `address` by `monitor`.
fn nodes(config: &Config, monitor: &Monitor, address: &Address) -> usize {
    monitor.nodes_of(&config.nodes, address).count()
}

/// How many tasks distinct `targets` are: one for each node.
pub fn tasks_of<'a>(config: &Config, targets: impl IntoIterator<Item = &'a Target>) -> usize {
    let targets = targets.into_iter();
    targets
        .map(|target| nodes(config, config.monitor(target.monitor), &target.address))
        .sum()
}

/// How many tasks `config` asks for.
pub fn tasks(config: &Config) -> usize {
    tasks_of(config, &targets(config))
}

/// How many tasks each pool asks for, by its position. A task that several pools want counts for
/// each of them, so their sum may exceed [`tasks`].
pub fn tasks_by_pool(config: &Config) -> Vec<usize> {
    // Domains are unique: an instance more is a host more.
    let mut hosts = vec![0_usize; config.pools.len()];
    for instance in config.instances.iter().filter(|one| one.enabled) {
        for pool in pools(instance).collect::<BTreeSet<_>>() {
            hosts[pool.0] += 1;
        }
    }
    let by_pool = config.pools.iter().zip(hosts);
    by_pool
        .map(|(pool, hosts)| {
            let addresses = pool.addresses.iter();
            let each = addresses.filter_map(|address| {
                let (_, monitor) = probing(config, pool, address)?;
                let hosts = match fixed_host(monitor) {
                    FixedHost::OfInstance => hosts,
                    FixedHost::None | FixedHost::Named(_) => 1,
                };
                Some(hosts * nodes(config, monitor, &address.value))
            });
            each.sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::testing::{config, domain_of, http, monitor, ping, pool, strategy};

    #[test]
    fn tasks_are_counted_by_pool_and_once_in_total() {
        let mut config = config(
            vec![monitor("web", http(None)), monitor("icmp", ping())],
            vec![
                pool("a", Some(0), &["192.0.2.1", "192.0.2.2"]),
                pool("b", Some(0), &["192.0.2.1"]),
                pool("c", Some(1), &["192.0.2.1"]),
                pool("unwatched", None, &["192.0.2.4"]),
                pool("unused", Some(0), &["192.0.2.5"]),
            ],
        );
        // `c` stands in two strategies' places of the first: it is counted once.
        config.instances = vec![
            domain_of("www.example.com", vec![strategy(&[0, 1, 2, 3], 2)]),
            domain_of("api.example.com", vec![strategy(&[1], 1)]),
        ];
        assert_eq!(tasks_by_pool(&config), [2, 2, 1, 0, 0]);
        // www: .1 and .2 over http; api: .1; and one ping.
        assert_eq!(tasks(&config), 4);
        config.instances[1].enabled = false;
        assert_eq!(tasks_by_pool(&config), [2, 1, 1, 0, 0]);
        assert_eq!(tasks(&config), 3);
    }
}

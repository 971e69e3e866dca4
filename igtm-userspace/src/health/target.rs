//! Which targets a configuration asks for.
//!
//! Must not know what a target's health is.

use std::collections::BTreeSet;

use super::{FixedHost, Target, fixed_host, is_by_instance, probing};
use crate::config::model::{Config, Instance, Pool, PoolId};

/// Every distinct target that `config` wants probed.
///
/// A target whose host does not depend on an instance is wanted for every pool, used or not, so
/// that its health is known before the pool is put to use. A target whose host is an instance's
/// domain is wanted for each enabled instance that has the pool in an enabled strategy.
pub fn targets(config: &Config) -> BTreeSet<Target> {
    let mut wanted = BTreeSet::new();
    for pool in &config.pools {
        for address in &pool.addresses {
            let Some((monitor, definition)) = probing(config, pool, address) else {
                continue;
            };
            let host = match fixed_host(definition) {
                FixedHost::None => None,
                FixedHost::Named(host) => Some(host.to_owned()),
                FixedHost::OfInstance => continue,
            };
            wanted.insert(Target {
                monitor,
                address: address.value.clone(),
                host,
            });
        }
    }
    let own: Vec<bool> = config
        .pools
        .iter()
        .map(|pool| is_by_instance(config, pool))
        .collect();
    for instance in config.instances.iter().filter(|instance| instance.enabled) {
        // The others' targets are there already.
        for pool in pools(instance).filter(|id| own[id.0]) {
            wanted.extend(of_pool(config, config.pool(pool), instance));
        }
    }
    wanted
}

/// The pools of an instance's enabled strategies, tiers and fallback alike; repeats are left in.
pub(super) fn pools(instance: &Instance) -> impl Iterator<Item = PoolId> {
    let strategies = instance.strategies.iter().filter(|each| each.enabled);
    strategies.flat_map(|strategy| {
        let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
        tiers.map(|member| member.pool).chain([strategy.fallback])
    })
}

fn of_pool(config: &Config, pool: &Pool, instance: &Instance) -> impl Iterator<Item = Target> {
    pool.addresses
        .iter()
        .filter_map(move |address| Target::of(config, pool, address, instance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Monitor;
    use crate::health::tasks;
    use crate::health::testing::{config, domain_of, http, monitor, ping, pool, strategy};

    /// Targets as "monitor address host", sorted.
    fn listed(config: &Config) -> Vec<String> {
        targets(config)
            .into_iter()
            .map(|target| {
                format!(
                    "{} {} {}",
                    config.monitor(target.monitor).name,
                    target.address,
                    target.host.as_deref().unwrap_or("-")
                )
            })
            .collect()
    }

    fn web() -> Monitor {
        monitor("web", http(None))
    }

    #[test]
    fn one_target_however_many_pools_or_instances_want_it() {
        let mut config = config(
            vec![monitor("icmp", ping())],
            vec![
                pool("a", Some(0), &["192.0.2.1", "192.0.2.2"]),
                pool("b", Some(0), &["192.0.2.1"]),
            ],
        );
        config.instances = vec![
            domain_of("www.example.com", vec![strategy(&[0], 1)]),
            domain_of("api.example.com", vec![strategy(&[0], 0)]),
        ];
        assert_eq!(listed(&config), ["icmp 192.0.2.1 -", "icmp 192.0.2.2 -"]);
    }

    #[test]
    fn without_a_host_each_domain_is_a_target_of_its_own() {
        let mut config = config(vec![web()], vec![pool("a", Some(0), &["192.0.2.1"])]);
        config.instances = vec![
            domain_of("www.example.com", vec![strategy(&[0], 0)]),
            domain_of("api.example.com", vec![strategy(&[0], 0)]),
        ];
        assert_eq!(
            listed(&config),
            [
                "web 192.0.2.1 api.example.com",
                "web 192.0.2.1 www.example.com"
            ]
        );
    }

    #[test]
    fn a_fixed_host_is_one_target_even_of_an_unused_pool() {
        let config = config(
            vec![monitor("web", http(Some("origin.example.com")))],
            vec![pool("a", Some(0), &["192.0.2.1"])],
        );
        assert_eq!(listed(&config), ["web 192.0.2.1 origin.example.com"]);
    }

    #[test]
    fn the_fallback_is_probed_and_what_is_disabled_is_not() {
        let mut config = config(
            vec![web(), monitor("off", http(None))],
            vec![
                pool("tier", Some(0), &["192.0.2.1"]),
                pool("fallback", Some(0), &["192.0.2.2", "192.0.2.3"]),
                pool("unwatched", None, &["192.0.2.4"]),
                pool("off", Some(1), &["192.0.2.5"]),
                pool("elsewhere", Some(0), &["192.0.2.6"]),
            ],
        );
        config.monitors[1].enabled = false;
        config.pools[1].addresses[1].enabled = false;
        let mut idle = strategy(&[4], 4);
        idle.enabled = false;
        let mut closed = domain_of("old.example.com", vec![strategy(&[4], 4)]);
        closed.enabled = false;
        config.instances = vec![
            domain_of("www.example.com", vec![strategy(&[0, 2, 3], 1), idle]),
            closed,
        ];
        assert_eq!(
            listed(&config),
            [
                "web 192.0.2.1 www.example.com",
                "web 192.0.2.2 www.example.com"
            ]
        );
    }

    #[test]
    fn a_task_is_a_target_and_a_node_that_has_a_source_for_it() {
        use crate::health::testing::with_nodes;

        let pools = vec![
            pool("a", Some(0), &["192.0.2.1", "2001:db8::1"]),
            pool("b", Some(0), &["192.0.2.1"]),
        ];
        let mut config = with_nodes(config(vec![monitor("icmp", ping())], pools), 3);
        assert_eq!(tasks(&config), 6);
        config.nodes[1].source_v4 = "192.0.2.9".parse().ok();
        assert_eq!(tasks(&config), 5);
    }
}

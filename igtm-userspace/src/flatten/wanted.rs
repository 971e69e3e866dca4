//! Which domains of a configuration are flattened.

use std::collections::BTreeSet;

use hickory_proto::rr::Name;

use crate::config::model::{Address, Config, PoolType};

/// Every enabled domain of the pools that an enabled strategy answers from at a zone's apex.
pub fn names(config: &Config) -> BTreeSet<Name> {
    let at_apex = config
        .instances
        .iter()
        .filter(|instance| instance.enabled && config.zones.at(&instance.access_domain).is_some());
    let strategies = at_apex
        .flat_map(|instance| &instance.strategies)
        .filter(|strategy| strategy.enabled);
    let pools = strategies.flat_map(|strategy| {
        let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
        tiers.map(|member| member.pool).chain([strategy.fallback])
    });
    let pools: BTreeSet<_> = pools.collect();
    pools
        .into_iter()
        .map(|id| config.pool(id))
        .filter(|pool| pool.r#type == PoolType::Domain)
        .flat_map(|pool| &pool.addresses)
        .filter(|address| address.enabled)
        .filter_map(|address| match &address.value {
            Address::Domain(name) => Some(name.clone()),
            Address::Ip(_) => None,
        })
        .collect()
}

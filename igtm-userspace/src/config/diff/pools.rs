//! Pools and instances as named texts, with their parts: addresses and strategies.
//!
//! Every struct is taken apart whole: a field that the model gains must be told here, or this
//! does not compile.

use super::objects::{self, named};
use super::outline::{Fields, Outline, field, lasting, list, or_none};
use crate::config::model::{Config, Instance, Pool, PoolAddress, Strategy, Switch, Tier};

pub(super) fn pool(config: &Config, pool: &Pool) -> Outline {
    let Pool {
        name,
        r#type,
        policy,
        monitor,
        addresses,
    } = pool;
    let monitor = monitor.map(|id| &config.monitor(id).name);
    let own = vec![
        field("type", r#type.name()),
        field("policy", policy.name()),
        field("monitor", or_none(monitor)),
    ];
    let parts = addresses.iter().map(address).collect();
    Outline {
        parts,
        ..named("pool", name, own)
    }
}

fn address(address: &PoolAddress) -> (String, Fields) {
    let PoolAddress {
        value,
        weight,
        region,
        enabled,
    } = address;
    let fields = vec![
        field("weight", weight),
        field("region", or_none(region.as_ref())),
        field("enabled", enabled),
    ];
    (format!("address {}", value), fields)
}

pub(super) fn instance(config: &Config, instance: &Instance) -> Outline {
    let Instance {
        name,
        domain,
        access_domain,
        ttl,
        enabled,
        max_answers,
        strategies,
        plan,
    } = instance;
    let mut own = vec![
        field("domain", domain),
        field("access_domain", access_domain),
        lasting("ttl", *ttl),
        field("enabled", enabled),
        field("max_answers", or_none(*max_answers)),
    ];
    let plan = plan
        .as_ref()
        .map_or_else(Fields::new, |own| objects::plan(own));
    own.extend(
        plan.into_iter()
            .map(|(key, value)| (format!("plan.{key}"), value)),
    );
    let parts = strategies.iter().map(|one| strategy(config, one)).collect();
    Outline {
        parts,
        ..named("instance", name, own)
    }
}

fn strategy(config: &Config, strategy: &Strategy) -> (String, Fields) {
    let Strategy {
        name,
        lines,
        enabled,
        keep,
        switch,
        tiers,
        fallback,
    } = strategy;
    let lines = lines.iter().map(|id| &config.line(*id).name);
    let switch = match switch {
        Switch::Auto => "auto",
        Switch::Hold => "hold",
    };
    let mut fields = vec![
        field("lines", list(lines)),
        field("enabled", enabled),
        field("keep", keep),
        field("switch", switch),
        field("fallback", &config.pool(*fallback).name),
    ];
    let numbered = tiers.iter().zip(1..);
    fields.extend(numbered.map(|(one, at)| field(&format!("tier {at}"), tier(config, one))));
    (format!("strategy {name}"), fields)
}

fn tier(config: &Config, tier: &Tier) -> String {
    let Tier {
        pools,
        policy,
        min_healthy,
    } = tier;
    let pools = pools.iter().map(|place| {
        let pool = &config.pool(place.pool).name;
        format!("{pool} × {}", place.weight)
    });
    let word = policy.name();
    format!("{} ({word}, min_healthy {min_healthy})", list(pools))
}

//! Small validated configurations for tests, as the loader would make them.

use std::collections::HashMap;
use std::time::Duration;

use hickory_proto::rr::Name;

use crate::config::model::*;
use crate::health::{AddressState, HealthView, Target};
use crate::snapshot::frozen::Frozen;
use crate::state::{FrozenKey, SavedFrozen};

/// A zone, the default line, and nothing else.
pub(crate) fn config() -> Config {
    Config {
        server: Server {
            node: "edge-1".to_owned(),
            listen: Vec::new(),
            port: 53,
            interfaces: Vec::new(),
            xdp: XdpMode::Off,
            state_dir: "/nonexistent".into(),
            bpffs: "/nonexistent".into(),
            udp_size: 1232,
            ecs: true,
            says: crate::config::model::Says::default(),
            start_wait: Duration::from_secs(10),
            stale_after: Duration::ZERO,
        },
        admin: Admin::default(),
        limits: crate::config::model::Limits::default(),
        plan: crate::config::model::Plan::of(crate::config::model::Profile::Unlimited),
        zones: vec![Zone::new(
            name("gtm.example.com"),
            vec![name("ns1.example.net")],
            name("hostmaster.example.com"),
            Duration::from_secs(60),
        )]
        .into(),
        lines: vec![line("default", LineKind::Default, &[])],
        nodes: vec![Node::local()],
        monitors: Vec::new(),
        pools: Vec::new(),
        instances: Vec::new(),
        channels: Vec::new(),
        templates: Vec::new(),
        subscriptions: Vec::new(),
    }
}

/// A fully qualified name.
pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a domain name");
    name.set_fqdn(true);
    name
}

/// A line without a parent.
pub(crate) fn line(name: &str, kind: LineKind, prefixes: &[&str]) -> Line {
    let parse = |text: &&str| text.parse().expect("a prefix");
    Line {
        name: name.to_owned(),
        kind,
        prefixes: prefixes.iter().map(parse).collect(),
        parent: None,
    }
}

/// An IP address, or else a domain.
pub(crate) fn address(text: &str) -> Address {
    text.parse()
        .map_or_else(|_| Address::Domain(name(text)), Address::Ip)
}

/// Adds a pool of enabled addresses with a TCP monitor of its own; its type is its first address's.
pub(crate) fn pool(
    config: &mut Config,
    name: &str,
    policy: Policy,
    addresses: &[(&str, u32)],
) -> PoolId {
    let addresses: Vec<_> = addresses
        .iter()
        .map(|&(value, weight)| PoolAddress {
            value: address(value),
            weight,
            region: None,
            enabled: true,
        })
        .collect();
    let r#type = match &addresses[0].value {
        Address::Ip(ip) if ip.is_ipv4() => PoolType::Ipv4,
        Address::Ip(_) => PoolType::Ipv6,
        Address::Domain(_) => PoolType::Domain,
    };
    config.monitors.push(monitor(name));
    config.pools.push(Pool {
        name: name.to_owned(),
        r#type,
        policy,
        monitor: Some(MonitorId(config.monitors.len() - 1)),
        addresses,
    });
    PoolId(config.pools.len() - 1)
}

fn monitor(name: &str) -> Monitor {
    Monitor {
        name: name.to_owned(),
        protocol: Protocol::Tcp { port: 443 },
        enabled: true,
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(2),
        failure_percent: 50,
        retries: 1,
        bad_rounds: 1,
        good_rounds: 1,
        nodes: vec![NodeId::LOCAL],
    }
}

/// A tier of pools with their weights.
pub(crate) fn tier(policy: Policy, min_healthy: usize, pools: &[(PoolId, u32)]) -> Tier {
    let place = |&(pool, weight)| TierPool { pool, weight };
    Tier {
        pools: pools.iter().map(place).collect(),
        policy,
        min_healthy,
    }
}

/// An enabled strategy with `switch = "auto"`.
pub(crate) fn strategy(
    name: &str,
    lines: &[LineId],
    tiers: Vec<Tier>,
    fallback: PoolId,
) -> Strategy {
    Strategy {
        name: name.to_owned(),
        lines: lines.to_vec(),
        enabled: true,
        keep: false,
        switch: Switch::Auto,
        tiers,
        fallback,
    }
}

/// An enabled instance `www`.
pub(crate) fn instance(strategies: Vec<Strategy>) -> Instance {
    Instance {
        name: "www".to_owned(),
        domain: name("www.example.com"),
        access_domain: name("www.gtm.example.com"),
        ttl: Duration::from_secs(60),
        enabled: true,
        max_answers: None,
        plan: None,
        strategies,
    }
}

/// States by monitor and address; whatever is not named is ok.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed(pub(crate) HashMap<(MonitorId, Address), AddressState>);

impl HealthView for Observed {
    fn state(&self, target: &Target) -> AddressState {
        let key = (target.monitor, target.address.clone());
        self.0.get(&key).copied().unwrap_or(AddressState::Ok)
    }
}

/// An A answer by weight that is frozen on `line` since 5 s, TTL 30 s, of strategy `old` of `www`.
pub(crate) fn frozen(domain: &str, line: &str, addresses: &[(&str, u32)]) -> Frozen {
    let key = FrozenKey {
        instance: "www".to_owned(),
        strategy: "old".to_owned(),
        line: line.to_owned(),
        ipv6: false,
    };
    let answer = serde_json::json!({
        "name": domain, "ttl_s": 30, "max_answers": null, "active": "tier 1", "kind": "ipv4",
        "weighted": true, "candidates": addresses,
    });
    let since = jiff::Timestamp::from_second(5).expect("in range");
    let frozen = Frozen::from_saved(key, SavedFrozen { answer, since });
    let mut frozen = frozen.expect("it is written so");
    frozen.name = name(domain);
    frozen
}

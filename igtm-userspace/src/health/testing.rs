//! Configurations and rounds for the tests of health and probe.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;

use super::{NodeResult, Round, Target};
use crate::config::model::{
    Address, Admin, Config, HttpCheck, Instance, Limits, Monitor, MonitorId, Policy, Pool,
    PoolAddress, PoolId, PoolType, Protocol, Server, Strategy, Switch, Tier, TierPool, XdpMode,
};

/// A configuration with nothing but monitors and pools.
pub(crate) fn config(monitors: Vec<Monitor>, pools: Vec<Pool>) -> Config {
    Config {
        server: Server {
            node: "local".to_owned(),
            listen: Vec::new(),
            port: 53,
            interfaces: Vec::new(),
            xdp: XdpMode::Off,
            state_dir: "/nowhere".into(),
            bpffs: "/nowhere".into(),
            udp_size: 1232,
            ecs: false,
            start_wait: Duration::ZERO,
            stale_after: Duration::ZERO,
        },
        admin: Admin::default(),
        limits: Limits::default(),
        zones: Vec::new().into(),
        lines: Vec::new(),
        monitors,
        pools,
        instances: Vec::new(),
        channels: Vec::new(),
        subscriptions: Vec::new(),
    }
}

pub(crate) fn monitor(name: &str, protocol: Protocol) -> Monitor {
    Monitor {
        name: name.to_owned(),
        protocol,
        enabled: true,
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(5),
        failure_percent: 50,
        retries: 0,
        bad_rounds: 1,
        good_rounds: 1,
    }
}

pub(crate) fn ping() -> Protocol {
    Protocol::Ping {
        packets: 20,
        loss_percent: 90,
    }
}

pub(crate) fn http(host: Option<&str>) -> Protocol {
    Protocol::Http(HttpCheck {
        port: 80,
        host: host.map(str::to_owned),
        path: "/".to_owned(),
        bad_status: 500,
        follow_redirects: true,
        tls: None,
    })
}

pub(crate) fn pool(name: &str, monitor: Option<usize>, addresses: &[&str]) -> Pool {
    Pool {
        name: name.to_owned(),
        r#type: PoolType::Ipv4,
        policy: Policy::All,
        monitor: monitor.map(MonitorId),
        addresses: addresses
            .iter()
            .map(|value| PoolAddress {
                value: Address::Ip(value.parse().expect("an address")),
                weight: 100,
                region: None,
                enabled: true,
            })
            .collect(),
    }
}

/// One tier of `pools`, and a fallback.
pub(crate) fn strategy(pools: &[usize], fallback: usize) -> Strategy {
    Strategy {
        name: "default".to_owned(),
        lines: Vec::new(),
        enabled: true,
        switch: Switch::Auto,
        tiers: vec![Tier {
            pools: pools
                .iter()
                .map(|pool| TierPool {
                    pool: PoolId(*pool),
                    weight: 100,
                })
                .collect(),
            policy: Policy::All,
            min_healthy: 1,
        }],
        fallback: PoolId(fallback),
    }
}

pub(crate) fn domain_of(domain: &str, strategies: Vec<Strategy>) -> Instance {
    let name = Name::from_ascii(format!("{domain}.")).expect("a name");
    Instance {
        name: domain.to_owned(),
        domain: name.clone(),
        access_domain: name,
        ttl: Duration::from_secs(60),
        enabled: true,
        max_answers: None,
        strategies,
    }
}

/// `failing` of `reporting` nodes fail.
pub(crate) fn nodes(failing: usize, reporting: usize) -> Vec<NodeResult> {
    (0..reporting)
        .map(|node| NodeResult {
            node: format!("node{node:02}"),
            outcome: if node < failing {
                Err("connection refused".to_owned())
            } else {
                Ok(())
            },
        })
        .collect()
}

/// A round of `target` as `config` defines it.
pub(crate) fn round(config: &Config, target: &Target, results: Vec<NodeResult>) -> Round {
    Round {
        target: target.clone(),
        monitor: Arc::new(config.monitor(target.monitor).clone()),
        results,
    }
}

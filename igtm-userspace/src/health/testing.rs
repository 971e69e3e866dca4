//! Configurations and rounds for the tests of health and probe.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;
use jiff::Timestamp;

use super::{Health, Outcome, Report, Target, Task, Transition};
use crate::config::model::{
    Address, Admin, Config, HttpCheck, Instance, Limits, Monitor, MonitorId, Node, NodeId, Policy,
    Pool, PoolAddress, PoolId, PoolType, Protocol, Server, Strategy, Switch, Tier, TierPool,
    XdpMode,
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
            says: crate::config::model::Says::default(),
            start_wait: Duration::ZERO,
            stale_after: Duration::ZERO,
        },
        admin: Admin::default(),
        limits: Limits::default(),
        plan: crate::config::model::Plan::of(crate::config::model::Profile::Unlimited),
        zones: Vec::new().into(),
        lines: Vec::new(),
        nodes: vec![Node::local()],
        monitors,
        pools,
        instances: Vec::new(),
        channels: Vec::new(),
        templates: Vec::new(),
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
        nodes: vec![NodeId::LOCAL],
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
        keep: false,
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
        plan: None,
        strategies,
    }
}

/// Nodes `n0`, `n1` … besides `local`, which every monitor asks instead of it.
pub(crate) fn with_nodes(mut config: Config, count: usize) -> Config {
    config.nodes.extend((0..count).map(|number| Node {
        name: format!("n{number}"),
        interface: Some("lo".to_owned()),
        ..Node::local()
    }));
    for monitor in &mut config.monitors {
        monitor.nodes = (1..=count).map(NodeId).collect();
    }
    config
}

/// The task of `target` for the node called `node`.
pub(crate) fn task(health: &Health, target: &Target, node: &str) -> Arc<Task> {
    let mut tasks = health.tasks().into_iter();
    tasks
        .find(|task| task.target == *target && task.node.name == node)
        .expect("it is wanted")
}

/// What the node called `node` says of `target`, and what that changes.
pub(crate) fn say(
    health: &mut Health,
    target: &Target,
    node: &str,
    outcome: Outcome,
    now: Timestamp,
) -> Vec<Transition> {
    let task = task(health, target, node);
    health.report(Report { task, outcome }, now)
}

/// "connection refused".
pub(crate) fn refused() -> Outcome {
    Outcome::Bad("connection refused".to_owned())
}

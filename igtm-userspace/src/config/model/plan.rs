//! `[plan]` 套餐: what one instance may use.

use std::time::Duration;

use super::{PoolType, Protocol};

/// The ready profiles (product.md, Plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// No quota.
    Unlimited,
    /// The smallest, made for 容灾切换.
    Failover,
    /// In between.
    Standard,
    /// The largest.
    Ultimate,
}

impl Profile {
    /// Every profile with its name in the file.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Unlimited, "unlimited"),
        (Self::Failover, "failover"),
        (Self::Standard, "standard"),
        (Self::Ultimate, "ultimate"),
    ];

    /// Its name in the file.
    pub fn word(self) -> &'static str {
        let (_, word) = Self::ALL[self as usize];
        word
    }
}

/// A protocol without its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are config.md's own")]
pub enum ProtocolKind {
    Ping,
    Tcp,
    Http,
    Https,
}

impl ProtocolKind {
    /// Every protocol with its name in the file.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Ping, "ping"),
        (Self::Tcp, "tcp"),
        (Self::Http, "http"),
        (Self::Https, "https"),
    ];

    /// Its name in the file.
    pub fn word(self) -> &'static str {
        let (_, word) = Self::ALL[self as usize];
        word
    }
}

impl Protocol {
    /// Which one it is.
    pub fn kind(&self) -> ProtocolKind {
        match self {
            Self::Ping { .. } => ProtocolKind::Ping,
            Self::Tcp { .. } => ProtocolKind::Tcp,
            Self::Http(check) if check.tls.is_some() => ProtocolKind::Https,
            Self::Http(_) => ProtocolKind::Http,
        }
    }
}

/// What one instance may use; a number that is `None` is not limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it is derived from; its numbers may be others.
    pub profile: Profile,
    /// Distinct monitored addresses.
    pub max_addresses: Option<usize>,
    /// Probe tasks 监控任务.
    pub max_probe_tasks: Option<usize>,
    /// Distinct nodes that probe.
    pub max_nodes: Option<usize>,
    /// Distinct lines that are claimed, `default` among them.
    pub max_lines: Option<usize>,
    /// Protocols of monitors.
    pub protocols: Vec<ProtocolKind>,
    /// Types of pools.
    pub types: Vec<PoolType>,
    /// Whether `policy = "weight"` is allowed, of pools and tiers.
    pub weight_policy: bool,
    /// The shortest interval of monitors.
    pub min_interval: Duration,
    /// The floor of TTLs: a shorter one is raised to it.
    pub min_ttl: Duration,
}

impl Plan {
    /// The numbers of a profile as product.md has them.
    pub fn of(profile: Profile) -> Self {
        let all_protocols = ProtocolKind::ALL.map(|(kind, _)| kind).to_vec();
        let all_types = vec![PoolType::Ipv4, PoolType::Ipv6, PoolType::Domain];
        let unlimited = Self {
            profile,
            max_addresses: None,
            max_probe_tasks: None,
            max_nodes: None,
            max_lines: None,
            protocols: all_protocols,
            types: all_types,
            weight_policy: true,
            min_interval: Duration::ZERO,
            min_ttl: Duration::from_secs(1),
        };
        match profile {
            Profile::Unlimited => unlimited,
            Profile::Failover => Self {
                max_addresses: Some(3),
                max_probe_tasks: Some(9),
                max_nodes: Some(3),
                max_lines: Some(3),
                protocols: vec![ProtocolKind::Ping],
                types: vec![PoolType::Ipv4],
                weight_policy: false,
                min_interval: Duration::from_secs(300),
                min_ttl: Duration::from_secs(600),
                ..unlimited
            },
            Profile::Standard => Self {
                max_addresses: Some(16),
                max_probe_tasks: Some(216),
                max_nodes: Some(24),
                max_lines: Some(5),
                min_interval: Duration::from_secs(60),
                min_ttl: Duration::from_secs(60),
                ..unlimited
            },
            Profile::Ultimate => Self {
                max_addresses: Some(16),
                max_probe_tasks: Some(592),
                max_nodes: Some(37),
                max_lines: Some(13),
                min_interval: Duration::from_secs(15),
                min_ttl: Duration::from_secs(1),
                ..unlimited
            },
        }
    }

    /// Whether nothing can exceed it; its floor of TTLs raises, and is no quota.
    pub fn is_unlimited(&self) -> bool {
        let Self {
            profile: _,
            max_addresses,
            max_probe_tasks,
            max_nodes,
            max_lines,
            protocols,
            types,
            weight_policy,
            min_interval,
            min_ttl: _,
        } = self;
        [max_addresses, max_probe_tasks, max_nodes, max_lines]
            .into_iter()
            .all(Option::is_none)
            && protocols.len() == ProtocolKind::ALL.len()
            && types.len() == 3
            && *weight_policy
            && min_interval.is_zero()
    }
}

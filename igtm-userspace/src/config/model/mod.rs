//! The validated configuration: immutable, every reference resolved, every default filled in.
//!
//! Made only by [`super::load`]; whoever holds a [`Config`] need not check a rule again.
//! Must not hold anything observed (health, answers): that is the snapshot's.

mod instance;
mod limits;
mod line;
mod monitor;
mod notify;
mod pool;
mod server;
mod zones;

use std::time::Duration;

use hickory_proto::rr::Name;

pub use instance::{Instance, MOST_CNAMES, Strategy, Switch, Tier, TierPool};
pub use limits::Limits;
pub use line::{Line, LineKind};
pub use monitor::{HttpCheck, Monitor, Protocol, TlsCheck};
pub use notify::{Channel, ChannelKind, Secret, Subscription};
pub use pool::{Address, Policy, Pool, PoolAddress, PoolType};
pub use server::{Server, XdpMode, Zone};
pub use zones::Zones;

/// A position in [`Config::lines`]; 0 is always the built-in `default` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u16);

impl LineId {
    /// The built-in line that holds every client.
    pub const DEFAULT: Self = Self(0);
}

/// A position in [`Config::monitors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(pub usize);

/// A position in [`Config::pools`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub usize);

/// A position in [`Config::channels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub usize);

/// Everything that is wanted, as one file says it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The daemon itself.
    pub server: Server,
    /// What one source prefix is sent at most.
    pub limits: Limits,
    /// What this server is authoritative for.
    pub zones: Zones,
    /// Lines in order of declaration, `default` first.
    pub lines: Vec<Line>,
    /// Monitors in order of declaration.
    pub monitors: Vec<Monitor>,
    /// Pools in order of declaration.
    pub pools: Vec<Pool>,
    /// Instances in order of declaration.
    pub instances: Vec<Instance>,
    /// Notification channels in order of declaration.
    pub channels: Vec<Channel>,
    /// Subscriptions in order of declaration.
    pub subscriptions: Vec<Subscription>,
}

impl Config {
    /// The line at `id`.
    pub fn line(&self, id: LineId) -> &Line {
        &self.lines[usize::from(id.0)]
    }

    /// The pool at `id`.
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.pools[id.0]
    }

    /// The monitor at `id`.
    pub fn monitor(&self, id: MonitorId) -> &Monitor {
        &self.monitors[id.0]
    }

    /// The zone that `name` lies in: the longest matching origin.
    pub fn zone_of(&self, name: &Name) -> Option<&Zone> {
        self.zones.holding(name)
    }

    /// The TTL of an instance's answers: max(instance ttl, zone min_ttl).
    pub fn effective_ttl(&self, instance: &Instance) -> Duration {
        let floor = self
            .zone_of(&instance.access_domain)
            .map_or(Duration::ZERO, |zone| zone.min_ttl);
        instance.ttl.max(floor)
    }
}

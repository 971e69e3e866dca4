//! The validated configuration: immutable, every reference resolved, every default filled in.
//!
//! Made only by [`super::load`]; whoever holds a [`Config`] need not check a rule again.
//! Must not hold anything observed (health, answers): that is the snapshot's.

mod admin;
mod instance;
mod limits;
mod line;
mod monitor;
mod node;
mod notify;
mod plan;
mod pool;
mod records;
mod server;
mod zones;

use std::time::Duration;

use hickory_proto::rr::Name;

pub use admin::Admin;
pub use instance::{Instance, MOST_CNAMES, Strategy, Switch, Tier, TierPool};
pub use limits::Limits;
pub use line::{Line, LineKind};
pub use monitor::{HttpCheck, Monitor, Protocol, TlsCheck};
pub use node::Node;
pub use notify::{
    Channel, ChannelKind, Email, Language, Matching, Mention, Quiet, Secret, SmtpTls, Subscription,
    Template, TemplateId, WecomApp,
};
pub use plan::{Plan, Profile, ProtocolKind};
pub use pool::{Address, AddressError, Policy, Pool, PoolAddress, PoolType};
pub use records::{RRset, Records, downward, is_at_or_below, rtype};
pub use server::{APEX_TTL, Says, Server, Soa, XdpMode, Zone};
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

/// A position in [`Config::nodes`]; 0 is always the built-in `local` node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

impl NodeId {
    /// This host as routing says.
    pub const LOCAL: Self = Self(0);
}

/// A position in [`Config::pools`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub usize);

/// A position in [`Config::channels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub usize);

/// Everything that is wanted, as one file says it.
/// Two of them are equal when they want the same in the same order; names are compared without case.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The daemon itself.
    pub server: Server,
    /// Where it is asked and told.
    pub admin: Admin,
    /// What one source prefix is sent at most.
    pub limits: Limits,
    /// What an instance may use that has no plan of its own.
    pub plan: Plan,
    /// What this server is authoritative for.
    pub zones: Zones,
    /// Lines in order of declaration, `default` first.
    pub lines: Vec<Line>,
    /// Nodes in order of declaration, `local` first.
    pub nodes: Vec<Node>,
    /// Monitors in order of declaration.
    pub monitors: Vec<Monitor>,
    /// Pools in order of declaration.
    pub pools: Vec<Pool>,
    /// Instances in order of declaration.
    pub instances: Vec<Instance>,
    /// Texts of messages in order of declaration.
    pub templates: Vec<Template>,
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

    /// The node at `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The monitor at `id`.
    pub fn monitor(&self, id: MonitorId) -> &Monitor {
        &self.monitors[id.0]
    }

    /// The zone that `name` lies in: the longest matching origin.
    pub fn zone_of(&self, name: &Name) -> Option<&Zone> {
        self.zones.holding(name)
    }

    /// The plan of `instance`: its own, or `[plan]`.
    pub fn plan_of<'a>(&'a self, instance: &'a Instance) -> &'a Plan {
        instance.plan.as_deref().unwrap_or(&self.plan)
    }

    /// The TTL of an instance's answers: max(instance ttl, zone min_ttl, plan floor).
    pub fn effective_ttl(&self, instance: &Instance) -> Duration {
        match self.zone_of(&instance.access_domain) {
            Some(zone) => self.effective_ttl_in(zone, instance),
            None => instance.ttl.max(self.plan_of(instance).min_ttl),
        }
    }

    /// As [`Config::effective_ttl`], for who knows the zone of the access domain.
    pub fn effective_ttl_in(&self, zone: &Zone, instance: &Instance) -> Duration {
        let floor = zone.min_ttl.max(self.plan_of(instance).min_ttl);
        instance.ttl.max(floor)
    }
}

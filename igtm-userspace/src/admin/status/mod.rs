//! What `igtm status` shows, as data: made by the daemon, sent as JSON, drawn by the command.
//!
//! Holds names instead of positions, and no secret.

pub mod build;
mod frozen;
pub(crate) mod pools;
pub mod render;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::rollup::State;
use crate::health::{AddressState, Forced, ForcedState, NodeStatus};
use crate::notify::event::NodeReason;
use crate::notify::inbox::ChannelStatus;
use crate::notify::told::Mute;
use crate::state::Rounds;

/// The whole tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon itself.
    pub daemon: DaemonStatus,
    /// How many there are of everything, by state.
    pub summary: Summary,
    /// Those asked for; else all, or where there are too many, those that are not ok.
    pub instances: Vec<InstanceStatus>,
    /// Instances that are not in `instances` although they were asked for.
    pub instances_left_out: usize,
    /// Answers that are frozen (`keep`); of the names asked for.
    #[serde(default)]
    pub frozen: Vec<FrozenStatus>,
    /// Frozen answers that there are besides.
    #[serde(default)]
    pub frozen_left_out: usize,
    /// The pools of those instances, and those that no instance uses.
    pub pools: Vec<PoolStatus>,
    /// Monitors, none when names were asked for.
    pub monitors: Vec<MonitorStatus>,
    /// Monitors that there are besides.
    pub monitors_left_out: usize,
    /// What operators force, by address; those of the pools shown stand there too. None when
    /// names were asked for.
    pub forces: Vec<ForceStatus>,
    /// Vantage points, none when names were asked for.
    pub nodes: Vec<NodeStatus>,
    /// Channels of alerts, groups left out; none when names were asked for.
    #[serde(default)]
    pub channels: Vec<ChannelStatus>,
    /// Instances without alerts for a while; none when names were asked for.
    #[serde(default)]
    pub mutes: Vec<Mute>,
}

/// What an operator holds an address to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceStatus {
    /// The address or domain.
    pub address: String,
    /// In this pool only; `None`: in all.
    pub pool: Option<String>,
    /// `up`, `down` or `drain`.
    pub to: ForcedState,
    /// The operator's words.
    pub reason: String,
    /// Who said so.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl From<&Forced> for ForceStatus {
    fn from(forced: &Forced) -> Self {
        Self {
            address: forced.address.to_string(),
            pool: forced.pool.clone(),
            to: forced.state,
            reason: forced.reason.clone(),
            who: forced.who.clone(),
            since: forced.since,
            until: forced.until,
        }
    }
}

/// The daemon itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// `server.node`.
    pub node: String,
    /// igtm's version.
    pub version: String,
    /// When this was so.
    pub at: Timestamp,
    /// When it started.
    pub started: Timestamp,
    /// Why it is not ready; `None`: it answers.
    pub not_ready: Option<String>,
    /// The SOA serial; `None` before the first answer.
    pub serial: Option<u32>,
    /// The configuration's file.
    pub file: String,
    /// When the configuration was applied.
    pub applied: Timestamp,
    /// When a later file was refused, and why.
    pub refused: Option<RefusedStatus>,
    /// Whether the kernel answers too.
    pub kernel: bool,
    /// Where XDP is wanted.
    pub interfaces: Vec<String>,
    /// How the state database is; an older daemon does not say.
    #[serde(default)]
    pub state: StateStatus,
}

/// How what must outlive the daemon is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StateStatus {
    /// Why it cannot be written now; what is newest waits in memory.
    pub trouble: Option<String>,
    /// When it was last found gone from its place, and made again.
    pub made_again: Option<Timestamp>,
}

/// A file that was not applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedStatus {
    /// When.
    pub at: Timestamp,
    /// Every problem.
    pub why: String,
}

/// Counts of everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Instances by state.
    pub instances: BTreeMap<State, usize>,
    /// Strategies by state.
    pub strategies: BTreeMap<State, usize>,
    /// Pools by state.
    pub pools: BTreeMap<State, usize>,
    /// Targets by state.
    pub targets: BTreeMap<AddressState, usize>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its name.
    pub name: String,
    /// What users type.
    pub domain: String,
    /// The name that is answered with addresses.
    pub access_domain: String,
    /// Its worst strategy.
    pub state: State,
    /// In order.
    pub strategies: Vec<StrategyStatus>,
}

/// An answer that stays although its strategy is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrozenStatus {
    /// The access domain that it is answered for.
    pub name: String,
    /// `A` or `AAAA`.
    pub r#type: String,
    /// The line.
    pub line: String,
    /// The instance that it was of.
    pub instance: String,
    /// The strategy that it was of.
    pub strategy: String,
    /// Since when.
    pub since: Timestamp,
    /// What is answered, with weights where one is drawn by them.
    pub answers: Vec<String>,
    /// Of the records, seconds.
    pub ttl_s: u32,
}

/// A strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyStatus {
    /// Its name.
    pub name: String,
    /// The lines that it claims.
    pub lines: Vec<String>,
    /// See [`crate::health::rollup::strategy`].
    pub state: State,
    /// `auto` or `hold`.
    pub switch: String,
    /// `tier 1` … `tier 4`, or `fallback`; `None` when it is disabled, or nothing is answered yet.
    pub active: Option<String>,
    /// Since when it has been answered as it is.
    pub since: Option<Timestamp>,
    /// In order.
    pub tiers: Vec<TierStatus>,
    /// The fallback pool.
    pub fallback: String,
    /// What is answered.
    pub answers: Vec<String>,
}

/// A tier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TierStatus {
    /// Whether it answers.
    pub active: bool,
    /// Usable addresses, each once; `None` before the first answer.
    pub usable: Option<usize>,
    /// Enabled addresses, each once.
    pub enabled: Option<usize>,
    /// Usable addresses it needs.
    pub min_healthy: usize,
    /// `all` or `weight`.
    pub policy: String,
    /// Its pools with their weights.
    pub pools: Vec<(String, u32)>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Its name.
    pub name: String,
    /// `ipv4`, `ipv6` or `domain`.
    pub r#type: String,
    /// `all` or `weight`.
    pub policy: String,
    /// The worst that an instance sees of it; see [`crate::health::rollup::pool`].
    pub state: State,
    /// What probes it.
    pub monitor: Option<String>,
    /// How many instances use it.
    pub users: usize,
    /// 监控任务: how many targets it takes.
    pub tasks: usize,
    /// In order; where each instance's domain is probed, once for each domain shown.
    pub addresses: Vec<AddressStatus>,
}

/// An address of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddressStatus {
    /// The address or domain.
    pub address: String,
    /// The domain that is asked for, where that is each instance's own.
    pub host: Option<String>,
    /// Its weight.
    pub weight: u32,
    /// 归属地域.
    pub region: Option<String>,
    /// A disabled address is not used.
    pub enabled: bool,
    /// Its state, as measured.
    pub state: AddressState,
    /// What an operator holds it to be instead.
    pub forced: Option<ForceStatus>,
    /// Fewer than half of its nodes report: the state is the last one that was known.
    pub stale: bool,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The last round that a node reported in.
    pub last_round: Option<Timestamp>,
    /// Why nodes failed in it.
    pub why: Vec<NodeReason>,
}

/// A monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorStatus {
    /// Its name.
    pub name: String,
    /// `ping`, `tcp`, `http` or `https`.
    pub protocol: String,
    /// A disabled one probes nothing.
    pub enabled: bool,
    /// One round per interval, ms.
    pub interval_ms: u64,
    /// Its targets by state.
    pub targets: BTreeMap<AddressState, usize>,
    /// Rounds of the last seven days, today's among them; `None` while the state database cannot
    /// be read.
    pub rounds_7d: Option<Rounds>,
}

//! What probes say about an address, and when that is believed: rounds, ratio, damping.
//!
//! Pure: data and `now` in, states and transitions out. No I/O, no clock.
//!
//! ```text
//!   Config ──targets──▶ Health ──tasks──▶ probe::Prober
//!                         ▲                   │
//!                         └────── Report ─────┘    report, tick → Transition
//! ```
//! The owner of a [`Health`] makes it from a configuration, hands [`Health::tasks`] to the
//! prober, gives every [`Report`] it receives to [`Health::report`], calls [`Health::tick`] about
//! once a second, and on a reload calls [`Health::reconcile`] and hands over the tasks again.
//!
//! A target's *panel* are the nodes that have a say about it. When each has had its say, the round
//! is over: the ratio makes a verdict of it (`round.rs`), and damping believes it or not (`damping.rs`).

mod damping;
mod entry;
mod force;
mod nodes;
mod panel;
mod reconcile;
pub mod rollup;
mod round;
mod saved;
mod status;
mod table;
mod tally;
mod target;
mod task;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use entry::TargetHealth;
pub use force::{Forced, ForcedState};
pub use nodes::NodeChange;
pub use saved::SavedTarget;
pub use status::{NodeSight, NodeStatus, TargetStatus};
pub use table::{Ended, Health, Tick, Transition};
pub use tally::{tasks, tasks_by_pool, tasks_of};
pub use target::targets;
pub use task::{Outcome, Report, Task};

use crate::config::model::{
    Address, Config, Instance, Monitor, MonitorId, Pool, PoolAddress, Protocol,
};

/// The state of an address (product.md §2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AddressState {
    /// 未知: the first round is pending.
    Unknown,
    /// No monitor, or a disabled one.
    Unmonitored,
    /// 正常.
    Ok,
    /// 风险: failing, but below the ratio or inside `bad_rounds`.
    Warn,
    /// 故障.
    Down,
}

impl AddressState {
    /// Each with its name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Unknown, "unknown"),
        (Self::Unmonitored, "unmonitored"),
        (Self::Ok, "ok"),
        (Self::Warn, "warn"),
        (Self::Down, "down"),
    ];

    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, name)| name)
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(state, _)| *state)
    }

    /// Whether an enabled address in this state may be answered.
    pub fn usable(self) -> bool {
        self != Self::Down
    }

    /// Whether probes have found it.
    fn is_measured(self) -> bool {
        matches!(self, Self::Ok | Self::Warn | Self::Down)
    }
}

/// What is probed: the same target is probed once, however many pools or instances want it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// How.
    pub monitor: MonitorId,
    /// The address dialled.
    pub address: Address,
    /// Host header and SNI of http and https; `None` for ping and tcp.
    pub host: Option<String>,
}

impl Target {
    /// The target that decides the state of `address` of `pool` for `instance`;
    /// `None` when it is unmonitored (no monitor, a disabled one, a disabled address).
    pub fn of(
        config: &Config,
        pool: &Pool,
        address: &PoolAddress,
        instance: &Instance,
    ) -> Option<Self> {
        let (id, monitor) = probing(config, pool, address)?;
        let host = match fixed_host(monitor) {
            FixedHost::None => None,
            FixedHost::Named(host) => Some(host.to_owned()),
            FixedHost::OfInstance => Some(instance.domain_text()),
        };
        Some(Self {
            monitor: id,
            address: address.value.clone(),
            host,
        })
    }
}

impl Target {
    /// The target of `address` of `pool` that is the same for every instance; `None` when it is
    /// unmonitored, or another for each of them.
    pub fn shared(config: &Config, pool: &Pool, address: &PoolAddress) -> Option<Self> {
        let (monitor, definition) = probing(config, pool, address)?;
        let host = match fixed_host(definition) {
            FixedHost::None => None,
            FixedHost::Named(host) => Some(host.to_owned()),
            FixedHost::OfInstance => return None,
        };
        Some(Self {
            monitor,
            address: address.value.clone(),
            host,
        })
    }
}

/// The monitor that probes `address` of `pool`, if any does.
fn probing<'a>(
    config: &'a Config,
    pool: &Pool,
    address: &PoolAddress,
) -> Option<(MonitorId, &'a Monitor)> {
    let id = pool.monitor?;
    let monitor = config.monitor(id);
    (monitor.enabled && address.enabled).then_some((id, monitor))
}

/// What a monitor says about the host of its targets.
enum FixedHost<'a> {
    /// Its protocol has no host.
    None,
    /// The same for every instance.
    Named(&'a str),
    /// The domain of each instance that uses the pool.
    OfInstance,
}

fn fixed_host(monitor: &Monitor) -> FixedHost<'_> {
    match &monitor.protocol {
        Protocol::Http(check) => check
            .host
            .as_deref()
            .map_or(FixedHost::OfInstance, FixedHost::Named),
        Protocol::Ping { .. } | Protocol::Tcp { .. } => FixedHost::None,
    }
}

/// Whether the health of `pool` is another for each instance: it is probed by their domains.
pub fn is_by_instance(config: &Config, pool: &Pool) -> bool {
    let monitor = pool.monitor.map(|id| config.monitor(id));
    monitor.is_some_and(|monitor| {
        monitor.enabled && matches!(fixed_host(monitor), FixedHost::OfInstance)
    })
}

/// What the policy asks of health.
pub trait HealthView {
    /// The state of a target; `Unknown` when no round of it has finished.
    fn state(&self, target: &Target) -> AddressState;

    /// What an operator holds `address` to be in the pool called `pool`, if anything.
    fn forced(&self, pool: &str, address: &Address) -> Option<ForcedState> {
        let _ = (pool, address);
        None
    }
}

/// The state of an address of a pool as seen by one instance: what an operator says, else what is
/// measured. A drained address is withheld like one that is down.
pub fn address_state(
    health: &(impl HealthView + ?Sized),
    config: &Config,
    pool: &Pool,
    address: &PoolAddress,
    instance: &Instance,
) -> AddressState {
    match health.forced(&pool.name, &address.value) {
        Some(forced) => forced.held(),
        None => measured_state(health, config, pool, address, instance),
    }
}

/// As [`address_state`], whatever an operator says.
pub fn measured_state(
    health: &(impl HealthView + ?Sized),
    config: &Config,
    pool: &Pool,
    address: &PoolAddress,
    instance: &Instance,
) -> AddressState {
    Target::of(config, pool, address, instance)
        .map_or(AddressState::Unmonitored, |target| health.state(&target))
}

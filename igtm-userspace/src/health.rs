//! What probes say about an address, and when that is believed: rounds, ratio, damping.
//!
//! Pure: data and `now` in, states and transitions out. No I/O, no clock.

use crate::config::model::{Address, Config, Instance, MonitorId, Pool, PoolAddress, Protocol};

/// The state of an address (product.md §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
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
    /// Whether an enabled address in this state may be answered.
    pub fn usable(self) -> bool {
        self != Self::Down
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
        let id = pool.monitor?;
        let monitor = config.monitor(id);
        if !monitor.enabled || !address.enabled {
            return None;
        }
        let host = match &monitor.protocol {
            Protocol::Http(check) => {
                Some(check.host.clone().unwrap_or_else(|| instance.domain_text()))
            }
            Protocol::Ping { .. } | Protocol::Tcp { .. } => None,
        };
        Some(Self {
            monitor: id,
            address: address.value.clone(),
            host,
        })
    }
}

/// What the policy asks of health.
pub trait HealthView {
    /// The state of a target; `Unknown` when no round of it has finished.
    fn state(&self, target: &Target) -> AddressState;
}

/// The state of an address of a pool as seen by one instance.
pub fn address_state(
    health: &(impl HealthView + ?Sized),
    config: &Config,
    pool: &Pool,
    address: &PoolAddress,
    instance: &Instance,
) -> AddressState {
    Target::of(config, pool, address, instance)
        .map_or(AddressState::Unmonitored, |target| health.state(&target))
}

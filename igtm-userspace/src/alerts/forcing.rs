//! The events of an operator's word about an address. Pure.

use jiff::Timestamp;

use super::event;
use crate::config::model::{Address, Config};
use crate::health::{Forced, ForcedState};
use crate::notify::event::{Event, Kind, NodeReason, Severity};

/// Another word of an operator about an address of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Forcing<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Which.
    pub address: &'a Address,
    /// What it was held to be.
    pub before: Option<ForcedState>,
    /// What it is held to be now.
    pub after: Option<ForcedState>,
    /// What holds where nobody says anything.
    pub measured_down: bool,
    /// The word itself, with its reason; on the end of one, the one that ended.
    pub by: Option<&'a Forced>,
}

/// The event of an operator's word, if it is told: one about draining is not.
pub fn of_force(config: &Config, change: &Forcing<'_>, at: Timestamp) -> Option<Event> {
    // Down, up, or drained: neither.
    let down = |forced| match forced {
        Some(ForcedState::Down) => Some(true),
        Some(ForcedState::Up) => Some(false),
        Some(ForcedState::Drain) => None,
        None => Some(change.measured_down),
    };
    let (kind, severity, word) = match (down(change.before), down(change.after)) {
        (Some(false) | None, Some(true)) => (Kind::AddressDown, Severity::Warning, "down"),
        (Some(true), Some(false)) => (Kind::AddressUp, Severity::Info, "up again"),
        _ => return None,
    };
    let (address, pool) = (change.address, change.pool);
    let said = said(change);
    let reason = reason(config, change, &said);
    Some(Event {
        title: format!("{address} of pool {pool} is {word} ({said})"),
        pool: Some(pool.to_owned()),
        address: Some(address.to_string()),
        reason: Vec::from_iter(reason),
        ..event(config, kind, severity, at)
    })
}

/// Why answers move, when the word is that an address is drained, or is no longer.
pub fn of_drain(config: &Config, change: &Forcing<'_>) -> Option<NodeReason> {
    let drain = Some(ForcedState::Drain);
    if change.before != drain && change.after != drain {
        return None;
    }
    let (address, pool) = (change.address, change.pool);
    let said = format!("{address} of pool {pool} is {}", said(change));
    reason(config, change, &said)
}

fn said(change: &Forcing<'_>) -> String {
    match change.after {
        Some(state) => format!("forced {}", state.word()),
        None => "no longer forced".to_owned(),
    }
}

fn reason(config: &Config, change: &Forcing<'_>, said: &str) -> Option<NodeReason> {
    change.by.map(|by| NodeReason {
        node: config.server.node.clone(),
        reason: format!("{said}: {}", by.reason),
    })
}

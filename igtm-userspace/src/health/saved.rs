//! The health of a target as it is kept over a restart: by names, not by positions.
//!
//! Must not know where it is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AddressState;
use crate::config::model::Address;
use crate::notify::event::NodeReason;

/// What was known of a target whose first round had finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTarget {
    /// The monitor's name. It may be defined otherwise meanwhile: a dead address must not be
    /// answered again because someone edited an interval.
    pub monitor: String,
    /// The address probed.
    pub address: Address,
    /// Its host, where it has one.
    pub host: Option<String>,
    /// What was believed: ok, warn or down.
    pub state: AddressState,
    /// Since when.
    pub since: Timestamp,
    /// Bad rounds in a row, up to the last.
    pub bad_run: u32,
    /// Rounds in a row, up to the last, that were not bad.
    pub good_run: u32,
    /// When the last round finished.
    pub last_round: Timestamp,
    /// Why nodes failed in it, by name of node.
    pub reasons: Vec<NodeReason>,
}

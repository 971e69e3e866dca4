//! What is known of targets and nodes, for people who ask.
//!
//! Must not change anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AddressState;
use crate::notify::event::NodeReason;

/// What is known of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetStatus {
    /// As measured; what an operator forces is a matter of pools and stands there.
    pub state: AddressState,
    /// Since when it has this state.
    pub since: Timestamp,
    /// Fewer than half of its nodes report: the state is the last one that was known.
    pub stale: bool,
    /// When the last round finished; `None` before the first, and one kept over a restart counts.
    pub last_round: Option<Timestamp>,
    /// Why nodes failed in the last round, by name of node; empty when none did.
    pub reasons: Vec<NodeReason>,
    /// Those that have a say, in the order of the file.
    pub nodes: Vec<NodeSight>,
}

/// What one node last saw of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeSight {
    /// Its name.
    pub node: String,
    /// When it last reported; `None`: not yet.
    pub at: Option<Timestamp>,
    /// Why it failed; `None` when it did not, or has not reported.
    pub failure: Option<String>,
    /// Whether it is in the ratio: it reported within three intervals and is not suspected.
    pub counts: bool,
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// Its group.
    pub group: Option<String>,
    /// Probe tasks that it has.
    pub tasks: usize,
    /// When it last reported; before its first report, since when that is awaited.
    pub heard: Timestamp,
    /// Nothing was heard of it for three intervals.
    pub silent: bool,
    /// Everything fails as it sees it, and others see some of that pass: its own network is down.
    pub suspected: bool,
    /// Why it could not look, last time it tried.
    pub trouble: Option<String>,
}

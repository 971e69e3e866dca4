//! What happened, as templates see it and as `webhook` sends it (product.md §4, notify.md).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::AddressState;

/// The kinds of event (product.md §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are product.md's own")]
pub enum Kind {
    AddressDown,
    AddressUp,
    AddressWarn,
    PoolDown,
    PoolUp,
    TierSwitched,
    TierRestored,
    FallbackEntered,
    FallbackLeft,
    NodeSilent,
    NodeBack,
    ConfigApplied,
    ConfigRejected,
    DataplaneDegraded,
    DataplaneRestored,
    ChannelFailed,
    Test,
}

impl Kind {
    /// Every kind with its name in the file and in `igtm.` + kind.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::AddressDown, "address_down"),
        (Self::AddressUp, "address_up"),
        (Self::AddressWarn, "address_warn"),
        (Self::PoolDown, "pool_down"),
        (Self::PoolUp, "pool_up"),
        (Self::TierSwitched, "tier_switched"),
        (Self::TierRestored, "tier_restored"),
        (Self::FallbackEntered, "fallback_entered"),
        (Self::FallbackLeft, "fallback_left"),
        (Self::NodeSilent, "node_silent"),
        (Self::NodeBack, "node_back"),
        (Self::ConfigApplied, "config_applied"),
        (Self::ConfigRejected, "config_rejected"),
        (Self::DataplaneDegraded, "dataplane_degraded"),
        (Self::DataplaneRestored, "dataplane_restored"),
        (Self::ChannelFailed, "channel_failed"),
        (Self::Test, "test"),
    ];

    /// The name in the file.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }
}

impl Kind {
    /// Whether it says that something is better than it was: whoever was told of the trouble wants
    /// to know, whatever else they asked for.
    pub fn recovers(self) -> bool {
        matches!(
            self,
            Self::AddressUp
                | Self::PoolUp
                | Self::TierRestored
                | Self::FallbackLeft
                | Self::NodeBack
                | Self::ConfigApplied
                | Self::DataplaneRestored
        )
    }
}

/// How urgent an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are notify.md's own")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    /// Every one with its name in the file.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Info, "info"),
        (Self::Warning, "warning"),
        (Self::Critical, "critical"),
    ];

    /// The name in the file and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Why, as one node saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReason {
    /// The vantage point; of `channel_failed`, the channel.
    pub node: String,
    /// "connection refused", "status 503", "timeout after 2 s".
    pub reason: String,
}

/// One event. Fields that do not apply are left out of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// How urgent.
    pub severity: Severity,
    /// One line for people.
    pub title: String,
    /// When.
    pub time: Timestamp,
    /// `server.node`.
    pub node: String,
    /// The instance's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The instance's business domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Names of the lines concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The strategy's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// `tier 1` … `tier 4`, or `fallback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_from: Option<String>,
    /// As `tier_from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_to: Option<String>,
    /// The pool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The domain that the pool's addresses are asked for, where that is each instance's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What the address was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_from: Option<AddressState>,
    /// What the address is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_to: Option<AddressState>,
    /// Why, per node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reason: Vec<NodeReason>,
    /// Since when the former state had lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How long it had lasted, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
    /// What was answered before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers_before: Vec<String>,
    /// What is answered now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers_now: Vec<String>,
    /// It is over because nobody looks after it any more: removed from the file, disabled, or not
    /// probed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
    /// A test event, raised by hand.
    #[serde(default)]
    pub test: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Event {
    /// One of that kind, without anything in it; at the beginning of time.
    pub fn blank(kind: Kind, node: &str) -> Self {
        Self {
            kind,
            severity: Severity::Info,
            title: String::new(),
            time: Timestamp::UNIX_EPOCH,
            node: node.to_owned(),
            instance: None,
            domain: None,
            lines: Vec::new(),
            strategy: None,
            tier_from: None,
            tier_to: None,
            pool: None,
            address: None,
            host: None,
            state_from: None,
            state_to: None,
            reason: Vec::new(),
            since: None,
            duration_s: None,
            answers_before: Vec::new(),
            answers_now: Vec::new(),
            gone: false,
            test: false,
        }
    }
}

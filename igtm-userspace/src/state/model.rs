//! What is kept besides health and events: keys and values as the tables have them.
//!
//! Must not know SQL.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::{AddressState, SavedTarget};

/// A target by the names that its row has.
pub(super) type HealthKey = (String, String, Option<String>);

pub(super) fn key_of(saved: &SavedTarget) -> HealthKey {
    let address = saved.address.to_string();
    (saved.monitor.clone(), address, saved.host.clone())
}

/// Whether `now` is worth a write after `former`. How long a steady state goes on is not, or every
/// round would be one: what counts is the state, how far the next one is, and why.
pub fn is_news(former: Option<&SavedTarget>, now: &SavedTarget) -> bool {
    let progress = |saved: &SavedTarget| {
        if saved.state == AddressState::Down {
            saved.good_run
        } else {
            saved.bad_run
        }
    };
    former.is_none_or(|former| {
        former.state != now.state
            || progress(former) != progress(now)
            || former.reasons != now.reasons
    })
}

/// From what a strategy is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The instance's name.
    pub instance: String,
    /// The strategy's name.
    pub strategy: String,
    /// As events name it: `tier 1` … `tier 4`, or `fallback`.
    pub active: String,
    /// Since when.
    pub since: Timestamp,
    /// Since when not from its first tier, where that is so.
    pub left: Option<Timestamp>,
    /// From what by all that was told, as `active`, where drains alone have moved it on.
    pub believed: Option<String>,
}

impl Moved {
    pub(super) fn key(&self) -> (String, String) {
        (self.instance.clone(), self.strategy.clone())
    }
}

/// What an operator forces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForceKey {
    /// The address as it is written in pools.
    pub address: String,
    /// In this pool only; `None`: in all.
    pub pool: Option<String>,
}

/// To what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForceMode {
    /// Usable, whatever the rounds say.
    Up,
    /// Not usable.
    Down,
    /// Withheld, but no alert.
    Drain,
}

impl ForceMode {
    /// Each with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Up, "up"),
        (Self::Down, "down"),
        (Self::Drain, "drain"),
    ];
}

/// An operator's override (product.md §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedForce {
    /// To what.
    pub mode: ForceMode,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who said so.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None`: until it is taken back.
    pub until: Option<Timestamp>,
}

/// Whose last answer is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FrozenKey {
    /// The instance's name.
    pub instance: String,
    /// The strategy's name.
    pub strategy: String,
    /// The line's name.
    pub line: String,
    /// AAAA, else A.
    pub ipv6: bool,
}

impl std::fmt::Display for FrozenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let family = if self.ipv6 { "AAAA" } else { "A" };
        let Self {
            instance,
            strategy,
            line,
            ..
        } = self;
        write!(
            f,
            "{family} on {line}, of strategy {strategy} of {instance}"
        )
    }
}

/// A frozen answer (product.md §3, `keep`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFrozen {
    /// All that is needed to go on answering without the strategy, as whoever froze it writes it.
    pub answer: serde_json::Value,
    /// Since when.
    pub since: Timestamp,
}

/// How many rounds of a monitor's targets there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// Below the failure ratio.
    pub good: u64,
    /// At or above it.
    pub bad: u64,
}

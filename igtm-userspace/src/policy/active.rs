//! Which tier answers: the first with enough usable addresses, else the fallback.
//!
//! Judges by numbers alone.

use std::fmt;
use std::str::FromStr;

use super::tier::TierView;
use crate::config::model::Switch;

/// What a strategy answers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Active {
    /// The usable addresses of this tier, counted from 0.
    Tier(usize),
    /// `switch = "hold"` and none of the first tier's addresses usable: all of them, by the
    /// tier's policy, health ignored.
    HeldAll,
    /// The fallback pool, health ignored.
    Fallback,
}

impl Active {
    /// How little it is preferred: tiers in order, the fallback last.
    pub fn rank(self) -> usize {
        self.tier().unwrap_or(usize::MAX)
    }

    /// The position of the tier, `None` for the fallback.
    pub fn tier(self) -> Option<usize> {
        match self {
            Self::Tier(at) => Some(at),
            Self::HeldAll => Some(0),
            Self::Fallback => None,
        }
    }
}

/// As events name it: `tier 1` … `tier 4`, or `fallback`.
impl fmt::Display for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tier() {
            Some(at) => write!(f, "tier {}", at + 1),
            None => f.write_str("fallback"),
        }
    }
}

/// As `Display` writes it; `HeldAll` comes back as the tier that it is.
impl FromStr for Active {
    type Err = NoActive;

    fn from_str(text: &str) -> Result<Self, NoActive> {
        if text == "fallback" {
            return Ok(Self::Fallback);
        }
        let tier = text.strip_prefix("tier ").and_then(|n| n.parse().ok());
        tier.and_then(|n: usize| n.checked_sub(1))
            .map(Self::Tier)
            .ok_or_else(|| NoActive(text.to_owned()))
    }
}

/// The text is neither a tier nor the fallback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a tier nor the fallback")]
pub struct NoActive(pub String);

/// Chooses among the tiers of a strategy.
pub fn choose(switch: Switch, tiers: &[TierView]) -> Active {
    match switch {
        Switch::Auto => tiers
            .iter()
            .position(|tier| tier.enough())
            .map_or(Active::Fallback, Active::Tier),
        // min_healthy does not count here: one usable address is enough to withhold the others.
        Switch::Hold if tiers.first().is_some_and(|tier| tier.usable > 0) => Active::Tier(0),
        Switch::Hold => Active::HeldAll,
    }
}

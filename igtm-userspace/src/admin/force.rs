//! What an operator orders of an address, and what became of it: `igtm force`.
//!
//! Reads and checks the order, and says what the main loop did. Must not change anything itself.

mod handler;
#[cfg(test)]
mod tests;
mod text;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::duration;
use crate::config::model::Address;
use crate::health::ForcedState;
pub(super) use handler::force;

/// Characters of a reason.
const LONGEST_REASON: usize = 500;

/// What an address is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Usable, whatever is measured
    Up,
    /// Down, and told as such
    Down,
    /// Withheld like a down one, without an alert: maintenance
    Drain,
    /// What is measured: ends what was said before
    Auto,
}

impl Word {
    /// `None`: what is measured.
    fn state(self) -> Option<ForcedState> {
        match self {
            Self::Up => Some(ForcedState::Up),
            Self::Down => Some(ForcedState::Down),
            Self::Drain => Some(ForcedState::Drain),
            Self::Auto => None,
        }
    }
}

/// What is asked for, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// An address that some pool has.
    pub address: String,
    /// What it is to be.
    pub to: Word,
    /// Why; needed unless `to` is `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In this pool only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// For how long: `90m`, `1h30m`; else until an operator says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#for: Option<String>,
}

/// What is wrong with a [`Wish`], whatever the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWish {
    /// Neither an IP address nor a domain.
    #[error("{0} is no address")]
    Address(String),
    /// Nobody would know why.
    #[error("--reason is empty: whoever sees it must know why")]
    NoReason,
    /// It would break every line it is shown in.
    #[error("--reason must be one line of at most {LONGEST_REASON} characters")]
    Reason,
    /// Not a duration, or none at all.
    #[error("--for is {0:?}; a duration is 90s, 30m, 1h30m or 2d, at least 1s")]
    For(String),
    /// What is measured holds for good.
    #[error("--for does not go with auto")]
    ForAuto,
}

/// A checked wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which address.
    pub address: Address,
    /// In which pool; `None`: in all.
    pub pool: Option<String>,
    /// What it is to be; `None`: what is measured.
    pub to: Option<ForcedState>,
    /// Why; may be empty where `to` is none.
    pub reason: String,
    /// Who says so.
    pub who: String,
    /// When it was said.
    pub at: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Wish {
    /// The order that it is, said by `who` at `at`.
    ///
    /// # Errors
    /// What is wrong with it, whatever the configuration.
    pub fn order(self, who: String, at: Timestamp) -> Result<Order, BadWish> {
        let address = self.address.trim();
        let address: Address = address
            .parse()
            .map_err(|_| BadWish::Address(address.to_owned()))?;
        let reason = self.reason.unwrap_or_default().trim().to_owned();
        if reason.is_empty() && self.to != Word::Auto {
            return Err(BadWish::NoReason);
        }
        if reason.chars().count() > LONGEST_REASON || reason.contains(char::is_control) {
            return Err(BadWish::Reason);
        }
        if self.to == Word::Auto && self.r#for.is_some() {
            return Err(BadWish::ForAuto);
        }
        let until = match self.r#for {
            None => None,
            Some(text) => {
                let lasts = duration::parse(text.trim());
                let lasts = lasts.filter(|lasts| lasts.as_secs() >= 1);
                let until = lasts.and_then(|lasts| at.checked_add(lasts).ok());
                Some(until.ok_or(BadWish::For(text))?)
            }
        };
        Ok(Order {
            address,
            pool: self.pool,
            to: self.to.state(),
            reason,
            who,
            at,
            until,
        })
    }
}

/// Why an order does not fit what runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForced {
    /// No pool has it.
    #[error("{address} stands in no pool{near}")]
    NoAddress {
        /// As asked.
        address: String,
        /// `; did you mean …?`, or nothing.
        near: String,
    },
    /// There is no such pool.
    #[error("no pool is named {pool}{near}")]
    NoPool {
        /// As asked.
        pool: String,
        /// `; did you mean …?`, or nothing.
        near: String,
    },
    /// Other pools have it.
    #[error("{address} does not stand in pool {pool}, but in {}", holders.join(", "))]
    NotThere {
        /// As asked.
        address: String,
        /// As asked.
        pool: String,
        /// The pools that have it.
        holders: Vec<String>,
    },
    /// What was said is said of all pools.
    #[error("{address} is not forced in pool {pool} alone, but in all pools: leave out --pool")]
    ForcedInAll {
        /// As asked.
        address: String,
        /// As asked.
        pool: String,
    },
}

/// What became of an order. Its `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obeyed {
    /// The address.
    pub address: String,
    /// What it is to be.
    pub to: Word,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub who: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Every pool that it was said of and that has the address.
    pub pools: Vec<InPool>,
    /// Strategies that are answered from elsewhere now; at most [`MOST_MOVES`].
    pub moved: Vec<Moved>,
    /// How many more there are.
    pub moved_left_out: usize,
    /// What else the operator should know.
    pub notes: Vec<String>,
}

/// Strategies that [`Obeyed`] lists.
pub const MOST_MOVES: usize = 50;

/// An address in a pool, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPool {
    /// The pool's name.
    pub pool: String,
    /// `ok`, or `forced down: REASON`.
    pub before: String,
    /// The same now.
    pub after: String,
}

/// A strategy that is answered from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The instance's name.
    pub instance: String,
    /// The strategy's name.
    pub strategy: String,
    /// From what it was answered.
    pub from: String,
    /// From what it is answered now.
    pub to: String,
}

//! What an operator says of an address, whatever is measured (product.md §2).
//!
//! Must not decide what was measured.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AddressState, Health};
use crate::config::model::{Address, MonitorId};

/// What an address is held to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForcedState {
    /// Usable.
    Up,
    /// Down, and told as such.
    Down,
    /// Withheld like a down one, but nobody is alerted: maintenance.
    Drain,
}

impl ForcedState {
    /// Whether the address may be answered.
    pub fn usable(self) -> bool {
        self == Self::Up
    }

    /// The state of an address that is held to be this.
    pub fn held(self) -> AddressState {
        match self {
            Self::Up => AddressState::Ok,
            Self::Down | Self::Drain => AddressState::Down,
        }
    }

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Drain => "drain",
        }
    }
}

/// An operator's override, as it is kept over restarts: by names, not by positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// Of which address.
    pub address: Address,
    /// In which pool; `None`: in all of them.
    pub pool: Option<String>,
    /// What it is held to be.
    pub state: ForcedState,
    /// The operator's words.
    pub reason: String,
    /// Who said so: a user of the host, or `token`.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself; `None`: when an operator says so.
    pub until: Option<Timestamp>,
}

/// All overrides: one for each address and pool, or address alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forces(HashMap<Address, Vec<Forced>>);

impl Forces {
    /// Adds one; returns that whose place it takes.
    pub(super) fn set(&mut self, forced: Forced) -> Option<Forced> {
        let former = self.remove(&forced.address, forced.pool.as_deref());
        let all = self.0.entry(forced.address.clone()).or_default();
        all.push(forced);
        former
    }

    /// Ends one.
    pub(super) fn remove(&mut self, address: &Address, pool: Option<&str>) -> Option<Forced> {
        let all = self.0.get_mut(address)?;
        let at = all.iter().position(|one| one.pool.as_deref() == pool)?;
        let former = all.swap_remove(at);
        if all.is_empty() {
            self.0.remove(address);
        }
        Some(former)
    }

    /// What holds for `address` in `pool`: what is said of that pool before what is said of all.
    pub(super) fn of(&self, pool: &str, address: &Address) -> Option<&Forced> {
        // The usual case, asked for each address of each decision.
        if self.0.is_empty() {
            return None;
        }
        let all = self.0.get(address)?.iter();
        let here = all.filter(|one| one.pool.as_deref().is_none_or(|own| own == pool));
        here.max_by_key(|one| one.pool.is_some())
    }

    /// Takes out those whose time is over.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Forced> {
        let over = |one: &Forced| one.until.is_some_and(|until| until <= now);
        let mut ended = Vec::new();
        self.0.retain(|_, all| {
            ended.extend(all.extract_if(.., |one| over(one)));
            !all.is_empty()
        });
        ended.sort_by(|a, b| (&a.address, &a.pool).cmp(&(&b.address, &b.pool)));
        ended
    }

    /// All, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Forced> {
        self.0.values().flatten()
    }
}

impl Health {
    /// Holds an address to be what an operator says; returns what had been said before.
    pub fn force(&mut self, forced: Forced) -> Option<Forced> {
        self.forces.set(forced)
    }

    /// Ends what an operator said of `address` in `pool`, or in all pools.
    pub fn unforce(&mut self, address: &Address, pool: Option<&str>) -> Option<Forced> {
        self.forces.remove(address, pool)
    }

    /// Ends the forced states whose time is over; returns them.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Forced> {
        self.forces.expire(now)
    }

    /// What holds for `address` in the pool called `pool`.
    pub fn forced_in(&self, pool: &str, address: &Address) -> Option<&Forced> {
        self.forces.of(pool, address)
    }

    /// Those of `addresses`, as they are now.
    pub fn forces_of(&self, addresses: &[Address]) -> Vec<Forced> {
        let all = self.forces.iter();
        all.filter(|forced| addresses.contains(&forced.address))
            .cloned()
            .collect()
    }

    /// The worst that is measured of `address` by `monitor`, whatever host it is asked for.
    pub fn measured(&self, monitor: Option<MonitorId>, address: &Address) -> AddressState {
        let Some(monitor) = monitor else {
            return AddressState::Unmonitored;
        };
        let all = self.table.iter();
        let own = all.filter(|(target, _)| target.monitor == monitor && target.address == *address);
        let states = own.map(|(_, health)| health.state());
        states.max().unwrap_or(AddressState::Unmonitored)
    }

    /// All forced states, in no particular order.
    pub fn forces(&self) -> impl Iterator<Item = &Forced> {
        self.forces.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn forced(pool: Option<&str>, state: ForcedState, until: Option<i64>) -> Forced {
        Forced {
            address: "192.0.2.1".parse().expect("an address"),
            pool: pool.map(str::to_owned),
            state,
            reason: "disk swap".to_owned(),
            who: "ops".to_owned(),
            since: at(0),
            until: until.map(at),
        }
    }

    #[test]
    fn one_pool_goes_before_all_and_time_ends_it() {
        use ForcedState::{Down, Drain, Up};
        let mut forces = Forces::default();
        let address = forced(None, Up, None).address;
        let seen = |forces: &Forces, pool: &str| forces.of(pool, &address).map(|one| one.state);
        assert_eq!(seen(&forces, "a"), None);
        assert_eq!(forces.set(forced(None, Drain, Some(10))), None);
        assert_eq!(forces.set(forced(Some("a"), Up, Some(20))), None);
        assert_eq!(seen(&forces, "a"), Some(Up));
        assert_eq!(seen(&forces, "b"), Some(Drain));
        let other = "192.0.2.2".parse().expect("an address");
        assert_eq!(forces.of("a", &other), None);
        let replaced = forces.set(forced(Some("a"), Down, None));
        assert_eq!(replaced, Some(forced(Some("a"), Up, Some(20))));
        assert_eq!(forces.expire(at(9)), []);
        assert_eq!(forces.expire(at(10)), [forced(None, Drain, Some(10))]);
        assert_eq!(seen(&forces, "b"), None);
        assert_eq!(seen(&forces, "a"), Some(Down));
        assert_eq!(forces.remove(&address, None), None);
        assert!(forces.remove(&address, Some("a")).is_some());
        assert_eq!(forces, Forces::default());
    }

    #[test]
    fn it_is_kept_by_names() {
        let one = forced(Some("广州"), ForcedState::Drain, Some(60));
        let text = serde_json::to_string(&one).expect("it is JSON");
        assert_eq!(
            text,
            r#"{"address":"192.0.2.1","pool":"广州","state":"drain","reason":"disk swap","who":"ops","since":"1970-01-01T00:00:00Z","until":"1970-01-01T00:01:00Z"}"#
        );
        assert_eq!(
            serde_json::from_str::<Forced>(&text).expect("as written"),
            one
        );
    }
}

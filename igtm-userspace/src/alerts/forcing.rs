//! The events of an operator's word about an address, and of its end. Pure.

use jiff::Timestamp;

use super::addresses::{AddressesTold, places};
use super::place::Place;
use super::why::by_word;
use crate::config::model::{Address, Config, Pool, PoolAddress, PoolId};
use crate::health::{Forced, Health};
use crate::notify::event::{Event, NodeReason};
use crate::snapshot::Ground;

/// What operators said of some addresses, before they say something else.
#[derive(Clone, Debug)]
pub struct Before {
    addresses: Vec<Address>,
    forces: Vec<Forced>,
}

/// What an operator said of a pool's address, and is not yet part of what is answered.
#[derive(Clone, Debug)]
pub struct Said {
    /// Which pool.
    pub pool: PoolId,
    /// It is that the address is drained, or no longer: nobody is alerted of what that moves.
    pub drain: bool,
    /// In words.
    pub why: NodeReason,
}

impl Before {
    /// Of `addresses`.
    pub fn of(health: &Health, addresses: &[Address]) -> Self {
        Self {
            addresses: addresses.to_vec(),
            forces: health.forces_of(addresses),
        }
    }

    /// What held for an address in a pool: what was said of that pool before what was said of all.
    fn forced_in(&self, pool: &str, address: &Address) -> Option<&Forced> {
        let all = self.forces.iter();
        let here = all.filter(|one| {
            one.address == *address && one.pool.as_deref().is_none_or(|own| own == pool)
        });
        here.max_by_key(|one| one.pool.is_some())
    }
}

impl AddressesTold {
    /// The events of other words than `before`, and those words; one about draining alerts nobody.
    pub fn of_words(
        &mut self,
        ground: &Ground,
        health: &Health,
        before: &Before,
        at: Timestamp,
    ) -> (Vec<Event>, Vec<Said>) {
        let config = &*ground.config;
        let (mut events, mut said): (Vec<Event>, Vec<Said>) = (Vec::new(), Vec::new());
        for (place, entry) in places(config, health, |one| before.addresses.contains(one)) {
            let Some(word) = Word::new(config, health, before, (&place, entry)) else {
                continue;
            };
            let told = (&*word.short(), Some(word.reason()));
            events.extend(self.of_word(ground, health, (&place, entry), told, at));
            if said.last().is_none_or(|last| last.pool != place.0) {
                said.push(Said {
                    pool: place.0,
                    drain: word.is_about_draining(),
                    why: NodeReason {
                        node: config.server.node.clone(),
                        reason: word.long(),
                    },
                });
            }
        }
        (events, said)
    }
}

/// Another word about an address of a pool.
struct Word<'a> {
    config: &'a Config,
    pool: &'a Pool,
    before: Option<&'a Forced>,
    after: Option<&'a Forced>,
    /// The word itself; on the end of one, the one that ended.
    by: &'a Forced,
}

impl<'a> Word<'a> {
    /// `None`: it is as it was.
    fn new(
        config: &'a Config,
        health: &'a Health,
        before: &'a Before,
        (place, entry): (&Place, &PoolAddress),
    ) -> Option<Self> {
        let pool = config.pool(place.0);
        let before = before.forced_in(&pool.name, &entry.value);
        let after = health.forced_in(&pool.name, &entry.value);
        if before.map(|one| one.state) == after.map(|one| one.state) {
            return None;
        }
        let by = after.or(before)?;
        Some(Self {
            config,
            pool,
            before,
            after,
            by,
        })
    }

    fn is_about_draining(&self) -> bool {
        let mut both = self.before.into_iter().chain(self.after);
        both.any(|one| one.state == crate::health::ForcedState::Drain)
    }

    fn short(&self) -> String {
        match self.after {
            Some(forced) => format!("forced {}", forced.state.word()),
            None => "no longer forced".to_owned(),
        }
    }

    fn reason(&self) -> NodeReason {
        NodeReason {
            node: self.config.server.node.clone(),
            reason: format!("{}: {}", self.short(), self.by.reason),
        }
    }

    fn long(&self) -> String {
        match self.after {
            Some(forced) => by_word(forced, self.pool),
            None => {
                let Forced {
                    address, reason, ..
                } = self.by;
                let pool = &self.pool.name;
                format!("{address} of pool {pool} is no longer forced: {reason}")
            }
        }
    }
}

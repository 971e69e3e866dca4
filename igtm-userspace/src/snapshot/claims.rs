//! Which lines each name claims for which family, and what is answered on them.
//!
//! Must not know where the slots will stand, nor what other names there are.

use std::collections::HashMap;

use igtm_common::layout::{EXISTS, NO_VIEW, NameKey, NameRef, PASS, PASS_OTHERS, Slot};

use super::answers::{Answers, Catalogue, Terms};
use super::fixed::nodata;
use super::image::CapacityError;
use super::recipe::{RecipeId, Recipes};
use super::{SnapshotError, soa};
use crate::config::model::{Config, Instance, LineId, Zone};

/// A name's slots of one family, before they are placed.
pub(super) struct Claimed {
    pub(super) key: NameKey,
    pub(super) ipv6: bool,
    /// First of them in the list they were made in.
    pub(super) made: u32,
    pub(super) len: u32,
}

/// Which lines are claimed where, and what is answered on them.
pub(super) struct Claims<'a> {
    config: &'a Config,
    recipes: &'a Recipes,
    catalogue: Catalogue<'a>,
    /// Lines claimed together, ascending.
    pub(super) sets: Vec<Vec<LineId>>,
    known: HashMap<Vec<LineId>, u16>,
    /// The set that was asked for last, by family: most instances ask for the same.
    last: [u16; 2],
    slots: Vec<Slot>,
    claimed: Vec<Claimed>,
    /// Line and recipe of one instance and family; kept for its room.
    own: Vec<(LineId, u32)>,
}

/// What [`Claims`] has gathered.
pub(super) struct Finished {
    pub(super) answers: Answers,
    pub(super) slots: Vec<Slot>,
    pub(super) claimed: Vec<Claimed>,
}

impl<'a> Claims<'a> {
    pub(super) fn new(config: &'a Config, recipes: &'a Recipes) -> Self {
        Self {
            config,
            recipes,
            catalogue: Catalogue::new(config, recipes),
            sets: Vec::new(),
            known: HashMap::new(),
            last: [0; 2],
            slots: Vec::new(),
            claimed: Vec::new(),
            own: Vec::new(),
        }
    }

    /// What an access domain is; its slots are placed later.
    pub(super) fn of(
        &mut self,
        at: usize,
        instance: &Instance,
        zone: &Zone,
        key: NameKey,
    ) -> Result<NameRef, SnapshotError> {
        let terms = self.catalogue.terms(Terms {
            ttl: soa::seconds(self.config.effective_ttl_in(zone, instance)),
            max_answers: instance.max_answers,
            apex: instance.access_domain == zone.origin,
        });
        let mut of = nodata(EXISTS);
        if self.is_more_than_addresses(at, instance, zone) {
            of.flags |= PASS_OTHERS;
        }
        if self.leads_inward(at, instance) {
            of.flags |= PASS;
        }
        for ipv6 in [false, true] {
            self.gather(at, instance, ipv6);
            if self.own.is_empty() {
                continue;
            }
            of.view[usize::from(ipv6)] = self.set(ipv6)?;
            let made = self.slots.len() as u32;
            for (line, recipe) in &self.own {
                let recipe = RecipeId(*recipe);
                self.slots.push(Slot {
                    answer: self.catalogue.find(recipe, ipv6, terms)?,
                    line: line.0,
                    pad: 0,
                });
            }
            let len = self.own.len() as u32;
            self.claimed.push(Claimed {
                key,
                ipv6,
                made,
                len,
            });
        }
        Ok(of)
    }

    /// Whether types other than A and AAAA have an answer: at an apex, and where the addresses may
    /// be those of a CNAME.
    fn is_more_than_addresses(&self, at: usize, instance: &Instance, zone: &Zone) -> bool {
        let mut followed = (0..instance.strategies.len())
            .filter_map(|strategy| self.recipes.followed(at, strategy));
        instance.access_domain == zone.origin || followed.any(|id| self.recipes.recipe(id).domains)
    }

    /// Whether its answer may be a CNAME into a zone served here: then it has more links, and only
    /// userspace follows them.
    fn leads_inward(&self, at: usize, instance: &Instance) -> bool {
        (0..instance.strategies.len())
            .filter_map(|strategy| self.recipes.followed(at, strategy))
            .any(|id| self.recipes.recipe(id).inward)
    }

    /// The claims of an instance, by line.
    fn gather(&mut self, at: usize, instance: &Instance, ipv6: bool) {
        self.own.clear();
        for (strategy, one) in instance.strategies.iter().enumerate() {
            if let Some(id) = self.recipes.followed(at, strategy)
                && self.recipes.recipe(id).claims[usize::from(ipv6)]
            {
                self.own.extend(one.lines.iter().map(|line| (*line, id.0)));
            }
        }
        self.own.sort_unstable();
    }

    /// The number of the set of lines that was gathered.
    fn set(&mut self, ipv6: bool) -> Result<u16, CapacityError> {
        let own = self.own.iter().map(|(line, _)| line);
        let last = &mut self.last[usize::from(ipv6)];
        if self
            .sets
            .get(usize::from(*last))
            .is_some_and(|set| own.clone().eq(set))
        {
            return Ok(*last);
        }
        let set: Vec<LineId> = own.copied().collect();
        let next = self.sets.len();
        *last = match self.known.get(&set) {
            Some(known) => *known,
            None if next < usize::from(NO_VIEW) => {
                self.sets.push(set.clone());
                self.known.insert(set, next as u16);
                next as u16
            }
            None => {
                return Err(CapacityError {
                    what: "sets of lines",
                    needed: next + 1,
                    most: usize::from(NO_VIEW),
                });
            }
        };
        Ok(*last)
    }

    pub(super) fn finish(self) -> Finished {
        Finished {
            answers: self.catalogue.finish(),
            slots: self.slots,
            claimed: self.claimed,
        }
    }
}

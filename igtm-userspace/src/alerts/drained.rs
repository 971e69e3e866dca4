//! What draining moves, and what whoever is alerted believes meanwhile. Pure.
//!
//! A drain withholds an address and alerts nobody (product.md §2): not of the address, and not of
//! the tier that answers in its place. Where a failure has a part in a move, it is told. Must not
//! decide what is answered.

use std::collections::{HashMap, HashSet};

use imbl::HashMap as SharedMap;

use super::Cause;
use crate::config::model::PoolId;
use crate::health::Target;
use crate::notify::event::NodeReason;
use crate::policy::Active;
use crate::snapshot::{Ground, RecipeId};

/// What an operator said of a pool's address, and is not yet part of what is answered.
#[derive(Clone, Debug)]
pub struct Said {
    /// Which pool.
    pub pool: PoolId,
    /// In words, when it is that the address is drained, or no longer.
    pub drain: Option<NodeReason>,
}

/// What of a step nothing but drains, or their ends, brought about; with their reasons.
#[derive(Clone, Debug, Default)]
pub struct Drained(HashMap<RecipeId, Vec<NodeReason>>);

impl Drained {
    /// Of a step in which operators `said` so, and those targets `changed` their states.
    pub fn of_step(ground: &Ground, said: &[Said], changed: &[(Target, Cause)]) -> Self {
        let mut drained: HashMap<RecipeId, Vec<NodeReason>> = HashMap::new();
        for Said { pool, drain } in said {
            for recipe in ground.recipes.using(*pool) {
                drained.entry(recipe).or_default().extend(drain.clone());
            }
        }
        if drained.is_empty() {
            return Self::default();
        }
        let others = said.iter().filter(|one| one.drain.is_none());
        let others = others.flat_map(|one| ground.recipes.using(one.pool));
        let failing = changed.iter();
        let failing =
            failing.flat_map(|(target, _)| ground.recipes.dependents(&ground.config, target));
        let loud: HashSet<RecipeId> = others.chain(failing).collect();
        drained.retain(|recipe, _| !loud.contains(recipe));
        Self(drained)
    }

    /// Why a recipe is decided otherwise, when nothing but draining is the reason.
    pub(super) fn of(&self, recipe: RecipeId) -> Option<&[NodeReason]> {
        self.0.get(&recipe).map(Vec::as_slice)
    }
}

/// By the names of instance and strategy: from what they are answered by all that was told, where
/// it is something else by now. Always from something more preferred.
#[derive(Clone, Debug, Default)]
pub(super) struct Believed(SharedMap<(String, String), Active>);

impl Believed {
    pub(super) fn of(&self, name: &(String, String)) -> Option<Active> {
        self.0.get(name).copied()
    }

    pub(super) fn restore(&mut self, name: (String, String), believed: Active) {
        self.0.insert(name, believed);
    }

    pub(super) fn forget(&mut self, name: &(String, String)) {
        self.0.remove(name);
    }

    /// Whether a move is told: what a failure made worse, and whatever is better than was told.
    pub(super) fn tells(
        &mut self,
        name: &(String, String),
        (from, to): (Active, Active),
        drained: bool,
    ) -> bool {
        let believed = self.of(name).unwrap_or(from);
        let told = if to.rank() > from.rank() {
            !drained
        } else {
            to.rank() < believed.rank()
        };
        if told || to.rank() == believed.rank() {
            self.forget(name);
        } else {
            self.restore(name.clone(), believed);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> (String, String) {
        ("www".to_owned(), "default".to_owned())
    }

    /// From tier 1: where it goes, whether by a drain alone; which of it is told.
    fn told(moves: &[(Active, bool)]) -> Vec<bool> {
        let (mut believed, mut at) = (Believed::default(), Active::Tier(0));
        let each = moves.iter().map(|(to, drained)| {
            let from = std::mem::replace(&mut at, *to);
            believed.tells(&name(), (from, *to), *drained)
        });
        each.collect()
    }

    #[test]
    fn drains_are_quiet_failures_are_not_and_every_end_is_told_to_whom_the_beginning_was() {
        use Active::{Fallback, Tier};
        const DRAIN: bool = true;
        const FAILS: bool = false;
        // There and back by a drain.
        assert_eq!(told(&[(Tier(1), DRAIN), (Tier(0), DRAIN)]), [false, false]);
        // It ends when somebody else forces the address up, or by a reload: nobody knew.
        assert_eq!(told(&[(Tier(1), DRAIN), (Tier(0), FAILS)]), [false, false]);
        // A failure was told; that it ended while the address was drained is known at its end.
        assert_eq!(told(&[(Tier(1), FAILS), (Tier(0), DRAIN)]), [true, true]);
        // A failure beside a drain: all that follows is told.
        assert_eq!(
            told(&[
                (Tier(1), DRAIN),
                (Fallback, FAILS),
                (Tier(1), FAILS),
                (Tier(0), DRAIN)
            ]),
            [false, true, true, true]
        );
        // Drained to the fallback, and in part back: as bad as never told.
        assert_eq!(
            told(&[(Fallback, DRAIN), (Tier(1), FAILS), (Tier(0), DRAIN)]),
            [false, false, false]
        );
    }

    fn active() -> impl Strategy<Value = Active> {
        prop_oneof![(0..4usize).prop_map(Active::Tier), Just(Active::Fallback)]
    }

    proptest! {
        /// Who follows the told moves never believes what is worse than it is, and knows how it is
        /// whenever a failure has just made it worse.
        #[test]
        fn what_is_believed_is_never_worse(moves in prop::collection::vec((active(), any::<bool>()), 1..20)) {
            let mut known = Active::Tier(0);
            let mut at = known;
            let mut believed = Believed::default();
            for (to, drained) in moves {
                let worse = to.rank() > at.rank();
                let told = believed.tells(&name(), (at, to), drained);
                at = to;
                if told {
                    known = to;
                }
                prop_assert!(known.rank() <= at.rank());
                prop_assert!(!worse || told != drained);
                prop_assert_eq!(believed.of(&name()).unwrap_or(at).rank(), known.rank());
            }
        }
    }
}

//! Why answers move: which addresses, which nodes, which words of operators; and whether draining
//! alone does.
//!
//! A drain withholds an address and alerts nobody (product.md §2): not of the address, and not of
//! the tier that answers in its place. Where a failure has a part in a move, it is told. Pure.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::why::{self, Few};
use super::{Cause, Said};
use crate::config::model::{Instance, Strategy};
use crate::health::{AddressState, Health, Target};
use crate::notify::event::NodeReason;
use crate::policy::Active;
use crate::snapshot::{Ground, RecipeId};

/// Of a step in which more addresses of a strategy came back, the first so many are counted.
const MOST: usize = 1000;
/// So many words of operators are told of one move.
const WORDS: usize = 4;

/// Why the answers of a step are others.
#[derive(Clone, Debug, Default)]
pub struct Because<'a> {
    /// Nothing is said of why where there is none.
    health: Option<&'a Health>,
    /// What operators said of a recipe's pools.
    said: HashMap<RecipeId, Vec<NodeReason>>,
    /// Those that nothing but draining has moved.
    drained: HashSet<RecipeId>,
    /// The addresses that are usable again, by what depends on them.
    back: HashMap<RecipeId, Vec<&'a Cause>>,
    /// Once for all that follow a recipe.
    found: RefCell<HashMap<RecipeId, Vec<NodeReason>>>,
}

impl<'a> Because<'a> {
    /// Of a step in which operators `said` so, and those targets `changed` their states.
    pub fn of_step(
        ground: &Ground,
        health: &'a Health,
        said: &[Said],
        changed: &'a [(Target, Cause)],
    ) -> Self {
        let mut because = Self {
            health: Some(health),
            ..Self::default()
        };
        let mut loud: HashSet<RecipeId> = HashSet::new();
        for Said { pool, drain, why } in said {
            for recipe in ground.recipes.using(*pool) {
                because.said.entry(recipe).or_default().push(why.clone());
                because.drained.insert(recipe);
                if !drain {
                    loud.insert(recipe);
                }
            }
        }
        for (target, cause) in changed {
            let back = cause.to.usable() && cause.from == AddressState::Down;
            if !back && because.drained.is_empty() {
                continue;
            }
            for recipe in ground.recipes.dependents(&ground.config, target) {
                loud.insert(recipe);
                let causes = because.back.entry(recipe).or_default();
                if back && causes.len() < MOST {
                    causes.push(cause);
                }
            }
        }
        because.drained.retain(|recipe| !loud.contains(recipe));
        because
    }

    /// Whether nothing but draining is the reason that a recipe is decided otherwise.
    pub(super) fn is_drained(&self, recipe: RecipeId) -> bool {
        self.drained.contains(&recipe)
    }

    /// Why a strategy, which follows `recipe`, has gone that way.
    pub(super) fn reasons(
        &self,
        ground: &Ground,
        recipe: RecipeId,
        strategy: (&Instance, &Strategy),
        (from, to): (Active, Active),
    ) -> Vec<NodeReason> {
        let Some(health) = self.health else {
            return self.said.get(&recipe).cloned().unwrap_or_default();
        };
        if let Some(found) = self.found.borrow().get(&recipe) {
            return found.clone();
        }
        let found = if to.rank() > from.rank() {
            why::of_strategy(ground, health, strategy, to)
        } else {
            self.of_return(ground, recipe)
        };
        self.found.borrow_mut().insert(recipe, found.clone());
        found
    }

    fn of_return(&self, ground: &Ground, recipe: RecipeId) -> Vec<NodeReason> {
        let node = &*ground.config.server.node;
        let said = self.said.get(&recipe).into_iter().flatten();
        let mut reasons: Vec<NodeReason> = said.take(WORDS).cloned().collect();
        let mut few = Few::new(node);
        for cause in self.back.get(&recipe).into_iter().flatten() {
            few.add(&cause.address, || {
                let saw = cause.nodes.iter().find(|one| one.reason.is_none());
                vec![NodeReason {
                    node: saw.map_or(node, |one| &one.node).to_owned(),
                    reason: format!("{} is up again", cause.address),
                }]
            });
        }
        reasons.extend(few.reasons());
        reasons
    }
}

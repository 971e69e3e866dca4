//! Health and lines → what is answered (product.md §3). Pure: no I/O, no clock, no randomness.
//!
//! One file per rule: [`claim`] which strategy decides, [`tier`] what a tier holds, [`active`] which
//! tier answers, [`weigh`] how its addresses weigh, [`answer`] what comes out. The draw itself
//! is the renderer's (`igtm-common`): kernel and daemon must draw alike.

pub mod active;
pub mod answer;
pub mod claim;
pub mod tier;
pub mod weigh;

pub use active::Active;
pub use answer::{AnswerSet, Candidate, Draw};
pub use claim::{Claim, assign, choose_line, families_asked};
pub use tier::TierView;

use crate::config::model::{Config, Instance, Pool, PoolAddress, Strategy};
use crate::health::{AddressState, HealthView, address_state};

/// What one strategy answers now, and the numbers that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What answers.
    pub active: Active,
    /// Every tier of the strategy, in order.
    pub tiers: Vec<TierView>,
    /// What is answered.
    pub answer: AnswerSet,
}

/// Decides what `strategy` of `instance` answers with this health.
pub fn decide(
    config: &Config,
    instance: &Instance,
    strategy: &Strategy,
    health: &dyn HealthView,
) -> Decision {
    decide_by(config, strategy, &|pool, address| {
        address_state(health, config, pool, address, instance)
    })
}

/// As [`decide`], with the states of addresses from elsewhere than probes.
pub fn decide_by(config: &Config, strategy: &Strategy, state_of: StateOf<'_>) -> Decision {
    let tiers: Vec<_> = strategy
        .tiers
        .iter()
        .map(|tier| tier::members(config, &tier.pools, state_of))
        .collect();
    let views: Vec<_> = strategy
        .tiers
        .iter()
        .zip(&tiers)
        .map(|(tier, members)| TierView::of(tier, members))
        .collect();
    let active = active::choose(strategy.switch, &views);
    let answer = answer::of(config, strategy, active, &tiers, state_of);
    Decision {
        active,
        tiers: views,
        answer,
    }
}

/// The state of an enabled address of a pool.
pub type StateOf<'a> = &'a dyn Fn(&Pool, &PoolAddress) -> AddressState;

#[cfg(test)]
mod cases;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod reference;

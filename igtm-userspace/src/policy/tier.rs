//! What a tier holds: each enabled address once, however many of its pools list it.
//!
//! Does not say which tier answers, nor how its addresses weigh.

use std::collections::HashMap;

use super::StateOf;
use crate::config::model::{Address, Config, PoolAddress, PoolId, Tier, TierPool};
use crate::health::AddressState;

/// One address of a tier.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// The address.
    pub address: &'a Address,
    /// Where it stands, enabled: never empty, in the tier's order of pools.
    pub entries: Vec<(TierPool, &'a PoolAddress)>,
    /// The best of its states, one per entry.
    pub state: AddressState,
}

impl Member<'_> {
    /// The pools in which it stands, enabled.
    pub fn pools(&self) -> Vec<PoolId> {
        self.entries.iter().map(|(place, _)| place.pool).collect()
    }
}

/// A tier in numbers, each address counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierView {
    /// Addresses that may be answered.
    pub usable: usize,
    /// Addresses that are enabled, whatever their health.
    pub enabled: usize,
    /// Usable addresses it needs to be active.
    pub min_healthy: usize,
}

impl TierView {
    /// Counts `members` of `tier`.
    pub fn of(tier: &Tier, members: &[Member<'_>]) -> Self {
        Self {
            usable: members.iter().filter(|one| one.state.usable()).count(),
            enabled: members.len(),
            min_healthy: tier.min_healthy,
        }
    }

    /// Whether it may be active.
    pub fn enough(self) -> bool {
        self.usable >= self.min_healthy
    }
}

/// The enabled addresses of some pools, in order of first appearance.
pub fn members<'a>(
    config: &'a Config,
    pools: &[TierPool],
    state_of: StateOf<'_>,
) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = Vec::new();
    let mut positions = HashMap::new();
    for place in pools {
        let pool = config.pool(place.pool);
        for entry in pool.addresses.iter().filter(|address| address.enabled) {
            let state = state_of(pool, entry);
            let at = *positions.entry(&entry.value).or_insert(members.len());
            match members.get_mut(at) {
                Some(member) => {
                    member.entries.push((*place, entry));
                    member.state = better(member.state, state);
                }
                None => members.push(Member {
                    address: &entry.value,
                    entries: vec![(*place, entry)],
                    state,
                }),
            }
        }
    }
    members
}

/// Of two verdicts on one address (two pools, two monitors) the one that counts: usable in one is
/// usable, and what was measured says more than what was not.
fn better(one: AddressState, other: AddressState) -> AddressState {
    let rank = |state| match state {
        AddressState::Ok => 0,
        AddressState::Warn => 1,
        AddressState::Unknown => 2,
        AddressState::Unmonitored => 3,
        AddressState::Down => 4,
    };
    if rank(other) < rank(one) { other } else { one }
}

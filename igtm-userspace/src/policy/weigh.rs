//! How the addresses of a weight tier weigh: each by the policy of the pools it stands in.

use super::tier::Member;
use crate::config::model::{Config, Policy};

/// The weight of one address in a weight tier: its weights in all its pools, added up, whatever
/// its health in each of them.
///
/// At most 100 × 100 a pool, so a sum over pools stays far inside a u32.
pub fn weight_of(config: &Config, member: &Member<'_>) -> u32 {
    member
        .entries
        .iter()
        .map(|(place, address)| match config.pool(place.pool).policy {
            Policy::Weight => address.weight * place.weight,
            // Each address one share, so three addresses have three.
            Policy::All => place.weight,
        })
        .sum()
}

//! What comes out of a decision: the addresses, how one or all of them are drawn, and the odds.

use super::active::Active;
use super::tier::{self, Member};
use super::{StateOf, weigh};
use crate::config::model::{Address, Config, Policy, PoolId, PoolType, Strategy, TierPool};
use crate::health::AddressState;

/// Most addresses in an answer to an A query, unless the instance says otherwise.
pub const MAX_A: usize = 20;

/// Most addresses in an answer to an AAAA query, unless the instance says otherwise.
pub const MAX_AAAA: usize = 8;

/// How a query's random number r picks from the candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Draw {
    /// A cyclic window that starts at r mod n; of domains, of which an answer holds one, the
    /// window is one long: an even draw.
    Rotate,
    /// Exactly one, by weight.
    Weighted,
}

/// One address that may be answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// What is answered.
    pub address: Address,
    /// Its share of the weights; 1 for [`Draw::Rotate`].
    pub weight: u32,
    /// Where it stands, enabled.
    pub pools: Vec<PoolId>,
    /// The best of its states in those pools.
    pub state: AddressState,
}

/// Everything a strategy may answer now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnswerSet {
    /// What the candidates are.
    pub kind: PoolType,
    /// How they are drawn.
    pub draw: Draw,
    /// In the order of declaration; empty only when every address of the fallback is disabled.
    pub candidates: Vec<Candidate>,
}

impl AnswerSet {
    /// Whether it answers A (`ipv6 == false`) or AAAA queries; when not, those get NODATA.
    pub fn fits(&self, ipv6: bool) -> bool {
        match self.kind {
            PoolType::Ipv4 => !ipv6,
            PoolType::Ipv6 => ipv6,
            PoolType::Domain => true,
        }
    }

    /// How many of the candidates one answer holds, by the instance's `max_answers`.
    pub fn window(&self, max_answers: Option<u16>) -> usize {
        let most = match (self.draw, self.kind) {
            (Draw::Weighted, _) | (_, PoolType::Domain) => 1,
            (Draw::Rotate, kind) => max_answers.map_or(
                if kind == PoolType::Ipv4 {
                    MAX_A
                } else {
                    MAX_AAAA
                },
                usize::from,
            ),
        };
        most.min(self.candidates.len())
    }

    /// Of each candidate the probability, 0–1, that it is the one drawn, or stands first in a
    /// rotated answer, where clients connect to. Their sum is 1.
    pub fn shares(&self) -> Vec<f64> {
        let total: u64 = self
            .candidates
            .iter()
            .map(|one| u64::from(one.weight))
            .sum();
        let share = |one: &Candidate| f64::from(one.weight) / total as f64;
        self.candidates.iter().map(share).collect()
    }
}

/// The answers of what is active.
pub(super) fn of(
    config: &Config,
    strategy: &Strategy,
    active: Active,
    tiers: &[Vec<Member<'_>>],
    state_of: StateOf<'_>,
) -> AnswerSet {
    let Some(at) = active.tier() else {
        return fallback(config, strategy.fallback, state_of);
    };
    let tier = &strategy.tiers[at];
    let all = active == Active::HeldAll;
    let answered = tiers[at].iter().filter(|one| all || one.state.usable());
    AnswerSet {
        // All pools of a tier have one type, and there is at least one.
        kind: config.pool(tier.pools[0].pool).r#type,
        draw: match tier.policy {
            Policy::All => Draw::Rotate,
            Policy::Weight => Draw::Weighted,
        },
        candidates: answered
            .map(|member| {
                let weight = match tier.policy {
                    Policy::All => 1,
                    Policy::Weight => weigh::weight_of(config, member),
                };
                candidate(member, weight)
            })
            .collect(),
    }
}

/// All enabled addresses of the fallback pool; neither its health nor its policy counts.
fn fallback(config: &Config, pool: PoolId, state_of: StateOf<'_>) -> AnswerSet {
    let alone = [TierPool { pool, weight: 1 }];
    let members = tier::members(config, &alone, state_of);
    AnswerSet {
        kind: config.pool(pool).r#type,
        draw: Draw::Rotate,
        candidates: members.iter().map(|one| candidate(one, 1)).collect(),
    }
}

fn candidate(member: &Member<'_>, weight: u32) -> Candidate {
    Candidate {
        address: member.address.clone(),
        weight,
        pools: member.pools(),
        state: member.state,
    }
}

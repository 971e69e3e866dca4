//! Domains at a zone's apex → the addresses that stand for them.
//!
//! One domain: its addresses as its own name servers would answer them, all in rotation. Of several
//! one is drawn, evenly or by weight, and of its addresses one: a weighted draw in which each
//! domain's share is split evenly among its addresses. Domains not (yet) resolved, and those
//! without addresses of the family, leave their share to the others.

use std::net::IpAddr;

use igtm_common::layout::LargeAnswer;

use super::Snapshot;
use crate::config::model::{Address, PoolType};
use crate::flatten::Resolved;
use crate::policy::{AnswerSet, Candidate, Draw};

/// What domains are flattened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flat {
    /// Of none are addresses known, and of some nothing is: no negative answer would be true.
    Unknown,
    /// These, as a set of addresses, and how long they may be cached, seconds. Without addresses
    /// that is the zone's own negative TTL.
    Known(AnswerSet, u32),
}

/// One domain and its addresses.
struct Domain<'a> {
    candidate: &'a Candidate,
    addresses: &'a [IpAddr],
    ttl_s: u32,
}

impl Flat {
    /// Flattens `set`, which is of domains.
    pub(super) fn of(set: &AnswerSet, ipv6: bool, resolved: &Resolved) -> Self {
        let mut unknown = false;
        let mut domains = Vec::new();
        for candidate in &set.candidates {
            let Address::Domain(name) = &candidate.address else {
                continue;
            };
            match resolved.of(name, ipv6) {
                None => unknown = true,
                Some(known) if known.addresses.is_empty() => {}
                Some(known) => domains.push(Domain {
                    candidate,
                    addresses: &known.addresses,
                    ttl_s: known.ttl_s,
                }),
            }
        }
        if domains.is_empty() && unknown {
            return Self::Unknown;
        }
        // Each as many as all have room for together.
        let most = LargeAnswer::MOST_RECORDS / domains.len().max(1);
        for domain in &mut domains {
            domain.addresses = &domain.addresses[..domain.addresses.len().min(most)];
        }
        let ttls = domains.iter().map(|domain| domain.ttl_s);
        let ttl_s = ttls.min().unwrap_or(u32::MAX);
        Self::Known(
            AnswerSet {
                kind: if ipv6 { PoolType::Ipv6 } else { PoolType::Ipv4 },
                draw: match domains.len() {
                    0 | 1 => Draw::Rotate,
                    _ => Draw::Weighted,
                },
                candidates: candidates(&domains),
            },
            ttl_s,
        )
    }
}

impl Snapshot {
    /// Whether an answer has addresses whose TTL is over and that could not be asked for (RFC 8767).
    pub fn is_stale(&self, answer: u32) -> bool {
        let answers = &self.ground.answers;
        let wanted = answers.wanted(answer);
        if !answers.terms(wanted).apex {
            return false;
        }
        let set = &self.decisions[wanted.recipe.0 as usize].answer;
        set.candidates.iter().any(|one| match &one.address {
            Address::Domain(name) => {
                let known = self.resolved.of(name, wanted.ipv6);
                known.is_some_and(|known| known.stale && !known.addresses.is_empty())
            }
            Address::Ip(_) => false,
        })
    }
}

/// Their addresses, each once, with what it weighs.
fn candidates(domains: &[Domain<'_>]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for (domain, weight) in domains.iter().zip(weights(domains)) {
        for ip in domain.addresses {
            let address = Address::Ip(*ip);
            match candidates.iter_mut().find(|one| one.address == address) {
                // Two domains on one host.
                Some(known) => known.weight += weight,
                None => candidates.push(Candidate {
                    address,
                    weight,
                    ..domain.candidate.clone()
                }),
            }
        }
    }
    candidates
}

/// What each address of each domain weighs: shares split exactly while the numbers are small, and to
/// better than a thousandth where they are not.
fn weights(domains: &[Domain<'_>]) -> Vec<u32> {
    let [_, _, ..] = domains else {
        return vec![1; domains.len()];
    };
    /// Room for the sum, far below 2^32.
    const MOST: u64 = 1 << 31;
    let total: u64 = domains
        .iter()
        .map(|domain| u64::from(domain.candidate.weight))
        .sum();
    let counts = domains.iter().map(|domain| domain.addresses.len() as u64);
    let exact = counts.fold(1, |lcm: u64, count| lcm / gcd(lcm, count) * count);
    let scale = exact.min(MOST / total.max(1)).max(1);
    domains
        .iter()
        .map(|domain| {
            let share = u64::from(domain.candidate.weight) * scale;
            // Below `MOST`.
            (share / domain.addresses.len() as u64).max(1) as u32
        })
        .collect()
}

fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 {
        one
    } else {
        gcd(other, one % other)
    }
}

//! Frozen answers (`keep`, product.md §3): what stays answered although the configuration no longer
//! says so.
//!
//! Knows how one is written down for the state database. Must not decide what becomes frozen, nor
//! what ends it: that is `freeze.rs`'.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::Name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{answers, names};
use crate::config::model::{Address, PoolType, RRset, Zone, rtype};
use crate::health::AddressState;
use crate::policy::{AnswerSet, Candidate, Decision, Draw};
use crate::state::{FrozenKey, SavedFrozen};

/// The last answer of a strategy that is gone, on one line for one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Whose it was.
    pub key: FrozenKey,
    /// The access domain that it is answered for; lower case, fully qualified.
    pub name: Name,
    /// Effective when it was frozen, seconds.
    pub ttl_s: u32,
    /// As the instance's.
    pub max_answers: Option<u16>,
    /// What is answered; of no tiers and no pools, which may be gone as well.
    pub decision: Arc<Decision>,
    /// Since when.
    pub since: Timestamp,
}

impl Frozen {
    /// The domains that it is drawn from, if it is of domains.
    pub fn domains(&self) -> impl Iterator<Item = &Name> {
        let candidates = self.decision.answer.candidates.iter();
        candidates.filter_map(|one| match &one.address {
            Address::Domain(domain) => Some(domain),
            Address::Ip(_) => None,
        })
    }

    /// The record of its zone's file that takes its place: what takes the name out of the zone, an
    /// address or a CNAME at it, and beside a CNAME that it is answered with, anything.
    pub(super) fn displaced_by<'z>(&self, zone: &'z Zone) -> Option<&'z RRset> {
        let wire = names::wire(&self.name);
        let answered = [rtype::A, rtype::AAAA, rtype::CNAME];
        let alone = self.set().kind == PoolType::Domain && zone.origin != self.name;
        let mut own = zone.records.at(&wire).iter();
        zone.covering(&wire)
            .or_else(|| own.find(|set| alone || answered.contains(&set.rtype)))
    }
}

/// Why what was kept cannot be answered from.
#[derive(Debug, thiserror::Error)]
pub enum NotFrozen {
    /// It is no frozen answer of this version.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// The name or what answered is none.
    #[error("{what}: {text:?}")]
    Word {
        /// Which part.
        what: &'static str,
        /// What was found.
        text: String,
    },
    /// An address of another kind, or a weight that draws nothing.
    #[error("{address} weight {weight} is no candidate of type {kind}")]
    Candidate {
        /// The address.
        address: Address,
        /// Its weight.
        weight: u32,
        /// The answer's type.
        kind: &'static str,
    },
    /// More than an answer holds.
    #[error("{found} addresses do not fit one answer")]
    Size {
        /// How many there are.
        found: usize,
    },
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    name: String,
    ttl_s: u32,
    max_answers: Option<u16>,
    active: String,
    kind: String,
    weighted: bool,
    candidates: Vec<(Address, u32)>,
}

/// What a decision answers, without what only its configuration can tell.
pub(super) fn last_answer(decision: &Decision) -> Decision {
    let candidates = decision.answer.candidates.iter();
    Decision {
        active: decision.active,
        tiers: Vec::new(),
        answer: AnswerSet {
            candidates: candidates
                .map(|one| candidate(one.address.clone(), one.weight))
                .collect(),
            ..decision.answer.clone()
        },
    }
}

/// Nobody looks whether it is well any more.
fn candidate(address: Address, weight: u32) -> Candidate {
    Candidate {
        address,
        weight,
        pools: Vec::new(),
        state: AddressState::Unmonitored,
    }
}

impl Frozen {
    /// What is answered.
    pub fn set(&self) -> &AnswerSet {
        &self.decision.answer
    }

    /// For the state database.
    ///
    /// # Errors
    /// None that is known of.
    pub fn to_saved(&self) -> Result<SavedFrozen, serde_json::Error> {
        let set = self.set();
        let candidates = set.candidates.iter();
        let answer = serde_json::to_value(Written {
            name: self.name.to_string(),
            ttl_s: self.ttl_s,
            max_answers: self.max_answers,
            active: self.decision.active.to_string(),
            kind: set.kind.name().to_owned(),
            weighted: set.draw == Draw::Weighted,
            candidates: candidates
                .map(|one| (one.address.clone(), one.weight))
                .collect(),
        })?;
        let since = self.since;
        Ok(SavedFrozen { answer, since })
    }

    /// What [`Self::to_saved`] wrote.
    ///
    /// # Errors
    /// It cannot be answered.
    pub fn from_saved(key: FrozenKey, saved: SavedFrozen) -> Result<Self, NotFrozen> {
        let written: Written = serde_json::from_value(saved.answer)?;
        let word = |what, text: &str| NotFrozen::Word {
            what,
            text: text.to_owned(),
        };
        let kinds = [PoolType::Ipv4, PoolType::Ipv6, PoolType::Domain];
        let kind = kinds.into_iter().find(|kind| kind.name() == written.kind);
        let kind = kind.ok_or_else(|| word("type", &written.kind))?;
        let name = Name::from_ascii(&written.name).map_err(|_| word("name", &written.name))?;
        let active = written.active.parse();
        let active = active.map_err(|_| word("active", &written.active))?;
        let mut candidates = Vec::with_capacity(written.candidates.len());
        for (address, weight) in written.candidates {
            if weight == 0 || !is_of(kind, &address) {
                let kind = kind.name();
                return Err(NotFrozen::Candidate {
                    address,
                    weight,
                    kind,
                });
            }
            candidates.push(candidate(address, weight));
        }
        let draw = match written.weighted {
            true => Draw::Weighted,
            false => Draw::Rotate,
        };
        let answer = AnswerSet {
            kind,
            draw,
            candidates,
        };
        if !answers::holds(&answer) {
            let found = answer.candidates.len();
            return Err(NotFrozen::Size { found });
        }
        Ok(Self {
            key,
            name,
            ttl_s: written.ttl_s,
            max_answers: written.max_answers.filter(|most| *most > 0),
            decision: Arc::new(Decision {
                active,
                tiers: Vec::new(),
                answer,
            }),
            since: saved.since,
        })
    }
}

fn is_of(kind: PoolType, address: &Address) -> bool {
    match (kind, address) {
        (PoolType::Ipv4, Address::Ip(IpAddr::V4(_)))
        | (PoolType::Ipv6, Address::Ip(IpAddr::V6(_)))
        | (PoolType::Domain, Address::Domain(_)) => true,
        (PoolType::Ipv4 | PoolType::Ipv6 | PoolType::Domain, _) => false,
    }
}

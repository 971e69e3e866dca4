//! What a strategy answers → the octets that leave, for one family, TTL and number of answers.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::RecordType;
use igtm_common::answer::{self, Answer, Choice};
use imbl::Vector;

use super::answers::{Answers, Terms, Wanted};
use super::flat::Flat;
use super::names::wire;
use crate::config::model::{Address, PoolType};
use crate::flatten::Resolved;
use crate::policy::{AnswerSet, Decision, Draw};

/// Every answer of one size.
pub(super) fn all<const C: usize, const O: usize, const T: usize>(
    wanted: &[Wanted],
    answers: &Answers,
    decisions: &Vector<Arc<Decision>>,
    resolved: &Resolved,
) -> Vector<Arc<Answer<C, O, T>>> {
    let rendered = wanted.iter().map(|wanted| {
        let decision = &decisions[wanted.recipe.0 as usize];
        let terms = answers.terms(wanted);
        Arc::new(render(&decision.answer, wanted.ipv6, terms, resolved))
    });
    rendered.collect()
}

/// The answer to A or AAAA queries; without records where the set does not fit those. Domains are
/// answered as CNAMEs, at an apex as what they are `resolved` to.
pub(super) fn render<const C: usize, const O: usize, const T: usize>(
    set: &AnswerSet,
    ipv6: bool,
    terms: Terms,
    resolved: &Resolved,
) -> Answer<C, O, T> {
    if !set.fits(ipv6) || set.candidates.is_empty() {
        return Answer::NOTHING;
    }
    if terms.apex && set.kind == PoolType::Domain {
        return match Flat::of(set, ipv6, resolved) {
            Flat::Unknown => Answer::UNKNOWN,
            Flat::Known(flat, _) if flat.candidates.is_empty() => Answer::NOTHING,
            Flat::Known(flat, ttl_s) => {
                let ttl = terms.ttl.min(ttl_s);
                records(&flat, Terms { ttl, ..terms })
            }
        };
    }
    records(set, terms)
}

/// The records of a set that has some.
fn records<const C: usize, const O: usize, const T: usize>(
    set: &AnswerSet,
    terms: Terms,
) -> Answer<C, O, T> {
    let rtype = match set.kind {
        PoolType::Ipv4 => RecordType::A,
        PoolType::Ipv6 => RecordType::AAAA,
        PoolType::Domain => RecordType::CNAME,
    };
    let rdata: Vec<Rdata> = set
        .candidates
        .iter()
        .map(|candidate| Rdata::of(&candidate.address))
        .collect();
    let choices: Vec<Choice<'_>> = set
        .candidates
        .iter()
        .zip(&rdata)
        .map(|(candidate, rdata)| Choice {
            rdata: rdata.octets(),
            weight: candidate.weight,
        })
        .collect();
    let draw = match set.draw {
        Draw::Weighted => answer::Draw::Weighted,
        Draw::Rotate => answer::Draw::Rotate(set.window(terms.max_answers) as u16),
    };
    Answer::new(rtype.into(), &choices, terms.ttl, draw, &addresses(set))
        .expect("its size was chosen for all enabled addresses; health only takes some away")
}

/// The RDATA of an address (RFC 1035 §3.4.1, RFC 3596 §2.2) or of a CNAME (RFC 1035 §3.3.1).
enum Rdata {
    V4([u8; 4]),
    V6([u8; 16]),
    Name(Vec<u8>),
}

impl Rdata {
    fn of(address: &Address) -> Self {
        match address {
            Address::Ip(IpAddr::V4(v4)) => Self::V4(v4.octets()),
            Address::Ip(IpAddr::V6(v6)) => Self::V6(v6.octets()),
            Address::Domain(name) => Self::Name(wire(name)),
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
            Self::Name(octets) => octets,
        }
    }
}

/// "192.0.2.1, 192.0.2.2", with weights where they count: "192.0.2.1 weight 80".
fn addresses(set: &AnswerSet) -> String {
    let texts: Vec<String> = set
        .candidates
        .iter()
        .map(|candidate| match set.draw {
            Draw::Rotate => candidate.address.to_string(),
            Draw::Weighted => format!("{} weight {}", candidate.address, candidate.weight),
        })
        .collect();
    texts.join(", ")
}

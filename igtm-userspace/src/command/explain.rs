//! `igtm explain`: what a client would be answered, and why: from a configuration alone, or by a
//! daemon from the health that it observes.
//!
//! Decides nothing itself: it asks the line table and the policy that the daemon asks, and says
//! what they said. Reads no state and sends nothing.

mod frozen;
mod near;
mod query;
mod statics;
mod subnet;
#[cfg(test)]
mod tests;
mod text;
mod trace;

use std::net::IpAddr;

use hickory_proto::ProtoError;
use hickory_proto::rr::{Name, RecordType};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

use crate::config::model::{
    Address, Config, Instance, LineId, Pool, PoolAddress, PoolType, Strategy,
};
use crate::health::{AddressState, Health, HealthView as _, Target};
use crate::line::{LineTable, TableError};
use crate::policy::{self, Claim, Decision};
use crate::snapshot::frozen::Frozen;
use frozen::Inquiry;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// A business domain or an access domain, any case.
    pub name: Name,
    /// The query's type.
    pub qtype: RecordType,
    /// Where the query comes from.
    pub client: IpAddr,
    /// The client subnet it carries (RFC 7871).
    pub ecs: Option<IpNet>,
    /// Addresses taken as down.
    pub down: Vec<Address>,
}

/// Why nothing can be explained. Both are the caller's exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No instance has it as its domain or access domain.
    #[error("no instance has the name {name}{}", near::question(near))]
    UnknownName {
        /// As asked, lower case.
        name: String,
        /// Names that look like it, most alike first.
        near: Vec<String>,
    },
    /// No instance has it: static records do.
    #[error("no instance has the name {name}: {told}")]
    Static {
        /// As asked, lower case.
        name: String,
        /// What answers, in words.
        told: String,
    },
    /// The lines do not make a table.
    #[error(transparent)]
    Lines(#[from] TableError),
}

/// What a client would be answered, and why. Its `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    pub r#type: String,
    /// Where the query comes from.
    pub client: IpAddr,
    /// The client subnet it carries.
    pub ecs: Option<String>,
    /// The address that is looked up among the lines: the subnet's, else the client's.
    pub looked_up: IpAddr,
    /// The scope of the reply's client subnet (RFC 7871, section 7.2.1), bits; with `ecs` only.
    pub scope: Option<u8>,
    /// The instance's name.
    pub instance: String,
    /// The access domain, when the name asked for is a business domain elsewhere.
    pub cname: Option<String>,
    /// Every line of this client, most preferred first.
    pub lines: Vec<String>,
    /// What decides; all empty when no strategy claims any of the lines for this type.
    #[serde(flatten)]
    pub decided: Decided,
    /// What comes of it.
    pub answer: Answer,
    /// What was assumed, and what else the reader should know.
    pub notes: Vec<String>,
}

/// The part of an [`Explanation`] that a strategy decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Decided {
    /// The line that decides.
    pub line: Option<String>,
    /// The prefix that put the client on that line; none for the default line, which has none.
    pub prefix: Option<String>,
    /// The strategy that claims the line.
    pub strategy: Option<String>,
    /// Since when the answer is frozen: the strategy is gone (`keep`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_since: Option<Timestamp>,
    /// The strategy's tiers in order.
    pub tiers: Vec<TierTrace>,
    /// The strategy's fallback pool.
    pub fallback: Option<String>,
    /// `tier 1` … `tier 4`, or `fallback`.
    pub active: Option<String>,
    /// `all` or `weight`: how the candidates are answered.
    pub policy: Option<&'static str>,
    /// What may be answered.
    pub candidates: Vec<CandidateTrace>,
    /// What is not answered although the active tier holds it, because it is down.
    pub withheld: Vec<Withheld>,
}

/// A tier and its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TierTrace {
    /// 1 to 4.
    pub tier: usize,
    /// Whether it answers.
    pub active: bool,
    /// Usable addresses, each counted once.
    pub usable: usize,
    /// Enabled addresses, each counted once.
    pub enabled: usize,
    /// Usable addresses it needs.
    pub min_healthy: usize,
    /// `all` or `weight`.
    pub policy: &'static str,
    /// Its pools' names.
    pub pools: Vec<String>,
}

/// An address that may be answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CandidateTrace {
    /// The address or domain.
    pub address: String,
    /// Its weight among the candidates; 1 for `all`.
    pub weight: u32,
    /// The probability, 0–1, that it is the one drawn, or first in a rotated answer.
    pub share: f64,
    /// Its state, as assumed, observed or forced.
    pub state: AddressState,
    /// What an operator holds it to be, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// Where it stands.
    pub pools: Vec<String>,
}

/// An address that is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The address or domain.
    pub address: String,
    /// What an operator holds it to be, and why; `None`: it is found to be down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// Where it stands.
    pub pools: Vec<String>,
}

/// What the reply holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// `A`, `AAAA`, `CNAME`, or `NODATA`: NOERROR without an answer.
    pub kind: &'static str,
    /// Of the records, or of NODATA, seconds.
    pub ttl_s: u64,
    /// Every record's data that a reply may hold.
    pub records: Vec<String>,
    /// How many of them one reply holds.
    pub count: usize,
    /// In words.
    pub text: String,
}

/// Parses an argument that names an address: an IP address, else a domain.
pub fn parse_address(text: &str) -> Result<Address, ProtoError> {
    match text.parse() {
        Ok(ip) => Ok(Address::Ip(ip)),
        Err(_) => parse_name(text).map(Address::Domain),
    }
}

/// Parses an argument that names a domain, with or without its final dot.
pub fn parse_name(text: &str) -> Result<Name, ProtoError> {
    Name::from_utf8(text).map(|name| canonical(&name))
}

/// What is known of the states of addresses.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    /// Nothing: every monitored address is taken as ok.
    Assumed,
    /// What a daemon observes.
    Observed {
        /// The states.
        health: &'a Health,
        /// The daemon's `server.node`.
        node: &'a str,
        /// When it was so.
        at: Timestamp,
        /// What is frozen.
        frozen: &'a [Frozen],
    },
}

/// Explains what `request` would be answered, every monitored address taken as ok but for
/// those that the request says are down.
pub fn explain(config: &Config, request: &Request) -> Result<Explanation, ExplainError> {
    let table = LineTable::build(&config.lines)?;
    explain_by(config, &table, Known::Assumed, request)
}

/// The same by what is known; `table` must be that of the configuration's lines.
pub fn explain_by(
    config: &Config,
    table: &LineTable,
    known: Known<'_>,
    request: &Request,
) -> Result<Explanation, ExplainError> {
    let name = canonical(&request.name);
    let looked_up = subnet::looked_up(config, request);
    let chain = table.chain(table.chain_of(looked_up));
    let (last, links) = statics::followed(config, &name, |name| find(config, name).is_some());
    let found = find(config, &last);
    let access = found.map_or(&name, |instance| &instance.access_domain);
    let explanation = |instance: &str, decided, answer: Answer, notes| Explanation {
        name: text::of_name(&name),
        r#type: request.qtype.to_string(),
        client: request.client,
        ecs: request.ecs.map(|subnet| subnet.to_string()),
        looked_up,
        scope: {
            let negative = answer.kind == trace::NODATA;
            subnet::scope(config, request, negative, table.scope(looked_up))
        },
        instance: instance.to_owned(),
        cname: (name != *access).then(|| text::of_name(access)),
        lines: chain
            .iter()
            .map(|id| config.line(*id).name.clone())
            .collect(),
        decided,
        answer,
        notes,
    };
    let inquiry = Inquiry {
        config,
        known,
        request,
        name: access,
        instance: found,
        chain,
    };
    if let Some(frozen) = inquiry.outcome() {
        let instance = &frozen.instance;
        return Ok(explanation(
            instance,
            frozen.decided,
            frozen.answer,
            frozen.notes,
        ));
    }
    let instance = found.ok_or_else(|| {
        let name_text = text::of_name(&name);
        match statics::told(config, &name) {
            Some(told) => ExplainError::Static {
                name: name_text,
                told,
            },
            None => ExplainError::UnknownName {
                name: name_text,
                near: near::names(config, &name),
            },
        }
    })?;
    let question = Question {
        config,
        known,
        request,
        name: &last,
        instance,
    };
    let outcome = question.outcome(chain);
    let answer = trace::answer(&question, outcome.as_ref());
    let decided = outcome
        .as_ref()
        .map(|outcome| trace::decided(&question, outcome, looked_up));
    let mut notes = links;
    notes.extend(trace::notes(&question, outcome.as_ref()));
    let decided = decided.unwrap_or_default();
    Ok(explanation(&instance.name, decided, answer, notes))
}

/// A request with what it is about.
struct Question<'a> {
    config: &'a Config,
    known: Known<'a>,
    request: &'a Request,
    name: &'a Name,
    instance: &'a Instance,
}

/// What decides, and what it decided.
struct Outcome<'a> {
    claim: Claim,
    strategy: &'a Strategy,
    decision: Decision,
}

impl<'a> Question<'a> {
    /// Asks the policy; `None` when no strategy claims a line of this client for the type.
    fn outcome(&self, chain: &[LineId]) -> Option<Outcome<'a>> {
        let decided = policy::families_asked(self.request.qtype)
            .iter()
            .filter_map(|ipv6| {
                let claims = policy::assign(self.config, self.instance, *ipv6);
                let claim = policy::choose_line(chain, &claims)?;
                let strategy = &self.instance.strategies[claim.strategy];
                let state_of = |pool: &Pool, entry: &PoolAddress| self.state_of(pool, entry);
                Some(Outcome {
                    claim,
                    strategy,
                    decision: policy::decide_by(self.config, strategy, &state_of),
                })
            });
        // The first family's, unless a later one has the CNAME that other types are answered with.
        decided.reduce(|first, later| {
            let cname = |one: &Outcome<'_>| one.decision.answer.kind == PoolType::Domain;
            if cname(&later) && !cname(&first) {
                later
            } else {
                first
            }
        })
    }

    /// The state of an address: the one thing that a daemon knows better.
    fn state_of(&self, pool: &Pool, entry: &PoolAddress) -> AddressState {
        if self.request.down.contains(&entry.value) {
            return AddressState::Down;
        }
        if let Known::Observed { health, .. } = self.known
            && let Some(forced) = health.forced_in(&pool.name, &entry.value)
        {
            return forced.state.held();
        }
        let target = Target::of(self.config, pool, entry, self.instance);
        target.map_or(AddressState::Unmonitored, |target| match self.known {
            Known::Assumed => AddressState::Ok,
            Known::Observed { health, .. } => health.state(&target),
        })
    }
}

/// The instance with this access domain, else the first with this business domain.
fn find<'a>(config: &'a Config, name: &Name) -> Option<&'a Instance> {
    let instances = || config.instances.iter();
    instances()
        .find(|one| one.access_domain == *name)
        .or_else(|| instances().find(|one| one.domain == *name))
}

fn canonical(name: &Name) -> Name {
    let mut name = name.to_lowercase();
    name.set_fqdn(true);
    name
}

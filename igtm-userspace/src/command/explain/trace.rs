//! A decision of the policy, told in names instead of positions.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hickory_proto::rr::{Name, RecordType};

use super::{Answer, CandidateTrace, Decided, Known, Outcome, Question, TierTrace, Withheld, text};
use crate::config::model::{Address, Config, Pool, PoolAddress, PoolId, PoolType, Switch};
use crate::health::Target;
use crate::line::longest_prefix;
use crate::policy::{Active, AnswerSet, Draw, tier};

/// The kind of an answer without records.
pub(super) const NODATA: &str = "NODATA";

/// Forced addresses that are noted; more are seen by `igtm status`.
const MOST_FORCED: usize = 10;

/// Everything the strategy decided for a client at `looked_up`.
pub(super) fn decided(
    question: &Question<'_>,
    outcome: &Outcome<'_>,
    looked_up: IpAddr,
) -> Decided {
    let (config, line) = (question.config, outcome.claim.line);
    let prefix = longest_prefix(&config.lines, line, looked_up);
    Decided {
        line: Some(config.line(line).name.clone()),
        prefix: prefix.map(|prefix| prefix.to_string()),
        strategy: Some(outcome.strategy.name.clone()),
        frozen_since: None,
        tiers: tiers(config, outcome),
        fallback: Some(config.pool(outcome.strategy.fallback).name.clone()),
        active: Some(outcome.decision.active.to_string()),
        policy: Some(policy(outcome)),
        candidates: candidates(question, outcome),
        withheld: withheld(question, outcome),
    }
}

fn tiers(config: &Config, outcome: &Outcome<'_>) -> Vec<TierTrace> {
    let tiers = outcome.strategy.tiers.iter().zip(&outcome.decision.tiers);
    tiers
        .enumerate()
        .map(|(at, (tier, view))| TierTrace {
            tier: at + 1,
            active: outcome.decision.active.tier() == Some(at),
            usable: view.usable,
            enabled: view.enabled,
            min_healthy: view.min_healthy,
            policy: tier.policy.name(),
            pools: pools(config, tier.pools.iter().map(|place| place.pool)),
        })
        .collect()
}

/// How the candidates are answered; the fallback's are never weighed.
fn policy(outcome: &Outcome<'_>) -> &'static str {
    match outcome.decision.answer.draw {
        Draw::Rotate => "all",
        Draw::Weighted => "weight",
    }
}

fn candidates(question: &Question<'_>, outcome: &Outcome<'_>) -> Vec<CandidateTrace> {
    let config = question.config;
    let answer = &outcome.decision.answer;
    let candidates = answer.candidates.iter().zip(answer.shares());
    candidates
        .map(|(one, share)| CandidateTrace {
            address: one.address.to_string(),
            weight: one.weight,
            share,
            state: one.state,
            forced: forced(question, &one.address, &one.pools),
            pools: pools(config, one.pools.iter().copied()),
        })
        .collect()
}

/// The addresses of the active tier that are down and therefore not answered.
fn withheld(question: &Question<'_>, outcome: &Outcome<'_>) -> Vec<Withheld> {
    let Active::Tier(at) = outcome.decision.active else {
        return Vec::new();
    };
    let state_of = |pool: &Pool, entry: &PoolAddress| question.state_of(pool, entry);
    let places = &outcome.strategy.tiers[at].pools;
    let members = tier::members(question.config, places, &state_of);
    members
        .iter()
        .filter(|member| !member.state.usable())
        .map(|member| {
            let standing: Vec<PoolId> = member.pools().into_iter().collect();
            Withheld {
                address: member.address.to_string(),
                forced: forced(question, member.address, &standing),
                pools: pools(question.config, standing.into_iter()),
            }
        })
        .collect()
}

/// What an operator says of an address in one of its pools: `forced down: disk swap`.
fn forced(question: &Question<'_>, address: &Address, pools: &[PoolId]) -> Option<String> {
    let Known::Observed { health, .. } = question.known else {
        return None;
    };
    if question.request.down.contains(address) {
        return None;
    }
    let names = pools.iter().map(|id| &question.config.pool(*id).name);
    let mut said = names.filter_map(|pool| health.forced_in(pool, address));
    let forced = said.next()?;
    Some(format!("forced {}: {}", forced.state.word(), forced.reason))
}

pub(super) fn answer(question: &Question<'_>, outcome: Option<&Outcome<'_>>) -> Answer {
    let Question {
        config,
        request,
        instance,
        ..
    } = question;
    let answered = match outcome {
        None if !instance.enabled => Err("the instance is disabled".to_owned()),
        None => {
            let qtype = request.qtype;
            Err(format!(
                "no strategy claims {qtype} for any line of this client"
            ))
        }
        Some(outcome) if is_flattened(question, &outcome.decision.answer) => {
            return flattened(question, &outcome.decision.answer);
        }
        Some(outcome) => {
            let offer = Offer {
                set: &outcome.decision.answer,
                active: &outcome.decision.active.to_string(),
                max_answers: instance.max_answers,
                ttl_s: config.effective_ttl(instance).as_secs(),
            };
            offer.answer(request.qtype)
        }
    };
    answered.unwrap_or_else(|why| nodata(config, &instance.access_domain, why))
}

/// What may be answered.
pub(super) struct Offer<'a> {
    pub(super) set: &'a AnswerSet,
    /// Whose it is, in words.
    pub(super) active: &'a str,
    pub(super) max_answers: Option<u16>,
    pub(super) ttl_s: u64,
}

impl Offer<'_> {
    /// The reply to a query, or why it has no records.
    pub(super) fn answer(&self, qtype: RecordType) -> Result<Answer, String> {
        let Self {
            set, active, ttl_s, ..
        } = *self;
        let (kind, fits) = match (set.kind, qtype) {
            (PoolType::Ipv4, qtype) => ("A", qtype == RecordType::A),
            (PoolType::Ipv6, qtype) => ("AAAA", qtype == RecordType::AAAA),
            (PoolType::Domain, _) => ("CNAME", true),
        };
        if !fits {
            return Err(format!(
                "{active} holds {kind} records, {qtype} was asked for"
            ));
        }
        if set.candidates.is_empty() {
            return Err("every address of the fallback is disabled".to_owned());
        }
        let (count, total) = (set.window(self.max_answers), set.candidates.len());
        let how = match (set.draw, set.kind) {
            _ if total == 1 => format!("the one {kind} record"),
            (Draw::Weighted, _) => format!("one of {total} {kind} records, drawn by weight"),
            (_, PoolType::Domain) => format!("one of {total} {kind} records, drawn evenly"),
            _ if count < total => format!("{count} of {total} {kind} records, a rotating window"),
            _ => format!("all {total} {kind} records, order rotated per query"),
        };
        let records = set.candidates.iter().map(|one| one.address.to_string());
        Ok(Answer {
            kind,
            ttl_s,
            records: records.collect(),
            count,
            text: format!("{how}, TTL {ttl_s} s"),
        })
    }
}

/// Whether these are domains at a zone's apex.
fn is_flattened(question: &Question<'_>, set: &AnswerSet) -> bool {
    let access = &question.instance.access_domain;
    set.kind == PoolType::Domain
        && !set.candidates.is_empty()
        && question.config.zones.at(access).is_some()
}

/// Domains at an apex: what they are resolved to only a daemon knows.
fn flattened(question: &Question<'_>, set: &AnswerSet) -> Answer {
    let kind = match question.request.qtype {
        RecordType::A => "A",
        RecordType::AAAA => "AAAA",
        qtype => {
            let why = format!("at a zone's apex domains are flattened, and {qtype} was asked for");
            return nodata(question.config, &question.instance.access_domain, why);
        }
    };
    let ttl_s = question.config.effective_ttl(question.instance).as_secs();
    let domains = set.candidates.iter().map(|one| one.address.to_string());
    let domains: Vec<String> = domains.collect();
    let how = match (&domains[..], set.draw) {
        ([domain], _) => format!("the {kind} records of {domain}, order rotated per query"),
        (_, Draw::Rotate) => {
            let total = domains.len();
            format!("one {kind} record of {total} domains, a domain drawn evenly")
        }
        (_, Draw::Weighted) => {
            let total = domains.len();
            format!("one {kind} record of {total} domains, a domain drawn by weight")
        }
    };
    Answer {
        kind,
        ttl_s,
        records: domains,
        count: 1,
        text: format!(
            "{how}, TTL at most {ttl_s} s: flattened at a zone's apex, by what the daemon has resolved"
        ),
    }
}

/// NODATA at an access domain.
pub(super) fn nodata(config: &Config, access: &Name, why: String) -> Answer {
    let zone = config.zone_of(access);
    let ttl_s = zone.map_or(0, |zone| zone.negative_ttl.as_secs());
    Answer {
        kind: NODATA,
        ttl_s,
        records: Vec::new(),
        count: 0,
        text: format!("{NODATA}, TTL {ttl_s} s: {why}"),
    }
}

pub(super) fn notes(question: &Question<'_>, outcome: Option<&Outcome<'_>>) -> Vec<String> {
    let Question {
        config,
        known,
        request,
        name,
        instance,
    } = question;
    let mut notes = vec![assumption(known, &request.down)];
    if *name != &instance.access_domain {
        let (asked, access) = (text::of_name(name), text::of_name(&instance.access_domain));
        let who = match config.zone_of(name) {
            Some(_) => "made by igtm",
            None => "which the owner of its zone must have set: it is not served here",
        };
        notes.push(format!("{asked} is a CNAME to {access}, {who}"));
    }
    let namesakes = config.instances.iter().filter(|one| {
        one.name != instance.name && **name != instance.access_domain && one.domain == **name
    });
    notes.extend(namesakes.map(|one| {
        let access = text::of_name(&one.access_domain);
        format!(
            "it is the domain of instance {} too: ask for {access}",
            one.name
        )
    }));
    match request.ecs {
        Some(_) if !config.server.ecs => {
            notes.push("the client subnet does not count: server.ecs is false".to_owned());
        }
        Some(subnet) if subnet.prefix_len() == 0 => {
            notes.push("a client subnet of length 0 asks for the client's own line".to_owned());
        }
        Some(_) | None => {}
    }
    if let Some(outcome) = outcome {
        notes.extend(held(outcome));
        notes.extend(inward(question, outcome));
        notes.extend(forced_in_words(question, outcome));
    }
    notes.extend(
        request
            .down
            .iter()
            .filter_map(|address| doubt(question, address)),
    );
    notes
}

/// What operators say of the strategy's addresses, whichever tier they stand in.
fn forced_in_words(question: &Question<'_>, outcome: &Outcome<'_>) -> Vec<String> {
    let Known::Observed { health, .. } = question.known else {
        return Vec::new();
    };
    let tiers = outcome.strategy.tiers.iter().flat_map(|tier| &tier.pools);
    let ids = tiers.map(|place| place.pool);
    let ids: BTreeSet<PoolId> = ids.chain([outcome.strategy.fallback]).collect();
    let pools = ids.into_iter().map(|id| question.config.pool(id));
    let each = pools.flat_map(|pool| pool.addresses.iter().map(move |entry| (pool, entry)));
    let said = each.filter_map(|(pool, entry)| {
        let forced = health.forced_in(&pool.name, &entry.value)?;
        let (address, word, pool) = (&entry.value, forced.state.word(), &pool.name);
        let (who, reason) = (&forced.who, &forced.reason);
        Some(format!(
            "{address} is forced {word} in pool {pool} by {who}: {reason}"
        ))
    });
    said.take(MOST_FORCED).collect()
}

pub(super) fn assumption(known: &Known<'_>, down: &[Address]) -> String {
    let health = match known {
        Known::Assumed => {
            "health is assumed, not observed: every monitored address is taken as ok".to_owned()
        }
        Known::Observed { node, at, .. } => format!("health as {node} observes it, at {at:.0}"),
    };
    if down.is_empty() {
        return health;
    }
    let down: Vec<_> = down.iter().map(Address::to_string).collect();
    format!("{health}, except {} (--down)", down.join(", "))
}

fn held(outcome: &Outcome<'_>) -> Option<String> {
    match (outcome.strategy.switch, outcome.decision.active) {
        (Switch::Hold, Active::HeldAll) => {
            Some("switch = \"hold\", and nothing in tier 1 is usable: all of it is answered".into())
        }
        (Switch::Hold, _) => {
            Some("switch = \"hold\": tier 1 stays active, min_healthy does not count".into())
        }
        (Switch::Auto, _) => None,
    }
}

/// Where a CNAME leads to another instance here, whose answer follows in the same reply.
fn inward(question: &Question<'_>, outcome: &Outcome<'_>) -> Vec<String> {
    let targets = outcome.decision.answer.candidates.iter().filter_map(|one| {
        let Address::Domain(name) = &one.address else {
            return None;
        };
        question.config.zone_of(name)?;
        let name = text::of_name(name);
        Some(format!(
            "{name} is served here, its answer follows in the reply: explain it too"
        ))
    });
    targets.collect()
}

/// What is odd about taking `address` as down.
fn doubt(question: &Question<'_>, address: &Address) -> Option<String> {
    let config = question.config;
    let mut standing = config.pools.iter().flat_map(|pool| {
        let entries = pool
            .addresses
            .iter()
            .filter(|entry| entry.value == *address);
        entries.map(move |entry| (pool, entry))
    });
    let Some(first) = standing.next() else {
        return Some(format!("{address} (--down) stands in no pool"));
    };
    let seen = |(pool, entry)| Target::of(config, pool, entry, question.instance).is_some();
    let monitored = std::iter::once(first).chain(standing).any(seen);
    (!monitored).then(|| format!("{address} is not monitored: nothing would ever find it down"))
}

fn pools(config: &Config, ids: impl Iterator<Item = PoolId>) -> Vec<String> {
    ids.map(|id| config.pool(id).name.clone()).collect()
}

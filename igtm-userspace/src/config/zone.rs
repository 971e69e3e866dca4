//! `[[zone]]`: what this server is authoritative for.
//!
//! Must not look at instances: which name lies in which zone is the rules'.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;
use ipnet::IpNet;

use super::domain::{domain, show};
use super::model::{self, APEX_TTL, RRset, Records, Soa, Zone, rtype};
use super::prefix;
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;
use super::zonefile::{self, Contents};
use crate::snapshot::names;

/// The shortest and longest TTL of an answer, of zones and instances: a TTL of 0 would make every
/// query a miss, and more than a week outlives any failover (RFC 2181 §8 allows far more).
pub(super) const TTL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);
/// Negative answers may be uncached, and at most a day old (RFC 2308 §5 advises hours).
const NEGATIVE_TTL: std::ops::RangeInclusive<Duration> =
    Duration::ZERO..=Duration::from_secs(86_400);
/// `negative_ttl` where neither the zone nor its file says one.
const DEFAULT_NEGATIVE_TTL: Duration = Duration::from_secs(60);

/// The zones, and what the rules need to know of them.
pub(super) struct Zones {
    pub(super) zones: model::Zones,
    /// Whether the list is whole: with a bad origin, what lies in a zone is unknown.
    pub(super) complete: bool,
    /// What the zones' files hold, by position.
    pub(super) contents: Vec<Option<Contents>>,
}

/// A zone as it was read, with the name servers that it names itself and where.
struct Read {
    zone: Zone,
    contents: Option<Contents>,
    ns: Vec<(Name, At)>,
}

/// Reads every `[[zone]]`.
pub(super) fn read_all(root: &mut Section<'_>) -> Zones {
    let report = root.report();
    let before = report.count();
    let sections = root.tables("zone");
    let mut complete = report.count() == before;
    let mut zones: Vec<Zone> = Vec::new();
    let mut all = Vec::new();
    let mut origins: HashMap<Name, At> = HashMap::new();
    let mut servers: Vec<(usize, Vec<u8>, At)> = Vec::new();
    for mut section in sections {
        let origin = section.need("origin");
        let parsed = origin.as_ref().and_then(domain);
        complete &= parsed.is_some();
        if let (Some(value), Some(origin)) = (&origin, &parsed) {
            match origins.get(origin) {
                Some(at) => value.problem(format!(
                    "the zone `{}` is declared on line {} already",
                    show(origin),
                    report.line_of(*at)
                )),
                None => drop(origins.insert(origin.clone(), value.at)),
            }
        }
        let Read { zone, contents, ns } = read(section, parsed, report);
        let at = zones.len();
        zones.push(zone);
        all.push(contents);
        servers.extend(
            ns.iter()
                .map(|(name, place)| (at, names::wire(name), *place)),
        );
    }
    let zones = model::Zones::from(zones);
    if complete {
        zonefile::across(&zones, &all, &servers, report);
    }
    Zones {
        zones,
        complete,
        contents: all,
    }
}

fn read(mut section: Section<'_>, origin: Option<Name>, report: &Report<'_>) -> Read {
    let file = section.take("file");
    let contents = file.and_then(|file| {
        if file.text() == Some("") {
            file.wrong("the path of an RFC 1035 zone file (leave it out where the zone has none)");
            return None;
        }
        zonefile::read(&file, origin.as_ref(), report)
    });
    let origin = origin.unwrap_or_default();
    let of_file = contents.as_ref().map(|contents| Own::of(contents, &origin));
    // A file that could not be read may have said anything.
    let unknown = file.is_some() && of_file.as_ref().is_none_or(|own| !own.whole);
    let own = of_file.unwrap_or_default();
    let ns = servers(&mut section, &own, unknown);
    let contact_value = if own.soa.is_some() || unknown {
        section.take("contact")
    } else {
        section.need("contact")
    };
    let contact = contact_value.as_ref().and_then(domain);
    if let (Some(value), Some(said), Some((soa, contact))) = (&contact_value, &contact, &own.soa)
        && said != contact
    {
        let (said, has, primary) = (show(said), show(contact), show(&soa.primary));
        value.problem(format!("`contact` is `{said}`, and the SOA of the zone's file ({primary}) says `{has}`; leave one out"));
    }
    let min_ttl = section.take("min_ttl").and_then(|v| v.seconds(TTL));
    let negative_ttl = section
        .take("negative_ttl")
        .and_then(|v| v.seconds(NEGATIVE_TTL));
    let transfer = section.take("transfer").map(|list| prefixes(&list));
    section.finish();
    let names: Vec<Name> = if ns.is_empty() {
        own.ns
    } else {
        ns.iter().map(|(name, _)| name.clone()).collect()
    };
    let mut zone = Zone {
        min_ttl: min_ttl.unwrap_or(Duration::from_secs(1)),
        transfer: transfer.unwrap_or_default(),
        ..Zone::new(
            origin,
            names,
            contact.unwrap_or_default(),
            negative_ttl.unwrap_or(DEFAULT_NEGATIVE_TTL),
        )
    };
    if let Some((soa, contact)) = own.soa {
        let of_file = Duration::from_secs(soa.minimum.min(soa.ttl).into());
        zone.negative_ttl = negative_ttl.unwrap_or(of_file);
        zone.contact = contact;
        let minimum = negative_ttl.map_or(soa.minimum, |_| zone.soa.minimum);
        zone.soa = Soa { minimum, ..soa };
    }
    if let Some(contents) = &contents {
        zone.records = if own.has_ns {
            Arc::clone(&contents.records)
        } else {
            let sets = contents.records.sets().iter().cloned();
            Arc::new(Records::new(
                sets.chain(zone.records.sets().iter().cloned()).collect(),
            ))
        };
    }
    Read { zone, contents, ns }
}

/// Whose addresses they are that may have the zone.
fn prefixes(list: &Value<'_>) -> Vec<IpNet> {
    let mut found = Vec::new();
    for item in list.list("a list of prefixes").unwrap_or_default() {
        match prefix::prefix(&item) {
            Some(prefix) if found.contains(&prefix) => {
                item.problem(format!("`{prefix}` stands in this list twice"));
            }
            Some(prefix) => found.push(prefix),
            None => {}
        }
    }
    found
}

/// What a zone's file says of the zone itself.
#[derive(Default)]
struct Own {
    ns: Vec<Name>,
    has_ns: bool,
    /// The SOA and its mailbox.
    soa: Option<(Soa, Name)>,
    whole: bool,
}

impl Own {
    fn of(contents: &Contents, origin: &Name) -> Self {
        let apex = names::wire(origin).to_ascii_lowercase();
        let ns = contents.records.find(&apex, rtype::NS);
        let list = ns.into_iter().flat_map(RRset::rdata);
        Self {
            ns: list.filter_map(|rdata| Some(name(rdata)?.0)).collect(),
            has_ns: ns.is_some(),
            soa: contents
                .soa
                .as_ref()
                .and_then(|(rdata, ttl)| soa(rdata, *ttl)),
            whole: contents.whole,
        }
    }
}

/// A name at the beginning of octets, lower case, and what follows it.
fn name(octets: &[u8]) -> Option<(Name, &[u8])> {
    let end = names::upward(octets).find(|rest| rest.first() == Some(&0))?;
    let at = octets.len() - end.len();
    let labels = names::upward(&octets[..=at]).filter_map(|rest| {
        let length = usize::from(*rest.first()?);
        rest.get(1..1 + length).filter(|label| !label.is_empty())
    });
    let mut name = Name::from_labels(labels).ok()?.to_lowercase();
    name.set_fqdn(true);
    Some((name, &octets[at + 1..]))
}

fn soa(rdata: &[u8], ttl: u32) -> Option<(Soa, Name)> {
    let (primary, rest) = name(rdata)?;
    let (contact, rest) = name(rest)?;
    let (numbers, _) = rest.as_chunks::<4>();
    let number = |at: usize| numbers.get(at).copied().map(u32::from_be_bytes);
    let soa = Soa {
        primary,
        refresh: number(1)?,
        retry: number(2)?,
        expire: number(3)?,
        minimum: number(4)?,
        ttl,
    };
    Some((soa, contact))
}

/// `ns`: what the zone's file says too must be the same.
fn servers(section: &mut Section<'_>, own: &Own, unknown: bool) -> Vec<(Name, At)> {
    let list = if own.has_ns || unknown {
        section.take("ns")
    } else {
        section.need("ns")
    };
    let mut ns: Vec<(Name, At)> = Vec::new();
    let Some(list) = list else {
        return ns;
    };
    let items = list.list("a list of domain names");
    if items.as_ref().is_some_and(Vec::is_empty) {
        list.problem("`ns` is empty; a zone has at least one name server");
    }
    for item in items.unwrap_or_default() {
        match domain(&item) {
            Some(name) if ns.iter().any(|(seen, _)| *seen == name) => {
                item.problem(format!("`{}` stands in this list twice", show(&name)));
            }
            Some(name) if own.has_ns && !own.ns.contains(&name) => item.problem(format!(
                "the name server `{}` is not among the NS of the zone's file; leave `ns` out, or the NS there",
                show(&name)
            )),
            Some(name) => ns.push((name, item.at)),
            None => {}
        }
    }
    if own.has_ns {
        let missing = own
            .ns
            .iter()
            .find(|name| !ns.iter().any(|(said, _)| said == *name));
        if let Some(missing) = missing.filter(|_| !ns.is_empty()) {
            list.problem(format!(
                "the zone's file has the NS `{}` too; leave `ns` out, or name it here",
                show(missing)
            ));
        }
        // The file's own stand for both.
        ns.clear();
    }
    ns
}

impl Zone {
    /// A zone without a file.
    pub fn new(origin: Name, ns: Vec<Name>, contact: Name, negative_ttl: Duration) -> Self {
        let rdata: Vec<Vec<u8>> = ns.iter().map(names::wire).collect();
        let apex = names::wire(&origin).to_ascii_lowercase();
        let set = RRset::new(&apex, rtype::NS, APEX_TTL, rdata.iter().map(Vec::as_slice));
        let minimum = u32::try_from(negative_ttl.as_secs()).unwrap_or(u32::MAX);
        Self {
            soa: Soa::of(ns.first().cloned().unwrap_or_default(), minimum),
            records: Arc::new(Records::new(if set.is_empty() {
                Vec::new()
            } else {
                vec![set]
            })),
            origin,
            ns,
            contact,
            min_ttl: Duration::from_secs(1),
            negative_ttl,
            transfer: Vec::new(),
        }
    }

    /// What takes a wire name of lower case out of this zone; see [`Records::covering`].
    pub fn covering(&self, name: &[u8]) -> Option<&RRset> {
        let apex = names::wire(&self.origin);
        self.records.covering(&apex, name)
    }
}

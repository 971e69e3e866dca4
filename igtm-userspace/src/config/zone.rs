//! `[[zone]]`: what this server is authoritative for.
//!
//! Must not look at instances: which name lies in which zone is the rules'.

use std::collections::HashMap;
use std::time::Duration;

use hickory_proto::rr::Name;
use ipnet::IpNet;

use super::domain::{domain, show};
use super::model::{self, Zone};
use super::prefix;
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;

/// The shortest and longest TTL of an answer, of zones and instances: a TTL of 0 would make every
/// query a miss, and more than a week outlives any failover (RFC 2181 §8 allows far more).
pub(super) const TTL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);
/// Negative answers may be uncached, and at most a day old (RFC 2308 §5 advises hours).
const NEGATIVE_TTL: std::ops::RangeInclusive<Duration> =
    Duration::ZERO..=Duration::from_secs(86_400);

/// The zones, and whether the list is whole: with a bad origin, what lies in a zone is unknown.
pub(super) struct Zones {
    pub(super) zones: model::Zones,
    pub(super) complete: bool,
}

/// Reads every `[[zone]]`.
pub(super) fn read_all(root: &mut Section<'_>) -> Zones {
    let report = root.report();
    let before = report.count();
    let sections = root.tables("zone");
    let mut complete = report.count() == before;
    let mut zones: Vec<Zone> = Vec::new();
    let mut origins: HashMap<Name, At> = HashMap::new();
    let mut servers: Vec<(Name, At)> = Vec::new();
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
        let (zone, ns) = read(section, parsed.unwrap_or_default());
        zones.push(zone);
        servers.extend(ns);
    }
    let zones = model::Zones::from(zones);
    refuse_in_zone_servers(&zones, &servers, report);
    Zones { zones, complete }
}

fn read(mut section: Section<'_>, origin: Name) -> (Zone, Vec<(Name, At)>) {
    section.unsupported(&["file"]);
    let mut ns: Vec<(Name, At)> = Vec::new();
    if let Some(list) = section.need("ns") {
        let items = list.list("a list of domain names");
        if items.as_ref().is_some_and(Vec::is_empty) {
            list.problem("`ns` is empty; a zone has at least one name server");
        }
        for item in items.unwrap_or_default() {
            match domain(&item) {
                Some(name) if ns.iter().any(|(seen, _)| *seen == name) => {
                    item.problem(format!("`{}` stands in this list twice", show(&name)));
                }
                Some(name) => ns.push((name, item.at)),
                None => {}
            }
        }
    }
    let contact = section.need("contact").as_ref().and_then(domain);
    let min_ttl = section.take("min_ttl").and_then(|v| v.seconds(TTL));
    let negative_ttl = section
        .take("negative_ttl")
        .and_then(|v| v.seconds(NEGATIVE_TTL));
    let transfer = section.take("transfer").map(|list| prefixes(&list));
    section.finish();
    let zone = Zone {
        origin,
        ns: ns.iter().map(|(name, _)| name.clone()).collect(),
        contact: contact.unwrap_or_default(),
        min_ttl: min_ttl.unwrap_or(Duration::from_secs(1)),
        negative_ttl: negative_ttl.unwrap_or(Duration::from_secs(60)),
        transfer: transfer.unwrap_or_default(),
    };
    (zone, ns)
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

/// An `ns` in a zone served here needs a static address, and those need `zone.file`.
fn refuse_in_zone_servers(zones: &model::Zones, servers: &[(Name, At)], report: &Report<'_>) {
    for (name, at) in servers {
        if let Some(zone) = zones.holding(name) {
            let (name, origin) = (show(name), show(&zone.origin));
            report.problem(
                *at,
                format!(
                    "the name server `{name}` lies in the zone `{origin}` served here and so needs a \
                     static address, and `zone.file` is not supported yet; name a server outside"
                ),
            );
        }
    }
}

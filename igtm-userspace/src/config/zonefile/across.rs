//! What the records of several zones mean to each other: whose a name is, and the addresses of name
//! servers.
//!
//! Must not look at instances: those are the rules'.

use std::collections::{HashMap, HashSet};

use super::Place;
use super::checks::{Contents, mnemonic};
use crate::config::model::{self, RRset, Records, is_at_or_below, rtype};
use crate::config::problem::{At, Report};
use crate::snapshot::names;

/// Names of a circle that are told each.
const MOST_SHOWN: usize = 8;

/// The zones, as they were read.
struct Zones<'z> {
    zones: &'z model::Zones,
    contents: &'z [Option<Contents>],
    /// Positions by origin, in wire format.
    by_origin: HashMap<Vec<u8>, usize>,
}

/// Tells what is wrong between zones. `servers` are name servers that `igtm.toml` names: the
/// position of their zone, and where they stand.
pub(in crate::config) fn across(
    zones: &model::Zones,
    contents: &[Option<Contents>],
    servers: &[(usize, Vec<u8>, At)],
    report: &Report<'_>,
) {
    let origins = zones.iter().map(|zone| names::wire(&zone.origin));
    let zones = Zones {
        zones,
        contents,
        by_origin: origins.zip(0..).collect(),
    };
    for (zone, server, at) in servers {
        if let Some(why) = zones.unreachable(*zone, None, server) {
            report.problem(*at, why);
        }
    }
    for at in 0..contents.len() {
        zones.children(at, report);
    }
    let circles = zones.circles();
    for ((at, own), circles) in contents.iter().enumerate().zip(circles) {
        let Some(own) = own else { continue };
        for (set, place) in own.records.sets().iter().zip(&own.places) {
            if set.rtype != rtype::NS {
                continue;
            }
            for server in set.rdata() {
                let server = server.to_ascii_lowercase();
                if let Some(why) = zones.unreachable(at, Some(set), &server) {
                    report.problem_of_named_file(own.problem(*place, why));
                }
            }
        }
        for (place, note) in own.notes.iter().chain(&circles) {
            report.note_of_named_file(own.problem(*place, note.clone()));
        }
    }
}

impl Zones<'_> {
    fn records(&self, zone: usize) -> &Records {
        &self.zones[zone].records
    }

    /// Whether nothing is missing of a zone because it could not be read.
    fn is_whole(&self, zone: usize) -> bool {
        let file = self.contents.get(zone).and_then(Option::as_ref);
        file.is_none_or(|contents| contents.whole)
    }

    fn holding(&self, name: &[u8]) -> Option<usize> {
        names::upward(name).find_map(|name| self.by_origin.get(name).copied())
    }

    /// Of a zone within other ones: those may delegate it, and say no more of it.
    fn children(&self, child: usize, report: &Report<'_>) {
        let origin = names::wire(&self.zones[child].origin);
        for above in names::upward(&origin).skip(1) {
            let Some(&parent) = self.by_origin.get(above) else {
                continue;
            };
            let Some(contents) = &self.contents[parent] else {
                continue;
            };
            let records = self.records(parent);
            if !records.reach(&origin) {
                continue;
            }
            for (set, place) in records.sets().iter().zip(&contents.places) {
                if !is_at_or_below(&set.owner, &origin) || self.holding(&set.owner) != Some(child) {
                    continue;
                }
                let allowed: &[u16] = if *set.owner == *origin {
                    &[rtype::NS, rtype::DS, rtype::A, rtype::AAAA]
                } else {
                    &[rtype::A, rtype::AAAA]
                };
                if !allowed.contains(&set.rtype) {
                    let (type_, name) = (mnemonic(set.rtype), names::text(&set.owner));
                    let zone = names::text(&origin);
                    let why = format!(
                        "{type_} at `{name}`, which lies in the zone `{zone}` served here too; write it there"
                    );
                    report.problem_of_named_file(contents.problem(*place, why));
                }
            }
        }
    }

    /// CNAMEs that lead back to where they began: by zone, the place of one of each circle, and the way.
    /// What wildcards and DNAMEs do is not followed: that is different for each name below them.
    fn circles(&self) -> Vec<Vec<(Place, String)>> {
        let mut aliases = HashMap::new();
        let mut owners = Vec::new();
        for (zone, own) in self.contents.iter().enumerate() {
            let own = own
                .iter()
                .flat_map(|own| own.records.sets().iter().zip(&own.places));
            for (set, place) in own.filter(|(set, _)| set.rtype == rtype::CNAME) {
                let target = set.rdata().next().unwrap_or_default().to_ascii_lowercase();
                aliases.insert(&*set.owner, (zone, *place, target));
                owners.push(&*set.owner);
            }
        }
        let mut seen = HashSet::new();
        let mut circles = vec![Vec::new(); self.contents.len()];
        for owner in owners {
            let mut way = Vec::new();
            let mut next = aliases.get_key_value(owner);
            // To a name that an earlier way has passed, its own end, or out of what is known.
            while let Some((name, (.., target))) = next.take_if(|(name, _)| seen.insert(**name)) {
                way.push(*name);
                next = aliases.get_key_value(&**target);
            }
            let Some((name, (zone, place, _))) = next else {
                continue;
            };
            let Some(begin) = way.iter().position(|one| one == name) else {
                continue;
            };
            let shown = way[begin..].iter().take(MOST_SHOWN);
            let shown: Vec<String> = shown
                .map(|name| format!("`{}`", names::text(name)))
                .collect();
            let more = if way.len() - begin > MOST_SHOWN {
                " → …"
            } else {
                ""
            };
            let note = format!(
                "the CNAMEs {}{more} → `{}` lead in a circle; what leads into it is answered SERVFAIL, or by its first 8",
                shown.join(" → "),
                names::text(name)
            );
            circles[*zone].push((*place, note));
        }
        circles
    }

    /// Why a name server of a zone, or of a delegation in it, cannot be reached, as far as it is
    /// our zones that say so.
    fn unreachable(&self, zone: usize, set: Option<&RRset>, server: &[u8]) -> Option<String> {
        let holder = self.holding(server)?;
        if !self.is_whole(zone) || !self.is_whole(holder) {
            return None;
        }
        let has = |zone: usize, rtype| self.records(zone).find(server, rtype).is_some();
        let (name, origin) = (
            names::text(server),
            names::text(&names::wire(&self.zones[holder].origin)),
        );
        if has(holder, rtype::CNAME) {
            return Some(format!(
                "the name server `{name}` is a CNAME; it has addresses of its own (RFC 2181 §10.3)"
            ));
        }
        let address = |zone| has(zone, rtype::A) || has(zone, rtype::AAAA);
        if address(holder) || address(zone) {
            return None;
        }
        // Below another delegation its servers know the address.
        let elsewhere = names::upward(server)
            .take_while(|name| name.len() > origin.len() + 2)
            .find(|name| self.records(holder).find(name, rtype::NS).is_some());
        if let (Some(cut), Some(set)) = (elsewhere, set)
            && *cut != *set.owner
            && set.owner.len() != names::wire(&self.zones[zone].origin).len()
        {
            return None;
        }
        Some(format!(
            "the name server `{name}` lies in the zone `{origin}` served here and has no address there; add its A or AAAA to the zone's file"
        ))
    }
}

//! Names that static records answer: which they are, and where their CNAMEs lead to.
//!
//! Must not look at instances.

use domain::base::ParseRecordData as _;
use domain::base::iana::Rtype;
use domain::base::name::ParsedName;
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use hickory_proto::rr::Name;

use super::text;
use crate::config::model::{Config, MOST_CNAMES, RRset, rtype};
use crate::snapshot::names;

/// Follows static CNAMEs from `name`, as long as no instance has the name (`is_known`); one note a
/// link.
pub(super) fn followed(
    config: &Config,
    name: &Name,
    is_known: impl Fn(&Name) -> bool,
) -> (Name, Vec<String>) {
    let (mut at, mut notes) = (name.clone(), Vec::new());
    while !is_known(&at) && notes.len() < MOST_CNAMES {
        let sets = own(config, &at);
        let Some(cname) = sets.iter().find(|set| set.rtype == rtype::CNAME) else {
            break;
        };
        let Some(target) = cname.rdata().next().and_then(name_of) else {
            break;
        };
        notes.push(format!(
            "a static CNAME of the zone's file leads from {} to {}",
            text::of_name(&at),
            text::of_name(&target)
        ));
        at = target;
    }
    (at, notes)
}

/// What static records say of a name, in words; `None`: nothing.
pub(super) fn told(config: &Config, name: &Name) -> Option<String> {
    let zone = config.zone_of(name)?;
    let wire = names::wire(name).to_ascii_lowercase();
    if let Some(cover) = zone.covering(&wire) {
        let what = if cover.rtype == rtype::DNAME {
            "the DNAME"
        } else {
            "the delegation (NS)"
        };
        let above = names::text(&cover.owner);
        return Some(format!("{what} of {above} answers: {}", records(&[cover])));
    }
    let sets = own(config, name);
    if sets.is_empty() {
        return None;
    }
    let owner = names::text(&sets[0].owner);
    let all: Vec<&RRset> = sets.iter().collect();
    Some(format!(
        "static records of {owner} answer: {}",
        records(&all)
    ))
}

/// The sets at a name, else those of the wildcard that stands for it.
fn own<'a>(config: &'a Config, name: &Name) -> &'a [RRset] {
    let Some(zone) = config.zone_of(name) else {
        return &[];
    };
    let wire = names::wire(name).to_ascii_lowercase();
    let records = &zone.records;
    if records.reach(&wire) {
        return records.at(&wire);
    }
    let mut above = names::upward(&wire).skip(1);
    let closest = above.find(|name| records.reach(name));
    closest.map_or(&[], |name| records.at(&[b"\x01*", name].concat()))
}

/// "A 192.0.2.1, MX 10 mail.example.com. (TTL 3600 s)".
fn records(sets: &[&RRset]) -> String {
    let each = sets.iter().map(|set| {
        let type_ = Rtype::from_int(set.rtype);
        let data: Vec<String> = set
            .rdata()
            .map(|rdata| format!("{type_} {}", data(type_, rdata)))
            .collect();
        format!("{} (TTL {} s)", data.join(", "), set.ttl)
    });
    each.collect::<Vec<_>>().join("; ")
}

fn data(rtype: Rtype, rdata: &[u8]) -> String {
    let mut parser = Parser::from_ref(rdata);
    match ZoneRecordData::<_, ParsedName<_>>::parse_rdata(rtype, &mut parser) {
        Ok(Some(data)) => data.to_string(),
        _ => format!("\\# {}", rdata.len()),
    }
}

fn name_of(rdata: &[u8]) -> Option<Name> {
    let labels = names::upward(rdata).filter_map(|rest| {
        let length = usize::from(*rest.first()?);
        rest.get(1..1 + length).filter(|label| !label.is_empty())
    });
    let mut name = Name::from_labels(labels).ok()?.to_lowercase();
    name.set_fqdn(true);
    Some(name)
}

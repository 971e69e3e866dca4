//! Records that are not an instance's addresses: SOA, NS, CNAME.

use hickory_proto::rr::rdata::{CNAME, NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::config::model::Zone;
use crate::snapshot::soa::{EXPIRE, REFRESH, RETRY, minimum};

/// TTL of SOA and NS at the apex, seconds.
pub(super) const APEX_TTL: u32 = 3600;

/// The zone's SOA (RFC 1035 §3.3.13). In a negative answer it has the negative TTL (RFC 2308 §3).
pub(super) fn soa(zone: &Zone, serial: u32, negative: bool) -> Record {
    let minimum = minimum(zone);
    let data = SOA::new(
        zone.ns[0].clone(),
        zone.contact.clone(),
        serial,
        REFRESH,
        RETRY,
        EXPIRE,
        minimum,
    );
    let ttl = if negative { minimum } else { APEX_TTL };
    Record::from_rdata(zone.origin.clone(), ttl, RData::SOA(data))
}

/// The zone's name servers.
fn ns(zone: &Zone) -> impl Iterator<Item = Record> + '_ {
    zone.ns.iter().map(|name| {
        let data = RData::NS(NS(name.clone()));
        Record::from_rdata(zone.origin.clone(), APEX_TTL, data)
    })
}

/// What an apex has of its own for a type; ANY by the SOA (RFC 8482 §4.1).
pub(super) fn apex(zone: &Zone, serial: u32, qtype: RecordType) -> Vec<Record> {
    match qtype {
        RecordType::NS => ns(zone).collect(),
        RecordType::SOA | RecordType::ANY => vec![soa(zone, serial, false)],
        _ => Vec::new(),
    }
}

/// A CNAME.
pub(super) fn cname(owner: &Name, ttl: u32, target: &Name) -> Record {
    Record::from_rdata(owner.clone(), ttl, RData::CNAME(CNAME(target.clone())))
}

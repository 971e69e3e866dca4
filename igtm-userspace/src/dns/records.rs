//! Records that are not an instance's addresses: SOA, NS, CNAME.

use hickory_proto::rr::rdata::{CNAME, NS, SOA};
use hickory_proto::rr::{Name, RData, Record};

use crate::config::model::Zone;

/// TTL of SOA and NS at the apex, seconds.
const APEX_TTL: u32 = 3600;
/// SOA timers for secondaries (RIPE-203), seconds. There are none yet.
const REFRESH: i32 = 86_400;
const RETRY: i32 = 7_200;
const EXPIRE: i32 = 3_600_000;

/// The zone's SOA (RFC 1035 §3.3.13). In a negative answer it has the negative TTL (RFC 2308 §3).
pub(super) fn soa(zone: &Zone, serial: u32, negative: bool) -> Record {
    let minimum = seconds(zone.negative_ttl);
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
pub(super) fn ns(zone: &Zone) -> impl Iterator<Item = Record> + '_ {
    zone.ns.iter().map(|name| {
        let data = RData::NS(NS(name.clone()));
        Record::from_rdata(zone.origin.clone(), APEX_TTL, data)
    })
}

/// A CNAME.
pub(super) fn cname(owner: &Name, ttl: u32, target: &Name) -> Record {
    Record::from_rdata(owner.clone(), ttl, RData::CNAME(CNAME(target.clone())))
}

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

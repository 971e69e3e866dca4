//! The SOA record of negative answers, as the kernel and userspace send it.
//!
//! The apex's own is `dns/records.rs`'; both have their RDATA from here.

use std::time::Duration;

use igtm_common::checksum;
use igtm_common::layout::{SOA_OCTETS, ZoneEntry, text};

use super::names;
use crate::config::model::Zone;

const TYPE_SOA: u16 = 6;
const CLASS_IN: u16 = 1;
/// Owner (a pointer), TYPE, CLASS, TTL, RDLENGTH.
const FIXED_OCTETS: usize = 12;
/// SERIAL to MINIMUM.
const NUMBERS_OCTETS: usize = 20;

/// A whole number of seconds.
pub(super) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// RDATA of a zone's SOA (RFC 1035 §3.3.13), uncompressed.
pub fn rdata(zone: &Zone, serial: u32) -> Vec<u8> {
    let soa = &zone.soa;
    let mut rdata = names::wire(&soa.primary);
    rdata.extend(names::wire(&zone.contact));
    for number in [serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
        rdata.extend(number.to_be_bytes());
    }
    rdata
}

/// A zone as negative answers need it; [`set_serial`] puts the serial in.
pub(super) fn zone(zone: &Zone) -> ZoneEntry {
    let origin = names::wire(&zone.origin);
    let rdata = rdata(zone, 0);
    let mut octets = Vec::with_capacity(FIXED_OCTETS + rdata.len());
    octets.extend([0, 0]);
    octets.extend(TYPE_SOA.to_be_bytes());
    octets.extend(CLASS_IN.to_be_bytes());
    octets.extend(seconds(zone.negative_ttl).to_be_bytes());
    octets.extend((rdata.len() as u16).to_be_bytes());
    octets.extend(rdata);
    let mut soa = [0; SOA_OCTETS];
    // Two names of at most 255 octets and the numbers: at most 542.
    soa[..octets.len()].copy_from_slice(&octets);
    ZoneEntry {
        origin_octets: origin.len() as u16,
        soa_octets: octets.len() as u16,
        sum: checksum::sum(&octets),
        soa,
        origin: text(&names::text(&origin)),
    }
}

/// Changes the serial of a zone.
pub(super) fn set_serial(zone: &mut ZoneEntry, serial: u32) {
    let end = usize::from(zone.soa_octets);
    let at = end - NUMBERS_OCTETS;
    zone.soa[at..at + 4].copy_from_slice(&serial.to_be_bytes());
    zone.sum = checksum::sum(&zone.soa[..end]);
}

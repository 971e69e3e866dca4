//! The SOA record of negative answers, as the kernel and userspace send it.
//!
//! The apex's own records are `dns/records.rs`'; both have their timers from here.

use std::time::Duration;

use igtm_common::checksum;
use igtm_common::layout::{SOA_OCTETS, ZoneEntry, text};

use super::names;
use crate::config::model::Zone;

/// SOA timers for secondaries (RIPE-203), seconds. There are none yet.
pub const REFRESH: i32 = 86_400;
/// As [`REFRESH`].
pub const RETRY: i32 = 7_200;
/// As [`REFRESH`].
pub const EXPIRE: i32 = 3_600_000;

const TYPE_SOA: u16 = 6;
const CLASS_IN: u16 = 1;
/// Owner (a pointer), TYPE, CLASS, TTL, RDLENGTH.
const FIXED_OCTETS: usize = 12;
/// SERIAL to MINIMUM.
const NUMBERS_OCTETS: usize = 20;

/// MINIMUM, which is the TTL of negative answers too (RFC 2308 §3 to §5), seconds.
pub fn minimum(zone: &Zone) -> u32 {
    seconds(zone.negative_ttl)
}

/// A whole number of seconds.
pub(super) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// A zone as negative answers need it; [`set_serial`] puts the serial in.
pub(super) fn zone(zone: &Zone) -> ZoneEntry {
    let origin = names::wire(&zone.origin);
    let mut rdata = names::wire(&zone.ns[0]);
    rdata.extend(names::wire(&zone.contact));
    for number in [
        0,
        REFRESH.cast_unsigned(),
        RETRY.cast_unsigned(),
        EXPIRE.cast_unsigned(),
        minimum(zone),
    ] {
        rdata.extend(number.to_be_bytes());
    }
    let mut octets = Vec::with_capacity(FIXED_OCTETS + rdata.len());
    octets.extend([0, 0]);
    octets.extend(TYPE_SOA.to_be_bytes());
    octets.extend(CLASS_IN.to_be_bytes());
    octets.extend(minimum(zone).to_be_bytes());
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

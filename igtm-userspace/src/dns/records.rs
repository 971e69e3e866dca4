//! Records of replies beside their octets: those of drawn addresses, and a zone's SOA.

use igtm_common::layout::{Answer, ZoneEntry};
use igtm_common::reply;

use crate::config::model::rtype;
use crate::zone::compose::Data;

/// The SOA of a zone as its apex is asked for it (RFC 1035 §3.3.13). In a negative answer it has the
/// negative TTL (RFC 2308 §3), which is that of `entry`.
pub(super) fn soa(entry: &ZoneEntry, ttl: Option<u32>) -> Data<'_> {
    let record = &entry.soa[..usize::from(entry.soa_octets)];
    let own = u32::from_be_bytes([record[6], record[7], record[8], record[9]]);
    Data {
        rtype: rtype::SOA,
        ttl: ttl.unwrap_or(own),
        rdata: &record[12..],
    }
}

/// The records that the renderer would send.
pub(super) fn drawn<const C: usize, const O: usize, const T: usize>(
    answer: &Answer<C, O, T>,
    random: u32,
) -> Vec<Data<'_>> {
    let Some(window) = reply::choose(answer, random) else {
        return Vec::new();
    };
    let first = window.start as usize..(window.start + window.len) as usize;
    let mut all = records(&answer.octets[first]);
    all.extend(records(&answer.octets[..window.wrapped as usize]));
    all
}

/// Records whose owner is a pointer.
fn records(mut octets: &[u8]) -> Vec<Data<'_>> {
    let mut all = Vec::new();
    while let Some((fixed, rest)) = octets.split_first_chunk::<12>() {
        let length = u16::from_be_bytes([fixed[10], fixed[11]]);
        let Some((rdata, behind)) = rest.split_at_checked(length.into()) else {
            break;
        };
        all.push(Data {
            rtype: u16::from_be_bytes([fixed[2], fixed[3]]),
            ttl: u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]),
            rdata,
        });
        octets = behind;
    }
    all
}

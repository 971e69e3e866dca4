//! The one renderer: lays out every reply that the kernel may give. The kernel writes
//! it into the frame, the daemon into a buffer; octet for octet the same.
//!
//! A reply is header, question as it came, a slice of [`Answer::octets`], OPT. The
//! query's random number is an input.

use core::hint::black_box;

use crate::layout::{Answer, RECORDS, REPLY_OCTETS};

/// Octets of a DNS header (RFC 1035 §4.1.1).
pub const HEADER_OCTETS: usize = 12;

/// Octets of an OPT record without options (RFC 6891 §6.1.2).
pub const OPT_OCTETS: usize = 11;

/// The smallest UDP payload limit (RFC 1035 §2.3.4, RFC 6891 §6.2.5).
pub const MIN_UDP_SIZE: u16 = 512;

/// QR, opcode and TC: all zero in a query that is answered (RFC 1035 §4.1.1).
pub const NOT_QUERY: u8 = 0b1111_1010;

/// What the OPT of a query says (RFC 6891 §6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// The requestor's UDP payload size.
    pub udp_size: u16,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
}

/// Which octets of an [`Answer`] leave in one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// ANCOUNT; 0 when truncated.
    pub count: u16,
    /// First octet in [`Answer::octets`].
    pub start: u32,
    /// Octets, at most [`REPLY_OCTETS`].
    pub len: u32,
    /// Their checksum part.
    pub sum: u32,
    /// TC.
    pub truncated: bool,
}

/// Octets a UDP reply may have: the client's size or 512, not above the server's.
#[inline(always)]
pub const fn udp_limit(opt: Option<Opt>, udp_size: u16) -> u16 {
    let asked = match opt {
        Some(opt) if opt.udp_size > MIN_UDP_SIZE => opt.udp_size,
        _ => MIN_UDP_SIZE,
    };
    if asked < udp_size { asked } else { udp_size }
}

/// Chooses the records of one reply. `fixed` is what leaves besides them (header,
/// question, OPT) and `limit` what may leave in all, octets.
///
/// `None` for an answer that [`crate::answer::answer`] did not make.
#[inline(always)]
pub fn choose(answer: &Answer, random: u32, fixed: u32, limit: u32) -> Option<Slice> {
    let records = u32::from(answer.records);
    if records == 0 || records > RECORDS as u32 {
        return None;
    }
    let first = if answer.total_weight == 0 {
        random % records
    } else {
        drawn(answer, random)?
    };
    // The verifier cannot derive that these are in bounds; black boxes keep the compiler,
    // which can, from taking the checks out.
    let first = black_box(first);
    let past = black_box(first + u32::from(answer.window));
    let (first, past) = (first as usize, past as usize);
    let start = u32::from(*answer.offsets.get(first)?);
    let len = u32::from(*answer.offsets.get(past)?).wrapping_sub(start);
    if start > REPLY_OCTETS as u32 || len > REPLY_OCTETS as u32 {
        return None;
    }
    if fixed + len > limit {
        return Some(Slice {
            count: 0,
            start: 0,
            len: 0,
            sum: 0,
            truncated: true,
        });
    }
    Some(Slice {
        count: answer.window,
        start,
        len,
        sum: answer
            .sums
            .get(past)?
            .wrapping_sub(*answer.sums.get(first)?),
        truncated: false,
    })
}

/// The record that a draw hits: how many running sums are not above the point. A binary
/// search of fixed steps, which the verifier can follow and which has no branch to miss.
#[inline(always)]
fn drawn(answer: &Answer, random: u32) -> Option<u32> {
    let point = (u64::from(random) * u64::from(answer.total_weight)) >> 32;
    let mut first = 0;
    let mut step = RECORDS as u32 / 2;
    while step > 0 {
        let end = u64::from(*answer.cumulative.get((first + step - 1) as usize)?);
        // The sign of a difference, not a comparison: that would be a branch in BPF, and the
        // verifier would walk all that follows once for each of 32 outcomes.
        let below = black_box(point.wrapping_sub(end)) >> 63;
        first += step * (1 - below as u32);
        step /= 2;
    }
    Some(first)
}

/// The reply's header: id, opcode and RD as they came; QR and AA set; RA, Z, AD and CD clear.
/// `query` is the first three octets of the query's.
#[inline(always)]
pub const fn header(query: [u8; 3], slice: &Slice, opt: bool) -> [u8; HEADER_OCTETS] {
    let [id_high, id_low, flags] = query;
    let truncated = if slice.truncated { 0x02 } else { 0 };
    let [count_high, count_low] = slice.count.to_be_bytes();
    [
        id_high,
        id_low,
        0x84 | (flags & 0x79) | truncated,
        0,
        0,
        1,
        count_high,
        count_low,
        0,
        0,
        0,
        opt as u8,
    ]
}

/// An OPT record without its options: two words, because the verifier wants aligned
/// writes to the stack. The octets behind [`OPT_OCTETS`] are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptRecord(pub [u64; 2]);

impl OptRecord {
    /// The reply's OPT: our payload size, DO copied, version 0, `rdlength` octets of options to come.
    #[inline(always)]
    pub const fn new(udp_size: u16, dnssec_ok: bool, rdlength: u16) -> Self {
        let [size_high, size_low] = udp_size.to_be_bytes();
        let [length_high, length_low] = rdlength.to_be_bytes();
        let flags = if dnssec_ok { 0x80 } else { 0 };
        Self([
            u64::from_ne_bytes([0, 0, 41, size_high, size_low, 0, 0, flags]),
            u64::from_ne_bytes([0, length_high, length_low, 0, 0, 0, 0, 0]),
        ])
    }

    /// The record in wire format.
    pub fn octets(&self) -> [u8; OPT_OCTETS] {
        let [first, second] = self.0.map(u64::to_ne_bytes);
        core::array::from_fn(|at| if at < 8 { first[at] } else { second[at - 8] })
    }

    /// Its checksum part.
    #[inline(always)]
    pub const fn sum(&self) -> u64 {
        let [first, second] = self.0;
        (first & 0xffff_ffff) + (first >> 32) + (second & 0xffff_ffff) + (second >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Choice, Draw, answer};
    use crate::checksum;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn made(records: usize, draw: Draw) -> Answer {
        let rdata: Vec<[u8; 4]> = (0..records).map(|at| [192, 0, 2, at as u8]).collect();
        let choices: Vec<_> = rdata
            .iter()
            .enumerate()
            .map(|(at, rdata)| Choice {
                rtype: 1,
                rdata,
                weight: 10 * (at as u32 + 1),
            })
            .collect();
        answer(&choices, 60, draw).expect("within the limits")
    }

    proptest! {
        #[test]
        fn a_rotation_is_cyclic(records in 1usize..=RECORDS, most in 1u16..40, random: u32) {
            let answer = made(records, Draw::Rotate(most));
            let slice = choose(&answer, random, 0, u32::MAX).expect("well made");
            let octets = &answer.octets[slice.start as usize..][..slice.len as usize];
            let last: Vec<usize> = octets.chunks(16).map(|record| usize::from(record[15])).collect();
            let expected: Vec<usize> = (0..usize::from(most).min(records))
                .map(|at| (random as usize % records + at) % records)
                .collect();
            prop_assert_eq!(last, expected);
            prop_assert_eq!(checksum::fold(u64::from(slice.sum)), checksum::fold(u64::from(checksum::sum(octets))));
        }

        #[test]
        fn a_draw_is_by_weight(records in 1usize..=RECORDS, random: u32) {
            let answer = made(records, Draw::Weighted);
            let slice = choose(&answer, random, 0, u32::MAX).expect("well made");
            let drawn = slice.start / 16;
            let point = (u64::from(random) * u64::from(answer.total_weight)) >> 32;
            let before: u64 = (1..=u64::from(drawn)).map(|at| 10 * at).sum();
            prop_assert_eq!((slice.count, slice.len), (1, 16));
            prop_assert!(before <= point && point < before + 10 * (u64::from(drawn) + 1));
        }
    }

    #[test]
    fn what_does_not_fit_is_truncated() {
        let answer = made(3, Draw::Rotate(20));
        let whole = choose(&answer, 0, 40, 88).expect("well made");
        assert_eq!((whole.count, whole.truncated), (3, false));
        let cut = choose(&answer, 0, 40, 87).expect("well made");
        assert_eq!((cut.count, cut.len, cut.truncated), (0, 0, true));
    }

    #[test]
    fn the_limit_is_the_smaller_of_both_and_at_least_512() {
        let opt = |udp_size| {
            Some(Opt {
                udp_size,
                dnssec_ok: false,
            })
        };
        assert_eq!(udp_limit(None, 1232), 512);
        assert_eq!(udp_limit(opt(0), 1232), 512);
        assert_eq!(udp_limit(opt(700), 1232), 700);
        assert_eq!(udp_limit(opt(4096), 1232), 1232);
    }
}

//! The one renderer: lays out every reply that the kernel may give. The kernel writes
//! it into the frame, the daemon into a buffer; octet for octet the same.
//!
//! A reply is header, question as it came, records (a window of an [`Answer`], or a zone's SOA), OPT
//! with its options. The query's random number is an input.

use crate::answer::Answer;
use crate::checksum;
use crate::opaque::opaque;

/// Octets of a DNS header (RFC 1035 §4.1.1).
pub const HEADER_OCTETS: usize = 12;

/// Octets of an OPT record without options (RFC 6891 §6.1.2).
pub const OPT_OCTETS: usize = 11;

/// Octets of a cookie option with a server cookie of 16 octets (RFC 7873 §4, RFC 9018 §4).
pub const COOKIE_OCTETS: usize = 4 + 8 + 16;

/// The smallest UDP payload limit (RFC 1035 §2.3.4, RFC 6891 §6.2.5).
pub const MIN_UDP_SIZE: u16 = 512;

/// QR, opcode and TC: all zero in a query that is answered (RFC 1035 §4.1.1).
pub const NOT_QUERY: u8 = 0b1111_1010;

/// QTYPEs that are questions about questions (RFC 6895 §3.1), and OPT: never answered from the maps.
#[inline(always)]
pub const fn is_meta(qtype: u16) -> bool {
    qtype == 0 || qtype == 41 || (qtype >= 128 && qtype <= 255)
}

/// What the OPT of a query says (RFC 6891 §6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// The requestor's UDP payload size.
    pub udp_size: u16,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
}

/// What stands between the question and the OPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// So many records in the answer section.
    Answer(u16),
    /// The zone's SOA in the authority section, NOERROR (RFC 2308 §2.2).
    NoData,
    /// The same with NXDOMAIN (RFC 2308 §2.1).
    NxDomain,
    /// Nothing: the rest is to be asked for by TCP.
    Truncated,
}

/// Which octets of an [`Answer`] leave in one reply: a part up to its last record, then one from
/// its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// ANCOUNT.
    pub count: u16,
    /// First octet in [`Answer::octets`].
    pub start: u32,
    /// Octets from there.
    pub len: u32,
    /// Octets from the first record on.
    pub wrapped: u32,
    /// The checksum part of all of them.
    pub sum: u32,
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

/// Chooses the records of one reply; `None` for an answer that [`Answer::new`] did not make or
/// that has none.
#[inline(always)]
pub fn choose<const C: usize, const O: usize, const T: usize>(
    answer: &Answer<C, O, T>,
    random: u32,
) -> Option<Window> {
    let records = u32::from(answer.records);
    let window = u32::from(answer.window);
    if records == 0 || records >= C as u32 || window > records {
        return None;
    }
    let first = if answer.total_weight == 0 {
        random % records
    } else {
        drawn(answer, random)?
    };
    // A window that goes past the last record goes on at the first. Without a branch: the
    // verifier would walk all that follows twice.
    let behind = first + window;
    let over = (behind.wrapping_sub(records) as i32).max(0) as u32;
    // The verifier cannot derive that these are in bounds; opaque ones keep the compiler,
    // which can, from taking the checks out.
    let first = opaque(first.into()) as usize;
    let past = opaque((behind - over).into()) as usize;
    let over = opaque(over.into()) as usize;
    let start = u32::from(*answer.offsets.get(first)?);
    let len = u32::from(*answer.offsets.get(past)?).wrapping_sub(start);
    let wrapped = u32::from(*answer.offsets.get(over)?);
    let sum = answer
        .sums
        .get(past)?
        .wrapping_sub(*answer.sums.get(first)?)
        // Of two parts the first has whole addresses, an even number of octets.
        .wrapping_add(*answer.sums.get(over)?);
    if start > O as u32 || len > O as u32 || wrapped > O as u32 {
        return None;
    }
    Some(Window {
        count: answer.window,
        start,
        len,
        wrapped,
        sum,
    })
}

/// The record that a draw hits: how many running sums are not above the point. A binary
/// search of fixed steps, which the verifier can follow and which has no branch to miss.
#[inline(always)]
fn drawn<const C: usize, const O: usize, const T: usize>(
    answer: &Answer<C, O, T>,
    random: u32,
) -> Option<u32> {
    const { assert!(C.is_power_of_two()) };
    let point = (u64::from(random) * u64::from(answer.total_weight)) >> 32;
    let mut first = 0;
    let mut step = C as u32 / 2;
    while step > 0 {
        let end = u64::from(*answer.cumulative.get((first + step - 1) as usize)?);
        // The sign of a difference, not a comparison: that would be a branch in BPF, and the
        // verifier would walk all that follows once for each of the outcomes.
        let below = opaque(point.wrapping_sub(end)) >> 63;
        first += step * (1 - below as u32);
        step /= 2;
    }
    Some(first)
}

/// The reply's header in 16-bit words of memory order: id, opcode and RD as they came; QR and AA set;
/// RA, Z, AD and CD clear. `id` and `flags` are the first two words of the query's.
#[inline(always)]
pub const fn header(id: u16, flags: u16, kind: Kind, opt: bool) -> [u16; HEADER_OCTETS / 2] {
    let [flags, _] = flags.to_ne_bytes();
    let (truncated, code, answers, authority) = match kind {
        Kind::Answer(count) => (0, 0, count, 0),
        Kind::NoData => (0, 0, 0, 1),
        Kind::NxDomain => (0, 3, 0, 1),
        Kind::Truncated => (0x02, 0, 0, 0),
    };
    [
        id,
        u16::from_ne_bytes([0x84 | (flags & 0x79) | truncated, code]),
        1_u16.to_be(),
        answers.to_be(),
        u16::from_ne_bytes([0, authority]),
        u16::from_ne_bytes([0, opt as u8]),
    ]
}

/// The owner of a zone's SOA: a pointer to where the origin, of so many octets, begins in a name of
/// `name` octets in the question (RFC 1035 §4.1.4).
#[inline(always)]
pub const fn origin_pointer(name: usize, origin: usize) -> [u8; 2] {
    (0xc000 | (HEADER_OCTETS + name).wrapping_sub(origin) as u16 & 0x3fff).to_be_bytes()
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
        checksum::of_word(first) + checksum::of_word(second)
    }
}

/// A cookie option as it is replied: the client's cookie and ours, in memory order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieOption {
    /// The client cookie as it came.
    pub client: u64,
    /// The server cookie.
    pub server: [u64; 2],
}

impl CookieOption {
    /// OPTION-CODE and OPTION-LENGTH.
    pub const HEADER: u32 = u32::from_ne_bytes([0, 10, 0, 24]);

    /// The option in wire format.
    pub fn octets(&self) -> [u8; COOKIE_OCTETS] {
        let mut octets = [0; COOKIE_OCTETS];
        octets[..4].copy_from_slice(&Self::HEADER.to_ne_bytes());
        octets[4..12].copy_from_slice(&self.client.to_ne_bytes());
        octets[12..20].copy_from_slice(&self.server[0].to_ne_bytes());
        octets[20..].copy_from_slice(&self.server[1].to_ne_bytes());
        octets
    }

    /// Its checksum part.
    #[inline(always)]
    pub const fn sum(&self) -> u64 {
        Self::HEADER as u64
            + checksum::of_word(self.client)
            + checksum::of_word(self.server[0])
            + checksum::of_word(self.server[1])
    }
}

#[cfg(test)]
mod tests;

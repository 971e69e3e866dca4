//! Every key and value of the pinned maps, with byte order and unit per field.
//!
//! `repr(C)`, fixed width, explicit padding. A change here raises [`ABI_VERSION`]: the
//! pins live under `v{ABI}/`, so two layouts never meet.
//!
//! *One step.* Everything that an answer depends on carries an *epoch*, 0 or 1. The
//! program reads [`Settings::epoch`] once a packet; the daemon changes only the other
//! epoch's entries and then flips the number.

use crate::name::{HashKey, NAME_WORDS};

/// Number of the layout; part of the pins' path.
pub const ABI_VERSION: u32 = 1;

/// [`Settings::epoch`] before the first answer: the program passes everything.
pub const EPOCH_NONE: u32 = u32::MAX;

/// Most lines that can contain one client, `default` included.
pub const CHAIN_LINES: usize = 8;

/// Ends a chain that is shorter than [`CHAIN_LINES`].
pub const NO_LINE: u16 = u16::MAX;

/// Most chains of one epoch.
pub const CHAINS: usize = 4096;

/// Most lines.
pub const LINES: usize = 1024;

/// Most entries of `ANSWERS`, both epochs together.
pub const ANSWERS: usize = 1 << 18;

/// Most prefixes in each of `LINES_V4` and `LINES_V6`, both epochs together.
pub const PREFIXES: usize = 1 << 21;

/// Most addresses in `LISTEN`.
pub const LISTEN: usize = 256;

/// Most entries of `INTERFACES`.
pub const INTERFACES: usize = 64;

/// Most records an answer can be chosen from.
pub const RECORDS: usize = 32;

/// Octets of records an answer can hold: [`RECORDS`] AAAA records (28 octets), twice.
pub const RECORD_OCTETS: usize = RECORDS * 28 * 2;

/// Most octets of records in one reply, and of all the records it is chosen from.
pub const REPLY_OCTETS: usize = RECORD_OCTETS / 2;

/// A text for people, NUL-terminated UTF-8; `i8` so that bpftool prints it as text.
pub type Text<const N: usize> = [i8; N];

/// Key of `ANSWERS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnswerKey {
    /// [`crate::name::NameHash`] of the name.
    pub name: [u64; 2],
    /// 0 or 1.
    pub epoch: u32,
    /// The line's number in the configuration, 0 is `default`.
    pub line: u16,
    /// QTYPE, host order.
    pub qtype: u16,
}

/// Value of `ANSWERS`: ready records and how to choose among them.
///
/// Made by [`crate::answer`], read by [`crate::reply`].
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name, for people.
    pub name: Text<256>,
    /// The line's name, for people.
    pub line: Text<64>,
    /// Addresses with weights, for people.
    pub addresses: Text<448>,
    /// Number of records to choose from, at most [`RECORDS`]; 0: passed up.
    pub records: u16,
    /// How many of them one reply holds at most, at most `records`.
    pub window: u16,
    /// Sum of all weights; 0: rotation instead of a draw.
    pub total_weight: u32,
    /// Running sum of weights after each record; `u32::MAX` behind the last.
    pub cumulative: [u32; RECORDS],
    /// Checksum part of the records before each; see [`crate::checksum::sum`].
    pub sums: [u32; 2 * RECORDS + 1],
    /// Where each record begins in `octets`; the records come twice when a window can wrap.
    pub offsets: [u16; 2 * RECORDS + 1],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
    /// Resource records in wire format (RFC 1035 §4.1.3), owner a pointer to the question.
    pub octets: [u8; RECORD_OCTETS],
}

/// Key data of `LINES_V4`, behind the prefix length (32 + the prefix's own).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrefixV4 {
    /// 0 or 1.
    pub epoch: u32,
    /// Network order.
    pub address: [u8; 4],
}

/// Key data of `LINES_V6`, behind the prefix length (32 + the prefix's own).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrefixV6 {
    /// 0 or 1.
    pub epoch: u32,
    /// Network order.
    pub address: [u8; 16],
}

/// Value of `LINES_V4` and `LINES_V6`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainRef {
    /// Position in `CHAINS`, without the epoch's share.
    pub chain: u32,
}

/// Value of `CHAINS` at epoch × [`CHAINS`] + chain: the lines that contain a client.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Most preferred first, then [`NO_LINE`].
    pub lines: [u16; CHAIN_LINES],
}

/// Value of `LINE_NAMES` at epoch × [`LINES`] + line: for people and for `igtm map`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineName {
    /// Empty behind the last line.
    pub name: Text<256>,
}

/// Key of `LISTEN`: an address that is answered.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenKey {
    /// Network order; IPv4 as ::ffff:a.b.c.d.
    pub address: [u8; 16],
}

/// Value of `INTERFACES`, keyed by interface index.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its own unicast address.
    pub mac: [u8; 6],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
    /// For people.
    pub name: Text<16>,
}

/// The one value of `SETTINGS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// [`ABI_VERSION`] of who wrote it.
    pub abi: u32,
    /// The epoch that is answered from, or [`EPOCH_NONE`].
    pub epoch: u32,
    /// UDP port, host order.
    pub port: u16,
    /// Largest UDP reply, octets.
    pub udp_size: u16,
    /// Explicit padding, zero.
    pub pad: u32,
    /// Changes applied since the maps were made.
    pub generation: u64,
    /// When the daemon last wrote, CLOCK_MONOTONIC nanoseconds.
    pub heartbeat_ns: u64,
    /// Nanoseconds after which the kernel stops answering without a daemon; 0: never.
    pub stale_after_ns: u64,
    /// Secret of the name hash.
    pub hash_key: HashKey,
}

const _: () = {
    assert!(size_of::<AnswerKey>() == 24);
    assert!(core::mem::offset_of!(Answer, records) == 768);
    assert!(core::mem::offset_of!(Answer, cumulative) == 776);
    assert!(core::mem::offset_of!(Answer, sums) == 904);
    assert!(core::mem::offset_of!(Answer, offsets) == 1164);
    assert!(core::mem::offset_of!(Answer, octets) == 1296);
    assert!(size_of::<Answer>() == 1296 + RECORD_OCTETS);
    assert!(size_of::<PrefixV4>() == 8);
    assert!(size_of::<PrefixV6>() == 20);
    assert!(size_of::<Chain>() == 16);
    assert!(size_of::<Interface>() == 24);
    assert!(size_of::<Settings>() == 40 + 8 * (NAME_WORDS + 1));
};

/// Writes `text` into a fixed field, cut at a character's end, NUL-terminated.
pub fn text<const N: usize>(text: &str) -> Text<N> {
    let mut end = text.len().min(N - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut field = [0; N];
    for (to, from) in field.iter_mut().zip(&text.as_bytes()[..end]) {
        *to = from.cast_signed();
    }
    field
}

#[cfg(feature = "user")]
mod pod {
    use super::*;
    use crate::counter::Counters;

    macro_rules! pod {
        ($($type:ty)+) => {
            // SAFETY: repr(C) of integers with explicit padding, valid for any octets.
            $(unsafe impl aya::Pod for $type {})+
        };
    }
    pod!(AnswerKey Answer PrefixV4 PrefixV6 ChainRef Chain LineName ListenKey Interface Settings Counters);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character() {
        let field: Text<6> = text("电信x");
        assert_eq!(field.map(i8::cast_unsigned), *b"\xe7\x94\xb5\0\0\0");
        let field: Text<8> = text("电信x");
        assert_eq!(
            field.map(i8::cast_unsigned),
            *b"\xe7\x94\xb5\xe4\xbf\xa1x\0"
        );
    }
}

//! Every key and value of the pinned maps, with byte order and unit per field.
//!
//! `repr(C)`, fixed width, explicit padding. A change here raises [`ABI_VERSION`]: the
//! pins live under `v{ABI}/`, so two layouts never meet.
//!
//! ```text
//!  NAMES[hash] ─ view, first slot ─▶ VIEWS[view] ─ root ─▶ LINES[unit]… ─ slot, scope ─▶ SLOTS[slot] ─▶ ANSWERS[id]
//!              └ zone ─▶ ZONES[zone]: the SOA of a negative answer
//! ```
//! *One step.* Everything that an answer depends on stands there twice, once for each *epoch*, 0 or
//! 1: of element n of an array the positions 2n and 2n + 1. The program reads [`Settings::epoch`]
//! once a packet; the daemon changes only the other epoch and then flips the number.

use crate::cookie::Secrets;
use crate::name::{HashKey, NAME_WORDS};
use crate::rate::Limit;

pub use crate::answer::{Answer, LargeAnswer, SmallAnswer};

/// Number of the layout; part of the pins' path.
pub const ABI_VERSION: u32 = 4;

/// [`Settings::epoch`] before the first answer: the program passes everything.
pub const EPOCH_NONE: u32 = u32::MAX;

/// Where element `element` of an array stands in `epoch`.
#[inline(always)]
pub const fn position(element: u32, epoch: u32) -> u32 {
    2 * element + epoch
}

/// A text for people, NUL-terminated UTF-8; `i8` so that bpftool prints it as text.
pub type Text<const N: usize> = [i8; N];

/// What a name is known by in `NAMES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameKey {
    /// [`crate::name::NameHash`] of the name.
    pub hash: [u64; 2],
}

/// Names in one [`NameBucket`].
pub const BUCKET_NAMES: usize = 2;

/// Value of `NAMES`: names that exist in zones served here; see [`crate::bucket`]. What a look-up
/// reads is the first cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameBucket {
    /// The names' hashes.
    pub key: [NameKey; BUCKET_NAMES],
    /// What each is; all zeros where there is none.
    pub of: [NameRef; BUCKET_NAMES],
    /// The names, for people; a longer one is cut.
    pub name: [Text<96>; BUCKET_NAMES],
}

/// What a name is; all zeros where it does not exist.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameRef {
    /// [`EXISTS`] and what else is true of it.
    pub flags: u16,
    /// Position in `ZONES`.
    pub zone: u16,
    /// Views that choose the slot, for A and for AAAA; [`NO_VIEW`]: NODATA.
    pub view: [u16; 2],
    /// First slots, for A and for AAAA.
    pub slots: [u32; 2],
}

/// It exists.
pub const EXISTS: u16 = 1;
/// Whatever is asked of it is passed up: static records, a CNAME in our own zones.
pub const PASS: u16 = 2;
/// Types other than A and AAAA are passed up: records stand beside an instance, or its answer may
/// be a CNAME.
pub const PASS_OTHERS: u16 = 4;
/// Below it is more than `NAMES` knows (a wildcard, a delegation): what is not there is passed up.
pub const OPEN_BELOW: u16 = 8;

/// No view: none of the lines is claimed for this family.
pub const NO_VIEW: u16 = u16::MAX;

/// Value of `VIEWS`: where the lines claimed together are looked up.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// [`crate::line::Entry`] of all IPv4 addresses.
    pub v4: u32,
    /// The same of all IPv6 addresses.
    pub v6: u32,
    /// How many slots it chooses from.
    pub slots: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}

/// Value of `SLOTS`: what an instance answers on one of its lines.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which answer; [`LARGE`] says in which map. [`NO_ANSWER`]: NODATA.
    pub answer: u32,
    /// The line's number in the configuration, 0 is `default`; for counters and for people.
    pub line: u16,
    /// Explicit padding, zero.
    pub pad: u16,
}

/// Set in [`Slot::answer`] for an element of `LARGE_ANSWERS` instead of `ANSWERS`.
pub const LARGE: u32 = 1 << 31;

/// A slot without an answer.
pub const NO_ANSWER: u32 = u32::MAX;

/// Longest SOA record: fixed fields and two names (RFC 1035 §3.3.13).
pub const SOA_OCTETS: usize = 544;

/// Value of `ZONES`: what negative answers of a zone carry.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneEntry {
    /// Octets of the origin in wire format: where it begins in a name below it.
    pub origin_octets: u16,
    /// Octets of `soa`.
    pub soa_octets: u16,
    /// Checksum part of `soa`; see [`crate::checksum::sum`].
    pub sum: u32,
    /// The SOA record with the negative TTL (RFC 2308 §3); its owner, a pointer into the question,
    /// is left zero.
    pub soa: [u8; SOA_OCTETS],
    /// The origin, for people; a longer one is cut.
    pub origin: Text<96>,
}

/// Value of `LINE_NAMES`, by line: for people and for `igtm map`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineName {
    /// Empty behind the last line.
    pub name: Text<256>,
}

/// Buckets of `LISTEN`.
pub const LISTEN_BUCKETS: u32 = 256;

/// Most addresses in `LISTEN`.
pub const LISTEN: usize = 256;

/// Value of `LISTEN`: the answered addresses of one [`listen_bucket`]; unused ones are zero.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Network order; IPv4 as ::ffff:a.b.c.d.
    pub addresses: [[u8; 16]; 4],
}

/// Where an address stands in `LISTEN`; the daemon picks `seed` so that no bucket overflows.
/// `high` and `low` are its octets as two words in memory order.
#[inline(always)]
pub const fn listen_bucket(seed: u64, high: u64, low: u64) -> u32 {
    ((high ^ low.rotate_left(32)).wrapping_mul(seed) >> 56) as u32
}

/// Positions of `INTERFACES`.
pub const INTERFACE_SLOTS: u32 = 1024;

/// Most interfaces.
pub const INTERFACES: usize = 64;

/// Value of `INTERFACES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its index; 0: none here.
    pub index: u32,
    /// Its own unicast address.
    pub mac: [u8; 6],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
    /// For people.
    pub name: Text<16>,
}

/// Where an interface stands in `INTERFACES`; the daemon picks `seed` so that no two meet.
#[inline(always)]
pub const fn interface_slot(seed: u32, index: u32) -> u32 {
    index.wrapping_mul(seed) >> 22
}

/// Response rate limiting (`[limits]`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What a prefix may be sent.
    pub limit: Limit,
    /// Secret of [`crate::rate::prefix_hash`].
    pub key: [u64; 2],
    /// Bits of an IPv4 source that count.
    pub v4_bits: u32,
    /// Bits of an IPv6 source that count.
    pub v6_bits: u32,
}

/// Elements of `RATES`.
pub const RATES: u32 = 1 << 17;

/// The one value of `SETTINGS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// [`ABI_VERSION`] of who wrote it.
    pub abi: u32,
    /// The epoch that is answered from, or [`EPOCH_NONE`].
    pub epoch: u32,
    /// UDP port, network order.
    pub port: u16,
    /// Largest UDP reply, octets.
    pub udp_size: u16,
    /// [`interface_slot`]'s.
    pub interface_seed: u32,
    /// [`listen_bucket`]'s.
    pub listen_seed: u64,
    /// Nanoseconds after which the kernel stops answering without a daemon; 0: never.
    pub stale_after_ns: u64,
    /// When the daemon last wrote, CLOCK_MONOTONIC nanoseconds.
    pub heartbeat_ns: u64,
    /// Secret of the name hash.
    pub hash_key: HashKey,
    /// Response rate limiting.
    pub limits: Limits,
    /// Secrets of server cookies.
    pub cookies: Secrets,
    /// Seconds since 1970 when CLOCK_MONOTONIC was 0, modulo 2^32 (RFC 9018 §4.3).
    pub boot_time: u32,
    /// Buckets of `NAMES` that are in use, by epoch.
    pub buckets: [u32; 2],
    /// Labels of the longest name in `NAMES`, by epoch: no longer one exists.
    pub deepest: [u8; 2],
    /// Whether EDNS client subnet chooses the line, 0 or 1.
    pub ecs: u8,
    /// Of how many frames with one outcome one is sampled, as a mask of their count.
    pub sample_mask: u8,
    /// Changes applied since the maps were made.
    pub generation: u64,
}

/// Elements of `SAMPLES` and of each CPU.
pub const SAMPLES: u32 = 512;

/// Octets of a name that a sample keeps.
pub const SAMPLE_NAME: usize = 128;

/// Value of `SAMPLES`, one a CPU: a query that was seen, and what became of it. The oldest is
/// overwritten.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many samples this CPU had taken with this one; written last.
    pub sequence: u64,
    /// CLOCK_MONOTONIC nanoseconds.
    pub time_ns: u64,
    /// Source address as two numbers, IPv4 in the upper 32 bits of the first.
    pub source: [u64; 2],
    /// What the line was looked up by: the source, or the client subnet's network address.
    pub client: [u64; 2],
    /// Slot that answered, or [`NO_ANSWER`].
    pub slot: u32,
    /// [`crate::counter::Counter`].
    pub outcome: u32,
    /// QTYPE, host order.
    pub qtype: u16,
    /// Octets of `name` that are of the name.
    pub name_octets: u16,
    /// 1 when `source` is an IPv6 address.
    pub source_v6: u8,
    /// 1 when `client` is an IPv6 address.
    pub client_v6: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 2],
    /// In wire format, as it came, cut.
    pub name: [u8; SAMPLE_NAME],
    /// As `sequence`, but written first: a reader that finds both alike has read a whole sample.
    pub begun: u64,
}

/// Slots that share one element of `SLOT_COUNTS`.
pub const SLOT_COUNTS: u32 = 64;

/// Value of `SLOT_COUNTS`, one a CPU: replies from each of so many consecutive slots.
pub type SlotCounts = [u64; SLOT_COUNTS as usize];

const _: () = {
    assert!(size_of::<NameBucket>() == 256 && core::mem::offset_of!(NameBucket, name) == 64);
    assert!(size_of::<NameRef>() == 16);
    assert!(size_of::<Slot>() == 8);
    assert!(size_of::<ZoneEntry>() == 648);
    assert!(size_of::<Listen>() == 64);
    assert!(size_of::<Interface>() == 28);
    assert!(size_of::<Limits>() == 48);
    assert!(size_of::<Settings>() == 40 + 8 * (NAME_WORDS + 1) + 48 + 32 + 24);
    assert!(size_of::<Sample>() == 200);
    assert!(LISTEN_BUCKETS == 1 << 8 && INTERFACE_SLOTS == 1 << 10);
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
    pod!(
        NameKey NameBucket View Slot SmallAnswer LargeAnswer ZoneEntry LineName Listen Interface
        Settings Sample Counters
    );
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

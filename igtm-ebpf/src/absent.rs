//! Whether a name that is not in NAMES does not exist at all: the closest name above it that exists
//! says so, and says in which zone (RFC 4592 §3.3.1, RFC 8020).
//!
//! A flood of random names ends here, so it costs about as little as a hit: names longer than the
//! longest that exists are looked up from there on.

use aya_ebpf::{
    bindings::xdp_md, btf_maps::PerCpuArray, helpers::bpf_xdp_load_bytes, macros::btf_map,
};
use igtm_common::{
    counter::Counter,
    layout::{EXISTS, OPEN_BELOW, Settings},
    name::{NAME_OCTETS, NAME_WORDS, NameHash, WORD, lowercase},
    reply::HEADER_OCTETS,
};

use crate::{answer::Work, lookup};

/// Names above that are looked up at most; with more the query is passed up.
const MOST: usize = 12;
/// Most labels of a name (RFC 1035 §3.1).
const LABELS: usize = 127;
/// Room for a name and the word behind its last octet.
const ROOM: usize = 512;

/// The name that is asked for. Not pinned: empty between two frames.
#[btf_map]
static ABSENT_NAME: PerCpuArray<[u8; ROOM], 1> = PerCpuArray::new();

/// The zone in which the query's name does not exist.
#[inline(always)]
pub(crate) fn zone(
    ctx: *mut xdp_md,
    settings: &Settings,
    work: &Work,
) -> Result<u32, Counter> {
    let Work { epoch, frame, query, .. } = work;
    let name = ABSENT_NAME.get_ptr_mut(0).ok_or(Counter::PassUserspace)?;
    let octets = query.name_octets as u32;
    if octets == 0 || octets > NAME_OCTETS as u32 {
        return Err(Counter::PassBadName);
    }
    let from = (frame.message_at + HEADER_OCTETS) as u32;
    // SAFETY: the buffer has more than `NAME_OCTETS` octets and is this CPU's.
    let (failed, name) = unsafe {
        let failed = bpf_xdp_load_bytes(ctx, from, name.cast(), octets);
        (failed, &*name)
    };
    if failed != 0 {
        return Err(Counter::PassBadName);
    }
    let labels = labels(name);
    let deepest = settings.deepest[(*epoch & 1) as usize];
    // The name itself is not there.
    let above = labels.saturating_sub(u32::from(deepest)).max(1);
    let mut at = 0;
    for label in 0..LABELS as u32 {
        if label == above {
            break;
        }
        at += 1 + usize::from(name[at & (NAME_OCTETS)]);
    }
    for _ in 0..MOST {
        if at >= octets as usize {
            return Err(Counter::PassNoZone);
        }
        let hash = hash(settings, name, at, octets as usize - 1);
        let found = lookup::named(hash.0, *epoch);
        if found.flags & EXISTS != 0 {
            if found.flags & OPEN_BELOW != 0 {
                return Err(Counter::PassUserspace);
            }
            return Ok(found.zone.into());
        }
        at += 1 + usize::from(name[at & NAME_OCTETS]);
    }
    Err(Counter::PassUserspace)
}

/// How many labels a name has, the root not counted.
#[inline(always)]
fn labels(name: &[u8; ROOM]) -> u32 {
    let mut at = 0;
    for label in 0..LABELS as u32 {
        let octets = name[at & NAME_OCTETS];
        if octets == 0 {
            return label;
        }
        at += 1 + usize::from(octets);
    }
    LABELS as u32
}

/// The hash of the name that begins at `at` and whose root label is at `end`.
#[inline(always)]
fn hash(settings: &Settings, name: &[u8; ROOM], at: usize, end: usize) -> NameHash {
    let mut hash = NameHash::default();
    for word_at in 0..NAME_WORDS {
        let from = at + WORD * word_at;
        if from >= end {
            break;
        }
        // SAFETY: NAME_OCTETS + 8 octets are inside the buffer.
        let word = unsafe {
            name.as_ptr()
                .add(from & NAME_OCTETS)
                .cast::<u64>()
                .read_unaligned()
        };
        let left = end - from;
        let word = u64::from_le(word);
        let word = if left < WORD {
            word & ((1 << (8 * left)) - 1)
        } else {
            word
        };
        hash.absorb(&settings.hash_key, word_at, lowercase(word));
    }
    hash
}

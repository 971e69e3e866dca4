//! Whether a name that is not in NAMES does not exist at all: the closest name above it that exists
//! says so, and says in which zone (RFC 4592 §3.3.1, RFC 8020).
//!
//! A flood of random names ends here, so it costs about as little as a hit: no name longer than the
//! longest that exists is looked up. Loops by bpf_loop, whose body is verified once.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::xdp_md,
    btf_maps::PerCpuArray,
    helpers::{bpf_loop, bpf_xdp_load_bytes},
    macros::btf_map,
};
use igtm_common::{
    counter::Counter,
    layout::{EXISTS, OPEN_BELOW, Settings},
    name::{NAME_OCTETS, NAME_WORDS, NameHash, WORD, lowercase},
    opaque::opaque,
    reply::HEADER_OCTETS,
};

use crate::{answer::Work, lookup, maps};

/// Most labels of a name (RFC 1035 §3.1).
const LABELS: u32 = 127;
/// Most octets of a label.
const LABEL_OCTETS: u8 = 63;
/// Room for a name and the word behind its last octet.
const ROOM: usize = 512;
/// What a body of bpf_loop returns.
const GO_ON: i64 = 0;
const STOP: i64 = 1;

/// A name on the way up.
struct Walk {
    name: [u8; ROOM],
    /// Octets of the whole name.
    octets: u32,
    /// Where the name that is looked at begins.
    at: u32,
    labels: u32,
    epoch: u32,
    hash: NameHash,
    outcome: Result<u32, Counter>,
}

/// Not pinned: without meaning between two frames, and so plain words to BTF.
#[btf_map]
static WALK: PerCpuArray<[u64; size_of::<Walk>().div_ceil(8)], 1> = PerCpuArray::new();

impl Walk {
    /// This CPU's.
    #[inline(always)]
    fn current<'a>() -> Option<&'a mut Self> {
        let walk = WALK.get_ptr_mut(0)?.cast::<Self>();
        // SAFETY: this CPU's own value, with room for it; the bodies of bpf_loop refer to it one
        // at a time, and each field is written before it is read.
        Some(unsafe { &mut *walk })
    }
}

/// The zone in which the query's name does not exist.
#[inline(always)]
pub(crate) fn zone(ctx: *mut xdp_md, settings: &Settings, work: &Work) -> Result<u32, Counter> {
    let walk = Walk::current().ok_or(Counter::PassUserspace)?;
    let octets = opaque(work.query.name_octets as u64);
    if octets == 0 || octets > NAME_OCTETS as u64 {
        return Err(Counter::PassBadName);
    }
    let from = (work.frame.message_at + HEADER_OCTETS) as u32;
    let name = (&raw mut walk.name).cast();
    // SAFETY: the buffer has more than NAME_OCTETS octets.
    if unsafe { bpf_xdp_load_bytes(ctx, from, name, octets as u32) } != 0 {
        return Err(Counter::PassBadName);
    }
    walk.octets = octets as u32;
    walk.at = 0;
    walk.labels = 0;
    walk.epoch = work.epoch;
    walk.outcome = Err(Counter::PassNoZone);
    each(LABELS, next_label);
    if Walk::current().is_none_or(|walk| walk.outcome != Err(Counter::PassNoZone)) {
        return Err(Counter::PassBadName);
    }
    let deepest = u32::from(settings.deepest[(work.epoch & 1) as usize]);
    let walk = Walk::current().ok_or(Counter::PassUserspace)?;
    // The name itself is not there.
    let above = walk.labels.saturating_sub(deepest).max(1);
    walk.at = 0;
    each(above, next_label);
    each(deepest + 1, look_up);
    Walk::current().ok_or(Counter::PassUserspace)?.outcome
}

/// A body of bpf_loop; it finds its [`Walk`] itself, since only a stack can be passed.
type Body = unsafe extern "C" fn(u32, *mut c_void) -> i64;

/// Runs `body` until it stops, so many times at most.
#[inline(always)]
fn each(times: u32, body: Body) {
    // SAFETY: `body` is what the helper takes, and does not look at what it is passed.
    unsafe { bpf_loop(times, body as *mut c_void, core::ptr::null_mut(), 0) };
}

/// Goes on to the name one label up; stops at the root, and where no label can be.
unsafe extern "C" fn next_label(_: u32, _: *mut c_void) -> i64 {
    let Some(walk) = Walk::current() else {
        return STOP;
    };
    let octets = walk.name[walk.at as usize & NAME_OCTETS];
    if octets > LABEL_OCTETS || walk.at >= walk.octets {
        walk.outcome = Err(Counter::PassBadName);
        return STOP;
    }
    if octets == 0 {
        return STOP;
    }
    walk.labels += 1;
    walk.at += 1 + u32::from(octets);
    GO_ON
}

/// Looks the name up, and goes on to the one above.
unsafe extern "C" fn look_up(_: u32, _: *mut c_void) -> i64 {
    let Some(walk) = Walk::current() else {
        return STOP;
    };
    if walk.at >= walk.octets {
        return STOP;
    }
    walk.hash = NameHash::default();
    let words = (walk.octets - walk.at).div_ceil(WORD as u32);
    each(words, absorb);
    let Some(walk) = Walk::current() else {
        return STOP;
    };
    let Some(settings) = maps::SETTINGS.get(0) else {
        return STOP;
    };
    let found = lookup::named(settings, walk.hash, walk.epoch);
    if found.flags & EXISTS != 0 {
        walk.outcome = if found.flags & OPEN_BELOW == 0 {
            Ok(found.zone.into())
        } else {
            Err(Counter::PassUserspace)
        };
        return STOP;
    }
    walk.at += 1 + u32::from(walk.name[walk.at as usize & NAME_OCTETS]);
    GO_ON
}

/// Takes one word of the name into its hash.
unsafe extern "C" fn absorb(word_at: u32, _: *mut c_void) -> i64 {
    let Some(walk) = Walk::current() else {
        return STOP;
    };
    let Some(settings) = maps::SETTINGS.get(0) else {
        return STOP;
    };
    let word_at = opaque(word_at.into()) as usize;
    if word_at >= NAME_WORDS {
        return STOP;
    }
    let from = walk.at as usize + WORD * word_at;
    let left = walk.octets.wrapping_sub(from as u32);
    // SAFETY: NAME_OCTETS + 8 octets are inside the buffer.
    let word = unsafe {
        let name = walk.name.as_ptr().add(from & NAME_OCTETS);
        name.cast::<u64>().read_unaligned()
    };
    let word = u64::from_le(word);
    let word = if left < WORD as u32 {
        word & ((1 << (8 * left)) - 1)
    } else {
        word
    };
    walk.hash
        .absorb(&settings.hash_key, word_at, lowercase(word));
    GO_ON
}

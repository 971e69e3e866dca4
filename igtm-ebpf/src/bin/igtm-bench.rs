//! What BPF_PROG_TEST_RUN calls: the answering code of `igtm` with its random number given, and
//! with its query put back for a measurement. Never attached; loaded by tests and figures only.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "#[xdp] needs `pub` and makes an undocumented wrapper"
)]

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::Array,
    helpers::{bpf_get_prandom_u32, bpf_xdp_adjust_tail, bpf_xdp_store_bytes},
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use igtm_common::layout::Settings;
use igtm_common::measure::{CIRCLE_STEPS, Cell, QUERY_OCTETS, SavedQuery};
use igtm_ebpf::{
    answer::{self, Inputs, Live},
    frame::ethernet,
    packet::Packet,
};

/// The queries that a measurement puts back; as many as it wants, a power of two.
#[btf_map]
static QUERIES_SAVED: Array<SavedQuery, 1024> = Array::new();

/// One less than how many there are.
#[btf_map]
static QUERIES_MASK: Array<u32, 1> = Array::new();

/// Cells that refer to each other in one circle, in no order, larger than the caches.
#[btf_map]
static CIRCLE: Array<Cell, 1024> = Array::new();

/// Where in the circle the next run of [`igtm_circle`] begins.
#[btf_map]
static CIRCLE_AT: Array<u32, 1> = Array::new();

/// What a test wants chance and time to be.
struct Given {
    random: u32,
    seconds: u32,
}

impl Inputs for Given {
    #[inline(always)]
    fn random(&self) -> u32 {
        self.random
    }

    #[inline(always)]
    fn seconds(&self, _settings: &Settings) -> u32 {
        self.seconds
    }
}

/// What `igtm` does, random number and time read from the frame's metadata.
#[xdp]
pub fn igtm_given(ctx: XdpContext) -> u32 {
    let meta = ctx.metadata();
    if meta + 8 > ctx.metadata_end() {
        return xdp_action::XDP_ABORTED;
    }
    // SAFETY: eight octets of metadata are there; the kernel aligns them to four.
    let [random, seconds] = unsafe { *(meta as *const [u32; 2]) };
    answer::answer(&ctx, &Given { random, seconds })
}

/// The least that answers: addresses swapped.
#[xdp]
pub fn igtm_reflector(ctx: XdpContext) -> u32 {
    reflect(&ctx)
}

#[inline(always)]
fn reflect(ctx: &XdpContext) -> u32 {
    match ethernet(&Packet::of(ctx)) {
        Some(ethernet) => {
            ethernet.turn_round();
            xdp_action::XDP_TX
        }
        None => xdp_action::XDP_PASS,
    }
}

/// The reflector after [`CIRCLE_STEPS`] loads, each from where the one before says.
#[xdp]
pub fn igtm_circle(ctx: XdpContext) -> u32 {
    let Some(at) = CIRCLE_AT.get_ptr_mut(0) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: one run after the other; nobody else has this map.
    let mut cell = unsafe { *at };
    for _ in 0..CIRCLE_STEPS {
        let Some(next) = CIRCLE.get(cell) else {
            return xdp_action::XDP_ABORTED;
        };
        cell = next.next;
    }
    // SAFETY: as above.
    unsafe { *at = cell };
    reflect(&ctx)
}

/// Puts one of the saved queries into the frame, then does what `igtm` does.
#[xdp]
pub fn igtm_restore_hit(ctx: XdpContext) -> u32 {
    if !restore(&ctx) {
        return xdp_action::XDP_ABORTED;
    }
    answer::answer(&ctx, &Live)
}

/// What of [`igtm_restore_hit`] is not the hit.
#[xdp]
pub fn igtm_restore_only(ctx: XdpContext) -> u32 {
    if restore(&ctx) {
        xdp_action::XDP_TX
    } else {
        xdp_action::XDP_ABORTED
    }
}

#[inline(always)]
fn restore(ctx: &XdpContext) -> bool {
    let Some(mask) = QUERIES_MASK.get(0) else {
        return false;
    };
    // SAFETY: the helper has no preconditions.
    let at = unsafe { bpf_get_prandom_u32() } & *mask;
    let Some(saved) = QUERIES_SAVED.get(at) else {
        return false;
    };
    let len = saved.len;
    if len == 0 || len > QUERY_OCTETS as u32 {
        return false;
    }
    let now = Packet::of(ctx).octets();
    // SAFETY: the context is this program's own.
    let failed = unsafe { bpf_xdp_adjust_tail(ctx.ctx, len as i32 - now as i32) } != 0;
    if failed {
        return false;
    }
    // SAFETY: `octets` has QUERY_OCTETS, no fewer than `len`; the helper checks the frame's bounds.
    unsafe { bpf_xdp_store_bytes(ctx.ctx, 0, saved.octets.as_ptr().cast_mut().cast(), len) == 0 }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // No path reaches this: the verifier refuses a program with an endless loop.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

//! The XDP program: parse → look up → answer → count → verdict.
//!
//! Thin on purpose: what a reply looks like is `igtm_common::reply`'s, what is answered is
//! in the maps. Whatever is not answered is passed, whole and unchanged, and counted.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "#[xdp] needs `pub` and makes an undocumented wrapper"
)]

mod answer;
mod frame;
mod maps;
mod query;
mod verdict;

use aya_ebpf::{
    bindings::xdp_action, helpers::bpf_get_prandom_u32, macros::xdp, programs::XdpContext,
};

use crate::frame::{Frame, Packet};

/// What runs on the interfaces.
#[xdp]
pub fn igtm(ctx: XdpContext) -> u32 {
    // SAFETY: the helper has no preconditions.
    let random = unsafe { bpf_get_prandom_u32() };
    answer::answer(&ctx, random)
}

/// What BPF_PROG_TEST_RUN calls: the same, the random number read from the frame's
/// metadata. Never attached, loaded by tests only.
#[xdp]
pub fn igtm_given_random(ctx: XdpContext) -> u32 {
    let meta = ctx.metadata();
    if meta + 4 > ctx.metadata_end() {
        return xdp_action::XDP_ABORTED;
    }
    // SAFETY: four octets of metadata are there; the kernel aligns them to four.
    let random = unsafe { *(meta as *const u32) };
    answer::answer(&ctx, random)
}

/// What a benchmark subtracts its hits from: the least that answers, addresses swapped.
/// Never attached, loaded by tests only.
#[xdp]
pub fn igtm_reflector(ctx: XdpContext) -> u32 {
    match Frame::ethernet(&Packet::of(&ctx)) {
        Some(ethernet) => {
            ethernet.turn_round();
            xdp_action::XDP_TX
        }
        None => xdp_action::XDP_PASS,
    }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // No path reaches this: the verifier refuses a program with an endless loop.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

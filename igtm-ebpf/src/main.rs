//! The program that is attached. Must not hold anything that only tests load.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "#[xdp] needs `pub` and makes an undocumented wrapper"
)]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use igtm_ebpf::answer::{Live, answer};

/// What runs on the interfaces.
#[xdp]
pub fn igtm(ctx: XdpContext) -> u32 {
    answer(&ctx, &Live)
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // No path reaches this: the verifier refuses a program with an endless loop.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

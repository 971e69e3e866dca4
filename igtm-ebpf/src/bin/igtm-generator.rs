//! The benchmark's own programs: what sends queries, what counts replies, and the least server
//! there can be. Loaded by `igtm-bench` only; uses nothing of the product's program.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "#[xdp] needs `pub` and makes an undocumented wrapper"
)]

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::{Array, PerCpuArray},
    helpers::{bpf_ktime_get_ns, bpf_redirect, bpf_xdp_adjust_tail, bpf_xdp_store_bytes},
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use igtm_common::generator::{
    FRAME_OCTETS, Plan, Progress, Replies, SOURCE_NET, TEMPLATE_OCTETS, TEMPLATES, Template,
};

/// Ethernet, IPv4 without options, UDP, DNS header.
const HEADERS: usize = 14 + 20 + 8 + 12;
const IP_CHECKSUM: usize = 14 + 10;
const SOURCE: usize = 14 + 12;
const DESTINATION: usize = 14 + 16;
const SOURCE_PORT: usize = 34;
const UDP_CHECKSUM: usize = 34 + 6;
const ID: usize = 42;
/// Frames that are sent at once. Interrupt moderation of a network card does the like; one at a
/// time, a paced run would measure how long a sleeping CPU takes to wake.
const BURST: u64 = 16;
/// Frames that may be sent at once after a pause; more is forgiven, or one late moment of ours
/// would overflow the server's queue of 256.
const LATE: u64 = 64;

#[btf_map]
static TEMPLATE: Array<Template, TEMPLATES> = Array::new();

#[btf_map]
static PLAN: Array<Plan, 1> = Array::new();

#[btf_map]
static PROGRESS: PerCpuArray<Progress, 1> = PerCpuArray::new();

#[btf_map]
static REPLIES: PerCpuArray<Replies, 1> = PerCpuArray::new();

/// Run over live frames: makes each a query when one is due, and drops it otherwise.
#[xdp]
pub fn generate(ctx: XdpContext) -> u32 {
    let (Some(plan), Some(progress)) = (PLAN.get(0), PROGRESS.get_ptr_mut(0)) else {
        return xdp_action::XDP_DROP;
    };
    // SAFETY: the element is this CPU's own, and live frames run with bottom halves off.
    let progress = unsafe { &mut *progress };
    if !due(plan, progress) {
        return xdp_action::XDP_DROP;
    }
    let random = next(&mut progress.random);
    if !fill(&ctx, random, plan.sources) {
        return xdp_action::XDP_DROP;
    }
    progress.sent += 1;
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_redirect(plan.ifindex, 0) as u32 }
}

/// Whether the schedule is behind by a burst, or inside of one; takes one frame of it.
#[inline(always)]
fn due(plan: &Plan, progress: &mut Progress) -> bool {
    if plan.rate == 0 {
        if progress.sent.is_multiple_of(LATE) {
            elapsed(progress);
        }
        return true;
    }
    if progress.scheduled >= progress.due {
        let due = elapsed(progress).wrapping_mul(plan.rate) >> 32;
        if due < progress.scheduled + BURST {
            return false;
        }
        progress.due = due;
        progress.scheduled = progress.scheduled.max(due.saturating_sub(LATE));
    }
    progress.scheduled += 1;
    true
}

/// Nanoseconds since the first frame of all.
#[inline(always)]
fn elapsed(progress: &mut Progress) -> u64 {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    if progress.first_ns == 0 {
        progress.first_ns = now;
    }
    progress.last_ns = now;
    now.wrapping_sub(progress.first_ns)
}

/// xorshift64* (Vigna 2016).
#[inline(always)]
fn next(state: &mut u64) -> u64 {
    let mut x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    x.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// Makes the frame a query: the template, then source address, port and id with their checksums.
#[inline(always)]
fn fill(ctx: &XdpContext, random: u64, sources: u32) -> bool {
    let Some(template) = TEMPLATE.get((random >> 56) as u32 % TEMPLATES as u32) else {
        return false;
    };
    let len = template.len;
    if !(HEADERS as u32..=TEMPLATE_OCTETS as u32).contains(&len) {
        return false;
    }
    let delta = len as i32 - FRAME_OCTETS as i32;
    // SAFETY: the context is this program's own.
    if unsafe { bpf_xdp_adjust_tail(ctx.ctx, delta) } != 0 {
        return false;
    }
    let octets = template.octets.as_ptr().cast_mut().cast();
    // SAFETY: `octets` has TEMPLATE_OCTETS, no fewer than `len`; the helper checks the frame's
    // bounds.
    if unsafe { bpf_xdp_store_bytes(ctx.ctx, 0, octets, len) } != 0 {
        return false;
    }
    let start = ctx.data();
    if start + HEADERS > ctx.data_end() {
        return false;
    }
    // 24 bits of the number choose the address, 14 the port, 16 the id.
    let source = (((random & 0xff_ffff) * u64::from(sources)) >> 24) as u32;
    let source = u32::from(SOURCE_NET) << 24 | source;
    let port = 0x8000 | (random >> 24 & 0x3fff) as u16;
    let id = (random >> 38) as u16;
    let address_sum = (source >> 16) + (source & 0xffff);
    let ip = !fold(template.ip_sum + address_sum);
    let udp = !fold(template.udp_sum + address_sum + u32::from(port) + u32::from(id));
    // SAFETY: all lie inside HEADERS, which the frame has.
    unsafe {
        ((start + SOURCE) as *mut u32).write_unaligned(source.to_be());
        ((start + IP_CHECKSUM) as *mut u16).write_unaligned(ip.to_be());
        ((start + SOURCE_PORT) as *mut u16).write_unaligned(port.to_be());
        // 0 would mean none (RFC 768).
        let udp = if udp == 0 { 0xffff } else { udp };
        ((start + UDP_CHECKSUM) as *mut u16).write_unaligned(udp.to_be());
        ((start + ID) as *mut u16).write_unaligned(id.to_be());
    }
    true
}

#[inline(always)]
fn fold(sum: u32) -> u16 {
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + sum) as u16
}

/// At the client's end: counts replies to generated queries and drops them, passes the rest.
#[xdp]
pub fn count(ctx: XdpContext) -> u32 {
    let start = ctx.data();
    if start + HEADERS > ctx.data_end() {
        return xdp_action::XDP_PASS;
    }
    let octet = |at: usize| {
        // SAFETY: every use is inside HEADERS, which the frame has.
        unsafe { *((start + at) as *const u8) }
    };
    if octet(12) != 8 || octet(13) != 0 || octet(DESTINATION) != SOURCE_NET {
        return xdp_action::XDP_PASS;
    }
    let Some(replies) = REPLIES.get_ptr_mut(0) else {
        return xdp_action::XDP_DROP;
    };
    // SAFETY: the element is this CPU's own, and XDP runs with bottom halves off.
    let replies = unsafe { &mut *replies };
    let is_reply = octet(ID + 2) & 0x80 != 0;
    let is_whole = octet(ID + 2) & 0x02 == 0 && octet(ID + 3) & 0x0f == 0;
    if is_reply && is_whole && octet(ID + 7) != 0 {
        replies.answered += 1;
    } else {
        replies.other += 1;
    }
    xdp_action::XDP_DROP
}

/// The least server: Ethernet addresses and IPv4 addresses swapped, and marked as an answer, so
/// that [`count`] takes it for one.
#[xdp]
pub fn reflect(ctx: XdpContext) -> u32 {
    let start = ctx.data();
    if start + HEADERS > ctx.data_end() {
        return xdp_action::XDP_PASS;
    }
    // SAFETY: all lie inside HEADERS, which the frame has.
    unsafe {
        if *((start + 12) as *const u8) != 8 || *((start + DESTINATION) as *const u8) == 255 {
            return xdp_action::XDP_PASS;
        }
        let macs = start as *mut [[u16; 3]; 2];
        let [destination, source] = *macs;
        *macs = [source, destination];
        let (source, destination) = (
            (start + SOURCE) as *mut u32,
            (start + DESTINATION) as *mut u32,
        );
        let (from, to) = (source.read_unaligned(), destination.read_unaligned());
        source.write_unaligned(to);
        destination.write_unaligned(from);
        *((start + ID + 2) as *mut u8) |= 0x80;
        *((start + ID + 7) as *mut u8) = 1;
    }
    xdp_action::XDP_TX
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // No path reaches this: the verifier refuses a program with an endless loop.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

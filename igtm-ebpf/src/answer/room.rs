//! Makes a frame longer or shorter: the last thing that can fail before it is changed.

use aya_ebpf::{
    bindings::xdp_md,
    btf_maps::PerCpuArray,
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_load_bytes, bpf_xdp_store_bytes},
    macros::btf_map,
};
use igtm_common::{counter::Counter, name::NAME_OCTETS, reply::HEADER_OCTETS};

use crate::frame::HEADERS;

/// What a reply keeps of its query at most: all headers and the question.
const KEPT: usize = HEADERS + HEADER_OCTETS + NAME_OCTETS + 4;

/// What is kept, while the frame's start moves. Not pinned: empty between two frames.
#[btf_map]
static KEPT_OCTETS: PerCpuArray<[u8; KEPT], 1> = PerCpuArray::new();

/// Gives the frame `new` octets instead of `old`; its first `kept` ones stay as they are.
///
/// Behind the frame where the driver left room, else in front of it: a veth copies each frame
/// into a buffer that ends with it (Linux 6.8), but has 256 octets of headroom as every driver.
#[inline(always)]
pub(super) fn resize(ctx: *mut xdp_md, old: usize, new: usize, kept: usize) -> Result<(), Counter> {
    let grow = new as i32 - old as i32;
    // SAFETY: the context is this program's own.
    if unsafe { bpf_xdp_adjust_tail(ctx, grow) } == 0 {
        return Ok(());
    }
    if grow <= 0 || kept == 0 || kept > KEPT {
        return Err(Counter::PassNoRoom);
    }
    let buffer = KEPT_OCTETS.get_ptr_mut(0).ok_or(Counter::PassNoRoom)?;
    let kept = kept as u32;
    // SAFETY: the buffer has `KEPT` octets and is this CPU's; the helpers check the frame's bounds.
    unsafe {
        if bpf_xdp_load_bytes(ctx, 0, buffer.cast(), kept) != 0
            || bpf_xdp_adjust_head(ctx, -grow) != 0
        {
            return Err(Counter::PassNoRoom);
        }
        if bpf_xdp_store_bytes(ctx, 0, buffer.cast(), kept) != 0 {
            return Err(Counter::DropBroken);
        }
    }
    Ok(())
}

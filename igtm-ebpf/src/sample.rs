//! A sample of the queries, for `igtm tail` and for what is asked most: every n-th of each outcome.
//!
//! Each CPU writes a ring of its own and overwrites the oldest, so nobody has to read it, and any
//! number may.

use aya_ebpf::{
    bindings::xdp_md,
    helpers::{bpf_ktime_get_coarse_ns, bpf_xdp_load_bytes},
};
use igtm_common::{
    layout::{SAMPLE_NAME, SAMPLES},
    opaque::opaque,
    reply::HEADER_OCTETS,
};

use crate::{
    answer::{Opaque, Work, of},
    maps,
};

/// Keeps the query. The question is where it was, also in a reply.
#[inline(never)]
pub(crate) fn take(ctx: *mut xdp_md, work: Opaque, outcome: u32) {
    let Work {
        frame,
        query,
        options,
        found,
        ..
    } = of(work);
    let Some(count) = maps::SAMPLED.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own value.
    let sequence = unsafe {
        *count += 1;
        *count
    };
    let Some(sample) = maps::SAMPLES.get_ptr_mut(sequence as u32 % SAMPLES) else {
        return;
    };
    // Opaque, or the compiler, which knows that no name is empty, takes the check out.
    let octets = opaque((query.name_octets as u64).min(SAMPLE_NAME as u64));
    if octets == 0 || octets > SAMPLE_NAME as u64 {
        return;
    }
    // SAFETY: this CPU's own value; the name's field has SAMPLE_NAME octets. Written whole in the
    // order that a reader relies on.
    unsafe {
        (&raw mut (*sample).begun).write_volatile(sequence);
        (*sample).time_ns = bpf_ktime_get_coarse_ns();
        (*sample).source = [frame.source.high, frame.source.low];
        (*sample).client = [options.client.high, options.client.low];
        (*sample).slot = found.slot;
        (*sample).outcome = outcome;
        (*sample).qtype = query.qtype;
        (*sample).name_octets = octets as u16;
        (*sample).source_v6 = frame.v6.into();
        (*sample).client_v6 = options.client_v6.into();
        let from = (frame.message_at + HEADER_OCTETS) as u32;
        let to = (&raw mut (*sample).name).cast();
        bpf_xdp_load_bytes(ctx, from, to, octets as u32);
        (&raw mut (*sample).sequence).write_volatile(sequence);
    }
}

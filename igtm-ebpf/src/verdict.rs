//! From an outcome to a verdict, and the one place that counts.

use aya_ebpf::bindings::xdp_action;
use igtm_common::counter::Counter;

use crate::maps;

/// Counts an outcome and names its verdict: replies are sent back, all else is passed.
#[inline(always)]
pub(crate) fn reached(outcome: Result<Counter, Counter>) -> u32 {
    let (counter, verdict) = match outcome {
        Ok(counter) => (counter, xdp_action::XDP_TX),
        Err(Counter::LimitedDrop) => (Counter::LimitedDrop, xdp_action::XDP_DROP),
        // The frame was resized and cannot be given back whole.
        Err(Counter::DropBroken) => (Counter::DropBroken, xdp_action::XDP_DROP),
        Err(counter) => (counter, xdp_action::XDP_PASS),
    };
    count(counter);
    verdict
}

/// How many frames with this outcome this CPU has had.
#[inline(always)]
pub(crate) fn counted(counter: Counter) -> u64 {
    let Some(counters) = maps::COUNTERS.get_ptr(0) else {
        return 0;
    };
    // SAFETY: as in `count`.
    unsafe { *counters.cast::<u64>().add(counter as usize) }
}

#[inline(always)]
fn count(counter: Counter) {
    let Some(counters) = maps::COUNTERS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: Counters is one u64 for each Counter, in order, so the field is inside
    // the value; the value is this CPU's own.
    unsafe {
        let field = counters.cast::<u64>().add(counter as usize);
        *field += 1;
    }
}

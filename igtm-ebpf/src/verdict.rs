//! From an outcome to a verdict, and the one place that counts.

use core::hint::black_box;

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
    // SAFETY: inside the value, which is this CPU's own.
    field(counter).map_or(0, |field| unsafe { *field })
}

#[inline(always)]
fn count(counter: Counter) {
    if let Some(field) = field(counter) {
        // SAFETY: as in `counted`.
        unsafe { *field += 1 };
    }
}

/// Where a counter stands: Counters is one u64 for each, in order.
#[inline(always)]
fn field(counter: Counter) -> Option<*mut u64> {
    let counters = maps::COUNTERS.get_ptr_mut(0)?.cast::<u64>();
    // The compiler knows it to be one of them; the verifier does not when it was kept in memory.
    let at = black_box(counter as usize);
    if at >= Counter::ALL.len() {
        return None;
    }
    // SAFETY: inside the value.
    Some(unsafe { counters.add(at) })
}

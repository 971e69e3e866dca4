//! From an outcome to a verdict, and the one place that counts.

use aya_ebpf::bindings::xdp_action;
use igtm_common::{counter::Counter, opaque::opaque};

use crate::maps;

/// Counts an outcome and names its verdict: replies are sent back, all else is passed. Also how often
/// this CPU has had it.
#[inline(always)]
pub(crate) fn reached(outcome: Result<Counter, Counter>) -> (u32, u64) {
    let (counter, verdict) = match outcome {
        Ok(counter) => (counter, xdp_action::XDP_TX),
        Err(Counter::LimitedDrop) => (Counter::LimitedDrop, xdp_action::XDP_DROP),
        // The frame was resized and cannot be given back whole.
        Err(Counter::DropBroken) => (Counter::DropBroken, xdp_action::XDP_DROP),
        Err(counter) => (counter, xdp_action::XDP_PASS),
    };
    (verdict, count(counter))
}

#[inline(always)]
fn count(counter: Counter) -> u64 {
    let Some(field) = field(counter) else {
        return 0;
    };
    // SAFETY: inside the value, which is this CPU's own.
    unsafe {
        *field += 1;
        *field
    }
}

/// Where a counter stands: Counters is one u64 for each, in order.
#[inline(always)]
fn field(counter: Counter) -> Option<*mut u64> {
    let counters = maps::COUNTERS.get_ptr_mut(0)?.cast::<u64>();
    // The compiler knows it to be one of them; the verifier does not when it was kept in memory.
    let at = opaque((counter as u32).into()) as usize;
    if at >= Counter::ALL.len() {
        return None;
    }
    // SAFETY: inside the value.
    Some(unsafe { counters.add(at) })
}

//! From an outcome to a verdict, and the one place that counts.

use aya_ebpf::bindings::xdp_action;
use igtm_common::counter::Counter;

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
    let Some(counters) = maps::COUNTERS.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: Counters is one u64 for each Counter, in order, so the field is inside
    // the value; the value is this CPU's own.
    unsafe {
        let field = counters.cast::<u64>().add(counter as usize);
        *field += 1;
        *field
    }
}

//! Response rate limiting: whether the source's prefix may be sent another reply.

use aya_ebpf::helpers::bpf_ktime_get_coarse_ns;
use igtm_common::{
    counter::Counter,
    layout::{RATES, Settings},
    rate::{Outcome, bucket_of, prefix_hash},
};

use crate::{answer::Work, maps};

/// Whether the reply is to be truncated; an error when there is to be none. Who has shown a cookie
/// of ours is where it says, and is not limited.
#[inline(always)]
pub(crate) fn check(settings: &Settings, work: &Work) -> Result<bool, Counter> {
    let Work { frame, options, .. } = work;
    let limits = &settings.limits;
    if limits.limit.interval_ns == 0 || options.known {
        return Ok(false);
    }
    let bits = if frame.v6 {
        limits.v6_bits
    } else {
        limits.v4_bits
    };
    let (index, tag) = prefix_hash(&limits.key, frame.source.high, frame.source.low, bits);
    let Some(bucket) = maps::RATES.get_ptr_mut(bucket_of(index, RATES)) else {
        return Ok(false);
    };
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_coarse_ns() };
    // SAFETY: a live map value; other CPUs may write it too, which `Bucket` allows for.
    match unsafe { (*bucket).take(&limits.limit, tag, now) } {
        Outcome::Pass => Ok(false),
        Outcome::Slip => Ok(true),
        Outcome::Drop => Err(Counter::LimitedDrop),
    }
}

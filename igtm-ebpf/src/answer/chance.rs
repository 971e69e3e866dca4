//! A random number for each query, cheaper than the kernel's: it spreads load and guards nothing.

use aya_ebpf::{btf_maps::PerCpuArray, helpers::bpf_get_prandom_u32, macros::btf_map};

/// What the generator goes on from. Not pinned: a program begins anew.
#[btf_map]
static CHANCE: PerCpuArray<u64, 1> = PerCpuArray::new();

/// The next number of this CPU: xorshift64 (Marsaglia, 2003), its upper and better half.
#[inline(always)]
pub(super) fn random() -> u32 {
    let Some(state) = CHANCE.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: this CPU's own value.
    let mut x = unsafe { *state };
    if x == 0 {
        // SAFETY: the helper has no preconditions.
        x = u64::from(unsafe { bpf_get_prandom_u32() }) | 1 << 32;
    }
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    // SAFETY: as above.
    unsafe { *state = x };
    (x >> 32) as u32
}

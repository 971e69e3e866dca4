//! Where a name stands in `NAMES`: in one of two buckets that its hash chooses, of two names each
//! (cuckoo hashing; Pagh and Rodler, 2001).
//!
//! So a look-up reads one cache line, at most two, whatever the number of names, and a name that is
//! not there costs no more. Kernel and daemon find names by [`find`]; `fill` places them, in the
//! daemon only. An epoch has a table of its own, which is never changed while it is answered from.

#[cfg(any(test, feature = "user"))]
mod fill;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "user"))]
pub use fill::{TableFull, fill};

use core::borrow::Borrow;

use crate::layout::{NameBucket, NameKey, NameRef};

/// Odd, with bits all over (the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The two buckets of a name, of so many.
#[inline(always)]
pub const fn places(key: NameKey, buckets: u32) -> [u32; 2] {
    [place(key.hash[0], buckets), place(key.hash[1], buckets)]
}

/// Names that differ in little have hashes that are sums of few products, lattices and no random
/// numbers: folded and spread twice, then scaled to the range.
#[inline(always)]
const fn place(hash: u64, buckets: u32) -> u32 {
    let once = (hash ^ (hash >> 32)).wrapping_mul(SPREAD);
    let twice = (once ^ (once >> 32)).wrapping_mul(SPREAD) >> 32;
    ((twice * buckets as u64) >> 32) as u32
}

/// What the name is, in a table of so many buckets; all zeros when it is not there. `bucket` gives
/// the bucket at a place.
#[inline(always)]
pub fn find<B: Borrow<NameBucket>>(
    key: NameKey,
    buckets: u32,
    bucket: impl Fn(u32) -> Option<B>,
) -> NameRef {
    let [first, second] = places(key, buckets);
    within(key, bucket(first))
        .or_else(|| within(key, bucket(second)))
        .unwrap_or_default()
}

/// A place without a name has the hash 0 and is all zeros: should a name hash to 0, it is not there.
#[inline(always)]
fn within<B: Borrow<NameBucket>>(key: NameKey, bucket: Option<B>) -> Option<NameRef> {
    let bucket = bucket?;
    let NameBucket { key: keys, of, .. } = bucket.borrow();
    if is(keys[0], key) {
        Some(of[0])
    } else if is(keys[1], key) {
        Some(of[1])
    } else {
        None
    }
}

/// Two words compared as such; as arrays they would be a call.
#[inline(always)]
const fn is(one: NameKey, other: NameKey) -> bool {
    one.hash[0] == other.hash[0] && one.hash[1] == other.hash[1]
}

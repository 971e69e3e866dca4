//! A [`Bucket`] that threads and the kernel's program use at once.
//!
//! Must not decide anything: [`Bucket::take`] does.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{Bucket, Limit, Outcome};

/// The same octets as a [`Bucket`], perhaps in a map that the kernel's program writes too.
///
/// A thread may be preempted for long between reading and writing, and must not undo what others
/// charged meanwhile: it writes the time only where that is still what it read. What it reads of
/// tag and count may be of another moment than the time: then a prefix is counted as another
/// for one reply, as when two share a bucket.
#[repr(C)]
#[derive(Debug, Default)]
pub struct SharedBucket {
    tag: AtomicU32,
    limited: AtomicU32,
    due_ns: AtomicU64,
}

const _: () = {
    assert!(size_of::<SharedBucket>() == size_of::<Bucket>());
    assert!(align_of::<SharedBucket>() == align_of::<Bucket>());
};

impl SharedBucket {
    /// What [`Bucket::take`] says, charged once.
    pub fn take(&self, limit: &Limit, tag: u32, now_ns: u64) -> Outcome {
        loop {
            let found = Bucket {
                tag: self.tag.load(Relaxed),
                limited: self.limited.load(Relaxed),
                due_ns: self.due_ns.load(Relaxed),
            };
            let mut bucket = found;
            let outcome = bucket.take(limit, tag, now_ns);
            let (before, after) = (found.due_ns, bucket.due_ns);
            if before != after
                && self
                    .due_ns
                    .compare_exchange(before, after, Relaxed, Relaxed)
                    .is_err()
            {
                continue;
            }
            if bucket.tag != found.tag {
                self.tag.store(bucket.tag, Relaxed);
            }
            if bucket.limited != found.limited {
                self.limited.store(bucket.limited, Relaxed);
            }
            return outcome;
        }
    }

    /// What it holds now.
    pub fn read(&self) -> Bucket {
        Bucket {
            tag: self.tag.load(Relaxed),
            limited: self.limited.load(Relaxed),
            due_ns: self.due_ns.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicU64;
    use std::thread;
    use std::vec::Vec;

    proptest! {
        /// Whatever comes when, of whom: the same as the kernel's, and the same is left behind.
        #[test]
        fn alone_it_is_the_bucket(
            responses in 0_u32..200,
            slip in 0_u32..4,
            arrivals in prop::collection::vec((0_u64..40_000_000, 0_u32..3), 1..300),
        ) {
            let limit = Limit::per_second(responses, slip);
            let (mut bucket, shared) = (Bucket::default(), SharedBucket::default());
            let mut now = 1_000_000_000_000_u64;
            for (later, tag) in arrivals {
                now += later;
                prop_assert_eq!(bucket.take(&limit, tag, now), shared.take(&limit, tag, now));
                prop_assert_eq!(bucket, shared.read());
            }
        }
    }

    #[test]
    fn threads_charge_every_reply_once() {
        const RATE: u32 = 1000;
        let limit = Limit::per_second(RATE, 0);
        let (shared, passed) = (SharedBucket::default(), AtomicU64::new(0));
        // No time goes by: a second's worth passes, whoever asks.
        thread::scope(|scope| {
            let ask = || {
                let took = (0..10_000).map(|_| shared.take(&limit, 7, 1 << 40));
                let pass = took.filter(|outcome| *outcome == Outcome::Pass).count();
                passed.fetch_add(pass as u64, Relaxed);
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            for thread in threads {
                thread.join().expect("it takes");
            }
        });
        assert_eq!(passed.into_inner(), u64::from(RATE));
    }
}

//! The buckets of response rate limiting, for whoever else replies.

use std::sync::Arc;

use igtm_common::rate::{Bucket, SharedBucket};

use super::Dataplane;
use super::memory::Memory;

/// RATES, which XDP charges its replies to.
pub struct Rates {
    memory: Arc<Memory<Bucket>>,
    key: [u64; 2],
}

impl Rates {
    /// The secret that leads from a prefix to its bucket.
    pub fn key(&self) -> [u64; 2] {
        self.key
    }

    /// A bucket; `None` behind the last.
    pub fn bucket(&self, at: u32) -> Option<&SharedBucket> {
        // SAFETY: it is a bucket made of atomics, of the same size and alignment.
        unsafe { self.memory.shared(at) }
    }
}

impl Dataplane {
    /// The buckets, which stay the same ones whatever becomes of other maps.
    pub fn rates(&mut self) -> Rates {
        let writer = &mut self.now.writer;
        Rates {
            key: writer.settings().limits.key,
            memory: Arc::clone(&writer.maps_mut().rates),
        }
    }
}

//! The names that exist, found as the kernel finds them.
//!
//! Must not know what a name means: that is `fixed.rs`'.

use igtm_common::bucket::{self, TableFull};
use igtm_common::layout::{NameBucket, NameKey, NameRef, Text};

/// What an epoch of `NAMES` holds.
#[derive(Debug, Default)]
pub struct Names {
    buckets: Vec<NameBucket>,
    len: usize,
}

impl Names {
    /// A table of distinct names: key, what it is, and its text for people.
    ///
    /// # Errors
    /// [`TableFull`], when the keys are no hashes.
    pub fn new(names: &[(NameKey, NameRef, Text<96>)]) -> Result<Self, TableFull> {
        Ok(Self {
            buckets: bucket::fill(names)?,
            len: names.len(),
        })
    }

    /// What a name is; `None` when there is no such name.
    pub fn find(&self, key: NameKey) -> Option<NameRef> {
        let count = self.buckets.len() as u32;
        let of = bucket::find(key, count, |at| self.buckets.get(at as usize));
        (of.flags != 0).then_some(of)
    }

    /// Every name: key, what it is, and its text, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (NameKey, NameRef, &Text<96>)> {
        self.buckets.iter().flat_map(|bucket| {
            let names = bucket.key.iter().zip(&bucket.of).zip(&bucket.name);
            names
                .filter(|((_, of), _)| of.flags != 0)
                .map(|((key, of), text)| (*key, *of, text))
        })
    }

    /// The elements of the map.
    pub fn buckets(&self) -> &[NameBucket] {
        &self.buckets
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

//! Numbers found again by the hash of what they stand for, which itself is kept elsewhere.
//!
//! What `HashMap` cannot do without a copy of every key. Nothing is ever taken out.

use super::alloc::vec;
use super::alloc::vec::Vec;

/// Positions of a new index; a power of two, as all later sizes are.
const SMALLEST: usize = 64;

/// An open-addressed table. Filled to three quarters at most, so that a search always ends.
#[derive(Clone, Debug)]
pub(super) struct Index {
    places: Vec<Option<Kept>>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    hash: u32,
    number: u32,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            places: vec![None; SMALLEST],
            len: 0,
        }
    }

    /// The number kept under `hash` that `is` confirms.
    pub(super) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.first(hash);
        while let Some(kept) = self.places[at] {
            if kept.hash == hash && is(kept.number) {
                return Some(kept.number);
            }
            at = self.next(at);
        }
        None
    }

    /// Keeps a number that is not there yet.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        self.len += 1;
        self.put(Kept { hash, number });
    }

    fn put(&mut self, kept: Kept) {
        let mut at = self.first(kept.hash);
        while self.places[at].is_some() {
            at = self.next(at);
        }
        self.places[at] = Some(kept);
    }

    fn grow(&mut self) {
        let larger = vec![None; self.places.len() * 2];
        let old = core::mem::replace(&mut self.places, larger);
        old.into_iter().flatten().for_each(|kept| self.put(kept));
    }

    fn first(&self, hash: u32) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }
}

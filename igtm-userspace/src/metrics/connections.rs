//! DNS connections over TCP: how many there are, and how many had to go.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of one process.
#[derive(Debug, Default)]
pub struct Connections {
    opened: AtomicU64,
    closed: AtomicU64,
    made_room: AtomicU64,
}

impl Connections {
    /// One was accepted.
    pub fn opened(&self) {
        self.opened.fetch_add(1, Relaxed);
    }

    /// One has ended.
    pub fn closed(&self) {
        self.closed.fetch_add(1, Relaxed);
    }

    /// One was closed because all places were taken.
    pub fn made_room(&self) {
        self.made_room.fetch_add(1, Relaxed);
    }

    /// How many there are.
    pub fn open(&self) -> u64 {
        // What is closed was opened before.
        let closed = self.closed.load(Relaxed);
        self.opened.load(Relaxed).saturating_sub(closed)
    }

    /// How many were accepted.
    pub fn accepted(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// How many were closed because all places were taken.
    pub fn shed(&self) -> u64 {
        self.made_room.load(Relaxed)
    }
}

//! How long each step of a start or a reload takes, for `RUST_LOG=debug`.

use std::time::Instant;

use tracing::debug;

/// Tells the time since the step before.
pub(super) struct Phases {
    since: Instant,
}

impl Phases {
    /// The first step begins.
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
        }
    }

    /// A step is over, and the next begins.
    pub(super) fn over(&mut self, step: &str) {
        let took = self.since.elapsed();
        debug!(took_us = took.as_micros() as u64, step);
        self.since = Instant::now();
    }
}

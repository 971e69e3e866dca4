//! How late rounds begin, counted: a histogram that grows no further.
//!
//! Must not decide anything by it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets a doubling.
const SHARES: u32 = 4;
/// Of 1 µs to some 2^24 µs (17 s); what is later counts in the last.
const BUCKETS: usize = 24 * SHARES as usize;

/// Counts of rounds, by how long after their time they began.
#[derive(Debug)]
pub struct Lateness {
    counts: [AtomicU64; BUCKETS],
    left_out: AtomicU64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            left_out: AtomicU64::new(0),
        }
    }
}

impl Lateness {
    /// A round began so late.
    pub(super) fn record(&self, late: Duration) {
        self.counts[bucket(late)].fetch_add(1, Ordering::Relaxed);
    }

    /// A round was left out: the one before was still under way.
    pub(super) fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds that have begun.
    pub fn begun(&self) -> u64 {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Rounds left out because the one before was still under way.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// The lateness that `permille` of 1000 rounds do not exceed, to a quarter of a doubling; zero
    /// before the first round.
    pub fn quantile(&self, permille: u64) -> Duration {
        let wanted = (self.begun() * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count.load(Ordering::Relaxed);
            if seen >= wanted {
                return upper_bound(at);
            }
        }
        Duration::ZERO
    }

    /// Forgets everything: to measure from here on.
    pub fn clear(&self) {
        for count in &self.counts {
            count.store(0, Ordering::Relaxed);
        }
        self.left_out.store(0, Ordering::Relaxed);
    }
}

fn bucket(late: Duration) -> usize {
    let us = u32::try_from(late.as_micros()).unwrap_or(u32::MAX).max(1);
    let doublings = us.ilog2();
    // The two bits below the highest one.
    let share = (u64::from(us) << 2 >> doublings) as usize & 3;
    (doublings as usize * SHARES as usize + share).min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> Duration {
    let (doublings, share) = (bucket / SHARES as usize, bucket % SHARES as usize);
    let quarters = (SHARES as usize + share + 1) as u64;
    Duration::from_micros((quarters << doublings).div_ceil(u64::from(SHARES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_a_quarter_too_high() {
        let lateness = Lateness::default();
        assert_eq!(lateness.quantile(990), Duration::ZERO);
        for us in 1..=10_000 {
            lateness.record(Duration::from_micros(us));
        }
        assert_eq!(lateness.begun(), 10_000);
        for (permille, exact_us) in [(1, 10), (500, 5_000), (990, 9_900), (1000, 10_000)] {
            let found = lateness.quantile(permille).as_micros();
            assert!(
                (exact_us..=exact_us * 5 / 4 + 1).contains(&found),
                "{permille}: {found} for {exact_us}"
            );
        }
        lateness.record(Duration::from_secs(3600));
        assert!(lateness.quantile(1000) > Duration::from_secs(10));
        lateness.clear();
        assert_eq!(lateness.begun(), 0);
    }
}

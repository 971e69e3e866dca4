//! How many parts a channel may send: so many at once, and so many a minute after that.
//!
//! Pure: takes `now`.

use std::time::{Duration, Instant};

use super::channel::Limit;

/// A token bucket, full at first.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    limit: Limit,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(limit: Limit, now: Instant) -> Self {
        Self {
            limit,
            tokens: f64::from(limit.burst.max(1)),
            at: now,
        }
    }

    /// Whether it is of that limit.
    pub(super) fn is_of(&self, limit: Limit) -> bool {
        self.limit == limit
    }

    /// How long until a token is there; zero: there is one.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let gone = now.saturating_duration_since(self.at).as_secs_f64();
        let a_second = f64::from(self.limit.per_minute.max(1)) / 60.0;
        let most = f64::from(self.limit.burst.max(1));
        self.tokens = (self.tokens + gone * a_second).min(most);
        self.at = self.at.max(now);
        if self.tokens >= 1.0 {
            return Duration::ZERO;
        }
        // Never zero while there is none, whatever is rounded.
        Duration::from_secs_f64((1.0 - self.tokens) / a_second) + Duration::from_millis(1)
    }

    /// Takes a token, which [`Self::wait`] has said is there.
    pub(super) fn take(&mut self) {
        self.tokens -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_window_has_more_than_the_burst_and_what_came_in_it(
            burst in 1_u32..30, per_minute in 1_u32..600,
            pauses in prop::collection::vec(0_u64..20_000, 1..200),
        ) {
            let start = Instant::now();
            let limit = Limit { burst, per_minute };
            let mut bucket = Bucket::new(limit, start);
            let mut now = start;
            let mut sent: Vec<Instant> = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                let wait = bucket.wait(now);
                if !wait.is_zero() {
                    prop_assert!(wait <= Duration::from_secs_f64(60.0 / f64::from(per_minute)) + Duration::from_millis(2));
                    now += wait;
                    prop_assert!(bucket.wait(now).is_zero(), "what it says is true");
                }
                bucket.take();
                sent.push(now);
            }
            for (first, from) in sent.iter().enumerate() {
                for (last, to) in sent.iter().enumerate().skip(first) {
                    let allowed = f64::from(burst) + (*to - *from).as_secs_f64() * f64::from(per_minute) / 60.0;
                    prop_assert!(((last - first + 1) as f64) <= allowed + 1e-6);
                }
            }
        }
    }
}

//! The search for the highest rate that is still good. Pure: rates and verdicts in, the next rate out.

/// A step up or down while only one side is known.
const GROWTH: f64 = 1.5;
/// The search ends when the lowest bad rate is at most this times the highest good one.
const PRECISION: f64 = 1.05;
/// Steps of one search.
const LIMIT: u32 = 40;
/// Not looked for below this, per second.
const FLOOR: f64 = 1_000.0;

/// What is known so far.
#[derive(Clone, Debug)]
pub struct Search {
    start: f64,
    good: Option<f64>,
    bad: Option<f64>,
    /// Whether `bad` was bad again when it was tried a second time.
    is_confirmed: bool,
    steps: u32,
}

impl Search {
    /// Begins with `start` a second.
    pub fn new(start: f64) -> Self {
        Self {
            start: start.max(FLOOR),
            good: None,
            bad: None,
            is_confirmed: false,
            steps: 0,
        }
    }

    /// The rate to try next; `None` when the search is over.
    pub fn next(&self) -> Option<f64> {
        if self.steps >= LIMIT {
            return None;
        }
        match (self.good, self.bad) {
            (None, None) => Some(self.start),
            (Some(good), None) => Some(good * GROWTH),
            (None, Some(bad)) => Some(bad / GROWTH).filter(|rate| *rate >= FLOOR),
            (Some(good), Some(bad)) if bad / good > PRECISION => Some((good * bad).sqrt()),
            (Some(_), Some(bad)) => Some(bad).filter(|_| !self.is_confirmed),
        }
    }

    /// Notes whether `rate` was good. A host has busy moments, so the lowest bad rate is tried again
    /// before the search ends; when it is good then, the search goes on above it.
    pub fn record(&mut self, rate: f64, is_good: bool) {
        self.steps += 1;
        if is_good {
            self.good = Some(self.good.map_or(rate, |good| good.max(rate)));
            self.bad = self.bad.filter(|bad| *bad > rate);
        } else {
            self.is_confirmed = self.bad == Some(rate);
            self.bad = Some(self.bad.map_or(rate, |bad| bad.min(rate)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found when the verdict of step `busy` is wrongly bad.
    fn found(start: f64, limit: f64, busy: u32) -> Option<f64> {
        let mut search = Search::new(start);
        while let Some(rate) = search.next() {
            search.record(rate, rate <= limit && search.steps != busy);
        }
        search.good
    }

    proptest! {
        #[test]
        fn the_limit_is_found_from_anywhere(start in 5e4..2e6, limit in 2e4..5e6) {
            let found = found(start, limit, u32::MAX).expect("some rate is good");
            prop_assert!(found <= limit && limit <= found * PRECISION, "{found} for {limit}");
        }

        #[test]
        fn one_busy_moment_on_the_way_up_hides_nothing(
            start in 5e4..1e5, limit in 2e6..5e6, busy in 0..6_u32,
        ) {
            let found = found(start, limit, busy).expect("some rate is good");
            prop_assert!(found <= limit && limit <= found * PRECISION, "{found} for {limit}");
        }
    }

    #[test]
    fn a_server_that_answers_nothing_ends_the_search() {
        assert_eq!(found(1e6, 0.0, u32::MAX), None);
    }
}

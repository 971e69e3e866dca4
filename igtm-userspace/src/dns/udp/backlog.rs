//! Which queries have waited for too long to be answered. Pure: the time is an argument.
//!
//! A server that is offered more than it can answer answers everybody late, from a queue that is
//! always full: resolvers have asked again, or elsewhere. So the oldest are dropped unread, and what
//! is answered is answered in time.
//!
//! Only of a socket that has had a backlog for as long: what waits for the first answer, or while the
//! process was stopped, is a queue that ends, and is answered.

use std::time::{Duration, Instant};

/// A query that has waited so long is not answered under overload: resolvers wait some 400 ms and
/// more before they ask again.
pub(super) const LATE: Duration = Duration::from_millis(250);
/// With a backlog for so long, queries are stamped: not before, since it costs each of them.
const STAMP_AFTER: Duration = Duration::from_millis(100);

/// Since when a socket has had more than one call takes.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    since: Option<Instant>,
    lasting: bool,
    stamps: bool,
}

impl Backlog {
    /// A call took all that it could (`full`), or emptied the socket; what is to become of the
    /// socket's stamps, if it changes.
    pub(super) fn seen(&mut self, full: bool, now: Instant) -> Option<bool> {
        let stamped = self.stamps;
        if full {
            let since = *self.since.get_or_insert(now);
            let lasts = now.saturating_duration_since(since);
            self.stamps = lasts >= STAMP_AFTER;
            self.lasting = lasts >= LATE;
        } else {
            *self = Self::default();
        }
        (self.stamps != stamped).then_some(self.stamps)
    }

    /// Whether queries are stamped.
    pub(super) fn stamps(&self) -> bool {
        self.stamps
    }

    /// Whether a query that has waited so long is dropped.
    pub(super) fn is_late(&self, waited: Duration) -> bool {
        self.lasting && waited > LATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lasting_backlog_makes_queries_late() {
        let (start, mut backlog) = (Instant::now(), Backlog::default());
        let long = Duration::from_secs(9);
        for (at_ms, full, stamp, late) in [
            // What has waited for the first answer.
            (0, true, None, false),
            (50, true, None, false),
            (99, true, None, false),
            (100, true, Some(true), false),
            (249, true, None, false),
            (250, true, None, true),
            (900, true, None, true),
            // Emptied once: whatever comes then is new.
            (901, false, Some(false), false),
            (902, true, None, false),
            (1001, true, None, false),
            (1002, false, None, false),
            (1003, false, None, false),
            (1100, true, None, false),
            (1199, true, None, false),
            (1201, true, Some(true), false),
            (1500, true, None, true),
        ] {
            let now = start + Duration::from_millis(at_ms);
            assert_eq!(backlog.seen(full, now), stamp, "{at_ms}");
            assert_eq!(backlog.is_late(long), late, "{at_ms}");
            assert!(!backlog.is_late(LATE), "{at_ms}");
        }
    }
}

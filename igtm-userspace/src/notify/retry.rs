//! How a failed delivery is classed, and when it is tried again.
//!
//! Pure: takes `now` and the random draw. Must not know any channel's protocol beyond
//! HTTP status codes.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::{Deserialize, Serialize};

/// How long a message that fails transiently is tried, counted from its making.
pub const TRANSIENT_FOR: Duration = Duration::from_hours(1);

/// How long a receiver may have one message wait, all its Retry-After added up.
pub const THROTTLED_FOR: Duration = Duration::from_hours(24);

/// The longest first pause; jitter halves it at most, so a retry always carries a later
/// `webhook-timestamp` (seconds).
const BACKOFF_FIRST: Duration = Duration::from_secs(2);

/// Pauses double up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// What a failure means for the message and its channel (notify.md, Delivery).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The network, a timeout, 408, 5xx: tried again with growing pauses.
    Transient,
    /// The receiver asked for fewer: tried again when it said, if it said.
    Throttled(Option<Duration>),
    /// Nothing but a change of configuration helps.
    Config,
    /// The receiver will not have this message.
    Permanent,
    /// 410: the receiver will not have any message.
    Gone,
}

impl Class {
    /// The class of an HTTP status other than 2xx. `retry_after` is the reply's own, see
    /// [`parse_retry_after`].
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            410 => Self::Gone,
            429 => Self::Throttled(retry_after),
            503 if retry_after.is_some() => Self::Throttled(retry_after),
            408 | 500..=599 => Self::Transient,
            _ => Self::Permanent,
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Throttled(_) => "throttled",
            Self::Config => "config",
            Self::Permanent => "permanent",
            Self::Gone => "gone",
        })
    }
}

/// Reads a Retry-After header (RFC 9110, 10.2.3): seconds, or an IMF-fixdate, which is zero
/// when it has passed. `None` when it is neither: the obsolete date forms are not read.
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        // More digits than a u64 holds mean "very long", not "no header".
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Why a failure of `class` was the last one, where it need not have been.
pub fn enough(class: Class) -> Option<String> {
    match class {
        Class::Throttled(Some(told)) => Some(format!(
            "it asks for a pause of {} s: a message waits as told for {} h at most",
            told.as_secs(),
            THROTTLED_FOR.as_secs() / 3600,
        )),
        Class::Transient | Class::Throttled(None) => Some(format!(
            "tried for {} min, the longest that a message is",
            TRANSIENT_FOR.as_secs() / 60,
        )),
        Class::Config | Class::Permanent | Class::Gone => None,
    }
}

/// The attempts of one message.
#[derive(Clone, Debug)]
pub struct Schedule {
    made: Instant,
    attempts: u32,
    waited_as_told: Duration,
}

impl Schedule {
    /// For a message made at `made`, not tried yet.
    pub fn new(made: Instant) -> Self {
        Self {
            made,
            attempts: 0,
            waited_as_told: Duration::ZERO,
        }
    }

    /// As it was before a restart: the message is so old, was tried so often, and its receiver had
    /// it wait for so long.
    pub fn resumed(age: Duration, attempts: u32, waited_as_told: Duration, now: Instant) -> Self {
        Self {
            // The host may have been started since: then it is older than this clock can say.
            made: now.checked_sub(age).unwrap_or(now),
            attempts,
            waited_as_told,
        }
    }

    /// How long the receiver has had it wait so far.
    pub fn waited_as_told(&self) -> Duration {
        self.waited_as_told
    }

    /// Failed attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Records a failed attempt of `class`; how long to wait before the next one, or `None`
    /// when the failure is final. `draw` is random in 0..1.
    pub fn after(&mut self, class: Class, now: Instant, draw: f64) -> Option<Duration> {
        let pause = backoff(self.attempts, draw);
        self.attempts = self.attempts.saturating_add(1);
        match class {
            Class::Config | Class::Permanent | Class::Gone => None,
            Class::Throttled(Some(told)) => {
                // "0" must not turn into a loop at the speed of the network.
                let wait = told.max(pause);
                let waited = self.waited_as_told.checked_add(wait)?;
                if waited > THROTTLED_FOR {
                    return None;
                }
                self.waited_as_told = waited;
                Some(wait)
            }
            Class::Transient | Class::Throttled(None) => {
                let age = now.saturating_duration_since(self.made) + pause;
                (age <= TRANSIENT_FOR + self.waited_as_told).then_some(pause)
            }
        }
    }
}

/// Doubling, bounded, half of it fixed and half random.
fn backoff(attempts: u32, draw: f64) -> Duration {
    let full = BACKOFF_FIRST
        .saturating_mul(1_u32.checked_shl(attempts.min(31)).unwrap_or(u32::MAX))
        .min(BACKOFF_MAX);
    full / 2 + (full / 2).mul_f64(draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statuses_have_their_classes() {
        let told = Some(Duration::from_secs(7));
        for (status, retry_after, class) in [
            (301, None, Class::Permanent),
            (302, told, Class::Permanent),
            (400, None, Class::Permanent),
            (404, None, Class::Permanent),
            (408, None, Class::Transient),
            (410, None, Class::Gone),
            (429, None, Class::Throttled(None)),
            (429, told, Class::Throttled(told)),
            (500, told, Class::Transient),
            (503, None, Class::Transient),
            (503, told, Class::Throttled(told)),
            (504, None, Class::Transient),
        ] {
            assert_eq!(Class::of_status(status, retry_after), class, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().expect("a time");
        for (text, wanted) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            let read = parse_retry_after(text, now);
            assert_eq!(read, wanted.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_help_is_not_tried_again() {
        let now = Instant::now();
        for class in [Class::Config, Class::Permanent, Class::Gone] {
            assert_eq!(Schedule::new(now).after(class, now, 0.5), None, "{class}");
        }
    }

    #[test]
    fn a_receiver_is_obeyed_but_not_for_ever() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        let told = Duration::from_hours(10);
        let class = Class::Throttled(Some(told));
        assert_eq!(schedule.after(class, now, 0.5), Some(told));
        assert_eq!(schedule.after(class, now + told, 0.5), Some(told));
        assert_eq!(schedule.after(class, now + told * 2, 0.5), None);
        // The time it was told to wait is not held against a later transient failure.
        let mut schedule = Schedule::new(now);
        assert_eq!(schedule.after(class, now, 0.5), Some(told));
        assert!(schedule.after(Class::Transient, now + told, 0.5).is_some());
        // A wait beyond counting is a refusal, not an overflow.
        let endless = Class::Throttled(Some(Duration::MAX));
        assert_eq!(Schedule::new(now).after(endless, now, 0.5), None);
        let hurry = Class::Throttled(Some(Duration::ZERO));
        let wait = Schedule::new(now).after(hurry, now, 0.0);
        assert_eq!(wait, Some(BACKOFF_FIRST / 2));
    }

    proptest! {
        #[test]
        fn transient_failures_are_tried_for_an_hour_and_no_longer(draws in prop::collection::vec(0.0..1.0, 100)) {
            let made = Instant::now();
            let mut schedule = Schedule::new(made);
            let mut now = made;
            for (attempt, draw) in draws.into_iter().enumerate() {
                let full = BACKOFF_FIRST
                    .saturating_mul(1 << attempt.min(20))
                    .min(BACKOFF_MAX);
                match schedule.after(Class::Transient, now, draw) {
                    Some(pause) => {
                        prop_assert!(pause >= full / 2 && pause <= full, "{pause:?}");
                        now += pause;
                        prop_assert!(now - made <= TRANSIENT_FOR);
                    }
                    None => {
                        prop_assert!(now - made + full > TRANSIENT_FOR);
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "never gave up");
        }
    }
}

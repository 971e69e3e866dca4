//! Quiet hours: whether it is quiet now, by the host's clock.
//!
//! Pure: takes `now` and the zone. By the wall clock at each look, so a day of 23 or 25 hours is
//! quiet from the same times as any other.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event::Severity;
use crate::config::model::Quiet;

/// Whether what is as severe as `severity` is withheld now.
pub fn withholds(
    quiet: Option<&Quiet>,
    severity: Severity,
    now: Timestamp,
    zone: &TimeZone,
) -> bool {
    quiet.is_some_and(|quiet| severity < quiet.severity && is_quiet(quiet, now, zone))
}

/// Whether it is quiet at `now`: from `from`, up to `to`, itself left out.
pub fn is_quiet(quiet: &Quiet, now: Timestamp, zone: &TimeZone) -> bool {
    let time = zone.to_datetime(now).time();
    let minute = time.hour() as u16 * 60 + time.minute() as u16;
    if quiet.from <= quiet.to {
        (quiet.from..quiet.to).contains(&minute)
    } else {
        minute >= quiet.from || minute < quiet.to
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quiet(from: (u16, u16), to: (u16, u16)) -> Quiet {
        Quiet {
            from: from.0 * 60 + from.1,
            to: to.0 * 60 + to.1,
            severity: Severity::Critical,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn over_midnight_and_within_a_day() {
        let night = quiet((23, 0), (7, 0));
        let lunch = quiet((12, 30), (13, 30));
        for (time, in_night, in_lunch) in [
            ("2026-01-02T22:59:59Z", false, false),
            ("2026-01-02T23:00:00Z", true, false),
            ("2026-01-03T00:00:00Z", true, false),
            ("2026-01-03T06:59:59Z", true, false),
            ("2026-01-03T07:00:00Z", false, false),
            ("2026-01-03T12:30:00Z", false, true),
            ("2026-01-03T13:29:59Z", false, true),
            ("2026-01-03T13:30:00Z", false, false),
        ] {
            let zone = TimeZone::UTC;
            assert_eq!(is_quiet(&night, at(time), &zone), in_night, "{time}");
            assert_eq!(is_quiet(&lunch, at(time), &zone), in_lunch, "{time}");
        }
    }

    #[test]
    fn it_is_the_hosts_clock_also_when_that_is_put_forward_or_back() {
        // Berlin: +1, and +2 from the last Sunday of March to that of October (POSIX TZ).
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
        let night = quiet((2, 30), (3, 30));
        for (time, expected) in [
            ("2026-01-10T01:30:00Z", true),
            ("2026-01-10T02:29:59Z", true),
            ("2026-01-10T02:30:00Z", false),
            // 02:00 to 03:00 does not exist: quiet is from 03:00 to 03:30.
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T01:30:00Z", false),
            // 02:00 to 03:00 comes twice: 02:30 begins it twice.
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T01:00:00Z", false),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:29:59Z", true),
            ("2026-10-25T02:30:00Z", false),
        ] {
            assert_eq!(is_quiet(&night, at(time), &zone), expected, "{time}");
        }
    }

    #[test]
    fn what_is_severe_enough_is_told_all_the_same() {
        let night = quiet((23, 0), (7, 0));
        let (now, zone) = (at("2026-01-02T23:30:00Z"), TimeZone::UTC);
        let withheld = |severity| withholds(Some(&night), severity, now, &zone);
        assert!(withheld(Severity::Info) && withheld(Severity::Warning));
        assert!(!withheld(Severity::Critical));
        assert!(!withholds(None, Severity::Info, now, &zone));
    }

    proptest! {
        #[test]
        fn every_minute_is_quiet_or_the_other_way_round(
            from in 0_u16..1440, to in 0_u16..1440, minute in 0_i64..1440,
        ) {
            prop_assume!(from != to);
            let now = Timestamp::from_second(minute * 60 + 59).expect("in range");
            let one = Quiet { from, to, severity: Severity::Critical };
            let other = Quiet { from: to, to: from, severity: Severity::Critical };
            prop_assert_ne!(is_quiet(&one, now, &TimeZone::UTC), is_quiet(&other, now, &TimeZone::UTC));
        }
    }
}

//! Durations of the file: `"15s"`, `"500ms"`, `"1h30m"`, or whole seconds.
//!
//! Pure. Must not know which key a duration belongs to.

use std::time::Duration;

/// Units with their length in milliseconds, largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest duration the file can say; every key allows less.
const LONGEST_MS: u64 = 36_500 * 86_400_000;

/// Reads `"1h30m"`: numbers each followed by one of d, h, m, s, ms, largest unit first,
/// each unit at most once. `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        // `units` only moves on, so a unit that came before (or larger ones) is not found.
        let (_, unit_ms) = units.find(|(name, _)| *name == &after[..end])?;
        total_ms = total_ms.checked_add(number.checked_mul(*unit_ms)?)?;
        rest = &after[end..];
    }
    (!text.is_empty() && total_ms <= LONGEST_MS).then(|| Duration::from_millis(total_ms))
}

/// Whole seconds, as a number in the file.
pub(super) fn from_seconds(seconds: u64) -> Option<Duration> {
    (seconds <= LONGEST_MS / 1_000).then(|| Duration::from_secs(seconds))
}

/// The shortest text that [`parse`] reads back; parts below a millisecond are left out.
pub(super) fn format(duration: Duration) -> String {
    let mut rest_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, unit_ms) in UNITS {
        let number = rest_ms / unit_ms;
        rest_ms %= unit_ms;
        if number > 0 {
            text.push_str(&format!("{number}{name}"));
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write() {
        let ms = |text| parse(text).map(|duration| duration.as_millis());
        assert_eq!(ms("500ms"), Some(500));
        assert_eq!(ms("15s"), Some(15_000));
        assert_eq!(ms("2m"), Some(120_000));
        assert_eq!(ms("12h"), Some(43_200_000));
        assert_eq!(ms("7d"), Some(604_800_000));
        assert_eq!(ms("1h30m"), Some(5_400_000));
        assert_eq!(ms("0s"), Some(0));
        assert_eq!(ms("90m"), Some(5_400_000));
    }

    #[test]
    fn what_is_not_a_duration() {
        for text in [
            "",
            "15",
            "s",
            "15 s",
            "-1s",
            "+1s",
            "1.5s",
            "15S",
            "1m1h",
            "1s1s",
            "1ms1",
            "99999999999999999999s",
            "18446744073709551615d",
            "40000d",
            "١s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(ms in 0..=LONGEST_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[0-9dhms]{0,12}") {
            if let Some(duration) = parse(&text) {
                prop_assert_eq!(parse(&format(duration)), Some(duration));
            }
        }
    }
}

//! `[limits]`: response rate limiting.

use super::model::Limits;
use super::reader::Section;

/// More than a core can answer is no limit.
const RATE: std::ops::RangeInclusive<u32> = 0..=10_000_000;
const SLIP: std::ops::RangeInclusive<u32> = 0..=1_000;

/// Reads `[limits]`, or what holds without it.
pub(super) fn read(root: &mut Section<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(mut section) = root.table("limits") else {
        return limits;
    };
    if let Some(rate) = section.take("responses_per_second")
        && let Some(rate) = rate.integer(RATE)
    {
        limits.responses_per_second = rate;
    }
    if let Some(slip) = section.take("slip")
        && let Some(slip) = slip.integer(SLIP)
    {
        limits.slip = slip;
    }
    if let Some(bits) = section.take("ipv4_prefix")
        && let Some(bits) = bits.integer(1..=32)
    {
        limits.ipv4_prefix = bits;
    }
    if let Some(bits) = section.take("ipv6_prefix")
        && let Some(bits) = bits.integer(1..=128)
    {
        limits.ipv6_prefix = bits;
    }
    section.finish();
    limits
}

//! The bucket's promises over arbitrary arrivals: what passes at most, who is never limited, what
//! neighbours and other CPUs can spoil; and that prefixes spread.

use super::*;
use proptest::prelude::*;
use std::{vec, vec::Vec};

const TICK_NS: u64 = 4_000_000;

fn any_limit() -> impl Strategy<Value = Limit> {
    (1..=5000_u32, 0..=3_u32).prop_map(|(responses, slip)| Limit::per_second(responses, slip))
}

/// Gaps of all sizes around the interval, as nanoseconds.
fn any_gaps() -> impl Strategy<Value = Vec<u64>> {
    let gap = prop_oneof![
        4 => Just(0),
        4 => 0..2_000_000_u64,
        2 => 0..300_000_000_u64,
        1 => 0..3_000_000_000_u64,
    ];
    prop::collection::vec(gap, 1..400)
}

fn times(gaps: &[u64]) -> Vec<u64> {
    gaps.iter()
        .scan(7_000_000_000_u64, |now, gap| {
            *now += gap;
            Some(*now)
        })
        .collect()
}

/// Fails when more than `copies` × (t + burst + slack) / interval of `passed` lie in any time t.
fn check_bound(
    passed: &[u64],
    limit: &Limit,
    copies: u64,
    slack_ns: u64,
) -> Result<(), TestCaseError> {
    for (from, first) in passed.iter().enumerate() {
        for (past, last) in passed.iter().enumerate().skip(from) {
            let count = (past - from + 1) as u64;
            let most = copies
                * ((last + limit.burst_ns + slack_ns).saturating_sub(*first) / limit.interval_ns);
            prop_assert!(
                count <= most,
                "{} of at most {} from {} to {}",
                count,
                most,
                first,
                last
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_time_passes_more_than_rate_and_burst(
        limit in any_limit(),
        gaps in any_gaps(),
        tags in prop::collection::vec(0..3_u32, 400),
        behind in prop::collection::vec(prop::bool::weighted(0.1), 400),
    ) {
        // Several prefixes in one bucket, and a clock that now and then is a tick behind.
        let mut bucket = Bucket::default();
        let passed: Vec<u64> = times(&gaps)
            .into_iter()
            .zip(tags.iter().zip(behind))
            .map(|(now, (tag, behind))| (if behind { now - TICK_NS } else { now }, *tag))
            .filter(|(now, tag)| bucket.take(&limit, *tag, *now) == Outcome::Pass)
            .map(|(now, _)| now)
            .collect();
        check_bound(&passed, &limit, 1, 0)?;
    }

    #[test]
    fn below_the_rate_nobody_is_limited(
        limit in any_limit(),
        late in prop::collection::vec(0.0..1.0_f64, 1..400),
    ) {
        // One reply an interval, each late by less than the burst allows.
        let slack = (limit.burst_ns - limit.interval_ns) as f64;
        let mut times: Vec<u64> = (0_u64..)
            .zip(&late)
            .map(|(at, late)| at * limit.interval_ns + (late * slack) as u64)
            .collect();
        times.sort_unstable();
        let mut bucket = Bucket::default();
        for now in times {
            prop_assert_eq!(bucket.take(&limit, 1, now), Outcome::Pass);
        }
    }

    #[test]
    fn a_flood_gets_the_whole_rate(limit in any_limit(), more in 2..20_u64, tags: [u32; 2]) {
        let mut bucket = Bucket::default();
        let step = (limit.interval_ns / more).max(1);
        let steps = 2_000_000_000 / step;
        let passed = (0..steps)
            .filter(|at| bucket.take(&limit, tags[(at % 2) as usize], at * step) == Outcome::Pass)
            .count() as u64;
        let most = (2_000_000_000 + limit.burst_ns) / limit.interval_ns;
        prop_assert!(passed <= most && passed + 2 >= most, "{} of {}", passed, most);
    }

    #[test]
    fn racing_cpus_pass_no_more_than_each_its_own_limit(
        limit in any_limit(),
        gaps in any_gaps(),
        rounds in prop::collection::vec(prop::collection::vec((0..2_u32, 0..=TICK_NS), 1..=4), 400),
    ) {
        // In each round up to four CPUs load the bucket, then store what they changed.
        let mut shared = Bucket::default();
        let mut passed = Vec::new();
        for (now, cpus) in times(&gaps).into_iter().zip(rounds) {
            let loaded = shared;
            for (tag, behind) in cpus {
                let mut own = loaded;
                if own.take(&limit, tag, now - behind) == Outcome::Pass {
                    prop_assert!(own.due_ns > loaded.due_ns);
                    passed.push(now);
                    shared.due_ns = own.due_ns;
                } else {
                    prop_assert_eq!(own.due_ns, loaded.due_ns);
                }
                (shared.tag, shared.limited) = (own.tag, own.limited);
            }
        }
        check_bound(&passed, &limit, 4, TICK_NS)?;
    }

    #[test]
    fn any_state_and_time_is_survived(tag: u32, limited: u32, due_ns: u64, limit: (u64, u64, u32), now_ns: u64) {
        let (interval_ns, burst_ns, slip) = limit;
        let limit = Limit { interval_ns, burst_ns, slip, pad: 0 };
        let mut bucket = Bucket { tag, limited, due_ns };
        bucket.take(&limit, 1, now_ns);
        prop_assert!(bucket.due_ns >= due_ns);
    }

    #[test]
    fn only_the_prefix_is_hashed(key: [u64; 2], address: u128, other: u128, bits in 0..=128_u32) {
        let keep = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        let twin = address & keep | other & !keep;
        let hash = |address: u128| prefix_hash(&key, (address >> 64) as u64, address as u64, bits);
        prop_assert_eq!(hash(address), hash(twin));
    }

    #[test]
    fn a_bucket_is_one_of_them(index: u32, buckets in 1..=u32::MAX) {
        prop_assert!(bucket_of(index, buckets) < buckets);
    }

    #[test]
    fn neighbouring_prefixes_spread(key: [u64; 2], network: u32, v6: bool) {
        // 16384 prefixes in a row in as many buckets: by chance 63 % of them have one.
        const BUCKETS: u32 = 1 << 14;
        let bits = if v6 { 56 } else { 24 };
        let mut residents = vec![0_u32; BUCKETS as usize];
        for at in 0..u64::from(BUCKETS) {
            let high = (u64::from(network) << 32).wrapping_add(at << (64 - bits));
            let (index, _) = prefix_hash(&key, high, 0, bits);
            residents[bucket_of(index, BUCKETS) as usize] += 1;
        }
        let used = residents.iter().filter(|count| **count > 0).count();
        prop_assert!(used > BUCKETS as usize / 2, "{} buckets used", used);
    }
}

#[test]
fn off_never_limits_and_never_writes() {
    let mut bucket = Bucket::default();
    for _ in 0..10_000 {
        assert_eq!(bucket.take(&Limit::per_second(0, 2), 9, 1), Outcome::Pass);
    }
    assert_eq!(bucket, Bucket::default());
}

#[test]
fn every_slip_th_is_sent_truncated() {
    use Outcome::{Drop, Pass, Slip};
    for (slip, expected) in [
        (0, [Drop, Drop, Drop, Drop, Drop, Drop]),
        (1, [Slip, Slip, Slip, Slip, Slip, Slip]),
        (2, [Drop, Slip, Drop, Slip, Drop, Slip]),
        (3, [Drop, Drop, Slip, Drop, Drop, Slip]),
    ] {
        let limit = Limit::per_second(1, slip);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(&limit, 1, 5), Pass);
        let outcomes = [(); 6].map(|()| bucket.take(&limit, 1, 5));
        assert_eq!(outcomes, expected, "slip {slip}");
        assert_eq!(bucket.limited, 6);
    }
}

#[test]
fn a_busy_resident_stays_and_an_idle_one_goes() {
    let limit = Limit::per_second(2, 0);
    let mut bucket = Bucket::default();
    for (tag, now, outcome, resident) in [
        (1, 10, Outcome::Pass, 1),
        (2, 10, Outcome::Pass, 1),
        (2, 10, Outcome::Drop, 1),
        (2, 1_000_000_009, Outcome::Pass, 1),
        (2, 1_500_000_010, Outcome::Pass, 2),
    ] {
        assert_eq!(bucket.take(&limit, tag, now), outcome, "at {now}");
        assert_eq!(bucket.tag, resident, "at {now}");
    }
    assert_eq!(bucket.limited, 0);
}

#[test]
fn a_rate_above_one_a_nanosecond_is_a_limit_still() {
    assert_eq!(Limit::per_second(u32::MAX, 0).interval_ns, 1);
}

#[test]
fn an_ipv6_prefix_is_no_ipv4_one() {
    let key = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let high = 0x2001_0d00_0000_0000;
    assert_ne!(
        prefix_hash(&key, high, 0, 24),
        prefix_hash(&key, high, 0, 56)
    );
}

//! What one domain and family was resolved to, how long that counts, and when to ask again. Pure:
//! the time is an argument.
//!
//! ```text
//!  resolved ── half of its TTL ──▶ asked again ── TTL over, no reply ──▶ stale ── MOST_STALE ──▶ unknown
//! ```

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Known, MOST_ADDRESSES};

/// No domain is asked for more often, however short its TTL.
const LEAST_PAUSE: Duration = Duration::from_secs(5);
/// No domain is asked for more seldom, however long its TTL: a change is seen within this.
const MOST_PAUSE: Duration = Duration::from_secs(300);
/// The TTL that a name server's answer counts for at most (RFC 8767 §4: a week).
const MOST_TTL: Duration = Duration::from_secs(7 * 86_400);
/// The pause after a failure doubles up to this.
const MOST_RETRY: Duration = Duration::from_secs(60);
/// How long addresses are answered whose TTL is over and that cannot be asked for (RFC 8767 §5:
/// "between 1 and 3 days").
const MOST_STALE: Duration = Duration::from_secs(86_400);
/// The TTL of stale answers, seconds (RFC 8767 §4).
const STALE_TTL_S: u32 = 30;
/// How long "no such records" counts where its reply does not say (RFC 2308 §5), and how long at
/// most: what came into being is to be seen soon.
const NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// What asking came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// These addresses.
    Addresses {
        /// In any order.
        addresses: Vec<IpAddr>,
        /// Of the whole chain of records.
        ttl: Duration,
    },
    /// No address of this family, or no such name: as certain as addresses are.
    Nothing {
        /// By the SOA, where there was one.
        ttl: Option<Duration>,
    },
    /// No reply, or one that says nothing of the name.
    Failed(String),
}

/// What is remembered of one domain and family.
#[derive(Debug, Default)]
pub(super) struct Memory {
    last: Option<(Vec<IpAddr>, Instant)>,
    failures: u32,
}

impl Memory {
    /// Takes in an outcome. Gives what may be answered until it is asked again, and the pause until
    /// then; `jitter`, 0–1, makes it shorter by up to a tenth.
    pub(super) fn learn(
        &mut self,
        outcome: Outcome,
        now: Instant,
        jitter: f64,
    ) -> (Option<Known>, Duration) {
        let pause = match outcome {
            Outcome::Addresses { addresses, ttl } => self.remember(addresses, ttl, now),
            Outcome::Nothing { ttl } => {
                let ttl = ttl.unwrap_or(NEGATIVE_TTL).min(NEGATIVE_TTL);
                self.remember(Vec::new(), ttl, now)
            }
            Outcome::Failed(_) => {
                let pause = LEAST_PAUSE * 2_u32.pow(self.failures.min(4));
                self.failures += 1;
                pause.min(MOST_RETRY)
            }
        };
        let known = self.known(now, pause);
        (known, pause.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 10.0))
    }

    fn remember(&mut self, mut addresses: Vec<IpAddr>, ttl: Duration, now: Instant) -> Duration {
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        let ttl = ttl.min(MOST_TTL);
        self.last = Some((addresses, now + ttl));
        self.failures = 0;
        (ttl / 2).clamp(LEAST_PAUSE, MOST_PAUSE)
    }

    /// What may be answered from `now` until `pause` is over: with a TTL that is right at its end.
    fn known(&mut self, now: Instant, pause: Duration) -> Option<Known> {
        let (addresses, expires) = self.last.as_ref()?;
        if now > *expires + MOST_STALE {
            self.last = None;
            return None;
        }
        let left = expires.saturating_duration_since(now + pause).as_secs();
        let stale = self.failures > 0 && *expires <= now + pause;
        let ttl_s = match u32::try_from(left).unwrap_or(u32::MAX) {
            _ if stale => STALE_TTL_S,
            // Records of a shorter TTL than they are asked for: each answer's is as short as can be.
            0 => 1,
            left => left,
        };
        Some(Known {
            addresses: addresses.clone(),
            ttl_s,
            stale,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        let parse = |text: &&str| text.parse().expect("an address");
        texts.iter().map(parse).collect()
    }

    fn found(texts: &[&str], ttl_s: u64) -> Outcome {
        Outcome::Addresses {
            addresses: addresses(texts),
            ttl: Duration::from_secs(ttl_s),
        }
    }

    fn failed() -> Outcome {
        Outcome::Failed("timeout".to_owned())
    }

    /// Addresses, TTL and pause in seconds after each outcome, asked when the pause is over.
    fn story(outcomes: Vec<Outcome>) -> Vec<(Option<(usize, u32)>, u64)> {
        let (mut memory, mut now) = (Memory::default(), Instant::now());
        let step = |outcome| {
            let (known, pause) = memory.learn(outcome, now, 0.0);
            now += pause;
            let known = known.map(|known| (known.addresses.len(), known.ttl_s));
            (known, pause.as_secs())
        };
        outcomes.into_iter().map(step).collect()
    }

    #[test]
    fn it_is_asked_again_at_half_of_the_ttl() {
        let told = story(vec![
            found(&["192.0.2.2", "192.0.2.1", "192.0.2.2"], 60),
            found(&["192.0.2.1"], 4000),
            found(&["192.0.2.1"], 2),
            found(&["192.0.2.1"], 8),
            Outcome::Nothing { ttl: None },
        ]);
        let expected = [
            (Some((2, 30)), 30),
            (Some((1, 3700)), 300),
            (Some((1, 1)), 5),
            (Some((1, 3)), 5),
            (Some((0, 15)), 15),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn without_a_reply_the_last_addresses_stay_for_a_day() {
        assert_eq!(story(vec![failed(), failed()]), [(None, 5), (None, 10)]);
        let told = story(vec![
            found(&["192.0.2.1"], 60),
            failed(),
            failed(),
            failed(),
        ]);
        let expected = [
            (Some((1, 30)), 30),
            // 25 of the 30 s are left when it is asked next.
            (Some((1, 25)), 5),
            (Some((1, 15)), 10),
            (Some((1, 30)), 20),
        ];
        assert_eq!(told, expected);
        let (mut memory, start) = (Memory::default(), Instant::now());
        memory.learn(found(&["192.0.2.1"], 60), start, 0.0);
        let end = start + Duration::from_secs(60) + MOST_STALE;
        let (known, pause) = memory.learn(failed(), end, 0.0);
        assert!(
            known.is_some_and(|known| known.ttl_s == STALE_TTL_S && known.stale),
            "{pause:?}"
        );
        let (known, _) = memory.learn(failed(), end + Duration::from_secs(1), 0.0);
        assert_eq!(known, None);
    }

    #[test]
    fn what_cannot_be_asked_for_is_stale_once_its_ttl_is_over() {
        let (mut memory, mut now) = (Memory::default(), Instant::now());
        for (outcome, stale) in [
            (found(&["192.0.2.1"], 60), false),
            (failed(), false),
            (failed(), false),
            (failed(), true),
            (failed(), true),
            // Asked for in time, however short its TTL.
            (found(&["192.0.2.1"], 2), false),
        ] {
            let (known, pause) = memory.learn(outcome, now, 0.0);
            now += pause;
            assert_eq!(known.map(|known| known.stale), Some(stale));
        }
    }

    #[test]
    fn what_is_certain_ends_what_is_stale() {
        let told = story(vec![
            found(&["192.0.2.1"], 10),
            failed(),
            Outcome::Nothing {
                ttl: Some(Duration::from_secs(20)),
            },
        ]);
        assert_eq!(told[2], (Some((0, 10)), 10));
    }

    proptest! {
        /// Whenever an answer is given before the next asking, it is cached no longer than the
        /// records may be, where those may be cached longer than they are asked for.
        #[test]
        fn no_answer_outlives_its_records(ttl in 0_u64..1_000_000, jitter in 0.0_f64..1.0) {
            let (mut memory, now) = (Memory::default(), Instant::now());
            let (known, pause) = memory.learn(found(&["192.0.2.1"], ttl), now, jitter);
            let known = known.expect("it was found");
            prop_assert!(pause >= LEAST_PAUSE.mul_f64(0.89) && pause <= MOST_PAUSE);
            prop_assert!(known.ttl_s >= 1);
            if ttl > LEAST_PAUSE.as_secs() {
                prop_assert!(pause.as_secs() + u64::from(known.ttl_s) <= ttl);
            }
        }

        #[test]
        fn failures_neither_hurry_nor_tire(failures in 1_usize..40) {
            let told = story(vec![failed(); failures]);
            for (known, pause) in told {
                prop_assert_eq!(known, None);
                prop_assert!((5..=60).contains(&pause));
            }
        }
    }
}

//! Response rate limiting as in the kernel (`igtm-ebpf/src/limit.rs`): the same code, by the same
//! clock, and where XDP answers from the same buckets.
//!
//! Must not know what a limited reply looks like.

use std::net::IpAddr;

use igtm_common::cookie::{self, Secrets};
use igtm_common::layout::RATES;
use igtm_common::line::Address;
use igtm_common::rate::{Limit, Outcome, SharedBucket, bucket_of, prefix_hash};
use nix::time::{ClockId, clock_gettime};

use super::answer::client_address;
use super::query::Raw;
use crate::config::model::Limits;
use crate::dataplane::Rates;

/// The buckets of all prefixes, and the secret that leads to them.
pub(super) struct Limiter {
    buckets: Buckets,
    key: [u64; 2],
}

enum Buckets {
    /// XDP charges to the same ones: a prefix is sent its rate, whoever answers.
    Shared(Rates),
    /// Nobody else answers.
    Own(Box<[SharedBucket]>),
}

impl Limiter {
    /// With the buckets of the data plane, or else as many of its own.
    pub(super) fn new(rates: Option<Rates>) -> Self {
        match rates {
            Some(rates) => Self {
                key: rates.key(),
                buckets: Buckets::Shared(rates),
            },
            None => Self {
                key: rand::random(),
                buckets: Buckets::Own((0..RATES).map(|_| SharedBucket::default()).collect()),
            },
        }
    }

    /// The secret that leads from a prefix to its bucket.
    #[cfg(test)]
    pub(super) fn key(&self) -> [u64; 2] {
        self.key
    }

    /// Charges one reply to the client's prefix; `now_ns` is of [`coarse_ns`].
    pub(super) fn take(&self, limits: &Limits, client: IpAddr, now_ns: u64) -> Outcome {
        let limit = Limit::per_second(limits.responses_per_second, limits.slip);
        let bits = match client {
            IpAddr::V4(_) => limits.ipv4_prefix,
            IpAddr::V6(_) => limits.ipv6_prefix,
        };
        let Address { high, low } = Address::from(client);
        let (index, tag) = prefix_hash(&self.key, high, low, bits.into());
        let at = bucket_of(index, RATES);
        let bucket = match &self.buckets {
            Buckets::Shared(rates) => rates.bucket(at),
            Buckets::Own(buckets) => buckets.get(at as usize),
        };
        bucket.map_or(Outcome::Pass, |bucket| bucket.take(&limit, tag, now_ns))
    }
}

/// Whether the client has shown a cookie of ours: then it is where it says, and is not limited.
pub(super) fn is_known(secrets: &Secrets, message: &[u8], client: IpAddr, now: u32) -> bool {
    let cookie = Raw::parse(message).and_then(|raw| raw.cookie);
    cookie.is_some_and(|cookie| {
        let address = client_address(client);
        cookie::judge(secrets, cookie.client, cookie.server, now, address).valid
    })
}

/// The clock of the buckets, nanoseconds: what `bpf_ktime_get_coarse_ns` reads.
pub(super) fn coarse_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE)
        .expect("the kernel has had this clock since 2.6.32");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

//! Response rate limiting: one token bucket a source prefix, as virtual scheduling (GCRA).
//!
//! Pure: the time and the bucket are arguments. The caller keeps a fixed array of buckets, zero at
//! first, and picks one by [`prefix_hash`] and [`bucket_of`]. Must not know what a limited reply
//! looks like, nor who is exempt.

/// How much a source prefix may be sent. All zero is off.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Nanoseconds that one reply costs; 0: no limit.
    pub interval_ns: u64,
    /// Nanoseconds that a prefix that was silent has saved up; one reply passes in any case.
    pub burst_ns: u64,
    /// Every how many limited replies one is [`Outcome::Slip`]; 0: none.
    pub slip: u32,
    /// Explicit padding, zero.
    pub pad: u32,
}

impl Limit {
    /// So many replies a second, and as many at once after a second of silence; 0: no limit.
    pub const fn per_second(responses: u32, slip: u32) -> Self {
        const SECOND_NS: u64 = 1_000_000_000;
        let interval_ns = match responses as u64 {
            0 => 0,
            // Not 0, which would be no limit.
            SECOND_NS.. => 1,
            responses => SECOND_NS / responses,
        };
        Self {
            interval_ns,
            burst_ns: SECOND_NS,
            slip,
            pad: 0,
        }
    }
}

/// What becomes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is sent.
    Pass,
    /// It is limited, and sent with TC=1 so that a real client asks again by TCP.
    Slip,
    /// It is limited, and nothing is sent.
    Drop,
}

/// One bucket; zero is an empty place.
///
/// *Neighbours.* Prefixes whose hashes lead here share the bucket while it is in use: a query
/// whose tag is not the resident's is charged to the resident. So a shared bucket never sends more
/// than an own one would, and alternating prefixes cannot reset each other. A bucket at rest is
/// full and goes to whoever asks next.
///
/// *Several CPUs* use it at once with plain loads and stores. A store undoes the charges that the
/// others made since its load, some tens of nanoseconds in the kernel: of n replies that overlap
/// n − 1 may go uncharged, so n CPUs pass at most about n times the limit. A limited query does not
/// write the time, so it cannot take back a charge. The count of slips is as inexact. Threads,
/// which can be preempted in between for long, use it as a `SharedBucket`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Tag of the resident.
    pub tag: u32,
    /// Replies limited since the resident came, modulo 2^32.
    pub limited: u32,
    /// When the bucket is full again, on the clock of `now_ns`.
    pub due_ns: u64,
}

const _: () = {
    assert!(size_of::<Limit>() == 24);
    assert!(size_of::<Bucket>() == 16);
};

#[cfg(feature = "user")]
mod shared;
#[cfg(feature = "user")]
pub use shared::SharedBucket;

#[cfg(feature = "user")]
mod pod {
    // SAFETY: repr(C) of integers with explicit padding, valid for any octets.
    unsafe impl aya::Pod for super::Limit {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Bucket {}
}

impl Bucket {
    /// Charges one reply to the prefix `tag`. `now_ns` may be a tick behind an earlier one.
    ///
    /// In any time t at most (t + burst) / interval replies pass, burst being at least one
    /// interval.
    #[inline(always)]
    pub const fn take(&mut self, limit: &Limit, tag: u32, now_ns: u64) -> Outcome {
        if limit.interval_ns == 0 {
            return Outcome::Pass;
        }
        let backlog_ns = self.due_ns.saturating_sub(now_ns);
        if backlog_ns == 0 && self.tag != tag {
            self.tag = tag;
            self.limited = 0;
        }
        if backlog_ns <= limit.burst_ns.saturating_sub(limit.interval_ns) {
            self.due_ns = now_ns
                .saturating_add(backlog_ns)
                .saturating_add(limit.interval_ns);
            return Outcome::Pass;
        }
        let limited = self.limited.wrapping_add(1);
        self.limited = limited;
        if limit.slip != 0 && limited.is_multiple_of(limit.slip) {
            Outcome::Slip
        } else {
            Outcome::Drop
        }
    }
}

/// Where the first `bits` of an address lead: what [`bucket_of`] takes, and the tag.
///
/// `high` and `low` are the address as numbers, IPv4 in the upper 32 bits; the bits behind the
/// prefix do not matter. The key is drawn at random when the buckets are made.
///
/// *Who does not know the key* cannot aim at the bucket of another prefix. Two prefixes of the
/// same length up to 64 bits meet in one of n = 2^k buckets with a probability of at most 2/n,
/// whatever they are: the first step is a bijection, the second is multiply-shift hashing by a
/// secret odd number. He can fill buckets at random from many prefixes of his own, or forge the
/// other's prefix itself, which no hash prevents. With longer prefixes he would need an address
/// that agrees with the other's in all but the first few bits and a chosen second half. Who sees
/// indexes learns the key: it is no cryptographic hash.
#[inline(always)]
pub const fn prefix_hash(key: &[u64; 2], high: u64, low: u64, bits: u32) -> (u32, u32) {
    // Moved to the low end: a multiplication carries upwards only, and would lose what it gains
    // from a prefix that stands above.
    let (high, low) = if bits > 64 {
        (high, down(low, bits - 64))
    } else {
        (down(high, bits), 0)
    };
    let mixed = high.wrapping_mul(key[0] | 1);
    // The length, so that no IPv6 prefix is taken for an IPv4 one.
    let mixed = mixed ^ (mixed >> 32) ^ low ^ bits as u64;
    let mixed = mixed.wrapping_mul(key[1] | 1);
    ((mixed >> 32) as u32, (mixed ^ (mixed >> 32)) as u32)
}

/// The first `bits` of a word as a number; all of it from 64.
#[inline(always)]
const fn down(word: u64, bits: u32) -> u64 {
    // Two shifts, since one by 64 would be one by 0.
    let behind = 64_u32.saturating_sub(bits);
    let half = behind / 2;
    word.wrapping_shr(half).wrapping_shr(behind - half)
}

/// Which of `buckets` an index of [`prefix_hash`] means: by its leading bits, which are the
/// well-mixed ones, so never by a mask or a remainder.
#[inline(always)]
pub const fn bucket_of(index: u32, buckets: u32) -> u32 {
    ((index as u64 * buckets as u64) >> 32) as u32
}

#[cfg(test)]
mod tests;

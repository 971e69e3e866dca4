//! `[limits]`: response rate limiting.

/// What one source prefix is sent at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Replies a second; 0: no limit.
    pub responses_per_second: u32,
    /// Every how many limited replies one is sent with TC=1; 0: none.
    pub slip: u32,
    /// Bits of an IPv4 source that count.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 source that count.
    pub ipv6_prefix: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            responses_per_second: 0,
            slip: 2,
            ipv4_prefix: 24,
            ipv6_prefix: 56,
        }
    }
}

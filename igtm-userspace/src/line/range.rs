//! Disjoint ranges over one address family, each with its chain: lookup by binary search.
//!
//! Knows nothing of lines; is filled by the sweep in ascending order.

use std::fmt::Debug;

use super::table::ChainId;

/// An address as a number: `u32` for IPv4, `u128` for IPv6, most significant bit first.
pub(super) trait Key: Copy + Ord + Debug {
    /// The lowest address.
    const ZERO: Self;
    /// Bits of an address.
    const WIDTH: u8;
    /// The address after this one; `None` after the last.
    fn next(self) -> Option<Self>;
    /// The address before this one; `None` before the first.
    fn previous(self) -> Option<Self>;
    /// How many leading bits two addresses share.
    fn common(self, other: Self) -> u8;
    /// The last address of the prefix of `len` bits that starts here.
    fn last(self, len: u8) -> Self;
    /// The address in the upper bits of the widest one.
    fn left_aligned(self) -> u128;
}

macro_rules! key {
    ($number:ty) => {
        impl Key for $number {
            const ZERO: Self = 0;
            // 32 or 128.
            const WIDTH: u8 = Self::BITS as u8;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn common(self, other: Self) -> u8 {
                // At most 128, the width.
                (self ^ other).leading_zeros() as u8
            }

            fn last(self, len: u8) -> Self {
                // A shift by the whole width (len 32 or 128) leaves no host bits.
                self | Self::MAX.checked_shr(u32::from(len)).unwrap_or(0)
            }

            fn left_aligned(self) -> u128 {
                u128::from(self) << (u128::BITS - Self::BITS)
            }
        }
    };
}

key!(u32);
key!(u128);

/// The whole address space cut into ranges; neighbours differ in their chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges<K> {
    /// First addresses, ascending; the first is zero. A range ends before the next one starts.
    starts: Vec<K>,
    /// The chain of the range at the same position.
    chains: Vec<ChainId>,
}

impl<K: Key> Ranges<K> {
    /// One range: everything is on the default line only.
    pub(super) fn new() -> Self {
        Self {
            starts: vec![K::ZERO],
            chains: vec![ChainId::DEFAULT],
        }
    }

    /// From `start` on it is `chain`, until the next call says otherwise.
    /// Calls come with `start` ascending; of two with the same `start` the later one counts.
    pub(super) fn begin(&mut self, start: K, chain: ChainId) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.chains.pop();
        }
        if self.chains.last() != Some(&chain) {
            self.starts.push(start);
            self.chains.push(chain);
        }
    }

    /// First address and chain of each range, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, ChainId)> {
        self.starts.iter().copied().zip(self.chains.iter().copied())
    }

    /// The chain of an address.
    pub(super) fn chain_of(&self, address: K) -> ChainId {
        self.chains[self.position(address)]
    }

    /// The length of the shortest prefix around `address` that lies in one range.
    pub(super) fn scope(&self, address: K) -> u8 {
        let here = self.position(address);
        let before = self.starts[here].previous();
        let after = self.starts.get(here + 1).copied();
        // The prefix must be too long to reach either neighbour.
        [before, after]
            .into_iter()
            .flatten()
            .map(|outside| address.common(outside) + 1)
            .max()
            .unwrap_or(0)
    }

    fn position(&self, address: K) -> usize {
        // The first start is zero, so at least one is not above the address.
        self.starts.partition_point(|start| *start <= address) - 1
    }
}

impl<K: Key> Default for Ranges<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_chain_merge() {
        let mut ranges = Ranges::<u32>::new();
        ranges.begin(16, ChainId(1));
        ranges.begin(32, ChainId(1));
        ranges.begin(48, ChainId::DEFAULT);
        ranges.begin(48, ChainId(1));
        ranges.begin(64, ChainId::DEFAULT);
        assert_eq!(ranges.starts, [0, 16, 64]);
        assert_eq!(ranges.chain_of(15), ChainId::DEFAULT);
        assert_eq!(ranges.chain_of(63), ChainId(1));
        assert_eq!(ranges.scope(16), 28);
        assert_eq!(ranges.scope(40), 27);
        assert_eq!(ranges.scope(u32::MAX), 1);
    }

    #[test]
    fn one_range_has_scope_zero() {
        assert_eq!(Ranges::<u128>::new().scope(7), 0);
        assert_eq!(Ranges::<u128>::new().starts.len(), 1);
    }

    #[test]
    fn the_last_address_of_a_prefix() {
        assert_eq!(0_u32.last(0), u32::MAX);
        assert_eq!(0x0a00_0000_u32.last(8), 0x0aff_ffff);
        assert_eq!(7_u128.last(128), 7);
    }
}

//! Wire name → lookup key: lower-casing by words and a keyed 128-bit hash.
//!
//! Both sides hash the name's octets (RFC 1035 §3.1) in little-endian words of eight,
//! the last one padded with zeros. Must not look into labels: a stored name is well
//! formed, so whatever hashes alike is it.

/// Longest name, octets, with its root label (RFC 1035 §2.3.4).
pub const NAME_OCTETS: usize = 255;

/// Words in the longest name.
pub const NAME_WORDS: usize = NAME_OCTETS.div_ceil(8);

/// Octets of one word.
pub const WORD: usize = 8;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The secret of the hash; belongs to the pinned maps and changes only with them.
///
/// One word a position, and one more for the second hash.
pub type HashKey = [u64; NAME_WORDS + 1];

/// The key of a name in the maps.
///
/// Two NH hashes (UMAC, RFC 4418 §5.2) whose keys are shifted by a pair of words: for
/// two names chosen without knowledge of the key, both collide with a probability of at most
/// 2^-64, so nobody outside can choose a name that is answered as another. The daemon
/// refuses collisions among its own names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameHash(pub [u64; 2]);

impl NameHash {
    /// Takes in the word at position `at`, already lower-cased and cut.
    #[inline(always)]
    pub fn absorb(&mut self, key: &HashKey, at: usize, word: u64) {
        self.0[0] = self.0[0].wrapping_add(nh(key[at], word));
        self.0[1] = self.0[1].wrapping_add(nh(key[at + 1], word));
    }

    /// The hash of a whole wire name in any case; `None` when it is longer than a name can be.
    pub fn of(key: &HashKey, wire: &[u8]) -> Option<Self> {
        if wire.len() > NAME_OCTETS {
            return None;
        }
        let mut hash = Self::default();
        for (at, chunk) in wire.chunks(WORD).enumerate() {
            let mut octets = [0; WORD];
            octets[..chunk.len()].copy_from_slice(chunk);
            hash.absorb(key, at, lowercase(u64::from_le_bytes(octets)));
        }
        Some(hash)
    }
}

/// One NH term: (k_lo + w_lo) × (k_hi + w_hi), sums modulo 2^32.
#[inline(always)]
const fn nh(key: u64, word: u64) -> u64 {
    let low = (key as u32).wrapping_add(word as u32);
    let high = ((key >> 32) as u32).wrapping_add((word >> 32) as u32);
    (low as u64).wrapping_mul(high as u64)
}

/// Lower-cases every octet of A–Z in a word, without a branch.
///
/// Length octets (at most 63) are never in A–Z, so whole words can be done at once.
#[inline(always)]
pub const fn lowercase(word: u64) -> u64 {
    let low = word & !HIGHS;
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let past_z = low + ONES * (0x80 - b'Z' as u64 - 1);
    let upper = (from_a ^ past_z) & !word & HIGHS;
    word | (upper >> 2)
}

/// Where the first zero octet of a word is, as the mask of the octets before it and
/// their number (0–7); `None` when there is none.
#[inline(always)]
pub const fn first_zero(word: u64) -> Option<(u64, usize)> {
    let zeros = word.wrapping_sub(ONES) & !word & HIGHS;
    if zeros == 0 {
        return None;
    }
    // Of the marks only the lowest is certain; it is the one that is wanted.
    let before = ((zeros & zeros.wrapping_neg()) >> 7).wrapping_sub(1);
    let octets = ((before & ONES).wrapping_mul(ONES) >> 56) as usize;
    Some((before, octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn key() -> HashKey {
        core::array::from_fn(|at| (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    proptest! {
        #[test]
        fn lowercase_is_ascii_lowercase(octets: [u8; 8]) {
            let expected = octets.map(|octet| octet.to_ascii_lowercase());
            prop_assert_eq!(lowercase(u64::from_le_bytes(octets)).to_le_bytes(), expected);
        }

        #[test]
        fn first_zero_is_the_first(octets in prop::array::uniform8(prop_oneof![Just(0u8), Just(1), Just(0x80), any::<u8>()])) {
            let word = u64::from_le_bytes(octets);
            match octets.iter().position(|octet| *octet == 0) {
                None => prop_assert_eq!(first_zero(word), None),
                Some(at) => {
                    let (mask, octets) = first_zero(word).expect("there is a zero octet");
                    prop_assert_eq!(octets, at);
                    prop_assert_eq!(mask, if at == 0 { 0 } else { u64::MAX >> (64 - 8 * at) });
                }
            }
        }

        #[test]
        fn hash_ignores_case_and_nothing_else(wire in prop::collection::vec(1u8..=255, 1..=NAME_OCTETS), flip in any::<prop::sample::Index>()) {
            let lower: Vec<u8> = wire.to_ascii_lowercase();
            prop_assert_eq!(NameHash::of(&key(), &wire), NameHash::of(&key(), &lower));
            let mut other = lower.clone();
            let at = flip.index(other.len());
            other[at] ^= 1;
            if other.to_ascii_lowercase() != lower {
                prop_assert_ne!(NameHash::of(&key(), &other), NameHash::of(&key(), &lower));
            }
        }
    }

    #[test]
    fn a_longer_name_has_no_hash() {
        assert_eq!(NameHash::of(&key(), &[1; NAME_OCTETS + 1]), None);
    }

    #[test]
    fn a_prefix_of_a_name_hashes_otherwise() {
        let name = b"\x03www\x03gtm\x07example\x03com\x00";
        let all: Vec<_> = (1..=name.len())
            .map(|len| NameHash::of(&key(), &name[..len]))
            .collect();
        for (at, hash) in all.iter().enumerate() {
            // The root's zero octet is padding to the hash: the two are one key on
            // purpose, and both sides leave it out.
            let twins = all.iter().filter(|other| *other == hash).count();
            assert_eq!(twins, if at + 2 >= name.len() { 2 } else { 1 }, "at {at}");
        }
    }
}

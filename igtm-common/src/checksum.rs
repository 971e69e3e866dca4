//! The Internet checksum (RFC 1071), kept as unfolded sums so that parts can be
//! precomputed and added up. Words are in the machine's own order throughout.

/// The sum of `octets` as 16-bit words, a last odd octet padded with zero.
pub fn sum(octets: &[u8]) -> u32 {
    octets
        .chunks(2)
        .map(|pair| u32::from(u16::from_ne_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum()
}

/// The sum of a word's octets, as two halves: enough room for many more.
#[inline(always)]
pub const fn of_word(word: u64) -> u64 {
    (word & 0xffff_ffff) + (word >> 32)
}

/// Folds a sum to 16 bits; ones' complement addition, so the carry comes round.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// A part's sum as it counts when the part begins at an odd octet (RFC 1071 §2(B)).
#[inline(always)]
pub const fn at_offset(sum: u64, offset: usize) -> u64 {
    let folded = fold(sum);
    if offset & 1 == 0 {
        folded as u64
    } else {
        folded.swap_bytes() as u64
    }
}

/// The UDP checksum of a complete sum: 0 goes out as 0xffff (RFC 768).
#[inline(always)]
pub const fn udp(sum: u64) -> u16 {
    match !fold(sum) {
        0 => 0xffff,
        checksum => checksum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_1071_section_3_example() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(u64::from(sum(&octets))).to_ne_bytes(), [0xdd, 0xf2]);
    }

    proptest! {
        #[test]
        fn parts_add_up(octets in prop::collection::vec(any::<u8>(), 0..600), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(octets.len() + 1);
            let (left, right) = octets.split_at(cut);
            let parts = u64::from(sum(left)) + at_offset(u64::from(sum(right)), cut);
            let whole = fold(u64::from(sum(&octets)));
            let parts = fold(parts);
            // 0 and 0xffff are the same number in ones' complement.
            prop_assert!(whole == parts || (whole.is_multiple_of(0xffff) && parts.is_multiple_of(0xffff)));
        }
    }
}

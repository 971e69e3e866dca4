//! EDNS client subnet (RFC 7871): reads a query's option, lays out the reply's.
//!
//! Works on words, so that the kernel and the daemon call the same code. Must not choose a line
//! or a scope.

/// OPTION-CODE (RFC 7871 §6).
pub const OPTION_CODE: u16 = 8;

/// Octets of FAMILY, SOURCE PREFIX-LENGTH and SCOPE PREFIX-LENGTH: the least OPTION-LENGTH.
pub const FIXED_OCTETS: u16 = 4;

/// Most octets of the reply's option, header included.
pub const REPLY_OCTETS: usize = 24;

const IPV4: u16 = 1;
const IPV6: u16 = 2;

/// A well-formed client subnet of a query: no bit is set behind its source prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    family: u16,
    source: u8,
    high: u64,
    low: u64,
}

impl Subnet {
    /// Reads an option; `None` for FORMERR (RFC 7871 §6, §7.1.2): another family, a source longer
    /// than an address, a scope, more or fewer octets than the source needs, or stray bits.
    ///
    /// `length` is OPTION-LENGTH. `high` and `low` are the sixteen octets that follow SCOPE
    /// PREFIX-LENGTH, as numbers, first octet uppermost; what stands there behind the option's end
    /// does not matter. The caller has made sure that the option ends inside the message.
    ///
    /// Family 0 is taken with source 0 and no address: without address bits the family is
    /// irrelevant (§7.1.2), and older dig and stubby opt out that way.
    #[inline(always)]
    pub const fn parse(
        family: u16,
        source: u8,
        scope: u8,
        length: u16,
        high: u64,
        low: u64,
    ) -> Option<Self> {
        let most = match family {
            0 => 0,
            IPV4 => 32,
            IPV6 => 128,
            _ => return None,
        };
        if source > most || scope != 0 || length != FIXED_OCTETS + address_octets(source) {
            return None;
        }
        let present = mask(8 * address_octets(source) as u32);
        let prefix = mask(source as u32);
        if (high & present[0] & !prefix[0]) | (low & present[1] & !prefix[1]) != 0 {
            return None;
        }
        Some(Self {
            family,
            source,
            high: high & prefix[0],
            low: low & prefix[1],
        })
    }

    /// SOURCE PREFIX-LENGTH, bits. With 0 the client wants no line of its own: the query's source
    /// address decides, and the reply's scope is 0.
    #[inline(always)]
    pub const fn source(&self) -> u8 {
        self.source
    }

    /// The address is IPv6.
    #[inline(always)]
    pub const fn v6(&self) -> bool {
        self.family == IPV6
    }

    /// The prefix's network address as two numbers: IPv4 in the upper 32 bits of the first.
    #[inline(always)]
    pub const fn network(&self) -> [u64; 2] {
        [self.high, self.low]
    }

    /// The reply's option: the query's with a scope, bits (RFC 7871 §7.2.1).
    #[inline(always)]
    pub const fn reply(&self, scope: u8) -> SubnetOption {
        let address = address_octets(self.source);
        let fields = (OPTION_CODE as u64) << 48
            | ((FIXED_OCTETS + address) as u64) << 32
            | (self.family as u64) << 16
            | (self.source as u64) << 8
            | scope as u64;
        SubnetOption {
            words: [fields.to_be(), self.high.to_be(), self.low.to_be()],
            octets: 4 + (FIXED_OCTETS + address) as usize,
        }
    }
}

/// A reply's option in whole words, because the verifier wants aligned writes to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubnetOption {
    /// In memory order; zeros behind the option.
    pub words: [u64; 3],
    /// How many octets of them are the option, 8 to [`REPLY_OCTETS`].
    pub octets: usize,
}

impl SubnetOption {
    /// The words' octets; the option is the first [`SubnetOption::octets`].
    pub fn wire(&self) -> [u8; REPLY_OCTETS] {
        let words = self.words.map(u64::to_ne_bytes);
        core::array::from_fn(|at| words[at / 8][at % 8])
    }

    /// Its checksum part; see [`crate::checksum`].
    #[inline(always)]
    pub const fn sum(&self) -> u64 {
        let [fields, high, low] = self.words;
        (fields & 0xffff_ffff)
            + (fields >> 32)
            + (high & 0xffff_ffff)
            + (high >> 32)
            + (low & 0xffff_ffff)
            + (low >> 32)
    }
}

/// Octets of an address that a prefix of `source` bits needs.
#[inline(always)]
const fn address_octets(source: u8) -> u16 {
    (source as u16).div_ceil(8)
}

/// The first `bits` of an address, at most 128, as set bits.
#[inline(always)]
const fn mask(bits: u32) -> [u64; 2] {
    if bits > 64 {
        [u64::MAX, leading(bits - 64)]
    } else {
        [leading(bits), 0]
    }
}

/// The first `bits` of a word; all of it from 64.
#[inline(always)]
const fn leading(bits: u32) -> u64 {
    // Two shifts, since one by 64 would be one by 0.
    let half = bits / 2;
    !(u64::MAX.wrapping_shr(half).wrapping_shr(bits - half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Octets → numbers, with `rest` behind them as a packet would have.
    fn parse(option: &[u8], rest: &[u8]) -> Option<Subnet> {
        let (fixed, address) = option.split_at_checked(4)?;
        let behind: Vec<u8> = [address, rest, &[0; 16]].concat();
        let word = |at: usize| u64::from_be_bytes(behind[at..at + 8].try_into().expect("eight"));
        Subnet::parse(
            u16::from_be_bytes([fixed[0], fixed[1]]),
            fixed[2],
            fixed[3],
            option.len() as u16,
            word(0),
            word(8),
        )
    }

    /// RFC 7871 §6, read octet by octet; what the reply repeats.
    fn reference(option: &[u8]) -> Option<Vec<u8>> {
        let (fixed, octets) = option.split_at_checked(4)?;
        let (source, scope) = (fixed[2], fixed[3]);
        let most = match fixed[..2] {
            [0, 0] => 0,
            [0, 1] => 32,
            [0, 2] => 128,
            _ => return None,
        };
        let needed = usize::from(source).div_ceil(8);
        if source > most || scope != 0 || octets.len() != needed {
            return None;
        }
        let used = source % 8;
        if used != 0 && octets[needed - 1] << used != 0 {
            return None;
        }
        Some(octets.to_vec())
    }

    /// Mostly well-formed options, and what is next to them.
    fn any_option() -> impl Strategy<Value = Vec<u8>> {
        let near = (
            prop_oneof![Just(1_u16), Just(2), 0..4_u16],
            any::<[u8; 17]>(),
            prop_oneof![0..=32_u8, 0..=130_u8],
            prop_oneof![9 => Just(0_u8), 1 => any::<u8>()],
            prop_oneof![9 => Just(0_i8), 1 => -1..=1_i8],
            prop_oneof![3 => Just(true), 1 => Just(false)],
        );
        let near = near.prop_map(|(family, address, source, scope, more, clear)| {
            let needed = usize::from(source).div_ceil(8);
            let octets = needed.saturating_add_signed(isize::from(more)).min(17);
            let mut option = family.to_be_bytes().to_vec();
            option.extend_from_slice(&[source, scope]);
            option.extend_from_slice(&address[..octets]);
            if clear && octets == needed && source % 8 != 0 {
                option[3 + needed] &= !(0xff >> (source % 8));
            }
            option
        });
        prop_oneof![9 => near, 1 => prop::collection::vec(any::<u8>(), 0..24)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn words_judge_as_octets_do(option in any_option(), rest: [u8; 16], scope: u8) {
            let parsed = parse(&option, &rest);
            let expected = reference(&option);
            prop_assert_eq!(parsed.is_some(), expected.is_some());
            let (Some(subnet), Some(octets)) = (parsed, expected) else {
                return Ok(());
            };
            let mut network = octets.clone();
            network.resize(16, 0);
            prop_assert_eq!(subnet.network().map(u64::to_be_bytes).concat(), network);
            prop_assert_eq!((subnet.source(), subnet.v6()), (option[2], option[1] == 2));

            let reply = subnet.reply(scope);
            let mut wire = [&[0, 8, 0, option.len() as u8], &option[..3], &[scope], &octets].concat();
            prop_assert_eq!(reply.octets, wire.len());
            prop_assert_eq!(checksum::fold(reply.sum()), checksum::fold(u64::from(checksum::sum(&wire))));
            wire.resize(REPLY_OCTETS, 0);
            prop_assert_eq!(reply.wire().to_vec(), wire);
        }
    }

    #[test]
    fn malformed_subnets_are_refused() {
        for (why, option) in [
            ("unknown family", &[0, 3, 8, 0, 1][..]),
            ("unknown family without an address", &[0, 3, 0, 0]),
            ("no family, but an address", &[0, 0, 8, 0, 1]),
            ("source too long", &[0, 1, 33, 0, 1, 2, 3, 4, 0]),
            ("scope in a query", &[0, 1, 24, 24, 192, 0, 2]),
            ("too few octets", &[0, 1, 24, 0, 192, 0]),
            ("too many octets", &[0, 1, 24, 0, 192, 0, 2, 1]),
            ("octets without a source", &[0, 1, 0, 0, 0]),
            ("a stray bit", &[0, 1, 20, 0, 192, 0, 0x2f]),
        ] {
            assert_eq!(parse(option, &[]), None, "{why}");
        }
        assert_eq!(Subnet::parse(1, 0, 0, 3, 0, 0), None, "no room for a scope");
        assert_eq!(Subnet::parse(1, 0, 0, u16::MAX, 0, 0), None, "far too long");
    }

    #[test]
    fn no_family_is_taken_without_an_address() {
        let subnet = parse(&[0, 0, 0, 0], &[0xff; 16]).expect("well formed");
        assert_eq!((subnet.source(), subnet.v6()), (0, false));
        assert_eq!(subnet.network(), [0, 0]);
        let reply = subnet.reply(0);
        assert_eq!(reply.wire()[..reply.octets], [0, 8, 0, 4, 0, 0, 0, 0]);
    }

    #[test]
    fn masks() {
        for bits in 0..=128 {
            let [high, low] = mask(bits);
            let whole = u128::from(high) << 64 | u128::from(low);
            assert_eq!(whole.leading_ones(), bits);
            assert_eq!(whole.count_ones(), bits);
        }
    }
}

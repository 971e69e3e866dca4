//! Cookies against the test vectors of RFC 9018 Appendix A, SipHash against its authors' and
//! against std's, judgements against what RFC 9018 §4.3 promises.

use super::*;
use core::hash::Hasher;
use proptest::prelude::*;
use std::net::IpAddr;
use std::{format, vec::Vec};

const SECRET: Secret = Secret::new(0xe5e9_73e5_a6b2_a43f_48e7_dc84_9e37_bfcf_u128.to_be_bytes());
const ROLLED_FROM: Secret =
    Secret::new(0xdd3b_df93_44b6_78b1_85a6_f5cb_60fc_a715_u128.to_be_bytes());
const ROLLED_TO: Secret = Secret::new(0x4455_36bc_d251_3298_075a_5d37_9663_c962_u128.to_be_bytes());

/// The words of octets written as one big-endian number.
fn words(octets: u128) -> [u64; 2] {
    [(octets >> 64) as u64, octets as u64].map(u64::to_be)
}

fn address(text: &str) -> ClientAddress {
    match text.parse().expect("an address") {
        IpAddr::V4(v4) => ClientAddress {
            high: u64::from(v4.to_bits()) << 32,
            low: 0,
            v6: false,
        },
        IpAddr::V6(v6) => ClientAddress {
            high: (v6.to_bits() >> 64) as u64,
            low: v6.to_bits() as u64,
            v6: true,
        },
    }
}

fn only(current: Secret) -> Secrets {
    Secrets {
        current,
        previous: current,
    }
}

#[test]
fn rfc_9018_a_1_a_new_server_cookie() {
    let judged = judge(
        &only(SECRET),
        0x2464_c4ab_cf10_c957_u64.to_be(),
        None,
        1_559_731_985,
        address("198.51.100.100"),
    );
    assert!(!judged.valid);
    assert_eq!(
        judged.server,
        words(0x0100_0000_5cf7_9f11_1f81_30c3_eee2_9480)
    );
}

#[test]
fn rfc_9018_a_2_renewed_after_40_minutes() {
    let judged = judge(
        &only(SECRET),
        0x2464_c4ab_cf10_c957_u64.to_be(),
        Some(words(0x0100_0000_5cf7_9f11_1f81_30c3_eee2_9480)),
        1_559_734_385,
        address("198.51.100.100"),
    );
    assert!(judged.valid);
    assert_eq!(
        judged.server,
        words(0x0100_0000_5cf7_a871_d4a5_64a1_442a_ca77)
    );
}

#[test]
fn rfc_9018_a_3_reserved_octets_are_hashed_as_they_came() {
    let presented = Some(words(0x01ab_cdef_5cf7_8f71_a314_227b_6679_ebf5));
    let judged = |now| {
        judge(
            &only(SECRET),
            0xfc93_fc62_807d_db86_u64.to_be(),
            presented,
            now,
            address("203.0.113.203"),
        )
    };
    let young = judged(1_559_727_985 + 60);
    assert_eq!((young.valid, Some(young.server)), (true, presented));
    // The appendix calls it valid after 1 h 52 min, which its own §4.3 forbids; the reply is the
    // same.
    let late = judged(1_559_734_700);
    assert!(!late.valid);
    assert_eq!(
        late.server,
        words(0x0100_0000_5cf7_a9ac_f73a_7810_aca2_381e)
    );
}

#[test]
fn rfc_9018_a_4_ipv6_by_the_previous_secret() {
    let judged = judge(
        &Secrets {
            current: ROLLED_TO,
            previous: ROLLED_FROM,
        },
        0x2268_1ab9_7d52_c298_u64.to_be(),
        Some(words(0x0100_0000_5cf7_c579_2655_6bd0_934c_72f8)),
        1_559_741_961,
        address("2001:db8:220:1:59de:d0f4:8769:82b8"),
    );
    assert!(judged.valid);
    assert_eq!(
        judged.server,
        words(0x0100_0000_5cf7_c609_a6bb_79d1_6625_507a)
    );
}

/// SipHash of any octets, the last block as the paper says.
fn siphash(k0: u64, k1: u64, input: &[u8]) -> u64 {
    let mut state = SipHash::new(k0, k1);
    let (blocks, rest) = input.as_chunks();
    for block in blocks {
        state.absorb(u64::from_le_bytes(*block));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = input.len() as u8;
    state.finish(u64::from_le_bytes(last))
}

#[test]
fn siphash_reference_vectors() {
    let key: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
    let input: Vec<u8> = (0..64).collect();
    for (octets, expected) in [
        (0, 0x310e_0edd_47db_6f72),
        (1, 0xfd67_dc93_c539_f874),
        (7, 0x37d1_018b_f500_02ab),
        (8, 0x6224_939a_79f5_f593),
        (15, 0xe545_be49_61ca_29a1),
        (16, 0xdb9b_c257_7fcc_2a3f),
        (20, 0x98ee_a21a_f25c_d6be),
    ] {
        let hash = siphash(key[0], key[1], &input[..octets]);
        assert_eq!(hash.swap_bytes(), expected, "of {octets} octets");
    }
}

#[test]
fn lengths() {
    let good: Vec<u16> = (0..=u16::MAX).filter(|len| well_formed(*len)).collect();
    let expected: Vec<u16> = core::iter::once(8).chain(16..=40).collect();
    assert_eq!(good, expected);
}

#[test]
fn a_secret_is_not_shown() {
    assert_eq!(
        format!("{:?}", only(SECRET)),
        "Secrets { current: Secret(..), previous: Secret(..) }"
    );
}

fn any_secret() -> impl Strategy<Value = Secret> {
    any::<[u64; 2]>().prop_map(Secret)
}

fn any_address() -> impl Strategy<Value = ClientAddress> {
    (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(high, low, v6)| ClientAddress {
        high: if v6 { high } else { high & !0xffff_ffff },
        low: if v6 { low } else { 0 },
        v6,
    })
}

prop_compose! {
    /// A client, when it got its cookie, and two secrets that differ.
    fn any_client()(
        current in any_secret(),
        previous in any_secret(),
        client: u64,
        made: u32,
        address in any_address(),
    ) -> (Secrets, u64, u32, ClientAddress) {
        (Secrets { current, previous }, client, made, address)
    }
}

proptest! {
    #[test]
    fn siphash_is_stds(key: [u64; 2], input in prop::collection::vec(any::<u8>(), 0..300)) {
        #[expect(deprecated, reason = "std's SipHash-2-4 has no other name")]
        let mut reference = core::hash::SipHasher::new_with_keys(key[0], key[1]);
        reference.write(&input);
        prop_assert_eq!(siphash(key[0], key[1], &input), reference.finish());
    }

    #[test]
    fn the_hash_is_of_the_octets_in_their_order(
        (secrets, client, made, address) in any_client(),
    ) {
        let [fixed, hash] = server_cookie(&secrets.current, client, made, address).map(u64::to_ne_bytes);
        let [k0, k1] = secrets.current.0.map(|word| u64::from_le_bytes(word.to_ne_bytes()));
        let mut input = [client.to_ne_bytes(), fixed].concat();
        let from = [address.high.to_be_bytes(), address.low.to_be_bytes()].concat();
        input.extend_from_slice(if address.v6 { &from } else { &from[..4] });
        prop_assert_eq!(&fixed[..4], [1, 0, 0, 0]);
        prop_assert_eq!(&fixed[4..], made.to_be_bytes());
        prop_assert_eq!(hash, siphash(k0, k1, &input).to_le_bytes());
    }

    #[test]
    fn a_cookie_is_good_for_its_time_and_kept_while_young(
        (secrets, client, made, address) in any_client(),
        past in prop_oneof![0..=7200_i64, Just(1800), Just(1801), Just(3600), Just(3601), -600..=0_i64, Just(-300), Just(-301)],
    ) {
        let server = server_cookie(&secrets.current, client, made, address);
        let now = made.wrapping_add(past as u32);
        let judged = judge(&secrets, client, Some(server), now, address);
        prop_assert_eq!(judged.valid, (-300..=3600).contains(&past));
        let kept = (-300..=1800).contains(&past);
        let fresh = server_cookie(&secrets.current, client, now, address);
        prop_assert_eq!(judged.server, if kept { server } else { fresh });
    }

    #[test]
    fn any_time_further_off_is_refused(
        (secrets, client, made, address) in any_client(),
        past in 3601..=u32::MAX - 300,
    ) {
        let server = server_cookie(&secrets.current, client, made, address);
        prop_assert!(!judge(&secrets, client, Some(server), made.wrapping_add(past), address).valid);
    }

    #[test]
    fn the_previous_secret_is_accepted_and_renewed(
        (secrets, client, made, address) in any_client(),
        past in 0..=3600_u32,
    ) {
        let server = server_cookie(&secrets.previous, client, made, address);
        let now = made.wrapping_add(past);
        let judged = judge(&secrets, client, Some(server), now, address);
        prop_assert!(judged.valid);
        prop_assert_eq!(judged.server, server_cookie(&secrets.current, client, now, address));
        let forgotten = judge(&only(secrets.current), client, Some(server), now, address);
        prop_assert!(!forgotten.valid);
    }

    #[test]
    fn another_version_by_the_same_secret_is_refused(
        (secrets, client, made, address) in any_client(),
        version in 2..=255_u8,
    ) {
        let fixed = (u64::from(version) << 56 | u64::from(made)).to_be();
        let server = [fixed, hash(&secrets.current, client, fixed, address)];
        prop_assert!(!judge(&secrets, client, Some(server), made, address).valid);
    }

    #[test]
    fn one_other_bit_anywhere_is_refused(
        (secrets, client, made, address) in any_client(),
        bit in 0..192_usize,
    ) {
        let [fixed, hash] = server_cookie(&secrets.current, client, made, address);
        let mut words = [client, fixed, hash];
        words[bit / 64] ^= 1 << (bit % 64);
        let [client, fixed, hash] = words;
        let judged = judge(&secrets, client, Some([fixed, hash]), made, address);
        prop_assert!(!judged.valid);
        prop_assert_eq!(judged.server, server_cookie(&secrets.current, client, made, address));
    }

    #[test]
    fn another_address_is_refused(
        (secrets, client, made, address) in any_client(),
        other in any_address(),
        bit in 0..128_u32,
    ) {
        let server = server_cookie(&secrets.current, client, made, address);
        let mut near = address;
        match bit {
            64.. if near.v6 => near.low ^= 1 << (bit - 64),
            _ if near.v6 => near.high ^= 1 << (bit % 64),
            _ => near.high ^= 1 << (32 + bit % 32),
        }
        for other in [near, other] {
            prop_assume!(other != address);
            prop_assert!(!judge(&secrets, client, Some(server), made, other).valid);
        }
    }
}

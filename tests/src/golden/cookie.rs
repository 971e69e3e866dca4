//! Server cookies by hand (RFC 9018 §4), hashed by std: what the kernel and userspace must make.

use std::hash::Hasher;
#[expect(
    deprecated,
    reason = "std's SipHash-2-4: another implementation than the product's"
)]
use std::hash::SipHasher;
use std::net::IpAddr;

use super::fixture::CURRENT;
use super::message::{COOKIE, option};

/// The client's part in most cases.
pub const CLIENT: u64 = 0x2464_c4ab_cf10_c957;

/// A server cookie of ours and the client's before it, as a client sends them and we reply.
pub fn cookie(client_cookie: u64, client: IpAddr, timestamp: u32) -> Vec<u8> {
    forged(CURRENT, client_cookie, 0x0100_0000, client, timestamp)
}

/// The same by any secret, version and reserved octets as given.
pub fn forged(
    secret: u128,
    client_cookie: u64,
    version: u32,
    client: IpAddr,
    timestamp: u32,
) -> Vec<u8> {
    let mut octets = client_cookie.to_be_bytes().to_vec();
    octets.extend(version.to_be_bytes());
    octets.extend(timestamp.to_be_bytes());
    let hash = hash(secret, &octets, client);
    octets.extend(hash);
    octets
}

#[expect(deprecated, reason = "as above")]
fn hash(secret: u128, octets: &[u8], client: IpAddr) -> [u8; 8] {
    let secret = secret.to_be_bytes();
    let half = |at: usize| {
        let octets: [u8; 8] = std::array::from_fn(|octet| secret[at + octet]);
        u64::from_le_bytes(octets)
    };
    let mut hasher = SipHasher::new_with_keys(half(0), half(8));
    hasher.write(octets);
    match client {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    hasher.finish().to_le_bytes()
}

/// The option of a reply at `now` to whoever has no cookie that he can keep.
pub fn fresh(client_cookie: u64, client: IpAddr, now: u32) -> Vec<u8> {
    option(COOKIE, &cookie(client_cookie, client, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9018, Appendices A.1 to A.4.
    #[test]
    fn cookies_are_those_of_the_rfc() {
        let rolled = 0x4455_36bc_d251_3298_075a_5d37_9663_c962;
        let old = super::super::fixture::PREVIOUS;
        for (secret, client_cookie, version, client, timestamp, server) in [
            (
                CURRENT,
                CLIENT,
                0x0100_0000,
                "198.51.100.100",
                0x5cf7_9f11,
                0x1f81_30c3_eee2_9480,
            ),
            (
                CURRENT,
                CLIENT,
                0x0100_0000,
                "198.51.100.100",
                0x5cf7_a871,
                0xd4a5_64a1_442a_ca77,
            ),
            (
                CURRENT,
                0xfc93_fc62_807d_db86,
                0x01ab_cdef,
                "203.0.113.203",
                0x5cf7_8f71,
                0xa314_227b_6679_ebf5_u64,
            ),
            (
                old,
                0x2268_1ab9_7d52_c298,
                0x0100_0000,
                "2001:db8:220:1:59de:d0f4:8769:82b8",
                0x5cf7_c579,
                0x2655_6bd0_934c_72f8,
            ),
            (
                rolled,
                0x2268_1ab9_7d52_c298,
                0x0100_0000,
                "2001:db8:220:1:59de:d0f4:8769:82b8",
                0x5cf7_c609,
                0xa6bb_79d1_6625_507a,
            ),
        ] {
            let client = client.parse().expect("an address");
            let cookie = forged(secret, client_cookie, version, client, timestamp);
            assert_eq!(cookie[16..], server.to_be_bytes());
        }
    }
}

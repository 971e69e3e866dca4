//! What the OPT of a query says (RFC 6891): size, DO, client subnet, cookie, NSID.
//!
//! By the rules of the kernel's `edns.rs` and `options.rs` for what both answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use igtm_common::cookie;
use igtm_common::reply::Opt;
use igtm_common::subnet::{self, Subnet};

use super::query::{Fault, Raw, Record};

const OPTION_NSID: u16 = 3;
const OPTION_COOKIE: u16 = 10;
const OPTION_KEEPALIVE: u16 = 11;

/// A cookie as it came, in memory order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    /// The client's part.
    pub(super) client: u64,
    /// The server's part, where it has the length of ours.
    pub(super) server: Option<[u64; 2]>,
    /// It has no server's part, of whatever length.
    pub(super) fresh: bool,
}

impl Raw<'_> {
    /// Reads the only OPT. Options of another version mean nobody knows what.
    pub(super) fn read_opt(&mut self, record: &Record<'_>) -> Result<(), Fault> {
        let [_, version, flags, _] = record.ttl;
        self.opt = Some(Opt {
            udp_size: record.class,
            dnssec_ok: flags & 0x80 != 0,
        });
        if version != 0 {
            return Err(Fault::Version);
        }
        let mut options = record.data;
        while !options.is_empty() {
            let (header, rest) = options.split_at_checked(4).ok_or(Fault::Malformed)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let (option, rest) = rest.split_at_checked(length).ok_or(Fault::Malformed)?;
            match u16::from_be_bytes([header[0], header[1]]) {
                subnet::OPTION_CODE => match read_subnet(option) {
                    Ok(subnet) if self.subnet.is_none() => self.subnet = Some(subnet),
                    _ => self.bad_subnet = true,
                },
                // RFC 7873 §5.2: of several only the first counts.
                OPTION_COOKIE if self.cookie.is_none() => self.cookie = Some(read_cookie(option)?),
                // What is in it has no meaning in a query (RFC 5001 §2.1).
                OPTION_NSID => self.nsid = true,
                OPTION_KEEPALIVE => self.keepalive = Some(option.len()),
                _ => {}
            }
            options = rest;
        }
        Ok(())
    }
}

fn read_subnet(option: &[u8]) -> Result<Subnet, Fault> {
    let fixed = usize::from(subnet::FIXED_OCTETS);
    let (fixed, address) = option.split_at_checked(fixed).ok_or(Fault::Malformed)?;
    let word = |from: usize| {
        let octet = |at: usize| address.get(from + at).copied().unwrap_or(0);
        u64::from_be_bytes(std::array::from_fn(octet))
    };
    let family = u16::from_be_bytes([fixed[0], fixed[1]]);
    let length = u16::try_from(option.len()).map_err(|_| Fault::Malformed)?;
    let subnet = Subnet::parse(family, fixed[2], fixed[3], length, word(0), word(8));
    subnet.ok_or(Fault::Malformed)
}

fn read_cookie(option: &[u8]) -> Result<Cookie, Fault> {
    let length = u16::try_from(option.len()).map_err(|_| Fault::Malformed)?;
    if !cookie::well_formed(length) {
        return Err(Fault::Malformed);
    }
    let (words, _) = option.as_chunks();
    let ours = length == cookie::CLIENT_OCTETS + cookie::SERVER_OCTETS;
    let word = |at: usize| words.get(at).copied().map(u64::from_ne_bytes);
    Ok(Cookie {
        client: word(0).ok_or(Fault::Malformed)?,
        server: word(1).zip(word(2)).filter(|_| ours).map(Into::into),
        fresh: length == cookie::CLIENT_OCTETS,
    })
}

/// The network address of a client subnet.
pub(super) fn address(subnet: &Subnet) -> IpAddr {
    let [high, low] = subnet.network();
    if subnet.v6() {
        Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into()
    } else {
        Ipv4Addr::from_bits((high >> 32) as u32).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_taken_by_its_network_address() {
        for (option, network) in [
            (&[0, 1, 20, 0, 192, 0, 0x20][..], "192.0.32.0"),
            (&[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8], "2001:db8::"),
            (&[0, 1, 0, 0], "0.0.0.0"),
        ] {
            let subnet = read_subnet(option).expect("well formed");
            assert_eq!(address(&subnet), network.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn malformed_subnets_are_refused() {
        for (why, option) in [
            ("too short", &[0, 1, 24][..]),
            ("unknown family", &[0, 3, 8, 0, 1]),
            ("no family, but an address", &[0, 0, 8, 0, 1]),
            ("source too long", &[0, 1, 33, 0, 1, 2, 3, 4, 0]),
            ("scope in a query", &[0, 1, 24, 24, 192, 0, 2]),
            ("too few octets", &[0, 1, 24, 0, 192, 0]),
            ("too many octets", &[0, 1, 24, 0, 192, 0, 2, 1]),
            ("a stray bit", &[0, 1, 20, 0, 192, 0, 0x2f]),
        ] {
            assert_eq!(read_subnet(option), Err(Fault::Malformed), "{why}");
        }
    }

    #[test]
    fn a_cookie_has_a_length_of_its_own() {
        for octets in 0..60_usize {
            let cookie = read_cookie(&vec![7; octets]);
            assert_eq!(cookie.is_ok(), octets == 8 || (16..=40).contains(&octets));
            let (server, fresh) =
                cookie.map_or((false, false), |it| (it.server.is_some(), it.fresh));
            assert_eq!((server, fresh), (octets == 24, octets == 8), "{octets}");
        }
    }
}

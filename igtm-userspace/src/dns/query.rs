//! A query's octets: its question, its OPT, its cookie and client subnet.
//!
//! Enough for every query that is answered. hickory reads only what is odd; of options it checks
//! too little (RFC 7871 §6, §7.1.2, RFC 7873 §5.2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use igtm_common::cookie;
use igtm_common::name::NAME_OCTETS;
use igtm_common::reply::{HEADER_OCTETS, OPT_OCTETS, Opt};
use igtm_common::subnet::{self, Subnet};

const TYPE_OPT: u16 = 41;
const OPTION_COOKIE: u16 = 10;
const CLASS_IN: u16 = 1;
const IXFR: u16 = 251;
const AXFR: u16 = 252;

/// A message that cannot be answered but with FORMERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A cookie as it came, in memory order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    /// The client's part.
    pub(super) client: u64,
    /// The server's part, where it has the length of ours.
    pub(super) server: Option<[u64; 2]>,
}

/// What is read from a query's octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    /// Name, type and class, as they came.
    pub(super) question: &'a [u8],
    /// The name alone.
    pub(super) name: &'a [u8],
    pub(super) qtype: u16,
    qclass: u16,
    /// The OPT, where it is the only additional record.
    pub(super) opt: Option<Opt>,
    /// EDNS version of that OPT.
    pub(super) version: u8,
    /// A client subnet in it.
    pub(super) subnet: Option<Subnet>,
    /// The first cookie in it.
    pub(super) cookie: Option<Cookie>,
    /// Nothing else is in the message.
    whole: bool,
    opcode: u8,
}

impl<'a> Raw<'a> {
    /// Reads a message that has one question and neither answers nor authority.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let header = message.get(..HEADER_OCTETS).ok_or(Malformed)?;
        if header[4..10] != [0, 1, 0, 0, 0, 0] {
            return Err(Malformed);
        }
        let name_end = name_end(message)?;
        let end = name_end + 4;
        let question = message.get(HEADER_OCTETS..end).ok_or(Malformed)?;
        let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
        let mut raw = Self {
            question,
            name: &message[HEADER_OCTETS..name_end],
            qtype: word(name_end),
            qclass: word(name_end + 2),
            opt: None,
            version: 0,
            subnet: None,
            cookie: None,
            whole: false,
            opcode: header[2] >> 3 & 0x0f,
        };
        match word(10) {
            0 if message.len() == end => raw.whole = true,
            0 => return Err(Malformed),
            1 => raw.read_opt(&message[end..])?,
            // Signatures and the like; without an OPT of their own they are ignored.
            _ => {}
        }
        Ok(raw)
    }

    /// Whether it is a query like nearly all: hickory need not look at it.
    pub(super) fn is_plain(&self) -> bool {
        self.whole && self.opcode == 0 && self.version == 0 && !self.is_refused()
    }

    /// Whether it asks for a class that is not served here, or for a transfer.
    pub(super) fn is_refused(&self) -> bool {
        self.qclass != CLASS_IN || matches!(self.qtype, IXFR | AXFR)
    }

    fn read_opt(&mut self, record: &[u8]) -> Result<(), Malformed> {
        let (fixed, mut options) = record.split_at_checked(OPT_OCTETS).ok_or(Malformed)?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        if word(1) != TYPE_OPT {
            return Ok(());
        }
        if fixed[0] != 0 || usize::from(word(9)) != options.len() {
            return Err(Malformed);
        }
        self.opt = Some(Opt {
            udp_size: word(3),
            dnssec_ok: fixed[7] & 0x80 != 0,
        });
        self.version = fixed[6];
        self.whole = true;
        while !options.is_empty() {
            let (header, rest) = options.split_at_checked(4).ok_or(Malformed)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let (option, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
            match u16::from_be_bytes([header[0], header[1]]) {
                subnet::OPTION_CODE if self.subnet.is_some() => return Err(Malformed),
                subnet::OPTION_CODE => self.subnet = Some(read_subnet(option)?),
                // RFC 7873 §5.2: of several only the first counts.
                OPTION_COOKIE if self.cookie.is_none() => self.cookie = Some(read_cookie(option)?),
                _ => {}
            }
            options = rest;
        }
        Ok(())
    }
}

/// Where the question's name ends.
fn name_end(message: &[u8]) -> Result<usize, Malformed> {
    let mut end = HEADER_OCTETS;
    loop {
        let length = usize::from(*message.get(end).ok_or(Malformed)?);
        // A first name has nothing before it that a pointer could mean (RFC 1035 §4.1.4).
        if length > 63 {
            return Err(Malformed);
        }
        end += 1 + length;
        if end - HEADER_OCTETS > NAME_OCTETS {
            return Err(Malformed);
        }
        if length == 0 {
            return Ok(end);
        }
    }
}

fn read_subnet(option: &[u8]) -> Result<Subnet, Malformed> {
    let fixed = usize::from(subnet::FIXED_OCTETS);
    let (fixed, address) = option.split_at_checked(fixed).ok_or(Malformed)?;
    let word = |from: usize| {
        let octet = |at: usize| address.get(from + at).copied().unwrap_or(0);
        u64::from_be_bytes(std::array::from_fn(octet))
    };
    let family = u16::from_be_bytes([fixed[0], fixed[1]]);
    let length = u16::try_from(option.len()).map_err(|_| Malformed)?;
    Subnet::parse(family, fixed[2], fixed[3], length, word(0), word(8)).ok_or(Malformed)
}

fn read_cookie(option: &[u8]) -> Result<Cookie, Malformed> {
    let length = u16::try_from(option.len()).map_err(|_| Malformed)?;
    if !cookie::well_formed(length) {
        return Err(Malformed);
    }
    let (words, _) = option.as_chunks();
    let words: Vec<u64> = words.iter().copied().map(u64::from_ne_bytes).collect();
    let ours = length == cookie::CLIENT_OCTETS + cookie::SERVER_OCTETS;
    Ok(Cookie {
        client: words[0],
        server: ours.then(|| [words[1], words[2]]),
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
            ("source too long", &[0, 1, 33, 0, 1, 2, 3, 4, 0]),
            ("scope in a query", &[0, 1, 24, 24, 192, 0, 2]),
            ("too few octets", &[0, 1, 24, 0, 192, 0]),
            ("too many octets", &[0, 1, 24, 0, 192, 0, 2, 1]),
            ("a stray bit", &[0, 1, 20, 0, 192, 0, 0x2f]),
        ] {
            assert_eq!(read_subnet(option), Err(Malformed), "{why}");
        }
    }

    #[test]
    fn a_cookie_has_a_length_of_its_own() {
        for octets in 0..60_usize {
            let cookie = read_cookie(&vec![7; octets]);
            assert_eq!(cookie.is_ok(), octets == 8 || (16..=40).contains(&octets));
            let server = cookie.is_ok_and(|cookie| cookie.server.is_some());
            assert_eq!(server, octets == 24, "{octets}");
        }
    }
}

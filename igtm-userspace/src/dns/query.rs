//! A query's octets: where its question ends, its OPT, its client subnet.
//!
//! hickory parses the message; this reads what has to be taken as it came (the question's
//! octets) and what hickory does not check (RFC 7871 §6, §7.1.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use igtm_common::reply::{HEADER_OCTETS, OPT_OCTETS, Opt};

const TYPE_OPT: u16 = 41;
const OPTION_CLIENT_SUBNET: u16 = 8;
/// RFC 7871 §6: family, source prefix length, scope prefix length.
const SUBNET_FIXED: usize = 4;

/// A message that cannot be answered but with FORMERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A client subnet as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    /// 1 or 2.
    family: u16,
    /// SOURCE PREFIX-LENGTH, bits.
    pub(super) source: u8,
    /// The address octets, as many as the prefix needs.
    octets: Vec<u8>,
}

impl Subnet {
    /// RFC 7871 §6: length as the prefix needs, no stray bits, scope 0 in a query.
    fn parse(option: &[u8]) -> Result<Self, Malformed> {
        let (fixed, octets) = option.split_at_checked(SUBNET_FIXED).ok_or(Malformed)?;
        let family = u16::from_be_bytes([fixed[0], fixed[1]]);
        let (source, scope) = (fixed[2], fixed[3]);
        let most = match family {
            1 => 32,
            2 => 128,
            _ => return Err(Malformed),
        };
        let needed = usize::from(source).div_ceil(8);
        if source > most || scope != 0 || octets.len() != needed {
            return Err(Malformed);
        }
        let used = source % 8;
        if used != 0 && octets[needed - 1] << used != 0 {
            return Err(Malformed);
        }
        Ok(Self {
            family,
            source,
            octets: octets.to_vec(),
        })
    }

    /// The prefix's network address.
    pub(super) fn address(&self) -> IpAddr {
        let at = |at: usize| self.octets.get(at).copied().unwrap_or(0);
        match self.family {
            1 => Ipv4Addr::from(std::array::from_fn(at)).into(),
            _ => Ipv6Addr::from(std::array::from_fn(at)).into(),
        }
    }

    /// The reply's option, header included: the query's with a scope (RFC 7871 §7.2.1).
    pub(super) fn reply(&self, scope: u8) -> Vec<u8> {
        let mut option = OPTION_CLIENT_SUBNET.to_be_bytes().to_vec();
        let length = (SUBNET_FIXED + self.octets.len()) as u16;
        option.extend_from_slice(&length.to_be_bytes());
        option.extend_from_slice(&self.family.to_be_bytes());
        option.extend_from_slice(&[self.source, scope]);
        option.extend_from_slice(&self.octets);
        option
    }
}

/// What is read from a query's octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    /// Name, type and class, as they came.
    pub(super) question: &'a [u8],
    /// The OPT, where it is the only additional record.
    pub(super) opt: Option<Opt>,
    /// EDNS version of that OPT.
    pub(super) version: u8,
    /// A client subnet in it.
    pub(super) subnet: Option<Subnet>,
}

impl<'a> Raw<'a> {
    /// Reads a message that has one question and neither answers nor authority.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut end = HEADER_OCTETS;
        loop {
            let length = usize::from(*message.get(end).ok_or(Malformed)?);
            // A first name has nothing before it that a pointer could mean (RFC 1035 §4.1.4).
            if length > 63 {
                return Err(Malformed);
            }
            end += 1 + length;
            if length == 0 {
                break;
            }
        }
        end += 4;
        let question = message.get(HEADER_OCTETS..end).ok_or(Malformed)?;
        let mut raw = Self {
            question,
            opt: None,
            version: 0,
            subnet: None,
        };
        let additional = u16::from_be_bytes([message[10], message[11]]);
        match additional {
            0 if message.len() == end => {}
            0 => return Err(Malformed),
            1 => raw.read_opt(&message[end..])?,
            // Signatures and the like; without an OPT of their own they are ignored.
            _ => {}
        }
        Ok(raw)
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
        while !options.is_empty() {
            let (header, rest) = options.split_at_checked(4).ok_or(Malformed)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let (option, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
            if u16::from_be_bytes([header[0], header[1]]) == OPTION_CLIENT_SUBNET {
                if self.subnet.is_some() {
                    return Err(Malformed);
                }
                self.subnet = Some(Subnet::parse(option)?);
            }
            options = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(option: &[u8]) -> Result<Subnet, Malformed> {
        Subnet::parse(option)
    }

    #[test]
    fn a_subnet_is_taken_by_its_network_address() {
        let parsed = subnet(&[0, 1, 20, 0, 192, 0, 0x20]).expect("well formed");
        assert_eq!(parsed.address(), "192.0.32.0".parse::<IpAddr>().unwrap());
        assert_eq!(parsed.reply(24), [0, 8, 0, 7, 0, 1, 20, 24, 192, 0, 0x20]);
        let parsed = subnet(&[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8]).expect("well formed");
        assert_eq!(parsed.address(), "2001:db8::".parse::<IpAddr>().unwrap());
        let none = subnet(&[0, 1, 0, 0]).expect("well formed");
        assert_eq!(none.address(), "0.0.0.0".parse::<IpAddr>().unwrap());
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
            assert_eq!(subnet(option), Err(Malformed), "{why}");
        }
    }
}

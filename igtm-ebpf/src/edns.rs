//! The OPT of a query: what it says, and where what is served of its options stands.
//!
//! Options are found first and read afterwards: the verifier walks the loop once, not once for each
//! order in which they can stand.

use igtm_common::{
    counter::Counter,
    reply::{OPT_OCTETS, Opt},
};

use crate::packet::Packet;

const TYPE_OPT: u16 = 41;
/// Served by the daemon (RFC 5001).
const NSID: u16 = 3;
/// RFC 7871.
const CLIENT_SUBNET: u16 = 8;
/// RFC 7873.
const COOKIE: u16 = 10;
/// More are passed up: a query has one or two.
const MOST_OPTIONS: usize = 4;
/// Code and length.
const OPTION_HEADER: usize = 4;

/// Where the data of an option stands in the message; at 0: there is none.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) at: u32,
    pub(crate) octets: u32,
}

/// The options that are served.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) subnet: Found,
    pub(crate) cookie: Found,
}

/// The OPT at `offset` of the message and its octets (RFC 6891 §6.1.2).
#[inline(always)]
pub(crate) fn read(message: &Packet, offset: usize) -> Result<(Opt, Options, usize), Counter> {
    let fixed = message
        .at_variable::<[u8; OPT_OCTETS]>(offset)
        .ok_or(Counter::PassBadOpt)?;
    // SAFETY: inside the frame.
    let fixed = unsafe { *fixed };
    let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let version = fixed[6];
    if fixed[0] != 0 || word(1) != TYPE_OPT || version != 0 {
        return Err(Counter::PassBadOpt);
    }
    let opt = Opt {
        udp_size: word(3),
        dnssec_ok: fixed[7] & 0x80 != 0,
    };
    let length = usize::from(word(9));
    let mut options = Options::default();
    let mut read = 0;
    for _ in 0..MOST_OPTIONS {
        if read == length {
            break;
        }
        if read + OPTION_HEADER > length || read > 1024 {
            return Err(Counter::PassBadOpt);
        }
        let at = offset + OPT_OCTETS + read;
        let option = message
            .at_variable::<[u16; 2]>(at)
            .ok_or(Counter::PassBadOpt)?;
        // SAFETY: inside the frame.
        let [code, octets] = unsafe { option.read_unaligned() }.map(u16::from_be);
        let found = Found {
            at: message.forget(at + OPTION_HEADER) as u32,
            octets: octets.into(),
        };
        match code {
            CLIENT_SUBNET if options.subnet.at == 0 => options.subnet = found,
            COOKIE if options.cookie.at == 0 => options.cookie = found,
            CLIENT_SUBNET | COOKIE | NSID => return Err(Counter::PassEdnsOption),
            _ => {}
        }
        read += OPTION_HEADER + usize::from(octets);
    }
    if read != length {
        return Err(if read < length {
            Counter::PassEdnsOption
        } else {
            Counter::PassBadOpt
        });
    }
    Ok((opt, options, OPT_OCTETS + length))
}

//! The EDNS options of a query that are served, and those of its reply: client subnet and cookie.

use igtm_common::{
    cookie::{self, ClientAddress, Judgement},
    counter::Counter,
    layout::Settings,
    line::Address,
    reply::{COOKIE_OCTETS, CookieOption},
    subnet::Subnet,
};

use crate::{edns::Found, frame::Frame, packet::Packet, query::Query};

/// Family, both prefix lengths.
const SUBNET_FIXED: usize = 4;
/// Client cookie and server cookie of ours.
const COOKIE_WHOLE: usize = 24;
/// What a reply's OPT carries, and what of it matters before.
pub(crate) struct Options {
    /// What the line is looked up by: the source, or the client subnet's network address.
    pub(crate) client: Address,
    /// Whether that is an IPv6 one.
    pub(crate) client_v6: bool,
    /// The query's subnet, when there is one.
    pub(crate) subnet: Subnet,
    /// The reply's subnet, when there is one: from here it goes into the frame.
    pub(crate) subnet_words: [u64; 3],
    /// Octets of the subnet in the reply's OPT, 0 without one.
    pub(crate) subnet_octets: usize,
    /// The reply's cookie, when there is one.
    pub(crate) cookie: CookieOption,
    /// Octets of the cookie in the reply's OPT, 0 without one.
    pub(crate) cookie_octets: usize,
    /// The client has shown a cookie of ours.
    pub(crate) known: bool,
}

impl Options {
    /// Of a query without any; what has no octets is not written, and not read.
    #[inline(always)]
    pub(crate) fn none(&mut self, frame: &Frame) {
        self.client = frame.source;
        self.client_v6 = frame.v6;
        self.subnet_octets = 0;
        self.cookie_octets = 0;
        self.known = false;
    }

    /// Reads the options that the query has; a malformed one is passed up.
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        packet: &Packet,
        settings: &Settings,
        frame: &Frame,
        query: &Query,
        now: u32,
    ) -> Result<(), Counter> {
        let message = packet
            .from(frame.message_at)
            .ok_or(Counter::PassBadLength)?;
        if query.subnet.at != 0 {
            let subnet = subnet(&message, query.subnet)?;
            if settings.ecs != 0 {
                self.subnet_octets = 4 + query.subnet.octets as usize;
                if subnet.source() > 0 {
                    let [high, low] = subnet.network();
                    self.client = Address { high, low };
                    self.client_v6 = subnet.v6();
                }
                self.subnet = subnet;
            }
        }
        if query.cookie.at != 0 {
            let (client, server) = cookie(&message, query.cookie)?;
            let address = ClientAddress {
                high: frame.source.high,
                low: frame.source.low,
                v6: frame.v6,
            };
            let Judgement { valid, server } =
                cookie::judge(&settings.cookies, client, server, now, address);
            self.cookie = CookieOption { client, server };
            self.cookie_octets = COOKIE_OCTETS;
            self.known = valid;
        }
        Ok(())
    }
}

/// The subnet whose option data is `found`.
#[inline(always)]
fn subnet(message: &Packet, found: Found) -> Result<Subnet, Counter> {
    let data = message
        .from(found.at as usize)
        .ok_or(Counter::PassEdnsOption)?;
    let fixed = data
        .at::<[u8; SUBNET_FIXED]>(0)
        .ok_or(Counter::PassEdnsOption)?;
    // SAFETY: inside the frame.
    let [family_high, family_low, source, scope] = unsafe { *fixed };
    let octets = found.octets as usize;
    if !(SUBNET_FIXED..=SUBNET_FIXED + 16).contains(&octets) {
        return Err(Counter::PassEdnsOption);
    }
    let (high, low) = address(message, found.at as usize, octets)?;
    let family = u16::from_be_bytes([family_high, family_low]);
    Subnet::parse(family, source, scope, found.octets as u16, high, low)
        .ok_or(Counter::PassEdnsOption)
}

/// Up to sixteen octets behind the fixed ones. Nothing may stand behind the option, but much stands
/// before it: what is short of a word is the end of one that ends there.
#[inline(always)]
fn address(message: &Packet, at: usize, data: usize) -> Result<(u64, u64), Counter> {
    let octets = data - SUBNET_FIXED;
    let word = |at: usize| {
        let word = message
            .at_variable::<u64>(at)
            .ok_or(Counter::PassEdnsOption)?;
        // SAFETY: inside the frame.
        Ok(u64::from_be(unsafe { word.read_unaligned() }))
    };
    let last = word(at + data - 8)?;
    if octets == 0 {
        return Ok((0, 0));
    }
    if octets <= 8 {
        return Ok((last << (64 - 8 * octets as u32), 0));
    }
    let first = word(at + SUBNET_FIXED)?;
    Ok((first, last << (128 - 8 * octets as u32)))
}

/// The client's cookie, and a server cookie that can be ours.
#[inline(always)]
fn cookie(message: &Packet, found: Found) -> Result<(u64, Option<[u64; 2]>), Counter> {
    if !cookie::well_formed(found.octets as u16) {
        return Err(Counter::PassEdnsOption);
    }
    let client = message
        .at_variable::<u64>(found.at as usize)
        .ok_or(Counter::PassEdnsOption)?;
    // SAFETY: inside the frame.
    let client = unsafe { client.read_unaligned() };
    if found.octets as usize != COOKIE_WHOLE {
        return Ok((client, None));
    }
    let server = message
        .at_variable::<[u64; 2]>(found.at as usize + 8)
        .ok_or(Counter::PassEdnsOption)?;
    // SAFETY: inside the frame.
    Ok((client, Some(unsafe { server.read_unaligned() })))
}

//! Replies that the kernel may give too, laid out by the same renderer (`igtm_common::reply`).

use std::time::Duration;

use igtm_common::layout::{Answer, ZoneEntry};
use igtm_common::reply::{
    self, COOKIE_OCTETS, CookieOption, HEADER_OCTETS, Kind, OPT_OCTETS, OptRecord,
};
use igtm_common::subnet::{REPLY_OCTETS, SubnetOption};

use super::answer::Replied;
use super::bare::Extended;
use super::query::Raw;

const OPTION_NSID: u16 = 3;
const OPTION_KEEPALIVE: u16 = 11;
const OPTION_ERROR: u16 = 15;
/// OPTION-CODE and OPTION-LENGTH.
const OPTION_HEADER: usize = 4;
/// An extended error is a number, without text.
const ERROR_OCTETS: usize = OPTION_HEADER + 2;
/// Options that need no memory of their own.
const SHORT_OCTETS: usize = COOKIE_OCTETS + REPLY_OCTETS + ERROR_OCTETS;

/// The options of a reply's OPT: the cookie first, then the client subnet, as the kernel sends them; then
/// NSID (RFC 5001), keepalive (RFC 7828) and extended error (RFC 8914), which only this side sends.
pub(super) struct Options {
    octets: [u8; SHORT_OCTETS],
    len: usize,
    /// All of them, where those are too many: with an identifier, which few ask for.
    long: Vec<u8>,
}

impl Options {
    pub(super) fn new(cookie: Option<CookieOption>, subnet: Option<SubnetOption>) -> Self {
        let mut options = Self {
            octets: [0; _],
            len: 0,
            long: Vec::new(),
        };
        if let Some(cookie) = cookie {
            options.add(&cookie.octets());
        }
        if let Some(subnet) = subnet {
            options.add(&subnet.wire()[..subnet.octets]);
        }
        options
    }

    fn add(&mut self, option: &[u8]) {
        self.octets[self.len..][..option.len()].copy_from_slice(option);
        self.len += option.len();
    }

    /// Adds our identifier, unless all options were more than `room` octets.
    pub(super) fn with_nsid(self, nsid: &str, room: usize) -> Self {
        self.with(OPTION_NSID, nsid.as_bytes(), room)
    }

    /// Adds how long a connection may be silent (RFC 7828), unless all options were more than `room`
    /// octets.
    pub(super) fn with_keepalive(self, idle: Duration, room: usize) -> Self {
        let units = u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX);
        self.with(OPTION_KEEPALIVE, &units.to_be_bytes(), room)
    }

    /// Adds an error, unless all options were more than `room` octets.
    pub(super) fn with_error(self, error: Extended, room: usize) -> Self {
        self.with(OPTION_ERROR, &(error as u16).to_be_bytes(), room)
    }

    fn with(mut self, code: u16, data: &[u8], room: usize) -> Self {
        let octets = self.as_slice().len() + OPTION_HEADER + data.len();
        if octets > room {
            return self;
        }
        let length = (data.len() as u16).to_be_bytes();
        let parts = [&code.to_be_bytes()[..], &length, data];
        if self.long.is_empty() && octets <= SHORT_OCTETS {
            parts.into_iter().for_each(|part| self.add(part));
        } else {
            self.long = [self.as_slice(), &parts.concat()].concat();
        }
        self
    }

    /// In wire format.
    pub(super) fn as_slice(&self) -> &[u8] {
        match &self.long[..] {
            [] => &self.octets[..self.len],
            long => long,
        }
    }
}

/// What every reply to one query has.
pub(super) struct Hot<'a> {
    pub(super) message: &'a [u8],
    pub(super) raw: &'a Raw<'a>,
    /// What may leave in all, octets.
    pub(super) limit: u16,
    /// What our OPT says.
    pub(super) udp_size: u16,
}

impl Hot<'_> {
    /// The records that `random` chooses; `None` for an answer without records.
    pub(super) fn answer<const C: usize, const O: usize, const T: usize>(
        &self,
        answer: &Answer<C, O, T>,
        random: u32,
        options: &Options,
        out: &mut Vec<u8>,
    ) -> Option<Replied> {
        let window = reply::choose(answer, random)?;
        let start = window.start as usize;
        let first = answer.octets.get(start..start + window.len as usize)?;
        let wrapped = answer.octets.get(..window.wrapped as usize)?;
        Some(self.lay_out(Kind::Answer(window.count), [first, wrapped], options, out))
    }

    /// NODATA or NXDOMAIN with the zone's SOA.
    pub(super) fn negative(
        &self,
        kind: Kind,
        zone: &ZoneEntry,
        options: &Options,
        out: &mut Vec<u8>,
    ) -> Replied {
        let owner = reply::origin_pointer(self.raw.name.len(), zone.origin_octets.into());
        let soa = &zone.soa[2..usize::from(zone.soa_octets)];
        self.lay_out(kind, [&owner, soa], options, out)
    }

    fn lay_out(
        &self,
        kind: Kind,
        records: [&[u8]; 2],
        options: &Options,
        out: &mut Vec<u8>,
    ) -> Replied {
        let options_octets = options.as_slice();
        let opt_octets = self
            .raw
            .opt
            .map_or(0, |_| OPT_OCTETS + options_octets.len());
        let [first, second] = records;
        let records_octets = first.len() + second.len();
        let octets = HEADER_OCTETS + self.raw.question.len() + records_octets + opt_octets;
        if octets > usize::from(self.limit) && records_octets > 0 {
            return self.lay_out(Kind::Truncated, [&[], &[]], options, out);
        }
        let word = |at: usize| u16::from_ne_bytes([self.message[at], self.message[at + 1]]);
        let header = reply::header(word(0), word(2), kind, self.raw.opt.is_some());
        out.reserve(octets);
        out.extend(header.iter().flat_map(|word| word.to_ne_bytes()));
        out.extend_from_slice(self.raw.question);
        out.extend_from_slice(first);
        out.extend_from_slice(second);
        if let Some(opt) = self.raw.opt {
            let rdlength = options_octets.len() as u16;
            let record = OptRecord::new(self.udp_size, opt.dnssec_ok, rdlength);
            out.extend_from_slice(&record.octets());
            out.extend_from_slice(options_octets);
        }
        Replied
    }
}

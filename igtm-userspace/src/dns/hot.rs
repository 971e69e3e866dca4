//! Replies that the kernel may give too, laid out by the same renderer (`igtm_common::reply`).

use igtm_common::layout::{Answer, ZoneEntry};
use igtm_common::reply::{
    self, COOKIE_OCTETS, CookieOption, HEADER_OCTETS, Kind, OPT_OCTETS, OptRecord,
};
use igtm_common::subnet::{REPLY_OCTETS, SubnetOption};

use super::bare::Extended;
use super::query::Raw;

const OPTION_NSID: u16 = 3;
const OPTION_ERROR: u16 = 15;
/// OPTION-CODE and OPTION-LENGTH.
const OPTION_HEADER: usize = 4;

/// The options of a reply's OPT: the cookie first, then the client subnet, as the kernel sends them; then
/// what only this side sends.
pub(super) struct Options {
    octets: [u8; COOKIE_OCTETS + REPLY_OCTETS],
    len: usize,
    /// NSID (RFC 5001) and extended error (RFC 8914): most replies have neither.
    more: Vec<u8>,
}

impl Options {
    pub(super) fn new(cookie: Option<CookieOption>, subnet: Option<SubnetOption>) -> Self {
        let mut options = Self {
            octets: [0; _],
            len: 0,
            more: Vec::new(),
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
    pub(super) fn with_nsid(mut self, nsid: &str, room: usize) -> Self {
        self.add_more(OPTION_NSID, nsid.as_bytes(), room);
        self
    }

    /// Adds an error, unless all options were more than `room` octets.
    pub(super) fn with_error(mut self, error: Extended, room: usize) -> Self {
        self.add_more(OPTION_ERROR, &(error as u16).to_be_bytes(), room);
        self
    }

    fn add_more(&mut self, code: u16, data: &[u8], room: usize) {
        if self.len() + OPTION_HEADER + data.len() <= room {
            self.more.extend(code.to_be_bytes());
            self.more.extend((data.len() as u16).to_be_bytes());
            self.more.extend_from_slice(data);
        }
    }

    /// Octets of all.
    pub(super) fn len(&self) -> usize {
        self.len + self.more.len()
    }

    /// Writes all, in wire format.
    pub(super) fn append_to(&self, reply: &mut Vec<u8>) {
        reply.extend_from_slice(&self.octets[..self.len]);
        reply.extend_from_slice(&self.more);
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
    ) -> Option<Vec<u8>> {
        let window = reply::choose(answer, random)?;
        let start = window.start as usize;
        let first = answer.octets.get(start..start + window.len as usize)?;
        let wrapped = answer.octets.get(..window.wrapped as usize)?;
        Some(self.lay_out(Kind::Answer(window.count), [first, wrapped], options))
    }

    /// NODATA or NXDOMAIN with the zone's SOA.
    pub(super) fn negative(&self, kind: Kind, zone: &ZoneEntry, options: &Options) -> Vec<u8> {
        let owner = reply::origin_pointer(self.raw.name.len(), zone.origin_octets.into());
        let soa = &zone.soa[2..usize::from(zone.soa_octets)];
        self.lay_out(kind, [&owner, soa], options)
    }

    fn lay_out(&self, kind: Kind, records: [&[u8]; 2], options: &Options) -> Vec<u8> {
        let opt_octets = self.raw.opt.map_or(0, |_| OPT_OCTETS + options.len());
        let [first, second] = records;
        let records_octets = first.len() + second.len();
        let octets = HEADER_OCTETS + self.raw.question.len() + records_octets + opt_octets;
        if octets > usize::from(self.limit) && records_octets > 0 {
            return self.lay_out(Kind::Truncated, [&[], &[]], options);
        }
        let word = |at: usize| u16::from_ne_bytes([self.message[at], self.message[at + 1]]);
        let header = reply::header(word(0), word(2), kind, self.raw.opt.is_some());
        let mut reply = Vec::with_capacity(octets);
        reply.extend(header.iter().flat_map(|word| word.to_ne_bytes()));
        reply.extend_from_slice(self.raw.question);
        reply.extend_from_slice(first);
        reply.extend_from_slice(second);
        if let Some(opt) = self.raw.opt {
            let rdlength = options.len() as u16;
            let record = OptRecord::new(self.udp_size, opt.dnssec_ok, rdlength);
            reply.extend_from_slice(&record.octets());
            options.append_to(&mut reply);
        }
        reply
    }
}

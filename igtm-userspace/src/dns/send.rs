//! Replies of several records: header, sections, OPT, and what happens when they do not fit.
//!
//! Must not decide what is answered.

use igtm_common::reply::{OPT_OCTETS, OptRecord};

use super::answer::{Asked, Replied};
use super::bare::Extended;
use super::chain::Way;
use crate::zone::compose::{Composer, Data, Full, Section};
use crate::zone::store::Ready;

/// A reply on its way.
pub(super) struct Sending {
    composer: Composer,
    /// AA.
    pub(super) authoritative: bool,
    /// RCODE.
    pub(super) code: u8,
    /// Hosts whose addresses are of use, lower case.
    pub(super) hosts: Vec<Vec<u8>>,
}

impl Sending {
    /// Adds a record.
    pub(super) fn add(
        &mut self,
        section: Section,
        owner: &[u8],
        data: Data<'_>,
    ) -> Result<(), Full> {
        self.composer.record(section, owner, data)
    }

    fn aa(&self) -> u8 {
        if self.authoritative { AUTHORITATIVE } else { 0 }
    }
}

/// AA and TC in the third octet of a header.
const AUTHORITATIVE: u8 = 0x04;
const TRUNCATED: u8 = 0x02;

impl Asked<'_> {
    pub(super) fn sending(&self) -> Sending {
        let room = usize::from(self.limit) - self.opt_octets(0);
        Sending {
            composer: Composer::new(self.raw.question, room),
            authoritative: true,
            code: 0,
            hosts: Vec::new(),
        }
    }

    /// Octets of our OPT.
    fn opt_octets(&self, scope: u8) -> usize {
        let options = || OPT_OCTETS + self.options(scope).as_slice().len();
        self.raw.opt.map_or(0, |_| options())
    }

    /// The reply, with addresses of hosts as far as there is room.
    pub(super) fn send(&self, mut way: Way, out: &mut Vec<u8>) -> Replied {
        for host in std::mem::take(&mut way.sending.hosts) {
            // Whoever needs them can ask for them: they never truncate.
            let _ = self.add_addresses(&mut way, &host);
        }
        let error = way.stale.then_some(Extended::Stale);
        let Way { sending, scope, .. } = way;
        let counts = sending.composer.counts;
        let flags = sending.aa();
        *out = sending.composer.into_octets();
        self.finish_reply(out, flags, sending.code, counts, scope, error)
    }

    /// No records: the rest is to be asked for by TCP.
    pub(super) fn truncated(&self, way: &Way, out: &mut Vec<u8>) -> Replied {
        *out = self.sending().composer.into_octets();
        let flags = TRUNCATED | way.sending.aa();
        self.finish_reply(out, flags, 0, [0; 3], way.scope, None)
    }

    /// A set that is ready for this question; `None`: it does not fit with its addresses.
    pub(super) fn ready(&self, ready: Ready<'_>, out: &mut Vec<u8>) -> Option<Replied> {
        let octets = ready.answer.len() + ready.additional.len();
        let header = igtm_common::reply::HEADER_OCTETS;
        let octets = header + self.raw.question.len() + octets;
        let opt = self.opt_octets(0);
        if octets + opt > usize::from(self.limit) {
            return None;
        }
        out.reserve(octets + opt);
        out.resize(header, 0);
        out.extend_from_slice(self.raw.question);
        out.extend_from_slice(ready.answer);
        out.extend_from_slice(ready.additional);
        let counts = [ready.answers, 0, ready.additionals];
        Some(self.finish_reply(out, AUTHORITATIVE, 0, counts, 0, None))
    }

    /// Fills in the header (RFC 1035 §4.1.1) and adds the OPT.
    fn finish_reply(
        &self,
        reply: &mut Vec<u8>,
        flags: u8,
        code: u8,
        counts: [u16; 3],
        scope: u8,
        error: Option<Extended>,
    ) -> Replied {
        reply[..2].copy_from_slice(&self.message[..2]);
        // Opcode and RD as they came.
        reply[2] = 0x80 | (self.message[2] & 0x79) | flags;
        reply[3] = code;
        reply[5] = 1;
        let [answers, authority, mut additional] = counts;
        if let Some(opt) = self.raw.opt {
            additional += 1;
            let room = usize::from(self.limit).saturating_sub(reply.len() + OPT_OCTETS);
            let mut options = self.options(scope);
            if let Some(error) = error {
                options = options.with_error(error, room);
            }
            let options = options.as_slice();
            let record = OptRecord::new(self.udp_size(), opt.dnssec_ok, options.len() as u16);
            reply.extend_from_slice(&record.octets());
            reply.extend_from_slice(options);
        }
        for (at, count) in [(6, answers), (8, authority), (10, additional)] {
            reply[at..at + 2].copy_from_slice(&count.to_be_bytes());
        }
        Replied
    }
}

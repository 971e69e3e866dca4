//! Replies that no zone has a part in: refusals, failures, what the server says of itself. Header,
//! question, perhaps records that are ready, OPT.
//!
//! Must not look at names in zones: which of them is refused or fails is `answer.rs`'.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use igtm_common::reply::{HEADER_OCTETS, OPT_OCTETS, OptRecord};

use super::answer::{Asked, Replied};
use super::query::{CLASS_IN, Fault};

/// Class Chaos (RFC 1035 §3.2.4).
const CLASS_CH: u16 = 3;
const TYPE_OPT: u16 = 41;
const TKEY: u16 = 249;
const TSIG: u16 = 250;
const MAILB: u16 = 253;
const MAILA: u16 = 254;
/// QR, and what comes back as it was asked: opcode and RD.
const QR: u8 = 0x80;
const COPIED: u8 = 0x79;
const AA: u8 = 0x04;
/// A pointer to the question's name.
const TO_QUESTION: [u8; 2] = [0xc0, HEADER_OCTETS as u8];
/// Most octets of a string in a TXT record (RFC 1035 §3.3).
const STRING_OCTETS: usize = 255;

/// Why, in more than a code (RFC 8914 §4); sent to who sent an OPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extended {
    /// Nothing that has a number.
    Other = 0,
    /// Addresses of a domain that cannot be resolved any more, and whose TTL is over.
    Stale = 3,
    /// This client may not ask that.
    Prohibited = 18,
    /// Of no zone served here.
    NotAuthoritative = 20,
    /// A class, type or opcode that is not served at all.
    NotSupported = 21,
    /// Other people's name servers do not say what stands here.
    NoReachableAuthority = 22,
}

/// One reply.
pub(super) struct Bare<'a> {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    /// How many records.
    pub(super) answers: u16,
    /// In wire format, behind the question.
    pub(super) records: &'a [u8],
    pub(super) error: Option<Extended>,
}

impl Asked<'_> {
    /// The reply to what is no question about a name in a zone; `None` for all that are.
    pub(super) fn beside_zones(&self, out: &mut Vec<u8>) -> Option<Replied> {
        let raw = &self.raw;
        if let Some(fault) = raw.fault {
            let (code, error) = match fault {
                Fault::Malformed => (ResponseCode::FormErr, None),
                Fault::Version => (ResponseCode::BADVERS, None),
                Fault::Opcode => (ResponseCode::NotImp, Some(Extended::NotSupported)),
            };
            return Some(self.refused(code, error, out));
        }
        if raw.question.is_empty() {
            // RFC 7873 §5.4: a cookie is asked for, or whether the client's is still good.
            let good = self.known || raw.cookie.is_some_and(|cookie| cookie.fresh);
            let code = match good {
                true => ResponseCode::NoError,
                false => ResponseCode::BADCOOKIE,
            };
            return Some(self.refused(code, None, out));
        }
        match (raw.qclass, raw.qtype) {
            (CLASS_CH, _) => Some(self.chaos(out)),
            (CLASS_IN, TYPE_OPT | TKEY | TSIG) => {
                Some(self.refused(ResponseCode::FormErr, None, out))
            }
            // RFC 6895 §3.1: obsolete.
            (CLASS_IN, MAILA | MAILB) => {
                Some(self.refused(ResponseCode::NotImp, Some(Extended::NotSupported), out))
            }
            (CLASS_IN, _) => None,
            // ANY too: what is said of all classes can be authoritative for none (RFC 1035 §6.2).
            _ => Some(self.refused(ResponseCode::Refused, Some(Extended::NotSupported), out)),
        }
    }

    /// A code and nothing else.
    pub(super) fn refused(
        &self,
        code: ResponseCode,
        error: Option<Extended>,
        out: &mut Vec<u8>,
    ) -> Replied {
        let bare = Bare {
            code,
            authoritative: false,
            answers: 0,
            records: &[],
            error,
        };
        self.bare(&bare, out)
    }

    /// SERVFAIL: what is answered cannot be found out.
    pub(super) fn fail(&self, out: &mut Vec<u8>) -> Replied {
        self.refused(ResponseCode::ServFail, Some(Extended::Other), out)
    }

    /// SERVFAIL: what is answered is not known, and a negative answer, which caches keep, would be
    /// a wrong one.
    pub(super) fn unresolved(&self, out: &mut Vec<u8>) -> Replied {
        let error = Some(Extended::NoReachableAuthority);
        self.refused(ResponseCode::ServFail, error, out)
    }

    /// A name in none of our zones.
    pub(super) fn refuse(&self, out: &mut Vec<u8>) -> Replied {
        let error = Some(Extended::NotAuthoritative);
        self.refused(ResponseCode::Refused, error, out)
    }

    /// What the server says of itself (RFC 4892), where it may.
    fn chaos(&self, out: &mut Vec<u8>) -> Replied {
        let says = &self.snapshot.ground.config.server.says;
        let name = self.raw.name.to_ascii_lowercase();
        let text = match &name[..] {
            b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => &says.identity,
            b"\x07version\x06server\0" | b"\x07version\x04bind\0" => &says.version,
            _ => "",
        };
        let asks = matches!(
            RecordType::from(self.raw.qtype),
            RecordType::TXT | RecordType::ANY
        );
        if text.is_empty() || !asks {
            return self.refused(ResponseCode::Refused, Some(Extended::Prohibited), out);
        }
        let mut data = Vec::new();
        for string in text.as_bytes().chunks(STRING_OCTETS) {
            data.push(string.len() as u8);
            data.extend_from_slice(string);
        }
        let mut record = TO_QUESTION.to_vec();
        record.extend(u16::from(RecordType::TXT).to_be_bytes());
        record.extend(CLASS_CH.to_be_bytes());
        // Whoever asks asks this server, now: nothing to cache.
        record.extend(0_u32.to_be_bytes());
        record.extend((data.len() as u16).to_be_bytes());
        record.extend(data);
        let bare = Bare {
            code: ResponseCode::NoError,
            authoritative: true,
            answers: 1,
            records: &record,
            error: None,
        };
        self.bare(&bare, out)
    }

    pub(super) fn bare(&self, bare: &Bare<'_>, reply: &mut Vec<u8>) -> Replied {
        let code = u16::from(bare.code);
        let raw = &self.raw;
        let flags = QR | (self.message[2] & COPIED) | if bare.authoritative { AA } else { 0 };
        let counts = [
            u16::from(!raw.question.is_empty()),
            bare.answers,
            0,
            u16::from(raw.opt.is_some()),
        ];
        reply.extend_from_slice(&self.message[..2]);
        reply.extend([flags, code as u8 & 0x0f]);
        reply.extend(counts.map(u16::to_be_bytes).as_flattened());
        reply.extend_from_slice(raw.question);
        reply.extend_from_slice(bare.records);
        if let Some(opt) = raw.opt {
            let room = usize::from(self.limit).saturating_sub(reply.len() + OPT_OCTETS);
            let mut options = self.options_beside(0, bare.records.len());
            if let Some(error) = bare.error {
                options = options.with_error(error, room);
            }
            let record = OptRecord::new(
                self.udp_size(),
                opt.dnssec_ok,
                options.as_slice().len() as u16,
            );
            let mut record = record.octets();
            // The code's upper bits (RFC 6891 §6.1.3).
            record[5] = (code >> 4) as u8;
            reply.extend_from_slice(&record);
            reply.extend_from_slice(options.as_slice());
        }
        Replied
    }
}

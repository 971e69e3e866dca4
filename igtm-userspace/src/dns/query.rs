//! A query's octets: header, question, and the records behind it.
//!
//! Reads as much as can be read, so that even a message with a fault gets a reply that its client
//! takes for its own. What the OPT says is `edns.rs`'. Must not decide what a query is answered.

use igtm_common::name::NAME_OCTETS;
use igtm_common::reply::{HEADER_OCTETS, Opt};
use igtm_common::subnet::Subnet;

use super::edns::Cookie;

/// Class Internet (RFC 1035 §3.2.4).
pub(super) const CLASS_IN: u16 = 1;
/// Incremental transfer (RFC 1995).
pub(super) const IXFR: u16 = 251;
const TYPE_SOA: u16 = 6;
const TYPE_OPT: u16 = 41;
/// QR in the third octet of the header.
const QR: u8 = 0x80;
const OPCODE: u8 = 0x78;
/// Type, class, TTL and RDLENGTH of a record.
const RECORD_FIXED: usize = 10;
/// SERIAL, REFRESH, RETRY, EXPIRE and MINIMUM of a SOA.
const SOA_FIXED: usize = 20;

/// Why a message gets nothing but a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It cannot be read: FORMERR.
    Malformed,
    /// EDNS of another version than 0: BADVERS (RFC 6891 §6.1.3).
    Version,
    /// Another opcode than QUERY: NOTIMP.
    Opcode,
}

/// What is read from a query's octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    /// Name, type and class, as they came; empty without a question that can be read.
    pub(super) question: &'a [u8],
    /// The name alone.
    pub(super) name: &'a [u8],
    pub(super) qtype: u16,
    pub(super) qclass: u16,
    /// The OPT, wherever it stands among the additional records.
    pub(super) opt: Option<Opt>,
    /// A client subnet in it.
    pub(super) subnet: Option<Subnet>,
    /// A client subnet that cannot be read, or a second one: FORMERR to those who read them.
    pub(super) bad_subnet: bool,
    /// Octets of the edns-tcp-keepalive in it (RFC 7828), which mean something over TCP.
    pub(super) keepalive: Option<usize>,
    /// The first cookie in it.
    pub(super) cookie: Option<Cookie>,
    /// Whether it asks for our identifier (RFC 5001).
    pub(super) nsid: bool,
    /// What an IXFR's client has already (RFC 1995 §3).
    pub(super) serial: Option<u32>,
    pub(super) fault: Option<Fault>,
}

impl<'a> Raw<'a> {
    /// Reads a message; `None` for what nobody replies to: less than a header, or a reply.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let header = message.first_chunk()?;
        if header[2] & QR != 0 {
            return None;
        }
        let mut raw = Self::default();
        let read = raw.read(message, header);
        // Nothing but the header is defined for an opcode that is not known (RFC 8906 §3.1.4).
        raw.fault = match header[2] & OPCODE {
            0 => read.err(),
            _ => Some(Fault::Opcode),
        };
        Some(raw)
    }

    fn read(&mut self, message: &'a [u8], header: &[u8; HEADER_OCTETS]) -> Result<(), Fault> {
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let (answers, authority, additional) = (count(6), count(8), count(10));
        let mut at = match count(4) {
            0 => HEADER_OCTETS,
            1 => self.read_question(message)?,
            // RFC 9619 §4.
            _ => return Err(Fault::Malformed),
        };
        for _ in 0..answers {
            let record = Record::read(message, &mut at)?;
            record.refuse_opt()?;
        }
        for _ in 0..authority {
            let record = Record::read(message, &mut at)?;
            record.refuse_opt()?;
            if record.rtype == TYPE_SOA && self.serial.is_none() {
                self.serial = record.serial(message);
            }
        }
        let mut opt = Ok(());
        for _ in 0..additional {
            let record = Record::read(message, &mut at)?;
            // Signatures and the like are ignored.
            if record.rtype == TYPE_OPT {
                // RFC 6891 §6.1.1 and §6.1.2: one at most, and its owner is the root.
                if self.opt.is_some() || record.owner != [0] {
                    return Err(Fault::Malformed);
                }
                // What stands behind a bad one may be worse: a message that cannot be read has no
                // version.
                opt = self.read_opt(&record);
            }
        }
        let asks = answers == 0 && (authority == 0 || self.qtype == IXFR);
        if at != message.len() || !asks {
            return Err(Fault::Malformed);
        }
        opt?;
        // RFC 7873 §5.4: without a question only a cookie can be asked for.
        if self.question.is_empty() && self.cookie.is_none() {
            return Err(Fault::Malformed);
        }
        Ok(())
    }

    /// Where it ends.
    fn read_question(&mut self, message: &'a [u8]) -> Result<usize, Fault> {
        let name_end = name_end(message)?;
        let end = name_end + 4;
        let question = message.get(HEADER_OCTETS..end).ok_or(Fault::Malformed)?;
        let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
        self.question = question;
        self.name = &message[HEADER_OCTETS..name_end];
        self.qtype = word(name_end);
        self.qclass = word(name_end + 2);
        Ok(end)
    }
}

/// A record of a query.
pub(super) struct Record<'a> {
    owner: &'a [u8],
    rtype: u16,
    /// CLASS and TTL, in which an OPT says other things.
    pub(super) class: u16,
    pub(super) ttl: [u8; 4],
    pub(super) data: &'a [u8],
    data_at: usize,
}

impl<'a> Record<'a> {
    /// Reads the record at `at` and moves behind it.
    fn read(message: &'a [u8], at: &mut usize) -> Result<Self, Fault> {
        let start = *at;
        let fixed_at = skip_name(message, start)?;
        let fixed: &[u8; RECORD_FIXED] = message
            .get(fixed_at..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(Fault::Malformed)?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let data_at = fixed_at + RECORD_FIXED;
        let end = data_at + usize::from(word(8));
        let data = message.get(data_at..end).ok_or(Fault::Malformed)?;
        *at = end;
        Ok(Self {
            owner: &message[start..fixed_at],
            rtype: word(0),
            class: word(2),
            ttl: [fixed[4], fixed[5], fixed[6], fixed[7]],
            data,
            data_at,
        })
    }

    /// An OPT stands among the additional records or nowhere (RFC 6891 §6.1.1).
    fn refuse_opt(&self) -> Result<(), Fault> {
        match self.rtype {
            TYPE_OPT => Err(Fault::Malformed),
            _ => Ok(()),
        }
    }

    /// The serial of a SOA (RFC 1035 §3.3.13).
    fn serial(&self, message: &[u8]) -> Option<u32> {
        let mname_end = skip_name(message, self.data_at).ok()?;
        let at = skip_name(message, mname_end).ok()?;
        let whole = at + SOA_FIXED == self.data_at + self.data.len();
        let octets = message.get(at..)?.first_chunk().filter(|_| whole)?;
        Some(u32::from_be_bytes(*octets))
    }
}

/// Where the question's name ends.
fn name_end(message: &[u8]) -> Result<usize, Fault> {
    let mut end = HEADER_OCTETS;
    loop {
        let length = usize::from(*message.get(end).ok_or(Fault::Malformed)?);
        // A first name has nothing before it that a pointer could mean (RFC 1035 §4.1.4).
        if length > 63 {
            return Err(Fault::Malformed);
        }
        end += 1 + length;
        if end - HEADER_OCTETS > NAME_OCTETS {
            return Err(Fault::Malformed);
        }
        if length == 0 {
            return Ok(end);
        }
    }
}

/// Where a name ends that is not needed: at its root label, or behind its pointer.
fn skip_name(message: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    loop {
        let length = *message.get(at).ok_or(Fault::Malformed)?;
        match length {
            0 => return Ok(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xc0.. if at + 1 < message.len() => return Ok(at + 2),
            _ => return Err(Fault::Malformed),
        }
        if at - start >= NAME_OCTETS {
            return Err(Fault::Malformed);
        }
    }
}

//! A message of records, written once from front to back with names compressed (RFC 1035 §4.1.4).
//!
//! Must not know what belongs into a reply.

use igtm_common::reply::HEADER_OCTETS;

use crate::config::model::rtype;
use crate::snapshot::names;

/// Names that others may end in, at most; what is not found among them is written out.
const MOST_NAMES: usize = 48;
/// A pointer has 14 bits.
const FARTHEST: usize = 0x3fff;
const CLASS_IN: u16 = 1;

/// A section of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 1035 §4.1 says it")]
pub enum Section {
    Answer,
    Authority,
    Additional,
}

/// There is no room for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// One record without its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// TYPE.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// Uncompressed.
    pub rdata: &'a [u8],
}

/// A message on its way.
#[derive(Debug)]
pub struct Composer {
    octets: Vec<u8>,
    /// Octets that it may have in all.
    limit: usize,
    /// Where labels stand.
    labels: Vec<u16>,
    /// Records by section.
    pub counts: [u16; 3],
}

impl Composer {
    /// A message with one question (name, type and class) and room for a header.
    pub fn new(question: &[u8], limit: usize) -> Self {
        let mut octets = Vec::with_capacity(limit.min(1024));
        octets.resize(HEADER_OCTETS, 0);
        let mut composer = Self {
            octets,
            limit,
            labels: Vec::with_capacity(16),
            counts: [0; 3],
        };
        composer.octets.extend_from_slice(question);
        composer.remember(question, HEADER_OCTETS);
        composer
    }

    /// Adds a record; without room for it, everything stays as it was.
    pub fn record(&mut self, section: Section, owner: &[u8], data: Data<'_>) -> Result<(), Full> {
        let (octets, labels) = (self.octets.len(), self.labels.len());
        self.name(owner);
        let put = |octets: &mut Vec<u8>, it: u16| octets.extend_from_slice(&it.to_be_bytes());
        put(&mut self.octets, data.rtype);
        put(&mut self.octets, CLASS_IN);
        self.octets.extend_from_slice(&data.ttl.to_be_bytes());
        let length_at = self.octets.len();
        put(&mut self.octets, 0);
        self.rdata(data);
        let length = self.octets.len() - length_at - 2;
        if self.octets.len() > self.limit || length > usize::from(u16::MAX) {
            self.octets.truncate(octets);
            self.labels.truncate(labels);
            return Err(Full);
        }
        self.octets[length_at..length_at + 2].copy_from_slice(&(length as u16).to_be_bytes());
        // At most 65 535 octets hold fewer records than that.
        self.counts[section as usize] += 1;
        Ok(())
    }

    /// Header, question and records; the header is still empty.
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    /// So many octets by now.
    pub fn octets(&self) -> usize {
        self.octets.len()
    }

    /// Only names of types of RFC 1035 are compressed (RFC 3597 §4).
    fn rdata(&mut self, data: Data<'_>) {
        let rdata = data.rdata;
        let fixed = match data.rtype {
            rtype::NS | rtype::CNAME | rtype::PTR | rtype::SOA => 0,
            rtype::MX => 2,
            _ => rdata.len(),
        };
        let (fixed, mut rest) = rdata.split_at(fixed.min(rdata.len()));
        self.octets.extend_from_slice(fixed);
        let names = match data.rtype {
            _ if rest.is_empty() => 0,
            rtype::SOA => 2,
            _ => 1,
        };
        for _ in 0..names {
            let octets = name_octets(rest);
            let (name, behind) = rest.split_at(octets);
            self.name(name);
            rest = behind;
        }
        self.octets.extend_from_slice(rest);
    }

    fn name(&mut self, name: &[u8]) {
        for rest in names::upward(name) {
            if rest.first() == Some(&0) {
                break;
            }
            if let Some(at) = self.find(rest) {
                let written = &name[..name.len() - rest.len()];
                let begin = self.octets.len();
                self.octets.extend_from_slice(written);
                self.octets.extend_from_slice(&(0xc000 | at).to_be_bytes());
                self.remember(written, begin);
                return;
            }
        }
        let begin = self.octets.len();
        self.octets.extend_from_slice(name);
        self.remember(name, begin);
    }

    /// Remembers the labels of what was written at `begin`.
    fn remember(&mut self, written: &[u8], begin: usize) {
        let mut at = 0;
        while let Some(length) = written.get(at).filter(|length| **length > 0) {
            if self.labels.len() >= MOST_NAMES || begin + at > FARTHEST {
                return;
            }
            self.labels.push((begin + at) as u16);
            at += 1 + usize::from(*length);
        }
    }

    fn find(&self, name: &[u8]) -> Option<u16> {
        let first = name.first()?;
        let mut labels = self.labels.iter().copied();
        labels.find(|at| self.octets[usize::from(*at)] == *first && self.stands(*at, name))
    }

    /// Whether the name that begins at `at` is this one, in any case.
    fn stands(&self, at: u16, name: &[u8]) -> bool {
        let mut at = usize::from(at);
        let mut rest = name;
        loop {
            let length = self.octets[at];
            if length >= 0xc0 {
                at = usize::from(u16::from_be_bytes([length & 0x3f, self.octets[at + 1]]));
                continue;
            }
            let octets = 1 + usize::from(length);
            let Some((label, behind)) = rest.split_at_checked(octets) else {
                return false;
            };
            if !self.octets[at..at + octets].eq_ignore_ascii_case(label) {
                return false;
            }
            if length == 0 {
                return true;
            }
            at += octets;
            rest = behind;
        }
    }
}

/// Octets of the uncompressed name at the beginning of `octets`.
pub fn name_octets(octets: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = octets.get(at).filter(|length| **length > 0) {
        at += 1 + usize::from(*length);
    }
    (at + 1).min(octets.len())
}

/// The host whose addresses are of use with a record (RFC 1035 §3.3.9, §3.3.11, RFC 2782,
/// RFC 9460 §4.1).
pub fn host<'a>(owner: &'a [u8], rtype: u16, rdata: &'a [u8]) -> Option<&'a [u8]> {
    let at = match rtype {
        rtype::NS => 0,
        rtype::MX | rtype::SVCB | rtype::HTTPS => 2,
        rtype::SRV => 6,
        _ => return None,
    };
    let name = rdata.get(at..)?;
    let name = &name[..name_octets(name)];
    match (rtype, name) {
        // `.` is the owner, but in AliasMode, and no host of a MX or SRV.
        (rtype::SVCB | rtype::HTTPS, [0]) => (rdata[..2] != [0, 0]).then_some(owner),
        (_, [0]) => None,
        _ => Some(name),
    }
}

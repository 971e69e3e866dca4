//! Records of a zone, and as many of them as one message of a transfer holds, in wire format.
//!
//! Must not know whose records they are.

use igtm_common::answer::Answer;
use igtm_common::layout::ZoneEntry;
use igtm_common::reply::{self, HEADER_OCTETS};

/// Octets of records in a message: with header, question and OPT less than 16 384, which anybody
/// takes, and made while nobody waits.
const MOST_OCTETS: usize = 15_000;
/// A pointer to the question's name.
const TO_QUESTION: [u8; 2] = [0xc0, HEADER_OCTETS as u8];
const CLASS_IN: u16 = 1;
/// Type, class, TTL and RDLENGTH.
const FIXED: usize = 10;

/// A record, class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// In wire format.
    pub(super) owner: Vec<u8>,
    pub(super) rtype: u16,
    /// Seconds.
    pub(super) ttl: u32,
    /// In wire format, without pointers.
    pub(super) rdata: Vec<u8>,
}

impl Record {
    /// Reads one whose owner is a pointer, and gives what is behind it.
    fn read<'a>(owner: &[u8], octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let fixed: &[u8; FIXED] = octets.get(TO_QUESTION.len()..)?.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let behind = octets.get(TO_QUESTION.len() + FIXED..)?;
        let (rdata, behind) = behind.split_at_checked(length)?;
        let record = Self {
            owner: owner.to_vec(),
            rtype: u16::from_be_bytes([fixed[0], fixed[1]]),
            ttl: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            rdata: rdata.to_vec(),
        };
        Some((record, behind))
    }

    /// A zone's SOA, with the TTL that it has at its apex.
    pub(super) fn soa(origin: &[u8], ttl: u32, entry: &ZoneEntry) -> Option<Self> {
        let octets = entry.soa.get(..usize::from(entry.soa_octets))?;
        let (record, _) = Self::read(origin, octets)?;
        Some(Self { ttl, ..record })
    }

    /// Those that the renderer would send.
    pub(super) fn drawn<const C: usize, const O: usize, const T: usize>(
        owner: &[u8],
        answer: &Answer<C, O, T>,
        random: u32,
    ) -> Vec<Self> {
        let Some(window) = reply::choose(answer, random) else {
            return Vec::new();
        };
        let first = window.start as usize..(window.start + window.len) as usize;
        let mut found = Vec::new();
        for range in [first, 0..window.wrapped as usize] {
            let mut rest = &answer.octets[range];
            while let Some((record, behind)) = Self::read(owner, rest) {
                found.push(record);
                rest = behind;
            }
        }
        found
    }
}

/// Records of one message whose question is the zone's name.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) count: u16,
    pub(super) octets: Vec<u8>,
}

impl Page {
    /// Adds a record of the zone `origin`, in wire format; whether there was room.
    pub(super) fn add(&mut self, origin: &[u8], record: &Record) -> bool {
        let before = self.octets.len();
        match record.owner.len().checked_sub(origin.len()) {
            // It ends as the question does (RFC 1035 §4.1.4).
            Some(labels) => {
                self.octets.extend_from_slice(&record.owner[..labels]);
                self.octets.extend(TO_QUESTION);
            }
            None => self.octets.extend_from_slice(&record.owner),
        }
        self.octets.extend(record.rtype.to_be_bytes());
        self.octets.extend(CLASS_IN.to_be_bytes());
        self.octets.extend(record.ttl.to_be_bytes());
        self.octets
            .extend((record.rdata.len() as u16).to_be_bytes());
        self.octets.extend_from_slice(&record.rdata);
        // One alone may be larger: where there is nothing else, there is room.
        if self.count > 0 && self.octets.len() > MOST_OCTETS {
            self.octets.truncate(before);
            return false;
        }
        self.count += 1;
        true
    }
}

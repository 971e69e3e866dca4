//! Messages laid octet by octet: what no library would send, and what exactly is to come back.

use hickory_proto::rr::Name;

use crate::snapshot::names;

pub(super) const A: u16 = 1;
pub(super) const SOA: u16 = 6;
pub(super) const TXT: u16 = 16;
pub(super) const OPT: u16 = 41;
pub(super) const TSIG: u16 = 250;
pub(super) const ANY: u16 = 255;
pub(super) const IN: u16 = 1;
pub(super) const CH: u16 = 3;

/// QR, and the bits that a reply may have.
pub(super) const QR: u16 = 0x8000;
pub(super) const AA: u16 = 0x0400;
pub(super) const RD: u16 = 0x0100;

/// The sections of a message, by where their count stands.
#[derive(Clone, Copy)]
pub(super) enum Section {
    Answer = 3,
    Authority = 4,
    Additional = 5,
}

/// What an OPT says in place of class and TTL.
#[derive(Clone, Copy)]
pub(super) struct Says {
    pub(super) size: u16,
    /// The upper bits of a code.
    pub(super) code: u8,
    pub(super) version: u8,
    pub(super) flags: u16,
}

/// Of `dig`.
pub(super) const PLAIN: Says = Says {
    size: 1232,
    code: 0,
    version: 0,
    flags: 0,
};

/// DNSSEC OK.
pub(super) const DO: Says = Says {
    flags: 0x8000,
    ..PLAIN
};

#[derive(Clone)]
pub(super) struct Wire {
    header: [u16; 6],
    body: Vec<u8>,
}

impl Wire {
    /// Of id 1, with these flags, opcode and code.
    pub(super) fn new(flags: u16) -> Self {
        Self {
            header: [1, flags, 0, 0, 0, 0],
            body: Vec::new(),
        }
    }

    /// Counts what is not there, or does not count what is.
    pub(super) fn count(mut self, at: usize, count: u16) -> Self {
        self.header[at] = count;
        self
    }

    pub(super) fn question(self, name: &str, qtype: u16) -> Self {
        self.question_of(name, qtype, IN)
    }

    pub(super) fn question_of(mut self, name: &str, qtype: u16, class: u16) -> Self {
        self.header[2] += 1;
        self.body.extend(owner(name));
        self.body.extend(qtype.to_be_bytes());
        self.body.extend(class.to_be_bytes());
        self
    }

    pub(super) fn record(self, section: Section, name: &str, rtype: u16, data: &[u8]) -> Self {
        self.record_of(section, &owner(name), rtype, [IN, 0, 0], data)
    }

    /// With class and TTL as three words.
    pub(super) fn record_of(
        mut self,
        section: Section,
        owner: &[u8],
        rtype: u16,
        words: [u16; 3],
        data: &[u8],
    ) -> Self {
        self.header[section as usize] += 1;
        self.body.extend_from_slice(owner);
        self.body.extend(rtype.to_be_bytes());
        self.body.extend(words.map(u16::to_be_bytes).concat());
        self.body.extend((data.len() as u16).to_be_bytes());
        self.body.extend_from_slice(data);
        self
    }

    pub(super) fn opt(self, says: Says, options: &[(u16, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (code, option) in options {
            data.extend(code.to_be_bytes());
            data.extend((option.len() as u16).to_be_bytes());
            data.extend_from_slice(option);
        }
        let version = u16::from_be_bytes([says.code, says.version]);
        let words = [says.size, version, says.flags];
        self.record_of(Section::Additional, &[0], OPT, words, &data)
    }

    pub(super) fn then(mut self, octets: &[u8]) -> Self {
        self.body.extend_from_slice(octets);
        self
    }

    pub(super) fn octets(&self) -> Vec<u8> {
        let mut octets = self.header.map(u16::to_be_bytes).concat();
        octets.extend_from_slice(&self.body);
        octets
    }
}

pub(super) fn owner(name: &str) -> Vec<u8> {
    names::wire(&Name::from_ascii(name).expect("a name"))
}

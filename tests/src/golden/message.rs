//! DNS messages by hand (RFC 1035 §4.1, RFC 6891 §6.1): queries, well formed or not, and the
//! replies that are expected.
//!
//! Shares no code with the product.

use std::net::{Ipv4Addr, Ipv6Addr};

/// QTYPEs.
pub const A: u16 = 1;
/// QTYPE CNAME.
pub const CNAME: u16 = 5;
/// QTYPE AAAA.
pub const AAAA: u16 = 28;

/// The type of an OPT record.
const OPT: u16 = 41;
/// `udp_size` of the fixture's configuration.
pub const UDP_SIZE: u16 = 1232;
/// TTL of every record of the fixture, seconds.
pub const TTL: u32 = 60;

/// A query whose every part can be spoiled.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its id.
    pub id: u16,
    /// Third and fourth octet of the header.
    pub flags: [u8; 2],
    /// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT.
    pub counts: [u16; 4],
    /// The name of the first question, in wire format.
    pub name: Vec<u8>,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub class: u16,
    /// What follows the question.
    pub rest: Vec<u8>,
}

/// A query for `name` (text, in the case it is to have) with RD set and without an OPT.
pub fn query(name: &str, qtype: u16) -> Query {
    Query {
        id: 0x1a2b,
        flags: [0x01, 0x00],
        counts: [1, 0, 0, 0],
        name: wire(name),
        qtype,
        class: 1,
        rest: Vec::new(),
    }
}

impl Query {
    /// With an OPT behind all else.
    pub fn with(mut self, opt: &Opt) -> Self {
        self.rest.extend(opt.octets());
        self.counts[3] += 1;
        self
    }

    /// With an OPT of this payload size.
    pub fn opt(self, size: u16) -> Self {
        self.with(&Opt::sized(size))
    }

    /// With records behind the question that `section` (1–3) counts.
    pub fn record(mut self, section: usize, octets: &[u8]) -> Self {
        self.rest.extend(octets);
        self.counts[section] += 1;
        self
    }

    /// With one part changed.
    pub fn edit(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The question's octets.
    pub fn question(&self) -> Vec<u8> {
        let mut octets = self.name.clone();
        octets.extend(self.qtype.to_be_bytes());
        octets.extend(self.class.to_be_bytes());
        octets
    }

    /// The message.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = self.id.to_be_bytes().to_vec();
        octets.extend(self.flags);
        octets.extend(self.counts.iter().flat_map(|count| count.to_be_bytes()));
        octets.extend(self.question());
        octets.extend(&self.rest);
        octets
    }
}

/// An OPT record whose every part can be spoiled.
#[derive(Clone, Debug)]
pub struct Opt {
    /// Its owner, in wire format.
    pub owner: Vec<u8>,
    /// The requestor's payload size.
    pub size: u16,
    /// EDNS version.
    pub version: u8,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
    /// The options, headers included.
    pub options: Vec<u8>,
    /// What RDLENGTH says more, or less, than the options have.
    pub excess: i16,
}

impl Opt {
    /// A good one without options.
    pub fn sized(size: u16) -> Self {
        Self {
            owner: vec![0],
            size,
            version: 0,
            dnssec_ok: false,
            options: Vec::new(),
            excess: 0,
        }
    }

    /// With one more option.
    pub fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.options.extend(code.to_be_bytes());
        self.options.extend((data.len() as u16).to_be_bytes());
        self.options.extend(data);
        self
    }

    /// With one part changed.
    pub fn edit(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = self.owner.clone();
        octets.extend(OPT.to_be_bytes());
        octets.extend(self.size.to_be_bytes());
        octets.extend([0, self.version, u8::from(self.dnssec_ok) << 7, 0]);
        let length = self.options.len() as i16 + self.excess;
        octets.extend(length.to_be_bytes());
        octets.extend(&self.options);
        octets
    }
}

/// The data of one expected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A domain.
    Cname(&'static str),
}

impl Data {
    fn octets(&self) -> (u16, Vec<u8>) {
        match self {
            Self::A(address) => (A, address.octets().to_vec()),
            Self::Aaaa(address) => (AAAA, address.octets().to_vec()),
            Self::Cname(name) => (CNAME, wire(name)),
        }
    }
}

/// What a positive reply holds besides what the query gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer section, in order.
    pub records: Vec<Data>,
    /// TC.
    pub truncated: bool,
    /// An OPT, and its DO.
    pub opt: Option<bool>,
}

impl Reply {
    /// The message that answers `query` (octets): id, RD and question as they came.
    pub fn octets(&self, query: &[u8]) -> Vec<u8> {
        let mut octets = query[0..2].to_vec();
        let truncated = if self.truncated { 0x02 } else { 0 };
        octets.extend([0x84 | truncated | query[2] & 0x01, 0x00]);
        octets.extend([0, 1, 0, self.records.len() as u8, 0, 0]);
        octets.extend([0, u8::from(self.opt.is_some())]);
        let name = query[12..].iter().position(|octet| *octet == 0);
        let question_end = 12 + name.expect("a good query's name ends") + 5;
        octets.extend(&query[12..question_end]);
        for record in &self.records {
            let (rtype, data) = record.octets();
            octets.extend([0xc0, 0x0c]);
            octets.extend(rtype.to_be_bytes());
            octets.extend([0, 1]);
            octets.extend(TTL.to_be_bytes());
            octets.extend((data.len() as u16).to_be_bytes());
            octets.extend(data);
        }
        if let Some(dnssec_ok) = self.opt {
            let opt = Opt::sized(UDP_SIZE).edit(|opt| opt.dnssec_ok = dnssec_ok);
            octets.extend(opt.octets());
        }
        octets
    }
}

/// A name in wire format; "" and "." are the root.
pub fn wire(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        octets.push(label.len() as u8);
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}

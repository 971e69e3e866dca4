//! Queries by hand (RFC 1035 §4.1, RFC 6891 §6.1), well formed or not.
//!
//! Shares no code with the product.

/// QTYPEs.
pub const A: u16 = 1;
/// QTYPE CNAME.
pub const CNAME: u16 = 5;
/// QTYPE SOA.
pub const SOA: u16 = 6;
/// QTYPE TXT.
pub const TXT: u16 = 16;
/// QTYPE AAAA.
pub const AAAA: u16 = 28;

/// The type of an OPT record.
const OPT: u16 = 41;
/// Option code of a client subnet (RFC 7871 §6).
pub const SUBNET: u16 = 8;
/// Option code of a cookie (RFC 7873 §4).
pub const COOKIE: u16 = 10;

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
        self.options.extend(option(code, data));
        self
    }

    /// With one part changed.
    pub fn edit(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The record.
    pub fn octets(&self) -> Vec<u8> {
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

/// One option, its header included (RFC 6891 §6.1.2).
pub fn option(code: u16, data: &[u8]) -> Vec<u8> {
    let mut octets = code.to_be_bytes().to_vec();
    octets.extend((data.len() as u16).to_be_bytes());
    octets.extend(data);
    octets
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

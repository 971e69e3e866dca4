//! Replies as they are expected, by hand (RFC 1035 §4.1, RFC 2308 §2, RFC 6891 §6.1).
//!
//! Shares no code with the product.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::case::State;
use super::message::{A, AAAA, CNAME, Opt, SOA, wire};

/// TTL of every record of the fixture, seconds.
pub const TTL: u32 = 60;

/// The data of one expected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A domain.
    Cname(String),
}

impl Data {
    /// A CNAME's.
    pub fn cname(name: &str) -> Self {
        Self::Cname(name.to_owned())
    }

    fn octets(&self) -> (u16, Vec<u8>) {
        match self {
            Self::A(address) => (A, address.octets().to_vec()),
            Self::Aaaa(address) => (AAAA, address.octets().to_vec()),
            Self::Cname(name) => (CNAME, wire(name)),
        }
    }
}

/// A zone of the fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its apex.
    pub origin: &'static str,
    /// MNAME of its SOA.
    pub ns: String,
    /// RNAME.
    pub contact: String,
    /// MINIMUM and TTL, seconds.
    pub minimum: u32,
}

/// The zone of most names.
pub fn gtm() -> Zone {
    Zone {
        origin: "gtm.test",
        ns: "ns1.example.net".to_owned(),
        contact: "hostmaster.example.net".to_owned(),
        minimum: 30,
    }
}

/// The zone below it.
pub fn child() -> Zone {
    Zone {
        origin: "child.between.gtm.test",
        ns: "ns1.child.example".to_owned(),
        contact: "child.example.net".to_owned(),
        minimum: 45,
    }
}

/// A zone of one label, an instance at its apex.
pub fn onelabel() -> Zone {
    Zone {
        origin: "onelabel",
        minimum: 60,
        ..gtm()
    }
}

/// The zone with the longest SOA.
pub fn z() -> Zone {
    let name = |labels: [(&str, usize); 4]| {
        let labels = labels.map(|(letter, octets)| letter.repeat(octets));
        format!("{}.example", labels.join("."))
    };
    Zone {
        origin: "z",
        ns: name([("n", 63), ("s", 63), ("1", 63), ("x", 53)]),
        contact: name([("h", 63), ("o", 63), ("s", 63), ("t", 53)]),
        minimum: 0,
    }
}

impl Zone {
    /// Its SOA in the reply to a question for a name of so many octets: the owner is a pointer to
    /// where the origin begins in that.
    fn soa(&self, name: usize, serial: u32) -> Vec<u8> {
        let mut rdata = wire(&self.ns);
        rdata.extend(wire(&self.contact));
        for number in [serial, 86_400, 7_200, 3_600_000, self.minimum] {
            rdata.extend(number.to_be_bytes());
        }
        let at = 12 + name - wire(self.origin).len();
        let mut octets = (0xc000 | at as u16).to_be_bytes().to_vec();
        octets.extend(SOA.to_be_bytes());
        octets.extend([0, 1]);
        octets.extend(self.minimum.to_be_bytes());
        octets.extend((rdata.len() as u16).to_be_bytes());
        octets.extend(rdata);
        octets
    }
}

/// What a reply holds besides what the query gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// RCODE.
    pub code: u8,
    /// The answer section, in order.
    pub records: Vec<Data>,
    /// The zone whose SOA is in the authority section.
    pub authority: Option<Zone>,
    /// TC.
    pub truncated: bool,
    /// An OPT, and its DO.
    pub opt: Option<bool>,
    /// The options in that, headers included.
    pub options: Vec<u8>,
}

/// RCODE NXDOMAIN.
pub const NXDOMAIN: u8 = 3;

impl Reply {
    /// The message that answers `query` (octets) in `state`: id, RD and question as they came.
    pub fn octets(&self, query: &[u8], state: State) -> Vec<u8> {
        let mut octets = query[0..2].to_vec();
        let truncated = if self.truncated { 0x02 } else { 0 };
        octets.extend([0x84 | truncated | query[2] & 0x01, self.code]);
        let authority = u8::from(self.authority.is_some());
        octets.extend([0, 1, 0, self.records.len() as u8, 0, authority]);
        octets.extend([0, u8::from(self.opt.is_some())]);
        let name = query[12..].iter().position(|octet| *octet == 0);
        let name = name.expect("a good query's name ends") + 1;
        octets.extend(&query[12..12 + name + 4]);
        for record in &self.records {
            let (rtype, data) = record.octets();
            octets.extend([0xc0, 0x0c]);
            octets.extend(rtype.to_be_bytes());
            octets.extend([0, 1]);
            octets.extend(TTL.to_be_bytes());
            octets.extend((data.len() as u16).to_be_bytes());
            octets.extend(data);
        }
        if let Some(zone) = &self.authority {
            octets.extend(zone.soa(name, state.serial()));
        }
        if let Some(dnssec_ok) = self.opt {
            let mut opt = Opt::sized(state.udp_size());
            opt.dnssec_ok = dnssec_ok;
            opt.options.clone_from(&self.options);
            octets.extend(opt.octets());
        }
        octets
    }
}

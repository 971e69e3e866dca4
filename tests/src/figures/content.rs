//! What the maps hold while packets are measured, and the queries that are asked.
//!
//! Names and slots are laid out here, without a configuration of a million tables; lines and the
//! maps themselves are made by the product's own code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::{Context, Result};
use igtm::config::model::{Config, Line, LineId, LineKind};
use igtm::line::{LineTable, Views};
use igtm::snapshot::{Fixed, Image, Names, names};
use igtm_common::answer::{Choice, Draw};
use igtm_common::layout::{
    EXISTS, NO_VIEW, NameRef, SOA_OCTETS, Slot, SmallAnswer, ZoneEntry, text,
};
use igtm_common::measure::{QUERY_OCTETS, SavedQuery};
use igtm_common::name::HashKey;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::golden::fixture::parse;
use crate::golden::frame::datagram;
use crate::golden::message::{A, Opt, query, wire};

/// What is asked for where there is one name: 17 octets in wire format, as in the design's
/// measurements.
const NAME: &str = "www.gtm.examp.le";
const ZONE: &str = "gtm.examp.le";
/// TXT.
const OTHER_TYPE: u16 = 16;
/// Different answers at most.
const ANSWERS: usize = 10_000;
/// Different queries, unless the maps hold more.
const QUERIES: usize = 1024;
/// Of addresses and names.
pub(super) const SEED: u64 = 0x5eed;

/// Addresses of clients, and of the lines' prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// What every query asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// A, with an OPT.
    Address,
    /// The same with a client subnet of another client.
    Subnet,
    /// The same with a client cookie.
    Cookie,
    /// A type that no name has.
    OtherType,
    /// A random name below the zone.
    Absent,
}

/// One state of the maps and the queries asked of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    /// Names, each with two lines of its own.
    pub(super) names: usize,
    /// Prefixes of the line that clients are on; none: all are on `default`.
    pub(super) prefixes: usize,
    pub(super) family: Family,
    pub(super) ask: Ask,
    /// With response rate limiting, at a rate that is not reached.
    pub(super) limited: bool,
}

impl Content {
    /// For the settings.
    pub(super) fn config(&self) -> Result<Config> {
        let rate = if self.limited { 10_000_000 } else { 0 };
        parse(&format!(
            r#"version = 1
[server]
node = "figures"
listen = ["198.18.0.53", "2001:db8:5e::53"]
[limits]
responses_per_second = {rate}
"#
        ))
    }

    /// What the maps hold.
    pub(super) fn image(&self, key: &HashKey) -> Result<Image> {
        let lines = [line("default", LineKind::Default, Vec::new()), self.line()];
        let table = LineTable::build(&lines)?;
        let views = Views::build(&table, &[vec![LineId::DEFAULT, LineId(1)]])?;
        let answers = self.names.min(ANSWERS);
        let mut fixed = Fixed {
            deepest: 4,
            views: views.into(),
            line_names: lines.iter().map(|line| line.name.clone()).collect(),
            ..Fixed::default()
        };
        let mut entries = Vec::with_capacity(self.names + 1);
        for at in 0..self.names {
            let of = NameRef {
                flags: EXISTS,
                zone: 0,
                view: [0, NO_VIEW],
                slots: [2 * at as u32, 0],
            };
            let name = self.name(at);
            let key = names::key(key, &wire(&name)).context("a name has a key")?;
            entries.push((key, of, text(&name)));
            fixed.slots.extend((0..2).map(|line| Slot {
                answer: (at % answers) as u32,
                line,
                pad: 0,
            }));
        }
        let origin = NameRef {
            flags: EXISTS,
            zone: 0,
            view: [NO_VIEW; 2],
            slots: [0; 2],
        };
        let apex = names::key(key, &wire(ZONE)).context("a name has a key")?;
        entries.push((apex, origin, text(ZONE)));
        fixed.names = Names::new(&entries)?;
        Ok(Image {
            fixed: Arc::new(fixed),
            small: (0..answers).map(answer).map(Arc::new).collect(),
            zones: vec![zone()],
            ..Image::default()
        })
    }

    /// So many that the maps' content is met at random, a power of two.
    pub(super) fn queries(&self) -> Vec<SavedQuery> {
        let mut random = StdRng::seed_from_u64(SEED);
        let count = self.names.max(QUERIES).next_power_of_two();
        (0..count).map(|_| self.query(&mut random)).collect()
    }

    fn query(&self, random: &mut StdRng) -> SavedQuery {
        let name = match self.ask {
            Ask::Absent => format!("{:08x}.{ZONE}", random.random::<u32>()),
            _ => self.name(random.random_range(0..self.names)),
        };
        let qtype = match self.ask {
            Ask::OtherType => OTHER_TYPE,
            _ => A,
        };
        let mut client = self.client(random);
        let mut opt = Opt::sized(1232);
        if self.ask == Ask::Cookie {
            opt = opt.option(10, &random.random::<[u8; 8]>());
        }
        if self.ask == Ask::Subnet {
            let option: Vec<u8> = match client {
                IpAddr::V4(v4) => [&[0, 1, 24, 0][..], &v4.octets()[..3]].concat(),
                IpAddr::V6(v6) => [&[0, 2, 48, 0][..], &v6.octets()[..6]].concat(),
            };
            opt = opt.option(8, &option);
            client = [192, 0, 2, 1].into();
        }
        let frame = datagram(client, &query(&name, qtype).with(&opt).octets());
        let mut octets = [0; QUERY_OCTETS];
        octets[..frame.len()].copy_from_slice(&frame);
        SavedQuery {
            len: frame.len() as u32,
            octets,
        }
    }

    fn name(&self, at: usize) -> String {
        if self.names == 1 {
            return NAME.to_owned();
        }
        format!("n{at:07x}.{ZONE}")
    }

    fn line(&self) -> Line {
        let prefixes = (0..self.prefixes).map(|at| self.prefix(at)).collect();
        line("operator", LineKind::Operator, prefixes)
    }

    /// The prefix with this number: every other /24 or /48, so that none can be joined; of IPv6 256
    /// in each /32 or so, as operators have them.
    fn prefix(&self, at: usize) -> IpNet {
        match self.family {
            Family::V4 => {
                let network = 0x0100_0000 + 512 * at as u32;
                Ipv4Net::new_assert(Ipv4Addr::from_bits(network), 24).into()
            }
            Family::V6 => {
                let (allocation, within) = (at as u128 / 256, at as u128 % 256);
                let network = 0x2400_u128 << 112 | allocation << 96 | (2 * within) << 80;
                Ipv6Net::new_assert(Ipv6Addr::from_bits(network), 48).into()
            }
        }
    }

    /// An address inside one of the prefixes.
    fn client(&self, random: &mut StdRng) -> IpAddr {
        match self.prefix(random.random_range(0..self.prefixes.max(1))) {
            IpNet::V4(net) => {
                Ipv4Addr::from_bits(net.network().to_bits() + u32::from(random.random::<u8>()))
                    .into()
            }
            IpNet::V6(net) => {
                Ipv6Addr::from_bits(net.network().to_bits() + u128::from(random.random::<u64>()))
                    .into()
            }
        }
    }
}

fn line(name: &str, kind: LineKind, prefixes: Vec<IpNet>) -> Line {
    Line {
        name: name.to_owned(),
        kind,
        prefixes,
        parent: None,
    }
}

/// Two addresses of its own.
fn answer(at: usize) -> SmallAnswer {
    let [_, _, c, d] = (at as u32).to_be_bytes();
    let rdata = [[192, 0, c, d], [198, 18, c, d]];
    let choices = rdata.each_ref().map(|rdata| Choice { rdata, weight: 1 });
    SmallAnswer::new(A, &choices, 60, Draw::Rotate(20), "").expect("two addresses fit")
}

/// An SOA as long as most.
fn zone() -> ZoneEntry {
    let mut record = vec![0, 0, 0, 6, 0, 1, 0, 0, 0, 60, 0, 0];
    record.extend(wire("ns1.example.net"));
    record.extend(wire("hostmaster.example.net"));
    record.extend([0; 20]);
    let data = (record.len() - 12) as u16;
    record[10..12].copy_from_slice(&data.to_be_bytes());
    let mut soa = [0; SOA_OCTETS];
    soa[..record.len()].copy_from_slice(&record);
    ZoneEntry {
        origin_octets: wire(ZONE).len() as u16,
        soa_octets: record.len() as u16,
        sum: igtm_common::checksum::sum(&record),
        soa,
        origin: text(ZONE),
    }
}

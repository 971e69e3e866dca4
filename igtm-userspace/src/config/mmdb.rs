//! MaxMind-format files: every network of a database with its ASN or country.
//!
//! One pass over the whole tree, however many lines want something of it. Must not know lines.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;

/// Most networks of one database, with those that have no data: public ones have some millions. A
/// damaged tree that meets itself would have no end.
const MOST_NETWORKS: usize = 50_000_000;

/// IPv4 in IPv6 clothes: mapped, Teredo, 6to4, NAT64. Databases show their IPv4 tree again at most
/// of these places; every client there would be counted twice, and a Teredo one by its server.
const ALIASES: [Ipv6Net; 4] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
];

/// Where the IPv4 tree stands.
const IPV4: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96);

/// What a database cannot be used for, and why.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// It is none, or is damaged.
    #[error("it is not a good MaxMind DB file: {0}")]
    Bad(#[from] MaxMindDbError),
    /// It has no end.
    #[error("it is not a good MaxMind DB file: more than {MOST_NETWORKS} networks")]
    Endless,
    /// It is about something else.
    #[error("it has no {wanted}: none of its {networks} networks (its type is \"{found}\")")]
    OtherType {
        /// ASN or country.
        wanted: &'static str,
        /// What it says of itself.
        found: String,
        /// How many have data of some kind.
        networks: usize,
    },
}

/// An open database.
pub(super) struct Database {
    reader: Reader<Vec<u8>>,
}

/// What a record says of a network, in the ways of the databases that there are.
pub(super) trait Fact: Copy {
    /// For messages.
    const WANTED: &'static str;
    /// The record, as far as it matters.
    type Record<'a>: Deserialize<'a>;
    /// The fact in it.
    fn of(record: &Self::Record<'_>) -> Option<Self>;
    /// As people write it.
    fn shown(self) -> String;
}

/// An autonomous system's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asn(pub(super) u32);

#[derive(Deserialize)]
pub(super) struct AsnRecord<'a> {
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    asn: Option<Flat<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flat<'a> {
    Number(u32),
    Text(&'a str),
}

impl Fact for Asn {
    const WANTED: &'static str = "ASN";
    type Record<'a> = AsnRecord<'a>;

    /// `autonomous_system_number`, or a flat `asn` like 4134 or "AS4134".
    fn of(record: &AsnRecord<'_>) -> Option<Self> {
        let flat = || match record.asn.as_ref()? {
            Flat::Number(number) => Some(*number),
            Flat::Text(text) => text.trim_start_matches("AS").parse().ok(),
        };
        record.autonomous_system_number.or_else(flat).map(Self)
    }

    fn shown(self) -> String {
        format!("AS{}", self.0)
    }
}

/// A country's ISO 3166 alpha-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Country(pub(super) [u8; 2]);

impl Country {
    /// Two letters, in capitals or not.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        let octets: [u8; 2] = code.as_bytes().try_into().ok()?;
        Some(Self(octets.map(|octet| octet.to_ascii_uppercase())))
    }
}

#[derive(Deserialize)]
pub(super) struct CountryRecord<'a> {
    #[serde(borrow)]
    country: Option<CountryField<'a>>,
    country_code: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CountryField<'a> {
    Nested {
        #[serde(borrow)]
        iso_code: Option<&'a str>,
    },
    Flat(&'a str),
}

impl Fact for Country {
    const WANTED: &'static str = "country";
    type Record<'a> = CountryRecord<'a>;

    /// `country.iso_code`, or a flat `country_code`, or a flat `country`. Where the network is, not
    /// where it is registered.
    fn of(record: &CountryRecord<'_>) -> Option<Self> {
        let (nested, flat) = match &record.country {
            Some(CountryField::Nested { iso_code }) => (*iso_code, None),
            Some(CountryField::Flat(code)) => (None, Some(*code)),
            None => (None, None),
        };
        let codes = [nested, record.country_code, flat];
        codes.into_iter().flatten().find_map(Self::from_code)
    }

    fn shown(self) -> String {
        self.0.escape_ascii().to_string()
    }
}

impl Database {
    /// Opens the database that `octets` are.
    pub(super) fn open(octets: Vec<u8>) -> Result<Self, DatabaseError> {
        let reader = Reader::from_source(octets)?;
        Ok(Self { reader })
    }

    /// What is known of one address; of what cannot be read nothing is.
    pub(super) fn fact_of<F: Fact>(&self, address: IpAddr) -> Option<F> {
        let found = self.reader.lookup(address).ok()?;
        let record: Option<F::Record<'_>> = found.decode().ok()?;
        record.as_ref().and_then(F::of)
    }

    /// Calls `each` with every network that has a fact, each once.
    pub(super) fn walk<F: Fact>(
        &self,
        mut each: impl FnMut(IpNet, F),
    ) -> Result<(), DatabaseError> {
        let mut options = WithinOptions::default().include_networks_without_data();
        // The crate leaves out whatever leads to where IPv4 begins. Where all of IPv4 is one record,
        // other networks lead there as well; then only the places tell aliases.
        let first = self.reader.lookup(Ipv4Addr::UNSPECIFIED.into())?;
        if first.network()?.is_ipv6() {
            options = options.include_aliased_networks();
        }
        let mut facts: HashMap<usize, Option<F>> = HashMap::new();
        let (mut networks, mut useful) = (0, 0);
        for (passed, result) in self.reader.networks(options)?.enumerate() {
            if passed == MOST_NETWORKS {
                return Err(DatabaseError::Endless);
            }
            let result = result?;
            let Some(offset) = result.offset() else {
                continue;
            };
            let network = result.network()?;
            let Some(prefix) = prefix(network.network(), network.prefix()) else {
                continue;
            };
            // Thousands of networks share a record.
            let fact = match facts.get(&offset) {
                Some(fact) => *fact,
                None => {
                    let record: Option<F::Record<'_>> = result.decode()?;
                    let fact = record.as_ref().and_then(F::of);
                    facts.insert(offset, fact);
                    fact
                }
            };
            networks += 1;
            if let Some(fact) = fact {
                useful += 1;
                each(prefix, fact);
            }
        }
        if useful == 0 {
            return Err(DatabaseError::OtherType {
                wanted: F::WANTED,
                found: self.reader.metadata().database_type.clone(),
                networks,
            });
        }
        Ok(())
    }
}

/// The prefix of a network; none for an alias of IPv4. The IPv4 tree stands at `::/96`.
fn prefix(address: IpAddr, length: u8) -> Option<IpNet> {
    let net = IpNet::new(address, length).ok()?;
    match net {
        IpNet::V6(v6) if v6 == IPV4 => Some(IpNet::V4(Ipv4Net::default())),
        IpNet::V6(v6) if ALIASES.iter().any(|alias| alias.contains(&v6)) => None,
        net => Some(net),
    }
}

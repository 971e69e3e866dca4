//! `[[pool]]`: addresses of one service.
//!
//! Must not look at who uses a pool.

use std::collections::HashMap;
use std::net::IpAddr;

use super::domain;
use super::model::{Address, MonitorId, Policy, Pool, PoolAddress, PoolType};
use super::names::{Named, Names};
use super::problem::{At, Report};
use super::reader::Section;
use super::value::{Value, shorten};

/// The words for types.
pub(super) const TYPES: [(PoolType, &str); 3] = [
    (PoolType::Ipv4, "ipv4"),
    (PoolType::Ipv6, "ipv6"),
    (PoolType::Domain, "domain"),
];

/// The words for policies, of pools and tiers.
pub(super) const POLICIES: [(Policy, &str); 2] = [(Policy::All, "all"), (Policy::Weight, "weight")];

/// Weights of addresses and of pools in a tier.
pub(super) const WEIGHT: std::ops::RangeInclusive<u32> = 1..=100;
/// What an address or pool weighs that says nothing.
pub(super) const DEFAULT_WEIGHT: u32 = 100;

/// Longest region, characters; it is for people only.
const LONGEST_REGION: usize = 64;

/// What the rules may rely on in a pool that was read with problems.
pub(super) struct PoolMark {
    /// Whether its type is the file's and not a placeholder.
    pub(super) type_known: bool,
    /// Whether all its addresses were read.
    pub(super) addresses_known: bool,
    /// Where its type stands.
    pub(super) r#type: At,
    /// Where its policy stands, or else its name.
    pub(super) policy: At,
    /// Where each of its addresses stands.
    pub(super) addresses: Vec<At>,
}

/// Pools with what the rules may rely on.
pub(super) struct Pools {
    pub(super) pools: Vec<Pool>,
    pub(super) marks: Vec<PoolMark>,
    pub(super) names: Names,
}

/// The word in the file for a type.
pub(super) fn type_word(r#type: PoolType) -> &'static str {
    TYPES
        .iter()
        .find(|(known, _)| *known == r#type)
        .map_or("", |(_, word)| word)
}

/// Reads every `[[pool]]`.
pub(super) fn read_all(root: &mut Section<'_>, monitors: &Names) -> Pools {
    let report = root.report();
    let mut sections = root.tables("pool");
    let (names, named) = Names::declare("pool", &mut sections, 0);
    let (pools, marks) = sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| read(section, named, monitors, report))
        .unzip();
    Pools {
        pools,
        marks,
        names,
    }
}

fn read(
    mut section: Section<'_>,
    named: Named,
    monitors: &Names,
    report: &Report<'_>,
) -> (Pool, PoolMark) {
    let type_value = section.need("type");
    let r#type = type_value.and_then(|v| v.one_of(&TYPES));
    let policy_value = section.take("policy");
    let policy = policy_value.and_then(|v| v.one_of(&POLICIES));
    let monitor = section.take("monitor").and_then(|v| monitors.resolve(&v));
    let before = report.count();
    let items = section.tables("address");
    if items.is_empty() && report.count() == before {
        let message = format!(
            "the pool `{}` has no address: add a `[[pool.address]]`",
            named.text
        );
        report.problem(named.at, message);
    }
    let mut places: HashMap<Address, At> = HashMap::new();
    let mut addresses: Vec<PoolAddress> = Vec::new();
    let mut address_places: Vec<At> = Vec::new();
    for item in items {
        let Some((address, at)) = address(item, r#type) else {
            continue;
        };
        if let Some(first) = places.get(&address.value) {
            let line = report.line_of(*first);
            let message = format!(
                "`{}` is in this pool already, on line {line}",
                address.value
            );
            report.problem(at, message);
        } else {
            places.insert(address.value.clone(), at);
            addresses.push(address);
            address_places.push(at);
        }
    }
    let mark = PoolMark {
        type_known: r#type.is_some(),
        addresses_known: r#type.is_some() && report.count() == before,
        r#type: type_value.map_or(named.at, |value| value.at),
        policy: policy_value.map_or(named.at, |value| value.at),
        addresses: address_places,
    };
    section.finish();
    let pool = Pool {
        name: named.text,
        r#type: r#type.unwrap_or(PoolType::Ipv4),
        policy: policy.unwrap_or(Policy::All),
        monitor: monitor.map(MonitorId),
        addresses,
    };
    (pool, mark)
}

fn address(mut section: Section<'_>, r#type: Option<PoolType>) -> Option<(PoolAddress, At)> {
    let found = section.need("value");
    let value = found.and_then(|found| address_value(&found, r#type?));
    let weight = section.take("weight").and_then(|v| v.integer(WEIGHT));
    let region = section.take("region").and_then(|v| region(&v));
    let enabled = section.take("enabled").and_then(|v| v.bool());
    section.finish();
    let address = PoolAddress {
        value: value?,
        weight: weight.unwrap_or(DEFAULT_WEIGHT),
        region,
        enabled: enabled.unwrap_or(true),
    };
    Some((address, found?.at))
}

fn region(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let length = text.chars().count();
    if !(1..=LONGEST_REGION).contains(&length) || text.contains(char::is_control) {
        value.wrong(format_args!("a text of 1 to {LONGEST_REGION} characters"));
        return None;
    }
    Some(text.to_owned())
}

/// An address that fits the type of its pool.
fn address_value(value: &Value<'_>, r#type: PoolType) -> Option<Address> {
    let text = value.string()?;
    let word = type_word(r#type);
    let mixed = |what: &str| {
        let shown = shorten(text);
        value.problem(format!(
            "`{shown}` is {what}; this pool is of type \"{word}\", and types are not mixed"
        ));
        None
    };
    match (text.parse::<IpAddr>(), r#type) {
        (Ok(_), PoolType::Domain) => mixed("an IP address"),
        (Ok(IpAddr::V4(_)), PoolType::Ipv6) => mixed("an IPv4 address"),
        (Ok(IpAddr::V6(_)), PoolType::Ipv4) => mixed("an IPv6 address"),
        (Ok(ip), _) => match unusable(ip) {
            Some(reason) => {
                value.wrong(format_args!("an address that clients can reach; {reason}"));
                None
            }
            None => Some(Address::Ip(ip)),
        },
        (Err(_), PoolType::Domain) => domain::domain(value).map(Address::Domain),
        (Err(_), _) if text.contains('.') && domain::parse(text).is_ok_and(has_letters) => {
            mixed("a domain name")
        }
        (Err(_), _) => {
            value.wrong(format_args!(
                "an {} address",
                if r#type == PoolType::Ipv4 {
                    "IPv4"
                } else {
                    "IPv6"
                }
            ));
            None
        }
    }
}

/// An address of whatever type it shows to be.
pub(super) fn any_address(value: &Value<'_>) -> Option<(PoolType, Address)> {
    let text = value.string()?;
    let r#type = match text.parse::<IpAddr>() {
        Ok(ip) if ip.to_canonical() != ip => {
            value.wrong(format_args!("written as `{}`", ip.to_canonical()));
            return None;
        }
        Ok(IpAddr::V4(_)) => PoolType::Ipv4,
        Ok(IpAddr::V6(_)) => PoolType::Ipv6,
        Err(_) if domain::parse(text).is_ok_and(has_letters) => PoolType::Domain,
        Err(_) => {
            value.wrong("an IPv4 address, an IPv6 address or a domain name");
            return None;
        }
    };
    Some((r#type, address_value(value, r#type)?))
}

/// Whether the last label could be a top-level domain: it tells a name from a mistyped address.
fn has_letters(name: hickory_proto::rr::Name) -> bool {
    name.iter()
        .next_back()
        .is_some_and(|label| label.iter().any(u8::is_ascii_alphabetic))
}

/// Why no client can be sent to `ip`. Loopback is left to whoever tries igtm on one host.
fn unusable(ip: IpAddr) -> Option<String> {
    if ip.is_unspecified() {
        Some("this one means \"none\"".to_owned())
    } else if ip.is_multicast() {
        Some("this one is multicast".to_owned())
    } else if matches!(ip, IpAddr::V4(v4) if v4.is_broadcast()) {
        Some("this one is broadcast".to_owned())
    } else if ip.to_canonical() != ip {
        let canonical = ip.to_canonical();
        Some(format!("write `{canonical}` in a pool of type \"ipv4\""))
    } else {
        None
    }
}

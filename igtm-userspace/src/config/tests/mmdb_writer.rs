//! A small writer of MaxMind DB files, after the format's specification (version 2.0): a search tree
//! of 24, 28 or 32 bit records, sixteen zero octets, a data section, the metadata.
//!
//! For tests: what a public database has that matters here, and what a damaged one has.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv6Net};

/// A value of the data section.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Map(Vec<(&'static str, Field)>),
    Text(String),
    U16(u16),
    U32(u32),
    U64(u64),
    List(Vec<Field>),
}

/// `{autonomous_system_number: number}`.
pub(crate) fn asn(number: u32) -> Field {
    let organization = Field::Text("an organization".to_owned());
    Field::Map(vec![
        ("autonomous_system_number", Field::U32(number)),
        ("autonomous_system_organization", organization),
    ])
}

/// `{country: {iso_code: code}}`.
pub(crate) fn country(code: &str) -> Field {
    let code = Field::Text(code.to_owned());
    Field::Map(vec![("country", Field::Map(vec![("iso_code", code)]))])
}

/// What a database is written as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// 24, 28 or 32.
    pub(crate) record_bits: u16,
    /// 4 or 6.
    pub(crate) ip_version: u16,
    /// Whether the IPv4 tree also stands at `::ffff:0:0/96`, `2001::/32` and `2002::/16`.
    pub(crate) aliases: bool,
}

/// As the public databases are.
pub(crate) const USUAL: Format = Format {
    record_bits: 24,
    ip_version: 6,
    aliases: true,
};

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    /// An offset into the data section.
    Data(usize),
}

/// The octets of a database of `kind` with `networks`; of two that nest, the longer one counts.
pub(crate) fn database(kind: &str, format: Format, networks: &[(&str, Field)]) -> Vec<u8> {
    let mut networks: Vec<(IpNet, &Field)> = networks
        .iter()
        .map(|(net, field)| (net.parse().expect("a prefix"), field))
        .collect();
    networks.sort_by_key(|(net, _)| net.prefix_len());
    let mut data = Vec::new();
    let mut known = HashMap::new();
    let mut tree = vec![[Record::Empty; 2]];
    for (net, field) in networks {
        let offset = *known.entry(field.clone()).or_insert_with(|| {
            let offset = data.len();
            encode(field, &mut data);
            offset
        });
        let (bits, length) = path(net, format.ip_version);
        put(&mut tree, bits, length, Record::Data(offset));
    }
    if format.aliases {
        let root = descend(&tree, 96);
        for place in ["::ffff:0:0/96", "2001::/32", "2002::/16"] {
            let place: Ipv6Net = place.parse().expect("a prefix");
            put(&mut tree, place.addr().to_bits(), place.prefix_len(), root);
        }
    }
    let mut octets = Vec::new();
    for node in &tree {
        write_node(node, tree.len(), format.record_bits, &mut octets);
    }
    octets.extend([0; 16]);
    octets.extend(&data);
    octets.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Field::Map(vec![
        ("binary_format_major_version", Field::U16(2)),
        ("binary_format_minor_version", Field::U16(0)),
        ("build_epoch", Field::U64(1_700_000_000)),
        ("database_type", Field::Text(kind.to_owned())),
        (
            "description",
            Field::Map(vec![("en", Field::Text("for tests".to_owned()))]),
        ),
        ("ip_version", Field::U16(format.ip_version)),
        ("languages", Field::List(Vec::new())),
        ("node_count", Field::U32(tree.len() as u32)),
        ("record_size", Field::U16(format.record_bits)),
    ]);
    encode(&metadata, &mut octets);
    octets
}

/// The bits of a prefix, left-aligned, and how many count.
fn path(net: IpNet, ip_version: u16) -> (u128, u8) {
    match (net, ip_version) {
        (IpNet::V4(v4), 4) => (u128::from(v4.addr().to_bits()) << 96, v4.prefix_len()),
        (IpNet::V4(v4), _) => (u128::from(v4.addr().to_bits()), 96 + v4.prefix_len()),
        (IpNet::V6(v6), 6) => (v6.addr().to_bits(), v6.prefix_len()),
        (IpNet::V6(_), _) => panic!("an IPv6 network in an IPv4 database"),
    }
}

fn bit(bits: u128, at: u8) -> usize {
    usize::from(Ipv6Addr::from_bits(bits).to_bits() >> (127 - at) & 1 == 1)
}

fn put(tree: &mut Vec<[Record; 2]>, bits: u128, length: u8, what: Record) {
    let mut node = 0;
    for at in 0..length - 1 {
        let side = bit(bits, at);
        node = match tree[node][side] {
            Record::Node(next) => next,
            // What covered all of it covers both halves.
            covering => {
                tree.push([covering; 2]);
                tree[node][side] = Record::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
    tree[node][bit(bits, length - 1)] = what;
}

/// What stands at `::/length`.
fn descend(tree: &[[Record; 2]], length: usize) -> Record {
    let mut record = Record::Node(0);
    for _ in 0..length {
        if let Record::Node(node) = record {
            record = tree[node][0];
        }
    }
    record
}

fn write_node(node: &[Record; 2], count: usize, record_bits: u16, octets: &mut Vec<u8>) {
    let [left, right] = node.map(|record| match record {
        Record::Empty => count as u32,
        Record::Node(at) => at as u32,
        Record::Data(offset) => (count + 16 + offset) as u32,
    });
    match record_bits {
        24 => {
            octets.extend(&left.to_be_bytes()[1..]);
            octets.extend(&right.to_be_bytes()[1..]);
        }
        28 => {
            octets.extend(&left.to_be_bytes()[1..]);
            octets.push((left >> 24 << 4 | right >> 24) as u8);
            octets.extend(&right.to_be_bytes()[1..]);
        }
        _ => {
            octets.extend(left.to_be_bytes());
            octets.extend(right.to_be_bytes());
        }
    }
}

fn encode(field: &Field, out: &mut Vec<u8>) {
    match field {
        Field::Map(entries) => {
            control(7, entries.len(), out);
            for (key, value) in entries {
                encode(&Field::Text((*key).to_owned()), out);
                encode(value, out);
            }
        }
        Field::Text(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Field::U16(number) => integer(5, &number.to_be_bytes(), out),
        Field::U32(number) => integer(6, &number.to_be_bytes(), out),
        Field::U64(number) => integer(9, &number.to_be_bytes(), out),
        Field::List(items) => {
            control(11, items.len(), out);
            items.iter().for_each(|item| encode(item, out));
        }
    }
}

/// Leading zeros are left out.
fn integer(kind: u8, octets: &[u8], out: &mut Vec<u8>) {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    control(kind, octets.len() - zeros, out);
    out.extend(&octets[zeros..]);
}

/// Type and size: types above 7 take an octet of their own, sizes above 28 another.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let short = size.min(29) as u8;
    if kind > 7 {
        out.extend([short, kind - 7]);
    } else {
        out.push(kind << 5 | short);
    }
    if size >= 29 {
        out.push(u8::try_from(size - 29).expect("texts here are short"));
    }
}

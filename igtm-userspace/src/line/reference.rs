//! The table against a slow, obvious reading of product.md §1, over generated lines.

mod operators;
mod views;

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::table::{LineTable, MAX_LINES, TableError, longest_prefix};
use crate::config::model::{Line, LineId, LineKind};

/// Line 0: every client.
fn default_line() -> Line {
    line("default", LineKind::Default, &[], None)
}

fn line(name: &str, kind: LineKind, prefixes: &[&str], parent: Option<u16>) -> Line {
    let parse = |text: &&str| text.parse().expect("a prefix");
    Line {
        name: name.to_owned(),
        kind,
        prefixes: prefixes.iter().map(parse).collect(),
        parent: parent.map(LineId),
    }
}

/// The prefixes that count for a line: its own and, by asking every line for its parent, its children's.
fn counted(lines: &[Line], id: LineId) -> Vec<IpNet> {
    let mut all = lines[usize::from(id.0)].prefixes.clone();
    for (at, child) in lines.iter().enumerate() {
        if child.parent == Some(id) {
            all.extend(counted(lines, LineId(at as u16)));
        }
    }
    all
}

/// The chain by the words of the specification.
fn chain_by_words(lines: &[Line], client: IpAddr) -> Vec<LineId> {
    let mut holding = Vec::new();
    for at in 1..lines.len() {
        let id = LineId(at as u16);
        let longest = counted(lines, id)
            .into_iter()
            .filter(|prefix| prefix.contains(&client))
            .map(|prefix| prefix.prefix_len())
            .max();
        if let Some(len) = longest {
            holding.push((lines[at].kind, Reverse(len), id));
        }
    }
    holding.sort();
    let mut chain: Vec<LineId> = holding.into_iter().map(|(_, _, id)| id).collect();
    chain.push(LineId::DEFAULT);
    chain
}

/// The addresses at which anything can change, and their neighbours.
fn edges(lines: &[Line]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = vec![
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::BROADCAST.into(),
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv6Addr::from_bits(u128::MAX).into(),
        // IPv4-mapped: an IPv6 address like any other.
        Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped().into(),
    ];
    for prefix in lines.iter().flat_map(|line| &line.prefixes) {
        match prefix {
            IpNet::V4(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                found.extend(near.map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))));
            }
            IpNet::V6(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                found.extend(near.map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))));
            }
        }
    }
    found
}

/// Prefixes crowded at both ends of a family, so that they nest, touch and coincide.
fn any_prefix() -> impl Strategy<Value = IpNet> {
    let v4 = (any::<bool>(), 0..16_u32, 0..=32_u8).prop_map(|(high, pattern, len)| {
        let bits = if high { pattern << 28 } else { pattern };
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), len).trunc())
    });
    let v6 = (any::<bool>(), 0..16_u128, 0..=128_u8).prop_map(|(high, pattern, len)| {
        let bits = if high { pattern << 124 } else { pattern };
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), len).trunc())
    });
    // The shortest and the longest lengths meet each other far more often than uniform ones do.
    let short = (0..16_u32, 0..=4_u8).prop_map(|(pattern, len)| {
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(pattern << 28), len).trunc())
    });
    let long = (0..16_u32, 28..=32_u8).prop_map(|(pattern, len)| {
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(pattern), len).trunc())
    });
    prop_oneof![2 => v4, 2 => v6, 2 => short, 2 => long]
}

/// The default line and up to six others; a parent is any line before or after, never in a circle.
fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let kind = prop::sample::select(vec![
        LineKind::Custom,
        LineKind::Operator,
        LineKind::Operator,
        LineKind::Domestic,
    ]);
    let one = (
        kind,
        prop::collection::vec(any_prefix(), 0..6),
        any::<prop::sample::Index>(),
        any::<bool>(),
    );
    (prop::collection::vec(one, 1..7), any::<bool>()).prop_map(|(described, reversed)| {
        let count = described.len();
        let mut lines = vec![default_line()];
        for (at, (kind, prefixes, parent, has_parent)) in described.into_iter().enumerate() {
            // Parents point all towards the front, or all towards the back.
            let elders: Vec<u16> = if reversed {
                (at + 2..=count).map(|elder| elder as u16).collect()
            } else {
                (0..=at).map(|elder| elder as u16).collect()
            };
            let parent = (has_parent && !elders.is_empty()).then(|| LineId(*parent.get(&elders)));
            lines.push(Line {
                name: format!("line-{}", at + 1),
                kind,
                prefixes,
                parent,
            });
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_lookup_is_what_the_words_say(lines in any_lines(), extra in any::<u32>(), wide in any::<u128>()) {
        let table = LineTable::build(&lines).expect("at most seven lines");
        let extra = [IpAddr::from(Ipv4Addr::from_bits(extra)), Ipv6Addr::from_bits(wide).into()];
        for client in edges(&lines).into_iter().chain(extra) {
            let chain = table.chain_of(client);
            prop_assert_eq!(table.chain(chain), chain_by_words(&lines, client), "{}", client);
        }
    }

    #[test]
    fn a_scope_is_right_and_cannot_be_shorter(lines in any_lines()) {
        let table = LineTable::build(&lines).expect("at most seven lines");
        let edges = edges(&lines);
        for &client in &edges {
            let scope = table.scope(client);
            let chain = table.chain_of(client);
            let same = |len: u8| {
                let net = IpNet::new_assert(client, len);
                edges.iter().filter(|edge| net.contains(*edge)).all(|edge| table.chain_of(*edge) == chain)
            };
            prop_assert!(same(scope), "{} /{}", client, scope);
            prop_assert!(scope == 0 || !same(scope - 1), "{} /{}", client, scope);
        }
    }

    #[test]
    fn the_prefix_that_chose_a_line_is_its_longest(lines in any_lines()) {
        for client in edges(&lines) {
            for at in 0..lines.len() {
                let id = LineId(at as u16);
                let expected = counted(&lines, id).into_iter()
                    .filter(|prefix| id != LineId::DEFAULT && prefix.contains(&client))
                    .max_by_key(|prefix| prefix.prefix_len());
                prop_assert_eq!(longest_prefix(&lines, id, client), expected);
            }
        }
    }
}

#[test]
fn kind_then_length_then_declaration() {
    let lines = [
        default_line(),
        line("domestic", LineKind::Domestic, &["10.0.0.0/8"], None),
        line("telecom", LineKind::Operator, &["10.1.0.0/16"], None),
        line("unicom", LineKind::Operator, &["10.1.0.0/16"], None),
        line("mobile", LineKind::Operator, &["10.1.2.0/24"], None),
    ];
    let table = LineTable::build(&lines).expect("four lines");
    let chain = |client: &str| {
        let id = table.chain_of(client.parse().expect("an address"));
        table.chain(id).iter().map(|id| id.0).collect::<Vec<_>>()
    };
    assert_eq!(chain("10.1.2.3"), [4, 2, 3, 1, 0]);
    assert_eq!(chain("10.1.3.3"), [2, 3, 1, 0]);
    assert_eq!(chain("10.2.0.1"), [1, 0]);
    assert_eq!(chain("192.0.2.1"), [0]);
    assert_eq!(table.scope("10.1.3.3".parse().expect("an address")), 24);
}

#[test]
fn parents_in_a_circle_hold_what_any_of_them_holds() {
    let lines = [
        default_line(),
        line("a", LineKind::Custom, &["192.0.2.0/25"], Some(2)),
        line("b", LineKind::Custom, &["192.0.2.128/25"], Some(1)),
    ];
    let table = LineTable::build(&lines).expect("three lines");
    let chain = table.chain_of("192.0.2.200".parse().expect("an address"));
    assert_eq!(table.chain(chain), [LineId(1), LineId(2), LineId(0)]);
}

#[test]
fn a_client_may_be_on_any_number_of_lines() {
    let mut lines = vec![default_line()];
    for at in 0..300_u32 {
        let start = Ipv4Addr::from_bits(0x0a00_0000 | at << 8);
        let mut one = line(&format!("l{at}"), LineKind::Custom, &["192.0.2.0/24"], None);
        one.prefixes.push(IpNet::V4(Ipv4Net::new_assert(start, 24)));
        lines.push(one);
    }
    let table = LineTable::build(&lines).expect("301 lines");
    assert_eq!(table.chains().len(), 302);
    let chain = table.chain_of("192.0.2.1".parse().expect("an address"));
    assert_eq!(table.chain(chain).len(), 301);
}

#[test]
fn too_many_lines_are_refused_with_their_number() {
    let mut lines = vec![default_line(); MAX_LINES];
    assert!(LineTable::build(&lines).is_ok());
    lines.push(default_line());
    let error = LineTable::build(&lines).expect_err("one more");
    assert_eq!(error, TableError::TooManyLines { found: 65536 });
}

#[test]
fn a_million_prefixes_are_built_in_seconds() {
    let mut lines = vec![default_line()];
    for at in 0..4_u32 {
        let mut one = line(
            &format!("l{at}"),
            LineKind::Operator,
            &[],
            (at > 0).then_some(1),
        );
        // An odd multiplier visits every /24 once: scattered, and in no order.
        one.prefixes = (0..250_000)
            .map(|n: u32| Ipv4Addr::from_bits((n * 4 + at).wrapping_mul(0x9e37_79b1) << 8))
            .map(|start| IpNet::V4(Ipv4Net::new_assert(start, 24)))
            .collect();
        lines.push(one);
    }
    let begun = std::time::Instant::now();
    let table = LineTable::build(&lines).expect("five lines");
    let took = begun.elapsed();
    for (at, line) in lines.iter().enumerate().skip(1) {
        for net in line.prefixes.iter().step_by(1000) {
            let chain = table.chain(table.chain_of(net.addr()));
            assert!(
                chain.contains(&LineId(at as u16)),
                "{net} is of {}",
                line.name
            );
        }
    }
    // Under two seconds even unoptimized and with both cores busy; a quadratic build takes hours.
    assert!(took.as_secs() < 30, "took {took:?}");
}

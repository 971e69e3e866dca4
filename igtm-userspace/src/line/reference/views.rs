//! Views against the same slow reading: only claimed lines are candidates.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::line::{ViewId, Views};
use igtm_common::line::{NO_SLOT, Place};

/// The line of a client by the words of the specification.
fn line_by_words(lines: &[Line], claimed: &[LineId], client: IpAddr) -> Option<LineId> {
    let chain = chain_by_words(lines, client);
    chain.into_iter().find(|line| claimed.contains(line))
}

/// The shortest length at which no edge in the prefix around `client` is on another line. Lines
/// change at edges only, so what holds for them holds for all addresses.
fn scope_by_words(lines: &[Line], claimed: &[LineId], edges: &[IpAddr], client: IpAddr) -> u8 {
    let line = line_by_words(lines, claimed, client);
    let longest_shared = edges
        .iter()
        .filter(|edge| edge.is_ipv4() == client.is_ipv4())
        .filter(|edge| line_by_words(lines, claimed, **edge) != line)
        .map(|edge| match (edge, client) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => unreachable!("one family"),
        })
        .max();
    longest_shared.map_or(0, |shared| shared as u8 + 1)
}

/// Some of the lines, in any order and perhaps twice; perhaps not even the default line.
fn any_claims() -> impl Strategy<Value = Vec<Vec<LineId>>> {
    let claim = prop::collection::vec((0..8_u16).prop_map(LineId), 0..10);
    prop::collection::vec(claim, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_view_finds_the_claimed_line_and_the_shortest_scope(
        lines in any_lines(),
        mut claims in any_claims(),
        extra in any::<u32>(),
        wide in any::<u128>(),
    ) {
        for claim in &mut claims {
            claim.retain(|line| usize::from(line.0) < lines.len());
        }
        let table = LineTable::build(&lines).expect("at most seven lines");
        let views = Views::build(&table, &claims).expect("at most four views");
        let edges = edges(&lines);
        let extra = [IpAddr::from(Ipv4Addr::from_bits(extra)), Ipv6Addr::from_bits(wide).into()];
        for (claim, id) in claims.iter().zip(views.of_claims()) {
            let sorted: Vec<LineId> = BTreeSet::from_iter(claim.iter().copied()).into_iter().collect();
            prop_assert_eq!(&views.view(*id).lines, &sorted);
            for client in edges.iter().copied().chain(extra) {
                let line = line_by_words(&lines, claim, client);
                let slot = line.map_or(NO_SLOT, |line| {
                    sorted.iter().position(|own| *own == line).expect("claimed") as u16
                });
                let scope = scope_by_words(&lines, claim, &edges, client);
                prop_assert_eq!(views.look_up(*id, client), Place { slot, scope }, "{}", client);
                prop_assert_eq!(views.line_of(*id, client), line);
            }
        }
    }
}

#[test]
fn a_set_is_one_view_however_it_is_written() {
    let lines = vec![default_line(); 4];
    let table = LineTable::build(&lines).expect("four lines");
    let claims = [vec![0, 2], vec![1], vec![2, 0, 2], vec![1, 0]]
        .map(|claim| claim.into_iter().map(LineId).collect::<Vec<_>>());
    let views = Views::build(&table, &claims).expect("three views");
    assert_eq!(views.of_claims(), [0, 1, 0, 2].map(ViewId));
    assert_eq!(views.views().len(), 3);
    assert!(views.units().is_empty(), "no prefix, no node");
}

#[test]
fn a_line_nobody_claims_divides_no_scope() {
    let lines = [
        default_line(),
        line("telecom", LineKind::Operator, &["10.0.0.0/8"], None),
        line("city", LineKind::Custom, &["10.1.2.0/24"], None),
    ];
    let table = LineTable::build(&lines).expect("three lines");
    let claims = [vec![LineId(0), LineId(1)], vec![LineId(0), LineId(2)]];
    let views = Views::build(&table, &claims).expect("two views");
    let client = "10.1.2.3".parse().expect("an address");
    assert_eq!(
        views.look_up(ViewId(0), client),
        Place { slot: 1, scope: 8 }
    );
    assert_eq!(
        views.look_up(ViewId(1), client),
        Place { slot: 1, scope: 24 }
    );
    assert_eq!(views.line_of(ViewId(1), client), Some(LineId(2)));
}

#[test]
fn views_that_differ_little_share_the_rest() {
    let mut lines = vec![default_line()];
    let mut common = line("common", LineKind::Operator, &[], None);
    // An odd multiplier visits every /24 once.
    let scattered = |n: u32| Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1) << 8);
    let net = |n| IpNet::V4(Ipv4Net::new_assert(scattered(n), 24));
    common.prefixes = (0..2000).map(net).collect();
    lines.push(common);
    for own in 0..100 {
        let mut one = line(&format!("own-{own}"), LineKind::Custom, &[], None);
        one.prefixes.push(net(5000 + own));
        lines.push(one);
    }
    let table = LineTable::build(&lines).expect("102 lines");
    let claim = |own: u16| vec![LineId(0), LineId(1), LineId(2 + own)];
    let claims: Vec<_> = (0..100).map(claim).collect();
    let alone = Views::build(&table, &claims[..1])
        .expect("one view")
        .units()
        .len();
    let together = Views::build(&table, &claims)
        .expect("100 views")
        .units()
        .len();
    // The store has room for 16 wide roots; else a root and a second node of 8 bits and a few below.
    assert!(
        together < alone + 15 * 4096 + 99 * 40,
        "{alone} for one, {together} for 100"
    );
}

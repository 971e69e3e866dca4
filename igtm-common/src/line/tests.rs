//! Trees against the ranges they were made from, read one by one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::build::Units;
use super::{Address, Entry, NO_SLOT, Place, UNIT, look_up};

type Ranges = Vec<(u128, u16)>;

fn address(bits: u128) -> Address {
    Address {
        high: (bits >> 64) as u64,
        low: bits as u64,
    }
}

fn place(units: &Units, root: Entry, bits: u128) -> Option<Place> {
    look_up(root, address(bits), |number| {
        units.as_slice().get(number as usize)
    })
}

fn slot_by_ranges(ranges: &Ranges, bits: u128) -> u16 {
    ranges[ranges.partition_point(|(start, _)| *start <= bits) - 1].1
}

/// The first and the last address of the prefix of `len` bits around `bits`.
fn prefix(bits: u128, len: u8) -> (u128, u128) {
    let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
    (bits & !host, bits | host)
}

/// The shortest prefix around `bits` that no range's start divides, by trying every length.
fn scope_by_ranges(ranges: &Ranges, bits: u128) -> u8 {
    let starts_until = |bits| ranges.partition_point(|(start, _)| *start <= bits);
    let undivided = |len: &u8| {
        let (first, last) = prefix(bits, *len);
        starts_until(first) == starts_until(last)
    };
    (0..=128).find(undivided).expect("one address is undivided")
}

/// Ranges that begin at the given addresses, with neighbours of the same slot made one.
fn ranges(starts: BTreeMap<u128, u16>, first: u16) -> Ranges {
    let mut all = vec![(0, first)];
    for (start, slot) in starts {
        let (last_start, last_slot) = all[all.len() - 1];
        if start > last_start && slot != last_slot {
            all.push((start, slot));
        }
    }
    all
}

/// Crowded starts: those of nearby addresses, of every length, and of scattered ones.
fn any_ranges(width: u8, count: Range<usize>) -> impl Strategy<Value = Ranges> {
    let unit = 128 - u32::from(width);
    let start = prop_oneof![
        (0..64_u128, 0..u32::from(width)).prop_map(move |(n, shift)| n << shift << unit),
        (0..2000_u128).prop_map(move |n| (n << unit) | 0x0a << 120),
        any::<u128>().prop_map(move |n| n >> unit << unit),
        any::<u128>().prop_map(move |n| n >> 108 << 108),
    ];
    let slot = prop_oneof![4 => 0..4_u16, 1 => Just(NO_SLOT)];
    let starts = prop::collection::btree_map(start, slot.clone(), count);
    (starts, slot).prop_map(|(starts, first)| ranges(starts, first))
}

/// Ranges that begin at 9000 places, of which half are crowded in an eighth of the space.
fn scattered(seed: u128, shift: u32) -> Ranges {
    let starts = (1..9000_u128).map(|n| {
        // An odd multiplier scatters consecutive numbers.
        let start = (n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let start = if n % 2 == 0 { start } else { start >> 3 };
        (start >> shift << shift, (n % 5) as u16)
    });
    ranges(starts.collect(), 0)
}

/// Compares what is found at every `step`-th boundary and near it.
fn check(units: &Units, root: Entry, ranges: &Ranges, step: usize) -> Result<(), TestCaseError> {
    for (start, _) in ranges.iter().step_by(step) {
        let near = [start.wrapping_sub(1), *start, start.wrapping_add(1)];
        let far = [start.wrapping_mul(3), start ^ 1 << 127];
        for bits in near.into_iter().chain(far) {
            let expected = Place {
                slot: slot_by_ranges(ranges, bits),
                scope: scope_by_ranges(ranges, bits),
            };
            prop_assert_eq!(place(units, root, bits), Some(expected), "{:#034x}", bits);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_lookup_finds_the_slot_and_the_shortest_scope(
        v4 in any_ranges(32, 0..80),
        v6 in any_ranges(128, 0..80),
        other in any_ranges(32, 0..8),
    ) {
        let mut units = Units::new();
        let roots = [(&v4, 32), (&v6, 128), (&other, 32)]
            .map(|(ranges, width)| (ranges, units.add(ranges, width).expect("room")));
        for (ranges, root) in roots {
            check(&units, root, ranges, 1)?;
        }
        let before = units.as_slice().len();
        prop_assert_eq!(units.add(&v4, 32), Ok(roots[0].1));
        prop_assert_eq!(units.add(&v6, 128), Ok(roots[1].1));
        prop_assert_eq!(units.as_slice().len(), before, "the same again takes no room");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn wide_nodes_are_right(
        seed in any::<u128>(),
        changed in any::<prop::sample::Index>(),
    ) {
        let mut units = Units::new();
        for (shift, width) in [(96, 32), (64, 128)] {
            let ranges = &scattered(seed, shift);
            let root = units.add(ranges, width).expect("room");
            prop_assert_eq!(root.stride(), Some(16));
            check(&units, root, ranges, 37)?;
            // Nearly the same again: most blocks are known, and the changed one is not taken for known.
            let mut other = ranges.clone();
            let at = changed.index(other.len());
            other[at].1 = 77;
            let root = units.add(&other, width).expect("room");
            check(&units, root, &other, 37)?;
            let (start, _) = other[at];
            let expected = Place { slot: 77, scope: scope_by_ranges(&other, start) };
            prop_assert_eq!(place(&units, root, start), Some(expected));
        }
    }
}

#[test]
fn one_range_is_a_leaf() {
    let mut units = Units::new();
    let root = units.add(&[(0, 7)], 128).expect("room");
    assert_eq!(root, Entry::leaf(Place { slot: 7, scope: 0 }));
    assert_eq!(root.stride(), None);
    let nothing = units.add(&[], 32).expect("room");
    let expected = Place {
        slot: NO_SLOT,
        scope: 0,
    };
    assert_eq!(place(&units, nothing, 1 << 100), Some(expected));
    assert!(units.as_slice().is_empty());
}

#[test]
fn a_broken_table_is_told() {
    let mut units = Units::new();
    let root = units.add(&[(0, 0), (1 << 127, 1)], 32).expect("room");
    assert_eq!(look_up(root, Address::v4(0), |_| None), None);
    // A node that leads to itself.
    let circle = [root.0; UNIT];
    assert_eq!(look_up(root, Address::v4(0), |_| Some(&circle)), None);
}

#[test]
fn a_host_in_the_last_bit_takes_all_steps() {
    let mut units = Units::new();
    let ranges = vec![(0, 0), (u128::MAX, 1)];
    let root = units.add(&ranges, 128).expect("room");
    let found = |bits| place(&units, root, bits);
    assert_eq!(
        found(u128::MAX),
        Some(Place {
            slot: 1,
            scope: 128
        })
    );
    assert_eq!(
        found(u128::MAX - 1),
        Some(Place {
            slot: 0,
            scope: 128
        })
    );
    assert_eq!(found(0), Some(Place { slot: 0, scope: 1 }));
}

#[test]
fn addresses_are_left_aligned() {
    let v4 = Address::from("192.0.2.1".parse::<IpAddr>().expect("an address"));
    assert_eq!(
        v4,
        Address {
            high: 0xc000_0201 << 32,
            low: 0
        }
    );
    let v6 = Address::from("2001:db8::102:3".parse::<IpAddr>().expect("an address"));
    assert_eq!(
        v6,
        Address {
            high: 0x2001_0db8 << 32,
            low: 0x0102_0003
        }
    );
}

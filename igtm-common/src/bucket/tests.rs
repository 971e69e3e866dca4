//! Every name is found, and nothing else is.

use std::collections::HashMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::layout::{EXISTS, Text};
use crate::name::{HashKey, NameHash};

type Named = (NameKey, NameRef, Text<96>);

fn named(hash: [u64; 2], slot: u32) -> Named {
    let of = NameRef {
        flags: EXISTS,
        slots: [slot, 0],
        ..NameRef::default()
    };
    (NameKey { hash }, of, [0; 96])
}

fn found(table: &[NameBucket], key: NameKey) -> NameRef {
    let buckets = u32::try_from(table.len()).expect("a small table");
    find(key, buckets, |at| table.get(at as usize))
}

/// Names as operators have them: numbered ones below one origin, under a secret.
fn numbered(count: u32, secret: u64) -> Vec<Named> {
    let secret: HashKey =
        core::array::from_fn(|at| secret.wrapping_mul(2 * at as u64 + 3).rotate_left(17));
    (0..count)
        .map(|number| {
            let mut wire = *b"\x080000000a\x03gtm\x07example\0";
            for (at, octet) in wire[1..9].iter_mut().enumerate() {
                *octet = b'a' + (number >> (4 * at) & 15) as u8;
            }
            let NameHash(hash) = NameHash::of(&secret, &wire).expect("short enough");
            named(hash, number)
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_there_is_found_and_what_is_not_is_not(
        hashes in prop::collection::hash_set(any::<[u64; 2]>(), 0..300),
        others in prop::collection::vec(any::<[u64; 2]>(), 0..50),
    ) {
        let names: Vec<Named> = hashes.iter().zip(0..).map(|(hash, slot)| named(*hash, slot)).collect();
        let table = fill(&names).expect("hashes at random");
        for (key, of, _) in &names {
            prop_assert_eq!(found(&table, *key), *of);
        }
        for hash in others.into_iter().filter(|hash| !hashes.contains(hash)) {
            prop_assert_eq!(found(&table, NameKey { hash }), NameRef::default());
        }
        let there = table.iter().flat_map(|bucket| bucket.of).filter(|of| of.flags != 0).count();
        prop_assert_eq!(there, names.len(), "each stands once");
    }
}

#[test]
fn names_that_differ_in_little_take_three_places_of_four_and_mostly_the_first() {
    for secret in [0x0123_4567_89ab_cdef, 3] {
        let names = numbered(100_000, secret);
        let table = fill(&names).expect("hashes");
        assert_eq!(table.len(), 66_667, "no larger than planned");
        let texts: HashMap<_, _> = names.iter().map(|(key, of, _)| (*key, *of)).collect();
        let first = names.iter().filter(|(key, of, _)| {
            assert_eq!(found(&table, *key), texts[key]);
            let at = places(*key, table.len() as u32)[0];
            table[at as usize].of.contains(of)
        });
        let percent = first.count() / 1000;
        assert!(percent >= 70, "{percent} % stand in their first bucket");
    }
}

#[test]
fn a_table_of_no_names_has_none() {
    let table = fill(&[]).expect("nothing to place");
    assert_eq!(found(&table, NameKey { hash: [1, 2] }), NameRef::default());
    assert_eq!(
        find::<NameBucket>(NameKey { hash: [1, 2] }, 0, |_| None),
        NameRef::default()
    );
}

#[test]
fn hashes_that_are_none_are_refused() {
    // All of them choose the same two buckets, which hold four.
    let names = [named([7, 7], 1); 5];
    assert_eq!(fill(&names), Err(TableFull));
}

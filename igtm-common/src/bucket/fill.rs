//! Names → the buckets of `NAMES`. For the daemon and for tests.

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;

use super::places;
use crate::layout::{BUCKET_NAMES, NameBucket, NameKey, NameRef, Text};

/// Of four places three are taken: then four names of five stand in their first bucket, and places
/// are found at once.
const TAKEN: usize = 3;
const OF: usize = 4;

/// How many names one is worth moving before there are more buckets.
const MOVES: u32 = 1024;

/// How often a table may become larger; it never has to at numbers that are not made up.
const TRIES: usize = 16;

/// What makes a number's middle bits anybody's guess.
const ODD: u32 = 0x9e37_79b1;

/// No name's number.
const FREE: u32 = u32::MAX;

/// Names whose hashes are not hashes: they share their buckets at every size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

impl core::fmt::Display for TableFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the names' hashes leave no room for all of them")
    }
}

impl core::error::Error for TableFull {}

/// The buckets of `names`, which are distinct: key, what it is, and its text for people.
///
/// # Errors
/// [`TableFull`], when no reasonable number of buckets holds them.
pub fn fill(names: &[(NameKey, NameRef, Text<96>)]) -> Result<Vec<NameBucket>, TableFull> {
    let mut buckets = (names.len() * OF).div_ceil(TAKEN * BUCKET_NAMES).max(1);
    for _ in 0..TRIES {
        if let Some(placed) = try_place(names, buckets) {
            return Ok(placed
                .iter()
                .map(|numbers| bucket(names, *numbers))
                .collect());
        }
        buckets += buckets / 8 + 1;
    }
    Err(TableFull)
}

/// The numbers of the names in each bucket; `None` when a name found no place.
fn try_place(
    names: &[(NameKey, NameRef, Text<96>)],
    buckets: usize,
) -> Option<Vec<[u32; BUCKET_NAMES]>> {
    let count = u32::try_from(buckets).ok()?;
    let mut placed = vec![[FREE; BUCKET_NAMES]; buckets];
    for number in 0..u32::try_from(names.len()).ok()? {
        put(number, &mut placed, |name| {
            places(names[name as usize].0, count)
        })?;
    }
    Some(placed)
}

/// Puts a name into one of its buckets; others make room for it by moving to their other one.
fn put(
    mut name: u32,
    placed: &mut [[u32; BUCKET_NAMES]],
    places: impl Fn(u32) -> [u32; 2],
) -> Option<()> {
    let mut from = None;
    for turn in 0..MOVES {
        let [first, second] = places(name);
        for at in [first, second] {
            if let Some(free) = placed[at as usize].iter_mut().find(|there| **there == FREE) {
                *free = name;
                return Some(());
            }
        }
        // Not to where it was just driven out, or two names would do nothing but that.
        let at = if from == Some(first) { second } else { first };
        // Whose turn it is must not follow from the turn, or ways that meet again go round.
        let which = (name ^ turn).wrapping_mul(ODD) >> 16;
        let there = &mut placed[at as usize][which as usize % BUCKET_NAMES];
        name = core::mem::replace(there, name);
        from = Some(at);
    }
    None
}

fn bucket(names: &[(NameKey, NameRef, Text<96>)], numbers: [u32; BUCKET_NAMES]) -> NameBucket {
    let mut bucket = NameBucket {
        key: [NameKey::default(); BUCKET_NAMES],
        of: [NameRef::default(); BUCKET_NAMES],
        name: [[0; 96]; BUCKET_NAMES],
    };
    for (at, number) in numbers.into_iter().enumerate() {
        if let Some((key, of, text)) = names.get(number as usize) {
            (bucket.key[at], bucket.of[at], bucket.name[at]) = (*key, *of, *text);
        }
    }
    bucket
}

//! Disjoint ranges of addresses → the tree that [`look_up`](super::look_up) follows.
//!
//! For the daemon and for tests; the kernel never builds. Many trees share one store, and what
//! they have in common is stored once: nodes that are alike by their entries, wherever they
//! are, and whole blocks that are alike by their ranges, without being built a second time.

use super::alloc::vec::Vec;
use super::index::Index;
use super::{Entry, FIRST_BITS, NO_SLOT, Place, UNIT, UNITS_LIMIT, Unit};

/// Boundaries in a block from which a node of 16 bits (256 KiB) pays.
const WIDE_FROM: usize = 2048;

/// Boundaries in a block from which a node of 8 bits (1 KiB) pays.
const MIDDLE_FROM: usize = 24;

/// Most nodes of 16 bits in one store, 4 MiB: a tree has one or two that many lookups gain from,
/// but trees that differ in three prefixes share next to nothing when it is their root.
const WIDE_NODES: usize = 16;

/// Boundaries from which it is worth asking whether a block was built before: more than one
/// prefix, for blocks of one are many and quickly built.
const KNOWN_FROM: usize = 3;

/// More units than an [`Entry`] can number: 64 GiB of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFull;

impl core::fmt::Display for StoreFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the lines need more than {UNITS_LIMIT} units")
    }
}

impl core::error::Error for StoreFull {}

/// The nodes of any number of trees.
#[derive(Clone, Debug)]
pub struct Units {
    units: Vec<Unit>,
    /// Nodes by their entries.
    nodes: Index,
    /// Blocks by their ranges: positions in `blocks`.
    known: Index,
    blocks: Vec<(u128, Entry)>,
    wide_nodes: usize,
    /// Room that one tree after the other works in.
    sums: Vec<u128>,
}

impl Default for Units {
    fn default() -> Self {
        Self::new()
    }
}

impl Units {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            units: Vec::new(),
            nodes: Index::new(),
            known: Index::new(),
            blocks: Vec::new(),
            wide_nodes: 0,
            sums: Vec::new(),
        }
    }

    /// The nodes so far, by number.
    pub fn as_slice(&self) -> &[Unit] {
        &self.units
    }

    /// The nodes alone, when no more trees are to come.
    pub fn into_units(self) -> Vec<Unit> {
        self.units
    }

    /// Adds a tree and says where it starts. `ranges` cover the left-aligned address space of a
    /// family of `width` bits (32 or 128): first address and slot of each, ascending, the first
    /// at zero, neighbours of different slots. No range at all is one of [`NO_SLOT`].
    pub fn add(&mut self, ranges: &[(u128, u16)], width: u8) -> Result<Entry, StoreFull> {
        debug_assert!(ranges.first().is_none_or(|(start, _)| *start == 0));
        debug_assert!(ranges.is_sorted_by(|a, b| a.0 < b.0 && a.1 != b.1));
        if ranges.is_empty() {
            return Ok(Entry::leaf(Place {
                slot: NO_SLOT,
                scope: 0,
            }));
        }
        let mut sums = core::mem::take(&mut self.sums);
        running_sums(ranges, &mut sums);
        let mut tree = Tree {
            store: self,
            ranges,
            sums: &sums,
            width,
            entries: Vec::new(),
        };
        let whole = Block { start: 0, depth: 0 };
        let root = tree.entry(whole, 0, ranges.len());
        self.sums = sums;
        root
    }

    /// The node with these entries, new or found.
    fn node(&mut self, stride: u32, entries: &[u32]) -> Result<Entry, StoreFull> {
        let hash = hash(entries);
        let units = &self.units;
        let same = |number| {
            let node = Entry(number);
            let first = node.first() as usize;
            node.stride() == Some(stride)
                && units[first..first + entries.len() / UNIT].as_flattened() == entries
        };
        if let Some(found) = self.nodes.find(hash, same) {
            return Ok(Entry(found));
        }
        if self.units.len() + entries.len() / UNIT > UNITS_LIMIT {
            return Err(StoreFull);
        }
        // Strides of 4, 8 and 16 are kinds 1, 2 and 3; the limit has just been checked.
        let kind = stride.trailing_zeros() - 1;
        let node = Entry(kind << FIRST_BITS | self.units.len() as u32);
        self.units.extend_from_slice(entries.as_chunks().0);
        self.nodes.insert(hash, node.0);
        self.wide_nodes += usize::from(stride == 16);
        Ok(node)
    }

    fn stride(&self, boundaries: usize, bits_left: u8) -> u8 {
        if boundaries >= WIDE_FROM && bits_left >= 16 && self.wide_nodes < WIDE_NODES {
            16
        } else if boundaries >= MIDDLE_FROM && bits_left >= 8 {
            8
        } else {
            4
        }
    }
}

/// The addresses that share `depth` bits with `start`.
#[derive(Clone, Copy)]
struct Block {
    start: u128,
    depth: u8,
}

impl Block {
    fn last(self) -> u128 {
        self.start | u128::MAX.checked_shr(u32::from(self.depth)).unwrap_or(0)
    }
}

/// One tree being built, deepest nodes first.
struct Tree<'a> {
    store: &'a mut Units,
    ranges: &'a [(u128, u16)],
    /// Of the ranges before each position: the sum of their hashes.
    sums: &'a [u128],
    width: u8,
    /// The entries so far of the nodes around the current block, one node's after the other's.
    entries: Vec<u32>,
}

impl Tree<'_> {
    /// The entry for a block that the ranges from `from` until `to` meet.
    fn entry(&mut self, block: Block, from: usize, to: usize) -> Result<Entry, StoreFull> {
        let boundaries = to - from - 1;
        if boundaries == 0 {
            return Ok(self.leaf(block.start, from));
        }
        if boundaries < KNOWN_FROM {
            return self.node(block, from, to);
        }
        let sum = self.sums[to].wrapping_sub(self.sums[from + 1]);
        let content = sum.wrapping_add(mix(
            block.start,
            u64::from(self.ranges[from].1) << 8 | u64::from(block.depth) | 1 << 32,
        ));
        let blocks = &self.store.blocks;
        let same = |at: u32| blocks[at as usize].0 == content;
        if let Some(found) = self.store.known.find(content as u32, same) {
            return Ok(self.store.blocks[found as usize].1);
        }
        let entry = self.node(block, from, to)?;
        // One for each node that is not small: far fewer than units.
        let at = self.store.blocks.len() as u32;
        self.store.blocks.push((content, entry));
        self.store.known.insert(content as u32, at);
        Ok(entry)
    }

    fn node(&mut self, block: Block, from: usize, to: usize) -> Result<Entry, StoreFull> {
        let bits_left = self.width.saturating_sub(block.depth);
        let stride = self.store.stride(to - from - 1, bits_left);
        let depth = block.depth + stride;
        let base = self.entries.len();
        let mut at = from;
        for chunk in 0..1_u128 << stride {
            let start = block.start | chunk << (128 - depth);
            let child = Block { start, depth };
            if at + 1 < to && self.ranges[at + 1].0 == start {
                at += 1;
            }
            let end = self.end(at, to, child.last());
            let entry = self.entry(child, at, end)?;
            self.entries.push(entry.0);
            at = end - 1;
        }
        let node = self.store.node(stride.into(), &self.entries[base..]);
        self.entries.truncate(base);
        node
    }

    /// The first position behind `at`, at most `to`, whose range starts after `last`. Looks ahead
    /// in doubling steps: next to nothing for a small block, a logarithm for a large one.
    fn end(&self, at: usize, to: usize, last: u128) -> usize {
        let mut inside = at;
        let mut step = 1;
        while inside + step < to && self.ranges[inside + step].0 <= last {
            inside += step;
            step *= 2;
        }
        let ahead = &self.ranges[inside + 1..to.min(inside + step)];
        inside + 1 + ahead.partition_point(|(start, _)| *start <= last)
    }

    /// What is said of a block that lies in the range at `at`. The shortest prefix around `start`
    /// in that range holds the whole block, so it is the same for each of its addresses.
    fn leaf(&self, start: u128, at: usize) -> Entry {
        let (first, slot) = self.ranges[at];
        let before = first.checked_sub(1);
        let after = self.ranges.get(at + 1).map(|(start, _)| *start);
        let neighbours = [before, after].into_iter().flatten();
        let scope = neighbours
            // A different address shares at most 127 bits.
            .map(|outside| (start ^ outside).leading_zeros() as u8 + 1)
            .max()
            .unwrap_or(0);
        Entry::leaf(Place { slot, scope })
    }
}

/// Hash sums before each range and behind the last: those of any stretch are one subtraction. With
/// 128 bits, no two of the fewer than 2^32 blocks of a store are ever met with one sum (a chance
/// of 2^-65); the ranges are the operator's own, no one chooses them to collide.
fn running_sums(ranges: &[(u128, u16)], sums: &mut Vec<u128>) {
    let mut sum = 0_u128;
    sums.clear();
    sums.push(sum);
    sums.extend(ranges.iter().map(|(start, slot)| {
        sum = sum.wrapping_add(mix(*start, u64::from(*slot)));
        sum
    }));
}

/// Odd constants without structure: the fractional parts of square roots.
const ODD: [u64; 4] = [
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
];

/// A hash of 128 bits: two rounds of multiplying the halves and folding the product.
fn mix(start: u128, about: u64) -> u128 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let first = fold((start >> 64) as u64 ^ ODD[0], about ^ ODD[1]);
    let second = fold(start as u64 ^ ODD[2], about ^ ODD[3]);
    let high = fold(first ^ ODD[2], second ^ ODD[1]);
    let low = fold(
        first.rotate_left(32) ^ ODD[3],
        second.rotate_left(17) ^ ODD[0],
    );
    u128::from(high) << 64 | u128::from(low)
}

/// A hash of a node's entries, an even number of them.
fn hash(entries: &[u32]) -> u32 {
    let mut hash = 0_u64;
    for [a, b] in entries.as_chunks().0 {
        hash = (hash ^ u64::from(*a) << 32 ^ u64::from(*b)).wrapping_mul(ODD[0]);
        hash ^= hash >> 32;
    }
    hash as u32
}

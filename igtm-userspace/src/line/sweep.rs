//! One pass over the sorted prefixes of a family: ranges, each with the chain of lines that hold it.
//!
//! A client's chain depends only on its longest prefix: every line that contains the client
//! does so through that prefix or one around it. So each distinct prefix gets a chain once, from
//! the prefix around it plus its own lines; a stack holds the prefixes around the current one.

use std::collections::HashMap;

use super::range::{Key, Ranges};
use super::table::ChainId;
use crate::config::model::{Line, LineId, LineKind};

/// A prefix of one line, as the sweep reads it. Ordered so that a prefix comes before those inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry<K> {
    /// The network address.
    pub(super) start: K,
    /// Prefix length, bits.
    pub(super) len: u8,
    /// The line that lists it.
    pub(super) line: LineId,
}

/// The chains met so far, each once; 0 is the default line alone.
#[derive(Debug)]
pub(super) struct Chains {
    known: HashMap<Vec<LineId>, ChainId>,
    list: Vec<Vec<LineId>>,
}

impl Chains {
    /// Only the default line's.
    pub(super) fn new() -> Self {
        let first = vec![LineId::DEFAULT];
        Self {
            known: HashMap::from([(first.clone(), ChainId::DEFAULT)]),
            list: vec![first],
        }
    }

    /// In order of their ids.
    pub(super) fn into_list(self) -> Vec<Vec<LineId>> {
        self.list
    }

    fn id(&mut self, chain: &[LineId]) -> ChainId {
        if let Some(id) = self.known.get(chain) {
            return *id;
        }
        // There are at most as many chains as prefixes, and those fit a u32 many times over.
        let id = ChainId(self.list.len() as u32);
        self.known.insert(chain.to_vec(), id);
        self.list.push(chain.to_vec());
        id
    }
}

/// What each line brings: its rank, and whom it counts for.
#[derive(Debug)]
pub(super) struct Kinship {
    kinds: Vec<LineKind>,
    /// Of each line: itself and everything above it, without the default line.
    upward: Vec<Vec<LineId>>,
}

impl Kinship {
    /// Follows every line's parents.
    pub(super) fn of(lines: &[Line]) -> Self {
        Self {
            kinds: lines.iter().map(|line| line.kind).collect(),
            upward: (0..lines.len()).map(|at| upward(lines, at)).collect(),
        }
    }
}

/// A line and everything above it, nearest first, without the default line.
pub(super) fn upward(lines: &[Line], at: usize) -> Vec<LineId> {
    let mut found = Vec::new();
    // A position in the configuration's lines fits, for LineId is how others refer to it.
    let mut next = Some(LineId(at as u16));
    while let Some(id) = next
        && id != LineId::DEFAULT
        && !found.contains(&id)
    {
        found.push(id);
        next = lines[usize::from(id.0)].parent;
    }
    found
}

/// A line that holds the current prefix, and the length of its longest prefix around it.
#[derive(Clone, Copy, Debug)]
struct Held {
    line: LineId,
    len: u8,
}

/// A prefix around the current one.
struct Frame<K> {
    last: K,
    chain: ChainId,
    /// Where its lines start in the common stack of lines.
    held_from: usize,
}

/// The sweep. Sorts `entries`.
pub(super) fn sweep<K: Key>(
    mut entries: Vec<Entry<K>>,
    kinship: &Kinship,
    chains: &mut Chains,
) -> Ranges<K> {
    entries.sort_unstable();
    let mut state = Sweep {
        ranges: Ranges::new(),
        frames: Vec::new(),
        held: Vec::new(),
    };
    let mut order = Vec::new();
    for prefix in entries.chunk_by(|a, b| a.start == b.start && a.len == b.len) {
        state.close_before(Some(prefix[0].start));
        state.open(prefix, kinship, chains, &mut order);
    }
    state.close_before(None);
    state.ranges
}

struct Sweep<K> {
    ranges: Ranges<K>,
    frames: Vec<Frame<K>>,
    /// The lines of every frame, one frame's after the other's.
    held: Vec<Held>,
}

impl<K: Key> Sweep<K> {
    /// Ends the prefixes that do not contain `start`; all of them for `None`.
    fn close_before(&mut self, start: Option<K>) {
        while let Some(frame) = self.frames.last()
            && start.is_none_or(|start| frame.last < start)
        {
            let after = frame.last.next();
            self.held.truncate(frame.held_from);
            self.frames.pop();
            if let Some(after) = after {
                let chain = self.around();
                self.ranges.begin(after, chain);
            }
        }
    }

    /// The chain of the innermost open prefix.
    fn around(&self) -> ChainId {
        self.frames
            .last()
            .map_or(ChainId::DEFAULT, |frame| frame.chain)
    }

    /// Opens one distinct prefix, given once per line that lists it.
    fn open(
        &mut self,
        prefix: &[Entry<K>],
        kinship: &Kinship,
        chains: &mut Chains,
        order: &mut Vec<LineId>,
    ) {
        let Entry { start, len, .. } = prefix[0];
        let outer_from = self.frames.last().map_or(0, |frame| frame.held_from);
        let held_from = self.held.len();
        self.held.extend_from_within(outer_from..);
        for entry in prefix {
            for &line in &kinship.upward[usize::from(entry.line.0)] {
                let mine = &mut self.held[held_from..];
                match mine.iter_mut().find(|held| held.line == line) {
                    Some(held) => held.len = len,
                    None => self.held.push(Held { line, len }),
                }
            }
        }
        let mine = &mut self.held[held_from..];
        mine.sort_unstable_by_key(|held| {
            let kind = kinship.kinds[usize::from(held.line.0)];
            (kind, std::cmp::Reverse(held.len), held.line)
        });
        order.clear();
        order.extend(mine.iter().map(|held| held.line));
        order.push(LineId::DEFAULT);
        let chain = chains.id(order);
        self.ranges.begin(start, chain);
        self.frames.push(Frame {
            last: start.last(len),
            chain,
            held_from,
        });
    }
}

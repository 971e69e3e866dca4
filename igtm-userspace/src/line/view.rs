//! The line table as instances see it: only the lines that one claims, compiled to trees.
//!
//! A *view* is one distinct set of claimed lines. Its *slots* number them, so that the kernel's
//! answers can lie side by side, one per slot. Kernel and userspace look up the same trees by
//! the same code. Must not know why a line is claimed: that is the policy's.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Known;
use std::net::IpAddr;

use igtm_common::line::build::{StoreFull, Units};
use igtm_common::line::{Address, Entry, NO_SLOT, Place, Unit, look_up};

use super::range::{Key, Ranges};
use super::table::LineTable;
use crate::config::model::LineId;

/// Most views: what a [`ViewId`] can number.
pub const MAX_VIEWS: usize = 1 << 16;

/// A position among the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub u16);

/// Why the views cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewsError {
    /// The instances claim too many different sets of lines.
    #[error("the instances claim {found} different sets of lines, the limit is {MAX_VIEWS}")]
    TooManyViews {
        /// How many there are.
        found: usize,
    },
    /// The trees outgrew what an entry can number.
    #[error(transparent)]
    StoreFull(#[from] StoreFull),
}

/// One set of claimed lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The claimed lines, ascending: a line's position is its slot.
    pub lines: Vec<LineId>,
    /// Where the tree of IPv4 clients starts.
    pub root_v4: Entry,
    /// Where the tree of IPv6 clients starts.
    pub root_v6: Entry,
}

/// All views of a configuration and the store that their trees share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Views {
    views: Vec<View>,
    units: Vec<Unit>,
    of_claims: Vec<ViewId>,
}

impl Views {
    /// Compiles each distinct set of `claimed` lines; order and repetition in a set do not count.
    /// Views are numbered as their sets are first met. Time: what `table` has ranges, for each view.
    pub fn build(table: &LineTable, claimed: &[Vec<LineId>]) -> Result<Self, ViewsError> {
        let (sets, numbers) = distinct(claimed);
        if sets.len() > MAX_VIEWS {
            let found = sets.len();
            return Err(ViewsError::TooManyViews { found });
        }
        let mut projection = Projection::new(table);
        let mut units = Units::new();
        let mut views = Vec::with_capacity(sets.len());
        for lines in sets {
            projection.choose(&lines);
            views.push(View {
                root_v4: units.add(projection.of(table.ranges_v4()), u32::WIDTH)?,
                root_v6: units.add(projection.of(table.ranges_v6()), u128::WIDTH)?,
                lines,
            });
        }
        // Checked above: the last number is MAX_VIEWS - 1.
        let of_claims = numbers.into_iter().map(|number| ViewId(number as u16));
        Ok(Self {
            views,
            units: units.into_units(),
            of_claims: of_claims.collect(),
        })
    }

    /// Every view, by its id.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// One view.
    pub fn view(&self, id: ViewId) -> &View {
        // Ids are made by build only, together with the list.
        &self.views[usize::from(id.0)]
    }

    /// The view of each set that was given to [`Self::build`], in that order.
    pub fn of_claims(&self) -> &[ViewId] {
        &self.of_claims
    }

    /// The nodes of all trees, by number: what the kernel's map holds.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The slot of a client in a view, and the scope of an answer that is chosen by it.
    pub fn look_up(&self, view: ViewId, client: IpAddr) -> Place {
        let view = self.view(view);
        let root = match client {
            IpAddr::V4(_) => view.root_v4,
            IpAddr::V6(_) => view.root_v6,
        };
        let unit = |number: u32| self.units.get(number as usize);
        look_up(root, Address::from(client), unit).expect("build makes whole trees")
    }

    /// The claimed line of a client in a view; `None` when it is on none of them.
    pub fn line_of(&self, view: ViewId, client: IpAddr) -> Option<LineId> {
        let Place { slot, .. } = self.look_up(view, client);
        self.view(view).lines.get(usize::from(slot)).copied()
    }
}

/// Each set once, sorted, and for each given set its number among them.
fn distinct(claimed: &[Vec<LineId>]) -> (Vec<Vec<LineId>>, Vec<usize>) {
    let mut sets = Vec::new();
    let mut known = HashMap::new();
    let number = |lines: &Vec<LineId>| {
        let mut set = lines.clone();
        set.sort_unstable();
        set.dedup();
        match known.entry(set) {
            Known::Occupied(seen) => *seen.get(),
            Known::Vacant(new) => {
                sets.push(new.key().clone());
                *new.insert(sets.len() - 1)
            }
        }
    };
    let numbers = claimed.iter().map(number).collect();
    (sets, numbers)
}

/// The table's ranges with slots of one set of lines in place of chains. Keeps its room.
struct Projection<'a> {
    table: &'a LineTable,
    /// Of each line: its slot, when it is claimed.
    slot_of_line: Vec<u16>,
    /// Of each chain: the slot of its first claimed line.
    slot_of_chain: Vec<u16>,
    ranges: Vec<(u128, u16)>,
}

impl<'a> Projection<'a> {
    fn new(table: &'a LineTable) -> Self {
        Self {
            table,
            slot_of_line: Vec::new(),
            slot_of_chain: Vec::new(),
            ranges: Vec::new(),
        }
    }

    /// Takes up a sorted set.
    fn choose(&mut self, lines: &[LineId]) {
        let count = lines.last().map_or(0, |last| usize::from(last.0) + 1);
        self.slot_of_line.clear();
        self.slot_of_line.resize(count, NO_SLOT);
        for (slot, line) in (0..).zip(lines) {
            self.slot_of_line[usize::from(line.0)] = slot;
        }
        let slot = |line: &LineId| {
            let slot = self.slot_of_line.get(usize::from(line.0));
            slot.copied().filter(|slot| *slot != NO_SLOT)
        };
        let first = |chain: &Vec<LineId>| chain.iter().find_map(slot).unwrap_or(NO_SLOT);
        self.slot_of_chain.clear();
        self.slot_of_chain
            .extend(self.table.chains().iter().map(first));
    }

    fn of<K: Key>(&mut self, ranges: &Ranges<K>) -> &[(u128, u16)] {
        self.ranges.clear();
        // Different from every slot, NO_SLOT included.
        let mut last = None;
        for (start, chain) in ranges.iter() {
            let slot = self.slot_of_chain[chain.0 as usize];
            if last != Some(slot) {
                self.ranges.push((start.left_aligned(), slot));
                last = Some(slot);
            }
        }
        &self.ranges
    }
}

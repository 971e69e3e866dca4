//! SLOT_COUNTS follows its owners: what was counted for a name on a line is found again where that
//! stands in another image, and nobody inherits what was another's.
//!
//! Slots rarely move: names that come by a reload go where there is room, and a restart places all
//! anew. Counts are for people: what a CPU counts in the microseconds in which the same 64 slots are
//! rewritten, or while larger maps are filled, is lost.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use aya::maps::PerCpuValues;
use igtm_common::bucket;
use igtm_common::layout::{
    LineName, NO_VIEW, NameRef, SLOT_COUNTS, Settings, SlotCounts, position, text,
};

use super::DataplaneError;
use super::error::wrong;
use super::maps::Maps;
use crate::line::ViewId;
use crate::snapshot::Fixed;

/// Where the count of each slot comes from; those that are not in it stay. `None`: it begins anew.
pub(super) type Moves = BTreeMap<u32, Option<u32>>;

/// Counts of consecutive slots, ready to be written.
type Block = PerCpuValues<SlotCounts>;

/// Which slots of `fixed` have their counts elsewhere in `maps`, or nowhere, by the epoch that is
/// answered from; `all` of them when they go to other maps.
pub(super) fn moves(
    maps: &Maps,
    settings: &Settings,
    fixed: &Fixed,
    all: bool,
) -> Result<Moves, DataplaneError> {
    let mut moves = Moves::new();
    let epoch = settings.epoch & 1;
    let buckets = settings.buckets[epoch as usize];
    // By former view and view: which of the former lines each line is.
    let mut same: HashMap<(u16, u16), Vec<Option<u32>>> = HashMap::new();
    for (key, of, _) in fixed.names.iter() {
        let former = bucket::find(key, buckets, |at| maps.names.read(position(at, epoch)));
        for family in [0, 1] {
            let view = of.view[family];
            if view == NO_VIEW {
                continue;
            }
            let was = was(&former, family);
            let pair = (was.map_or(NO_VIEW, |(view, _)| view), view);
            let lines = match same.entry(pair) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let former = match was {
                        Some((view, base)) => lines_at(maps, epoch, view, base)?,
                        None => Vec::new(),
                    };
                    entry.insert(matched(fixed, view, &former))
                }
            };
            for (at, line) in lines.iter().zip(0..) {
                let to = of.slots[family] + line;
                let from = was.zip(*at).map(|((_, base), at)| base + at);
                if all || from != Some(to) {
                    moves.insert(to, from);
                }
            }
        }
    }
    Ok(moves)
}

/// View and first slot of a name that was there.
fn was(former: &NameRef, family: usize) -> Option<(u16, u32)> {
    let view = former.view[family];
    (former.flags != 0 && view != NO_VIEW).then_some((view, former.slots[family]))
}

/// The lines that stand from slot `base` on, one for each of the view.
fn lines_at(
    maps: &Maps,
    epoch: u32,
    view: u16,
    base: u32,
) -> Result<Vec<LineName>, DataplaneError> {
    let slots = maps.views.read(position(view.into(), epoch));
    let slots = base..base + slots.map_or(0, |view| view.slots);
    let lines = slots.filter_map(|slot| maps.slots.read(position(slot, epoch)));
    lines
        .map(|slot| maps.line_names.get(&slot.line.into(), 0))
        .collect::<Result<_, _>>()
        .map_err(wrong("LINE_NAMES"))
}

/// For each line of a new view, its place among the former ones.
fn matched(fixed: &Fixed, view: u16, former: &[LineName]) -> Vec<Option<u32>> {
    let lines = &fixed.views.view(ViewId(view)).lines;
    let names = lines
        .iter()
        .map(|line| &fixed.line_names[usize::from(line.0)]);
    names
        .map(|name| {
            let name = text(name);
            let at = former.iter().position(|former| former.name == name)?;
            u32::try_from(at).ok()
        })
        .collect()
}

/// What `moves` makes of the counts in `maps`: by block, those that change.
pub(super) fn moved(maps: &Maps, moves: &Moves) -> Result<BTreeMap<u32, Block>, DataplaneError> {
    let read = |block: u32| {
        maps.slot_counts
            .get(&block, 0)
            .map_err(wrong("SLOT_COUNTS"))
    };
    let mut former: HashMap<u32, Block> = HashMap::new();
    let mut blocks: BTreeMap<u32, Vec<SlotCounts>> = BTreeMap::new();
    for slot in moves
        .iter()
        .flat_map(|(to, from)| [Some(*to), *from])
        .flatten()
    {
        let block = slot / SLOT_COUNTS;
        // Behind the last one of smaller maps nothing was counted.
        if block < maps.count_blocks() && !former.contains_key(&block) {
            former.insert(block, read(block)?);
        }
    }
    let Some(cpus) = former.values().next().map(|values| values.len()) else {
        return Ok(BTreeMap::new());
    };
    let count = |slot: u32, cpu: usize| {
        let block = former.get(&(slot / SLOT_COUNTS));
        block.map_or(0, |block| block[cpu][(slot % SLOT_COUNTS) as usize])
    };
    for (to, from) in moves {
        let block = to / SLOT_COUNTS;
        let values = blocks.entry(block).or_insert_with(|| {
            let values = former.get(&block).map(|values| values.to_vec());
            values.unwrap_or_else(|| vec![[0; SLOT_COUNTS as usize]; cpus])
        });
        for (cpu, value) in values.iter_mut().enumerate() {
            value[(to % SLOT_COUNTS) as usize] = from.map_or(0, |from| count(from, cpu));
        }
    }
    blocks.retain(|block, values| {
        former
            .get(block)
            .is_none_or(|former| former[..] != values[..])
    });
    blocks
        .into_iter()
        .map(|(block, values)| {
            let values = PerCpuValues::try_from(values).map_err(wrong("SLOT_COUNTS"))?;
            Ok((block, values))
        })
        .collect()
}

/// Writes what [`moved`] made.
pub(super) fn write(maps: &mut Maps, blocks: BTreeMap<u32, Block>) -> Result<(), DataplaneError> {
    for (block, values) in blocks {
        maps.slot_counts
            .set(block, values, 0)
            .map_err(wrong("SLOT_COUNTS"))?;
    }
    Ok(())
}

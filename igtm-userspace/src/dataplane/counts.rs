//! Replies by slot: a slot that has changed hands counts anew.

use std::collections::BTreeMap;
use std::ops::Range;

use aya::maps::{MapData, PerCpuArray, PerCpuValues};
use igtm_common::layout::{NO_VIEW, NameRef, SLOT_COUNTS, SlotCounts};

use super::DataplaneError;
use super::error::wrong;
use crate::snapshot::Fixed;

/// The slots of names that had others before; `former` says what a name was.
pub(super) fn moved<'a>(
    fixed: &'a Fixed,
    former: impl Fn(&igtm_common::layout::NameKey) -> Option<NameRef> + 'a,
) -> impl Iterator<Item = Range<u32>> + 'a {
    let views = fixed.views.views();
    fixed.names.iter().flat_map(move |(key, named)| {
        let before = former(key).unwrap_or_default();
        (0..2).filter_map(move |family| {
            let (view, base) = (named.of.view[family], named.of.slots[family]);
            let had = before.flags != 0 && before.view[family] != NO_VIEW;
            if view == NO_VIEW || (had && before.slots[family] == base) {
                return None;
            }
            let slots = views.get(usize::from(view))?.lines.len() as u32;
            Some(base..base + slots)
        })
    })
}

/// Sets the counts of these slots to zero, on every CPU. What another slot of the same element
/// counts at this very moment may be lost.
pub(super) fn reset(
    map: &mut PerCpuArray<MapData, SlotCounts>,
    slots: impl Iterator<Item = Range<u32>>,
) -> Result<(), DataplaneError> {
    let mut elements: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for slot in slots.flatten() {
        let fields = elements.entry(slot / SLOT_COUNTS).or_default();
        fields.push((slot % SLOT_COUNTS) as usize);
    }
    for (at, fields) in elements {
        let counts = map.get(&at, 0).map_err(wrong("SLOT_COUNTS"))?;
        let is_zero = |cpu: &SlotCounts| fields.iter().all(|field| cpu[*field] == 0);
        if counts.iter().all(is_zero) {
            continue;
        }
        let mut counts = counts.to_vec();
        for cpu in &mut counts {
            for field in &fields {
                cpu[*field] = 0;
            }
        }
        let counts = PerCpuValues::try_from(counts).map_err(wrong("SLOT_COUNTS"))?;
        map.set(at, counts, 0).map_err(wrong("SLOT_COUNTS"))?;
    }
    Ok(())
}

/// Takes the counts of so many slots over into other maps: slots stay what they are.
pub(super) fn copy(
    from: &PerCpuArray<MapData, SlotCounts>,
    to: &mut PerCpuArray<MapData, SlotCounts>,
    slots: usize,
) -> Result<(), DataplaneError> {
    for at in 0..(slots as u32).div_ceil(SLOT_COUNTS) {
        let counts = from.get(&at, 0).map_err(wrong("SLOT_COUNTS"))?;
        if counts.iter().flatten().any(|count| *count > 0) {
            to.set(at, counts, 0).map_err(wrong("SLOT_COUNTS"))?;
        }
    }
    Ok(())
}

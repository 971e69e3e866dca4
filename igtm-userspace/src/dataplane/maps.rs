//! Typed handles of the maps, pinned or not. Must not decide what stands in them.

use std::path::Path;

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData, PerCpuArray};
use igtm_common::counter::Counters;
use igtm_common::layout::{
    Interface, LargeAnswer, LineName, Listen, NameEntry, NameKey, Sample, Settings, Slot,
    SlotCounts, SmallAnswer, View, ZoneEntry,
};
use igtm_common::line::Unit;

use super::capacity::Capacity;
use super::error::{DataplaneError, wrong};
use super::memory::{Access, Memory};

/// Every map, by its pinned name.
pub(super) const NAMES: [&str; 16] = [
    "SETTINGS",
    "NAMES",
    "VIEWS",
    "LINES",
    "SLOTS",
    "ANSWERS",
    "LARGE_ANSWERS",
    "ZONES",
    "LINE_NAMES",
    "LISTEN",
    "INTERFACES",
    "COUNTERS",
    "SLOT_COUNTS",
    "RATES",
    "SAMPLES",
    "SAMPLED",
];

/// Those that live on when the others are made anew, larger.
pub(super) const LASTING: [&str; 6] = [
    "LISTEN",
    "INTERFACES",
    "COUNTERS",
    "RATES",
    "SAMPLES",
    "SAMPLED",
];

/// The maps, each with its key and value.
#[expect(missing_docs, reason = "igtm_common::layout says what each holds")]
pub struct Maps {
    pub settings: Array<MapData, Settings>,
    pub names: HashMap<MapData, NameKey, NameEntry>,
    pub views: Memory<View>,
    pub lines: Memory<Unit>,
    pub slots: Memory<Slot>,
    pub small: Memory<SmallAnswer>,
    pub large: Memory<LargeAnswer>,
    pub zones: Memory<ZoneEntry>,
    pub line_names: Array<MapData, LineName>,
    pub listen: Array<MapData, Listen>,
    pub interfaces: Array<MapData, Interface>,
    pub counters: PerCpuArray<MapData, Counters>,
    pub slot_counts: PerCpuArray<MapData, SlotCounts>,
    pub samples: PerCpuArray<MapData, Sample>,
    // What aya says of a pinned map's length is what the loader was told, not what is pinned.
    names_capacity: usize,
    lines_capacity: u32,
}

impl Maps {
    /// The maps of a loaded object.
    pub fn take(ebpf: &mut Ebpf) -> Result<Self, DataplaneError> {
        Self::of(Access::ReadWrite, |name| {
            ebpf.take_map(name).ok_or(DataplaneError::Map {
                map: name,
                error: "not in the object".to_owned(),
            })
        })
    }

    /// The maps that are pinned in `directory`, whoever runs; for reading.
    pub(super) fn pinned(directory: &Path) -> Result<Self, DataplaneError> {
        if !directory.join(NAMES[0]).exists() {
            return Err(DataplaneError::NothingPinned {
                path: directory.to_owned(),
            });
        }
        Self::of(Access::ReadOnly, |name| {
            MapData::from_pin(directory.join(name))
                .and_then(Map::from_map_data)
                .map_err(wrong(name))
        })
    }

    /// SETTINGS as pinned in `directory`.
    pub(super) fn settings_pinned(directory: &Path) -> Result<Settings, DataplaneError> {
        let map = MapData::from_pin(directory.join("SETTINGS")).map_err(wrong("SETTINGS"))?;
        let map = Map::from_map_data(map).map_err(wrong("SETTINGS"))?;
        let settings: Array<MapData, Settings> = map.try_into().map_err(wrong("SETTINGS"))?;
        settings.get(&0, 0).map_err(wrong("SETTINGS"))
    }

    fn of(
        access: Access,
        mut map: impl FnMut(&'static str) -> Result<Map, DataplaneError>,
    ) -> Result<Self, DataplaneError> {
        macro_rules! typed {
            ($name:literal) => {
                map($name)?.try_into().map_err(wrong($name))?
            };
        }
        macro_rules! memory {
            ($name:literal) => {
                Memory::of(map($name)?, $name, access)?
            };
        }
        let names = map("NAMES")?;
        let names_capacity = elements(&names, "NAMES")? as usize;
        let line_names = map("LINE_NAMES")?;
        let lines_capacity = elements(&line_names, "LINE_NAMES")?;
        Ok(Self {
            settings: typed!("SETTINGS"),
            names: names.try_into().map_err(wrong("NAMES"))?,
            names_capacity,
            lines_capacity,
            views: memory!("VIEWS"),
            lines: memory!("LINES"),
            slots: memory!("SLOTS"),
            small: memory!("ANSWERS"),
            large: memory!("LARGE_ANSWERS"),
            zones: memory!("ZONES"),
            line_names: line_names.try_into().map_err(wrong("LINE_NAMES"))?,
            listen: typed!("LISTEN"),
            interfaces: typed!("INTERFACES"),
            counters: typed!("COUNTERS"),
            slot_counts: typed!("SLOT_COUNTS"),
            samples: typed!("SAMPLES"),
        })
    }

    /// What they hold of one epoch.
    pub(super) fn capacity(&self) -> Capacity {
        Capacity {
            names: self.names_capacity / 2,
            views: self.views.len() / 2,
            units: self.lines.len() / 2,
            slots: self.slots.len() / 2,
            small: self.small.len() / 2,
            large: self.large.len() / 2,
            zones: self.zones.len() / 2,
            lines: self.lines_capacity as usize,
        }
    }
}

fn elements(map: &Map, name: &'static str) -> Result<u32, DataplaneError> {
    let (Map::HashMap(map) | Map::Array(map)) = map else {
        return Ok(0);
    };
    Ok(map.info().map_err(wrong(name))?.max_entries())
}

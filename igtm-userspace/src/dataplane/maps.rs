//! Typed handles of the maps, pinned or not. Must not decide what stands in them.

use std::path::Path;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, Map, MapData, PerCpuArray};
use igtm_common::counter::Counters;
use igtm_common::layout::{
    Interface, LargeAnswer, LineName, Listen, NameBucket, Sample, Settings, Slot, SlotCounts,
    SmallAnswer, View, ZoneEntry,
};
use igtm_common::line::Unit;
use igtm_common::rate::Bucket;

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
    pub names: Memory<NameBucket>,
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
    pub rates: Arc<Memory<Bucket>>,
    lines_capacity: u32,
    counts_capacity: u32,
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
        let (lines, counts) = (map("LINE_NAMES")?, map("SLOT_COUNTS")?);
        let lines_capacity = elements(&lines, "LINE_NAMES")?;
        let counts_capacity = elements(&counts, "SLOT_COUNTS")?;
        Ok(Self {
            settings: typed!("SETTINGS"),
            names: memory!("NAMES"),
            lines_capacity,
            counts_capacity,
            views: memory!("VIEWS"),
            lines: memory!("LINES"),
            slots: memory!("SLOTS"),
            small: memory!("ANSWERS"),
            large: memory!("LARGE_ANSWERS"),
            zones: memory!("ZONES"),
            line_names: lines.try_into().map_err(wrong("LINE_NAMES"))?,
            listen: typed!("LISTEN"),
            interfaces: typed!("INTERFACES"),
            counters: typed!("COUNTERS"),
            slot_counts: counts.try_into().map_err(wrong("SLOT_COUNTS"))?,
            samples: typed!("SAMPLES"),
            rates: Arc::new(memory!("RATES")),
        })
    }

    /// What they hold of one epoch.
    pub(super) fn capacity(&self) -> Capacity {
        Capacity {
            names: self.names.len() / 2,
            views: self.views.len() / 2,
            units: self.lines.len() / 2,
            slots: self.slots.len() / 2,
            small: self.small.len() / 2,
            large: self.large.len() / 2,
            zones: self.zones.len() / 2,
            lines: self.lines_capacity as usize,
        }
    }

    /// Elements of LINE_NAMES.
    pub(super) fn lines(&self) -> u32 {
        self.lines_capacity
    }

    /// Elements of SLOT_COUNTS.
    pub(super) fn count_blocks(&self) -> u32 {
        self.counts_capacity
    }
}

/// How many there are. Not what aya says: of a map that was pinned, it says what was asked for.
fn elements(map: &Map, name: &'static str) -> Result<u32, DataplaneError> {
    let (Map::Array(data) | Map::PerCpuArray(data)) = map else {
        return Ok(0);
    };
    Ok(data.info().map_err(wrong(name))?.max_entries())
}

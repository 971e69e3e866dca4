//! Typed handles of the maps, pinned or not. Must not decide what stands in them.

use std::path::Path;

use aya::Ebpf;
use aya::maps::{Array, HashMap, LpmTrie, Map, MapData, PerCpuArray};
use igtm_common::counter::Counters;
use igtm_common::layout::{
    Answer, AnswerKey, Chain, ChainRef, Interface, LineName, ListenKey, PrefixV4, PrefixV6,
    Settings,
};

use super::error::{DataplaneError, wrong};

/// Every map, by its pinned name.
pub(super) const NAMES: [&str; 9] = [
    "SETTINGS",
    "ANSWERS",
    "LINES_V4",
    "LINES_V6",
    "CHAINS",
    "LINE_NAMES",
    "LISTEN",
    "INTERFACES",
    "COUNTERS",
];

/// The maps, each with its key and value.
#[expect(missing_docs, reason = "igtm_common::layout says what each holds")]
pub struct Maps {
    pub settings: Array<MapData, Settings>,
    pub answers: HashMap<MapData, AnswerKey, Answer>,
    pub lines_v4: LpmTrie<MapData, PrefixV4, ChainRef>,
    pub lines_v6: LpmTrie<MapData, PrefixV6, ChainRef>,
    pub chains: Array<MapData, Chain>,
    pub line_names: Array<MapData, LineName>,
    pub listen: HashMap<MapData, ListenKey, u8>,
    pub interfaces: HashMap<MapData, u32, Interface>,
    pub counters: PerCpuArray<MapData, Counters>,
}

impl Maps {
    /// The maps of a loaded object.
    pub fn take(ebpf: &mut Ebpf) -> Result<Self, DataplaneError> {
        Self::of(|name| {
            ebpf.take_map(name).ok_or(DataplaneError::Map {
                map: name,
                error: "not in the object".to_owned(),
            })
        })
    }

    /// The maps that are pinned in `directory`, whoever runs.
    pub(super) fn pinned(directory: &Path) -> Result<Self, DataplaneError> {
        if !directory.join(NAMES[0]).exists() {
            return Err(DataplaneError::NothingPinned {
                path: directory.to_owned(),
            });
        }
        Self::of(|name| {
            MapData::from_pin(directory.join(name))
                .and_then(Map::from_map_data)
                .map_err(wrong(name))
        })
    }

    fn of(
        mut map: impl FnMut(&'static str) -> Result<Map, DataplaneError>,
    ) -> Result<Self, DataplaneError> {
        macro_rules! typed {
            ($name:literal) => {
                map($name)?.try_into().map_err(wrong($name))?
            };
        }
        Ok(Self {
            settings: typed!("SETTINGS"),
            answers: typed!("ANSWERS"),
            lines_v4: typed!("LINES_V4"),
            lines_v6: typed!("LINES_V6"),
            chains: typed!("CHAINS"),
            line_names: typed!("LINE_NAMES"),
            listen: typed!("LISTEN"),
            interfaces: typed!("INTERFACES"),
            counters: typed!("COUNTERS"),
        })
    }
}

//! How large the maps are: what a configuration needs, with room to grow. Elements of one epoch.

use aya::EbpfLoader;
use igtm_common::layout::SLOT_COUNTS;

use crate::snapshot::{CapacityError, Image};

/// How many elements each map holds, or is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// `NAMES`, in buckets.
    pub names: usize,
    /// `VIEWS`.
    pub views: usize,
    /// `LINES`.
    pub units: usize,
    /// `SLOTS`.
    pub slots: usize,
    /// `ANSWERS`.
    pub small: usize,
    /// `LARGE_ANSWERS`.
    pub large: usize,
    /// `ZONES`.
    pub zones: usize,
    /// `LINE_NAMES`, which has no epochs.
    pub lines: usize,
}

impl Capacity {
    /// What `image` needs.
    pub fn needed(image: &Image) -> Self {
        Self {
            names: image.fixed.names.buckets().len(),
            views: image.fixed.views.views().len(),
            units: image.fixed.views.units().len(),
            slots: image.fixed.slots.len(),
            small: image.small.len(),
            large: image.large.len(),
            zones: image.zones.len(),
            lines: image.fixed.line_names.len(),
        }
    }

    /// The same with room: a quarter more, and no less than a small configuration may grow to.
    pub fn roomy(self) -> Self {
        let room = |needed: usize, least: usize| (needed + needed / 4).max(least);
        Self {
            names: room(self.names, 512),
            views: room(self.views, 16),
            units: room(self.units, 1024),
            slots: room(self.slots, 1024),
            small: room(self.small, 256),
            large: room(self.large, 4),
            zones: room(self.zones, 4),
            lines: room(self.lines, 64),
        }
    }

    /// The first map that is too small for `needed`.
    pub fn lacks(self, needed: Self) -> Option<CapacityError> {
        let pairs = [
            ("buckets of names", needed.names, self.names),
            ("sets of lines", needed.views, self.views),
            ("units of the line table", needed.units, self.units),
            ("slots", needed.slots, self.slots),
            ("answers", needed.small, self.small),
            ("large answers", needed.large, self.large),
            ("zones", needed.zones, self.zones),
            ("lines", needed.lines, self.lines),
        ];
        pairs
            .into_iter()
            .find(|(_, needed, most)| needed > most)
            .map(|(what, needed, most)| CapacityError { what, needed, most })
    }

    /// Tells a loader; arrays have an element for each epoch.
    pub fn set(self, loader: &mut EbpfLoader<'_>) {
        for (map, elements) in self.by_map() {
            loader.map_max_entries(map, u32::try_from(elements).unwrap_or(u32::MAX));
        }
    }

    /// Elements of each map that has no fixed number of them.
    pub(super) fn by_map(self) -> [(&'static str, usize); 9] {
        [
            ("NAMES", 2 * self.names),
            ("VIEWS", 2 * self.views),
            ("LINES", 2 * self.units),
            ("SLOTS", 2 * self.slots),
            ("ANSWERS", 2 * self.small),
            ("LARGE_ANSWERS", 2 * self.large),
            ("ZONES", 2 * self.zones),
            ("LINE_NAMES", self.lines),
            ("SLOT_COUNTS", self.slots.div_ceil(SLOT_COUNTS as usize)),
        ]
    }
}

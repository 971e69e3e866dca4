//! What the kernel shall answer from: the content of the maps, without an epoch.
//!
//! Userspace looks answers up in it, the data plane writes it. Pure data. What follows from the
//! configuration alone ([`Fixed`]) is shared by all images of one configuration; a change of health
//! makes new answers only.

use std::sync::Arc;

use igtm_common::layout::{LARGE, LargeAnswer, NO_ANSWER, NO_VIEW, Slot, SmallAnswer, ZoneEntry};
use imbl::Vector;

use super::table::Names;
use crate::line::Views;

/// More than the maps can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {needed} needed, at most {most}")]
pub struct CapacityError {
    /// Of what.
    pub what: &'static str,
    /// How many this configuration has.
    pub needed: usize,
    /// How many there can be.
    pub most: usize,
}

/// What follows from a configuration alone.
#[derive(Debug, Default)]
pub struct Fixed {
    /// Every name that exists in a zone served here.
    pub names: Names,
    /// Labels of the longest of them.
    pub deepest: u8,
    /// Where clients are looked up; shared with the configuration before, when that has the same.
    pub views: Arc<Views>,
    /// What is answered on each line; a name's are consecutive.
    pub slots: Vec<Slot>,
    /// Names of lines by number.
    pub line_names: Vec<String>,
}

/// One whole content of the maps.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// What health does not change.
    pub fixed: Arc<Fixed>,
    /// `ANSWERS`, by number.
    pub small: Vector<Arc<SmallAnswer>>,
    /// `LARGE_ANSWERS`, by number.
    pub large: Vector<Arc<LargeAnswer>>,
    /// `ZONES`, by number.
    pub zones: Vec<ZoneEntry>,
    /// The answers that differ from the image before, by [`Slot::answer`]; `None`: any may, or
    /// `fixed` does.
    pub changed: Option<Vec<u32>>,
}

/// An answer of either size.
#[derive(Clone, Copy, Debug)]
pub enum Either<'a> {
    /// Of `ANSWERS`.
    Small(&'a SmallAnswer),
    /// Of `LARGE_ANSWERS`.
    Large(&'a LargeAnswer),
}

impl Image {
    /// The answer that a slot refers to; `None`: NODATA.
    pub fn answer(&self, answer: u32) -> Option<Either<'_>> {
        if answer == NO_ANSWER {
            return None;
        }
        let at = (answer & !LARGE) as usize;
        if answer & LARGE == 0 {
            self.small.get(at).map(|small| Either::Small(small))
        } else {
            self.large.get(at).map(|large| Either::Large(large))
        }
    }

    /// How many answers differ from the image before; all of them where any may.
    pub fn answers_changed(&self) -> usize {
        let all = self.small.len() + self.large.len();
        self.changed.as_ref().map_or(all, Vec::len)
    }

    /// Refuses what cannot fit any maps, with the numbers.
    pub fn check_capacity(&self) -> Result<(), CapacityError> {
        let answers = (self.small.len(), self.large.len());
        check_capacity(&self.fixed, answers, self.zones.len())
    }
}

/// The same, before there are answers: so many small and large ones.
pub(super) fn check_capacity(
    fixed: &Fixed,
    (small, large): (usize, usize),
    zones: usize,
) -> Result<(), CapacityError> {
    for (what, needed, most) in [
        ("names", fixed.names.len(), MOST_NAMES),
        (
            "slots (instances × types × lines)",
            fixed.slots.len(),
            MOST_SLOTS,
        ),
        ("answers", small, MOST_ANSWERS),
        ("answers of more than 7 records", large, MOST_LARGE),
        ("zones", zones, MOST_ZONES),
        (
            "sets of lines",
            fixed.views.views().len(),
            usize::from(NO_VIEW),
        ),
        (
            "units of the line table",
            fixed.views.units().len(),
            MOST_UNITS,
        ),
    ] {
        if needed > most {
            return Err(CapacityError { what, needed, most });
        }
    }
    Ok(())
}

/// Most elements of each map, for one epoch: what a wrong configuration must not exceed.
const MOST_NAMES: usize = 1 << 23;
const MOST_SLOTS: usize = 1 << 25;
const MOST_ANSWERS: usize = 1 << 23;
const MOST_LARGE: usize = 1 << 18;
const MOST_ZONES: usize = 1 << 14;
/// 2 GiB.
const MOST_UNITS: usize = 1 << 25;

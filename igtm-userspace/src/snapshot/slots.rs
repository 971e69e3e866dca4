//! Where the slots of a name stand: for as long as its lines stay, at the same place.
//!
//! Replies are counted by slot, so a reload must not move what did not change.

use std::collections::BTreeMap;

use igtm_common::layout::{NO_ANSWER, Slot};

/// A slot that nobody uses.
const FREE: Slot = Slot {
    answer: NO_ANSWER,
    line: 0,
    pad: 0,
};

/// The consecutive slots of one name and family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First of them in the list they were made in.
    pub(super) made: u32,
    /// How many.
    pub(super) len: u32,
    /// Where they stood before and shall stay.
    pub(super) kept: Option<u32>,
}

/// Places `runs`, which cover `made` in order: those that were there stay, others go where there
/// is room, or behind all. Gives the slots, and where each run begins.
pub(super) fn place(runs: &[Run], made: Vec<Slot>) -> (Vec<Slot>, Vec<u32>) {
    if runs.iter().all(|run| run.kept.is_none()) {
        let bases = runs.iter().map(|run| run.made).collect();
        return (made, bases);
    }
    let mut room = Room::between(runs);
    let bases: Vec<u32> = runs
        .iter()
        .map(|run| run.kept.unwrap_or_else(|| room.take(run.len)))
        .collect();
    let mut slots = vec![FREE; room.end as usize];
    for (run, base) in runs.iter().zip(&bases) {
        let from = &made[run.made as usize..][..run.len as usize];
        slots[*base as usize..][..from.len()].copy_from_slice(from);
    }
    (slots, bases)
}

/// What is free.
struct Room {
    /// Beginnings of gaps by their length.
    gaps: BTreeMap<u32, Vec<u32>>,
    /// Behind everything.
    end: u32,
}

impl Room {
    fn between(runs: &[Run]) -> Self {
        let mut kept: Vec<(u32, u32)> = runs
            .iter()
            .filter_map(|run| Some((run.kept?, run.len)))
            .collect();
        kept.sort_unstable();
        let mut room = Self {
            gaps: BTreeMap::new(),
            end: 0,
        };
        for (base, len) in kept {
            room.add(room.end, base - room.end);
            room.end = base + len;
        }
        room
    }

    fn add(&mut self, begin: u32, len: u32) {
        if len > 0 {
            self.gaps.entry(len).or_default().push(begin);
        }
    }

    /// The smallest gap that is large enough, else the end.
    fn take(&mut self, len: u32) -> u32 {
        let Some(mut gap) = self.gaps.range_mut(len..).next().map(|(gap, _)| *gap) else {
            let begin = self.end;
            self.end += len;
            return begin;
        };
        let begins = self.gaps.get_mut(&gap);
        let begin = begins
            .and_then(Vec::pop)
            .expect("a length without gaps is taken out");
        if self.gaps.get(&gap).is_some_and(Vec::is_empty) {
            self.gaps.remove(&gap);
        }
        gap -= len;
        self.add(begin + len, gap);
        begin
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs of these lengths, kept at these places, and their slots, numbered as they were made.
    fn made(runs: &[(u32, Option<u32>)]) -> (Vec<Run>, Vec<Slot>) {
        let mut next = 0;
        let runs: Vec<Run> = runs
            .iter()
            .map(|&(len, kept)| {
                let made = next;
                next += len;
                Run { made, len, kept }
            })
            .collect();
        let slot = |answer| Slot { answer, ..FREE };
        (runs, (0..next).map(slot).collect())
    }

    #[test]
    fn gaps_are_filled_first() {
        let (runs, slots) = made(&[(2, Some(6)), (3, None), (1, Some(2)), (2, None), (4, None)]);
        let (slots, bases) = place(&runs, slots);
        assert_eq!(bases, [6, 3, 2, 0, 8]);
        let answers: Vec<u32> = slots.iter().map(|slot| slot.answer).collect();
        assert_eq!(answers, [6, 7, 5, 2, 3, 4, 0, 1, 8, 9, 10, 11]);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_and_what_was_there_stays(
            former in prop::collection::vec((1u32..20, any::<bool>()), 0..60),
            new in prop::collection::vec(1u32..20, 0..60),
        ) {
            let mut end = 0;
            let mut runs = Vec::new();
            for (len, stays) in former {
                if stays {
                    runs.push((len, Some(end)));
                }
                end += len;
            }
            runs.extend(new.into_iter().map(|len| (len, None)));
            let (runs, slots) = made(&runs);
            let (placed, bases) = place(&runs, slots.clone());
            for (run, base) in runs.iter().zip(&bases) {
                prop_assert!(run.kept.is_none_or(|kept| kept == *base));
                // Each slot is where its run was put, so no other was put over it.
                let from = &slots[run.made as usize..][..run.len as usize];
                prop_assert_eq!(&placed[*base as usize..][..run.len as usize], from);
            }
            let used: u32 = runs.iter().map(|run| run.len).sum();
            prop_assert_eq!(placed.iter().filter(|slot| **slot != FREE).count(), used as usize);
        }
    }
}

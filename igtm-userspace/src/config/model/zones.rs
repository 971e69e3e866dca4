//! The zones of a configuration, found by name however many there are.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;

use hickory_proto::rr::Name;

use super::Zone;

/// Zones in order of declaration; origins are unique.
#[derive(Clone, Default, PartialEq)]
pub struct Zones {
    list: Vec<Zone>,
    /// Positions by origin.
    by_origin: HashMap<Name, usize>,
    /// How many labels origins have, each number once, most first.
    depths: Vec<u8>,
}

impl Zones {
    /// The zone that `name` lies in: the longest matching origin.
    pub fn holding(&self, name: &Name) -> Option<&Zone> {
        self.list.get(self.place_of(name)?)
    }

    /// The position of the zone that `name` lies in.
    pub fn place_of(&self, name: &Name) -> Option<usize> {
        let own = name.num_labels();
        let mut depths = self.depths.iter().filter(|depth| **depth <= own);
        depths.find_map(|depth| {
            let above = name.trim_to(usize::from(*depth));
            self.by_origin.get(&above).copied()
        })
    }

    /// The zone whose apex `name` is.
    pub fn at(&self, name: &Name) -> Option<&Zone> {
        let at = *self.by_origin.get(name)?;
        self.list.get(at)
    }
}

impl Deref for Zones {
    type Target = [Zone];

    fn deref(&self) -> &[Zone] {
        &self.list
    }
}

impl fmt::Debug for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

/// Of two zones with one origin, which no file may have, the last is found.
impl From<Vec<Zone>> for Zones {
    fn from(list: Vec<Zone>) -> Self {
        let origins = list.iter().map(|zone| zone.origin.clone());
        let depths: BTreeSet<u8> = list.iter().map(|zone| zone.origin.num_labels()).collect();
        Self {
            by_origin: origins.zip(0..).collect(),
            depths: depths.into_iter().rev().collect(),
            list,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn zone(origin: Name) -> Zone {
        Zone::new(origin, Vec::new(), Name::root(), Duration::ZERO)
    }

    fn name() -> impl Strategy<Value = Name> {
        let label = prop::sample::select(vec!["a", "B", "ab", "b"]);
        prop::collection::vec(label, 0..4)
            .prop_map(|labels| Name::from_labels(labels).expect("labels are short"))
    }

    proptest! {
        /// hickory's own comparison over all zones is the reference.
        #[test]
        fn the_longest_origin_is_found(
            mut origins in prop::collection::vec(name(), 0..8), name in name()
        ) {
            origins.sort();
            origins.dedup();
            let zones: Vec<Zone> = origins.into_iter().map(zone).collect();
            let holding = zones.iter().filter(|zone| zone.origin.zone_of(&name));
            let longest = holding.max_by_key(|zone| zone.origin.num_labels()).cloned();
            let apex = zones.iter().find(|zone| zone.origin == name).cloned();
            let zones = Zones::from(zones);
            prop_assert_eq!(zones.holding(&name), longest.as_ref());
            prop_assert_eq!(zones.at(&name), apex.as_ref());
        }
    }
}

//! Who has to go when all places are taken. Pure: the time is an argument.
//!
//! Of the prefix that holds most places, the one that was silent for longest; of prefixes that hold as
//! many, the one whose that is. So whoever opens very many connections loses its own, and a new
//! client never waits for somebody's silence.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Bits of an IPv6 address that are one client: what is given to a site.
const V6_BITS: u32 = 56;

/// Addresses that count as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Prefix(IpAddr);

impl Prefix {
    /// That of an address: an IPv4 address is alone.
    pub(super) fn of(client: IpAddr) -> Self {
        Self(match client {
            IpAddr::V4(_) => client,
            IpAddr::V6(v6) => {
                let mask = u128::MAX << (128 - V6_BITS);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        })
    }
}

/// The name of a place that was taken; no other ever has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// Places, and what each is closed by.
#[derive(Debug)]
pub(super) struct Places<T> {
    most: usize,
    taken: HashMap<Place, Taken<T>>,
    /// Of each prefix its places, silent for longest first.
    prefixes: HashMap<Prefix, BTreeSet<(Instant, Place)>>,
    /// How many places a prefix has, and since when its first is silent: who goes first is last.
    order: BTreeSet<Rank>,
    named: u64,
}

type Rank = (usize, Reverse<(Instant, Place)>, Prefix);

#[derive(Debug)]
struct Taken<T> {
    prefix: Prefix,
    since: Instant,
    by: Option<T>,
}

impl<T> Places<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            taken: HashMap::new(),
            prefixes: HashMap::new(),
            order: BTreeSet::new(),
            named: 0,
        }
    }

    /// A place for somebody of `prefix`; with what the one is closed by that had to go, if one had
    /// to, and if that was ever named.
    pub(super) fn take(&mut self, prefix: Prefix, now: Instant) -> (Place, Option<Option<T>>) {
        let gone = (self.taken.len() >= self.most)
            .then(|| self.make_room())
            .flatten();
        self.named += 1;
        let place = Place(self.named);
        let by = None;
        let since = now;
        self.taken.insert(place, Taken { prefix, since, by });
        self.change(prefix, |places| {
            places.insert((now, place));
        });
        (place, gone)
    }

    /// Says what a place is closed by.
    pub(super) fn name(&mut self, place: Place, by: T) {
        if let Some(taken) = self.taken.get_mut(&place) {
            taken.by = Some(by);
        }
    }

    /// Its client has just asked.
    pub(super) fn touch(&mut self, place: Place, now: Instant) {
        let Some(taken) = self.taken.get_mut(&place) else {
            return;
        };
        let (prefix, before) = (taken.prefix, taken.since);
        taken.since = now;
        self.change(prefix, |places| {
            places.remove(&(before, place));
            places.insert((now, place));
        });
    }

    /// The last name that was given; a place after the last of all is a panic.
    #[cfg(test)]
    pub(super) fn named(&mut self) -> &mut u64 {
        &mut self.named
    }

    /// It is free again; nothing when it was already.
    pub(super) fn leave(&mut self, place: Place) {
        self.remove(place);
    }

    /// Frees the place of who has to go first; `None` when all are free.
    pub(super) fn make_room(&mut self) -> Option<Option<T>> {
        let (_, Reverse((_, place)), _) = *self.order.last()?;
        self.remove(place).map(|taken| taken.by)
    }

    fn remove(&mut self, place: Place) -> Option<Taken<T>> {
        let taken = self.taken.remove(&place)?;
        self.change(taken.prefix, |places| {
            places.remove(&(taken.since, place));
        });
        Some(taken)
    }

    /// Changes the places of a prefix, and with them its place in the order.
    fn change(&mut self, prefix: Prefix, change: impl FnOnce(&mut BTreeSet<(Instant, Place)>)) {
        let places = self.prefixes.entry(prefix).or_default();
        if let Some(first) = places.first() {
            self.order.remove(&(places.len(), Reverse(*first), prefix));
        }
        change(places);
        match places.first() {
            Some(first) => {
                self.order.insert((places.len(), Reverse(*first), prefix));
            }
            None => {
                self.prefixes.remove(&prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const MOST: usize = 5;

    /// What somebody does, at the next moment.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Take(u8),
        Touch(usize),
        Leave(usize),
    }

    fn prefix(of: u8) -> Prefix {
        Prefix::of(IpAddr::from([192, 0, 2, of]))
    }

    /// The rule, told slowly: places in the order in which they were last heard of.
    fn first_to_go(heard: &[(Place, u8)]) -> Option<Place> {
        let held = |of: u8| heard.iter().filter(|(_, one)| *one == of).count();
        let most = heard.iter().map(|(_, of)| held(*of)).max()?;
        let first = heard.iter().find(|(_, of)| held(*of) == most);
        first.map(|(place, _)| *place)
    }

    proptest! {
        #[test]
        fn the_idlest_of_who_holds_most_goes(
            steps in prop::collection::vec(
                prop_oneof![
                    3 => (0_u8..4).prop_map(Step::Take),
                    2 => any::<usize>().prop_map(Step::Touch),
                    1 => any::<usize>().prop_map(Step::Leave),
                ],
                1..200,
            ),
        ) {
            let (start, mut places) = (Instant::now(), Places::new(MOST));
            let mut heard: Vec<(Place, u8)> = Vec::new();
            for (step, at) in steps.into_iter().zip(0..) {
                let now = start + Duration::from_millis(at);
                match step {
                    Step::Take(of) => {
                        let expected = (heard.len() == MOST).then(|| first_to_go(&heard)).flatten();
                        let (place, gone) = places.take(prefix(of), now);
                        places.name(place, place);
                        prop_assert_eq!(gone.flatten(), expected);
                        heard.retain(|(one, _)| Some(*one) != expected);
                        heard.push((place, of));
                    }
                    Step::Touch(one) if !heard.is_empty() => {
                        let one = heard.remove(one % heard.len());
                        places.touch(one.0, now);
                        heard.push(one);
                    }
                    Step::Leave(one) if !heard.is_empty() => {
                        let (place, _) = heard.remove(one % heard.len());
                        places.leave(place);
                        places.leave(place);
                        places.touch(place, now);
                    }
                    Step::Touch(_) | Step::Leave(_) => {}
                }
                prop_assert_eq!(places.taken.len(), heard.len());
                let held: usize = places.prefixes.values().map(BTreeSet::len).sum();
                prop_assert_eq!(held, heard.len());
                prop_assert_eq!(places.order.len(), places.prefixes.len());
            }
            // To the last.
            while let Some(expected) = first_to_go(&heard) {
                prop_assert_eq!(places.make_room(), Some(Some(expected)));
                heard.retain(|(one, _)| *one != expected);
            }
            prop_assert_eq!(places.make_room(), None);
        }
    }

    #[test]
    fn a_site_is_one_client() {
        let of = |text: &str| Prefix::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:0:ff::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8:0:100::1"), of("2001:db8::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}

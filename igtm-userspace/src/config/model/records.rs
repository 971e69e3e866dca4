//! The static records of a zone, as its master file says them: RRsets in an order in which what is
//! below a name follows it.
//!
//! Must not know what is answered from them: that is `zone/`'s.

use std::cmp::Ordering;

use crate::snapshot::names;

/// Types of records that mean something to a zone (RFC 1035 §3.2.2 and others).
#[expect(missing_docs, reason = "the mnemonics of the registry say it")]
pub mod rtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const DNAME: u16 = 39;
    pub const DS: u16 = 43;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const ANY: u16 = 255;
}

/// All records of one owner and type; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RRset {
    /// The owner in wire format, lower case.
    pub owner: Box<[u8]>,
    /// TYPE.
    pub rtype: u16,
    /// Of all of them, seconds.
    pub ttl: u32,
    /// RDLENGTH and RDATA of each, uncompressed.
    rdata: Box<[u8]>,
}

impl RRset {
    /// A set of these RDATA, none longer than 65 535 octets.
    pub fn new<'r>(
        owner: &[u8],
        rtype: u16,
        ttl: u32,
        rdata: impl IntoIterator<Item = &'r [u8]>,
    ) -> Self {
        let mut octets = Vec::new();
        for one in rdata {
            octets.extend((one.len() as u16).to_be_bytes());
            octets.extend_from_slice(one);
        }
        Self {
            owner: owner.into(),
            rtype,
            ttl,
            rdata: octets.into(),
        }
    }

    /// RDATA of each record, in the order of the file.
    pub fn rdata(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.rdata;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (one, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = behind;
            Some(one)
        })
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.rdata().count()
    }

    /// Whether it has none, as no set of a zone.
    pub fn is_empty(&self) -> bool {
        self.rdata.is_empty()
    }
}

/// The static records of one zone, its SOA aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    sets: Vec<RRset>,
    /// Whether there is a delegation or a DNAME.
    covers: bool,
}

impl Records {
    /// These sets, each owner and type once.
    pub fn new(mut sets: Vec<RRset>) -> Self {
        sets.sort_unstable_by(|one, other| {
            downward(&one.owner, &other.owner).then(one.rtype.cmp(&other.rtype))
        });
        // The apex has the first NS.
        let apexes = sets.iter().filter(|set| set.rtype == rtype::NS).count();
        Self {
            covers: apexes > 1 || sets.iter().any(|set| set.rtype == rtype::DNAME),
            sets,
        }
    }

    /// What takes a wire name of lower case out of the zone with this apex: the NS of a delegation at
    /// or above it, or the DNAME of a name above it; the highest of them.
    pub fn covering(&self, apex: &[u8], name: &[u8]) -> Option<&RRset> {
        if !self.covers {
            return None;
        }
        let inside = names::upward(name).take_while(|one| one.len() >= apex.len());
        let covers = inside.filter_map(|one| {
            let delegated = self.find(one, rtype::NS).filter(|_| one.len() > apex.len());
            delegated.or_else(|| {
                self.find(one, rtype::DNAME)
                    .filter(|_| one.len() < name.len())
            })
        });
        covers.last()
    }

    /// All of them: owners by [`downward`], then types.
    pub fn sets(&self) -> &[RRset] {
        &self.sets
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.sets.iter().map(RRset::len).sum()
    }

    /// What stands at a wire name of lower case.
    pub fn at(&self, owner: &[u8]) -> &[RRset] {
        let begin = self
            .sets
            .partition_point(|set| downward(&set.owner, owner) == Ordering::Less);
        let sets = &self.sets[begin..];
        let end = sets.iter().take_while(|set| *set.owner == *owner).count();
        &sets[..end]
    }

    /// One set at a wire name of lower case.
    pub fn find(&self, owner: &[u8], rtype: u16) -> Option<&RRset> {
        self.at(owner).iter().find(|set| set.rtype == rtype)
    }

    /// Whether something stands at a wire name of lower case or below it.
    pub fn reach(&self, name: &[u8]) -> bool {
        let begin = self
            .sets
            .partition_point(|set| downward(&set.owner, name) == Ordering::Less);
        let next = self.sets.get(begin);
        next.is_some_and(|set| is_at_or_below(&set.owner, name))
    }
}

/// Wire names of lower case by their labels from the root down: a name, then all below it.
pub fn downward(one: &[u8], other: &[u8]) -> Ordering {
    let (mut a, mut b) = ([0_u8; 128], [0_u8; 128]);
    let (a, b) = (labels(one, &mut a), labels(other, &mut b));
    let label = |name: &'_ [u8], at: u8| -> (usize, usize) {
        let begin = usize::from(at);
        (begin, begin + 1 + usize::from(name[begin]))
    };
    for (at, there) in a.iter().rev().zip(b.iter().rev()) {
        let ((begin, end), (from, to)) = (label(one, *at), label(other, *there));
        match one[begin + 1..end].cmp(&other[from + 1..to]) {
            Ordering::Equal => {}
            order => return order,
        }
    }
    a.len().cmp(&b.len())
}

/// Where the labels of a wire name begin.
fn labels<'p>(name: &[u8], places: &'p mut [u8; 128]) -> &'p [u8] {
    let mut at = 0;
    let mut count = 0;
    while let Some(length) = name.get(at).filter(|length| **length > 0) {
        // At most 127 labels within 255 octets.
        places[count] = at as u8;
        count += 1;
        at += 1 + usize::from(*length);
    }
    &places[..count]
}

/// Whether a wire name is another one or below it; both of lower case.
pub fn is_at_or_below(name: &[u8], above: &[u8]) -> bool {
    let Some(begin) = name.len().checked_sub(above.len()) else {
        return false;
    };
    // Where octets are alike, they are the same labels only if a label begins there.
    if name[begin..] != *above {
        return false;
    }
    let mut at = 0;
    while at < begin {
        at += 1 + usize::from(name[at]);
    }
    at == begin
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(text: &str) -> Vec<u8> {
        let mut octets = Vec::new();
        for label in text.split('.').filter(|label| !label.is_empty()) {
            octets.push(label.len() as u8);
            octets.extend(label.bytes());
        }
        octets.push(0);
        octets
    }

    #[test]
    fn what_is_below_a_name_follows_it() {
        let order = ["", "b", "a.b", "a.a.b", "c.a.b", "aa.b", "b.b", "c"];
        for (at, one) in order.iter().enumerate() {
            for (there, other) in order.iter().enumerate() {
                assert_eq!(
                    downward(&wire(one), &wire(other)),
                    at.cmp(&there),
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn octets_alike_need_not_be_labels() {
        assert!(is_at_or_below(&wire("a.b"), &wire("b")));
        assert!(!is_at_or_below(b"\x03a\x01b\x00", b"\x01b\x00"));
        assert!(!is_at_or_below(&wire("b"), &wire("a.b")));
    }

    proptest! {
        /// Walking over all sets is the reference.
        #[test]
        fn sets_are_found(
            owners in prop::collection::btree_set("([ab]\\.){0,3}z", 0..8), asked in "([ab]\\.){0,3}z"
        ) {
            let sets = owners.iter().map(|owner| RRset::new(&wire(owner), 1, 1, [&[1, 2, 3, 4][..]]));
            let records = Records::new(sets.collect());
            let asked = wire(&asked);
            let there = records.sets().iter().find(|set| *set.owner == *asked);
            prop_assert_eq!(records.find(&asked, 1), there);
            let below = |set: &RRset| names::upward(&set.owner).any(|name| *name == *asked);
            prop_assert_eq!(records.reach(&asked), records.sets().iter().any(below));
        }
    }
}

//! What the records of a zone mean together: one apex, CNAMEs alone, nothing below a DNAME, only
//! addresses below a delegation.
//!
//! Must not know instances: those are the rules'. Between zones it is `across.rs`'.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use domain::base::iana::Rtype;

use super::{Found, Place};
use crate::config::model::{RRset, Records, downward, is_at_or_below, rtype};
use crate::snapshot::names;

/// Header, the longest question, and an OPT with our options, octets: what a message has besides
/// its records.
const BESIDES: usize = 12 + 255 + 4 + 11 + 64;

/// What a zone's files hold.
pub(in crate::config) struct Contents {
    /// All but the SOA.
    pub(in crate::config) records: Arc<Records>,
    /// Where each set of `records` begins.
    pub(in crate::config) places: Vec<Place>,
    /// The SOA's RDATA and TTL, where there is one.
    pub(in crate::config) soa: Option<(Box<[u8]>, u32)>,
    /// Whether nothing is missing because it could not be read.
    pub(in crate::config) whole: bool,
    pub(super) files: Vec<PathBuf>,
    /// What is worth knowing, though it is no problem.
    pub(super) notes: Vec<(Place, String)>,
}

/// A mnemonic.
pub(in crate::config) fn mnemonic(rtype: u16) -> String {
    Rtype::from_int(rtype).to_string()
}

/// What covers the names that follow.
struct Cover {
    owner: Box<[u8]>,
    rtype: u16,
    line: String,
}

type Problems = Vec<(Place, String)>;

/// Puts records into sets, and says what is wrong with them. `whole`: nothing of them is missing.
pub(super) fn check(
    origin: &[u8],
    mut found: Vec<Found>,
    files: Vec<PathBuf>,
    whole: bool,
) -> (Contents, Problems) {
    found.sort_by(|one, other| {
        downward(&one.owner, &other.owner)
            .then(one.rtype.cmp(&other.rtype))
            .then(one.place.cmp(&other.place))
    });
    let mut contents = Contents {
        records: Arc::default(),
        places: Vec::new(),
        soa: None,
        whole,
        files,
        notes: Vec::new(),
    };
    let mut problems = Problems::new();
    let mut sets = Vec::new();
    let mut cover: Option<Cover> = None;
    for owned in found.chunk_by(|one, other| one.owner == other.owner) {
        let owner = &owned[0].owner;
        if cover
            .as_ref()
            .is_some_and(|cover| !is_at_or_below(owner, &cover.owner))
        {
            cover = None;
        }
        let node = Node { origin, owned };
        match &cover {
            Some(cover) => node.covered(cover, &mut problems),
            None => {
                node.check(&mut problems);
                cover = node.cover(&contents);
            }
        }
        for set in owned.chunk_by(|one, other| one.rtype == other.rtype) {
            let (made, place) = contents.set(set, &mut problems);
            if made.rtype == rtype::SOA {
                let rdata = made.rdata().next().unwrap_or_default();
                contents.soa.get_or_insert((rdata.into(), made.ttl));
            } else {
                contents.places.push(place);
                sets.push(made);
            }
        }
    }
    contents.records = Arc::new(Records::new(sets));
    (contents, problems)
}

/// All records of one name.
struct Node<'f> {
    origin: &'f [u8],
    owned: &'f [Found],
}

impl<'f> Node<'f> {
    fn first(&self, rtype: u16) -> Option<&'f Found> {
        self.owned.iter().find(|one| one.rtype == rtype)
    }

    fn is_apex(&self) -> bool {
        *self.owned[0].owner == *self.origin
    }

    fn name(&self) -> String {
        names::text(&self.owned[0].owner)
    }

    fn check(&self, problems: &mut Problems) {
        let name = self.name();
        let mut tell = |found: &Found, why: String| problems.push((found.place, why));
        for one in [rtype::SOA, rtype::CNAME, rtype::DNAME] {
            let mut all = self.owned.iter().filter(|found| found.rtype == one);
            let first = all.next();
            for more in all {
                if first.is_some_and(|first| first.rdata != more.rdata) || one == rtype::SOA {
                    tell(
                        more,
                        format!("a second {} at `{name}`; there can be one", mnemonic(one)),
                    );
                }
            }
        }
        if let Some(soa) = self.first(rtype::SOA).filter(|_| !self.is_apex()) {
            let apex = names::text(self.origin);
            tell(
                soa,
                format!("an SOA at `{name}`; it stands at the apex, `{apex}`"),
            );
        }
        if let Some(cname) = self.first(rtype::CNAME) {
            let other = self.owned.iter().find(|found| found.rtype != rtype::CNAME);
            if self.is_apex() {
                tell(
                    cname,
                    format!("a CNAME at the apex `{name}`, beside SOA and NS; it stands alone"),
                );
            } else if let Some(other) = other {
                let other = mnemonic(other.rtype);
                tell(
                    cname,
                    format!("`{name}` has a CNAME and {other}; a CNAME stands alone"),
                );
            }
        }
        let is_wildcard = self.owned[0].owner.starts_with(b"\x01*");
        for one in [rtype::NS, rtype::DNAME] {
            if let Some(found) = self.first(one).filter(|_| is_wildcard) {
                let type_ = mnemonic(one);
                tell(
                    found,
                    format!("a wildcard of {type_}, `{name}`, has no agreed meaning (RFC 4592)"),
                );
            }
        }
        let cut = self.first(rtype::NS).filter(|_| !self.is_apex());
        if let Some(ds) = self.first(rtype::DS).filter(|_| cut.is_none()) {
            let why = if self.is_apex() {
                "a DS at the apex; it belongs to the zone above".to_owned()
            } else {
                format!("a DS at `{name}`, which is not delegated: it has no NS")
            };
            tell(ds, why);
        }
        if cut.is_some() {
            let beside = [rtype::NS, rtype::DS, rtype::A, rtype::AAAA];
            for sets in self.owned.chunk_by(|one, other| one.rtype == other.rtype) {
                if !beside.contains(&sets[0].rtype) && sets[0].rtype != rtype::CNAME {
                    let type_ = mnemonic(sets[0].rtype);
                    tell(
                        &sets[0],
                        format!(
                            "{type_} at `{name}`, which is delegated: only NS, DS and addresses stand there"
                        ),
                    );
                }
            }
        }
    }

    /// What it says of the names below it.
    fn cover(&self, contents: &Contents) -> Option<Cover> {
        let cut = self.first(rtype::NS).filter(|_| !self.is_apex());
        let found = cut.or_else(|| self.first(rtype::DNAME))?;
        Some(Cover {
            owner: found.owner.clone(),
            rtype: found.rtype,
            line: contents.told(found.place),
        })
    }

    /// A name below a delegation has addresses at most, one below a DNAME nothing.
    fn covered(&self, cover: &Cover, problems: &mut Problems) {
        let (name, above, line) = (self.name(), names::text(&cover.owner), &cover.line);
        if cover.rtype == rtype::DNAME {
            let why = format!(
                "`{name}` is below the DNAME of `{above}` ({line}), which stands for all names below"
            );
            problems.push((self.owned[0].place, why));
            return;
        }
        for found in self.owned {
            if !matches!(found.rtype, rtype::A | rtype::AAAA) {
                let type_ = mnemonic(found.rtype);
                let why = format!(
                    "{type_} at `{name}`, which is below the delegation of `{above}` ({line}): only addresses of name servers stand there"
                );
                problems.push((found.place, why));
            }
        }
    }
}

impl Contents {
    /// One set: each RDATA once, the smallest TTL (RFC 2181 §5.2).
    fn set(&mut self, found: &[Found], problems: &mut Problems) -> (RRset, Place) {
        let first = &found[0];
        let ttl = found.iter().map(|one| one.ttl).min().unwrap_or(first.ttl);
        let name = || names::text(&first.owner);
        let mut seen = HashSet::new();
        let mut kept: Vec<&[u8]> = Vec::with_capacity(found.len());
        for one in found {
            if one.ttl != first.ttl && ttl != one.ttl.max(first.ttl) {
                let (type_, name) = (mnemonic(one.rtype), name());
                self.notes.push((
                    one.place,
                    format!("the {type_} records of `{name}` have several TTLs; all are answered with the smallest, {ttl} s"),
                ));
            }
            if found.len() > 1 && !seen.insert(folded(one)) {
                let (type_, name) = (mnemonic(one.rtype), name());
                self.notes.push((
                    one.place,
                    format!("this {type_} record of `{name}` stands above already"),
                ));
                continue;
            }
            kept.push(&one.rdata);
        }
        let octets: usize = kept.iter().map(|rdata| 12 + rdata.len()).sum();
        let most = usize::from(u16::MAX) - BESIDES;
        if octets > most {
            let (type_, name) = (mnemonic(first.rtype), name());
            problems.push((
                first.place,
                format!(
                    "the {type_} records of `{name}` take {octets} octets; {most} fit one message"
                ),
            ));
        }
        (
            RRset::new(&first.owner, first.rtype, ttl, kept),
            first.place,
        )
    }
}

/// RDATA so that what means the same is the same (RFC 4034 §6.2, of common types).
fn folded(found: &Found) -> Vec<u8> {
    let mut rdata = found.rdata.to_vec();
    let names_from = match found.rtype {
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => rdata.len(),
    };
    if let Some(names) = rdata.get_mut(names_from..) {
        names.make_ascii_lowercase();
    }
    rdata
}

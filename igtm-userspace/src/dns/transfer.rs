//! Whole zones for those who may have them: AXFR (RFC 5936), and IXFR answered by the whole zone
//! (RFC 1995 §4).
//!
//! ```text
//!  SOA ── static records ── what instances answer this client now ── SOA
//! ```
//! Made message by message, as the client takes them. Must not write to sockets. What a secondary
//! gets is a picture: it knows no health and no lines but those of who asked.

mod page;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Name;

use super::answer::{Asked, Circumstances, Replied, Transport, is_unknown};
use super::bare::{Bare, Extended};
use super::query::{CLASS_IN, IXFR, Raw};
use crate::config::model::{RRset, Zone};
use crate::snapshot::{Either, Snapshot, names};
use page::{Page, Record};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const AXFR: u16 = 252;
/// TC in the third octet of a header.
const TRUNCATED: u8 = 0x02;

/// What becomes of a question for a transfer.
/// Zones are told by their position.
enum Verdict {
    /// This code.
    Refused(ResponseCode, Option<Extended>),
    /// The SOA alone: the client has all, or is to ask by TCP (RFC 1995 §2, §4).
    Current(usize),
    /// All of it.
    Whole(usize),
}

impl Asked<'_> {
    fn is_transfer(&self) -> bool {
        let raw = &self.raw;
        raw.fault.is_none() && raw.qclass == CLASS_IN && matches!(raw.qtype, AXFR | IXFR)
    }

    fn transfer_verdict(&self) -> Verdict {
        let own = |zone: &Zone| names::wire(&zone.origin).eq_ignore_ascii_case(self.raw.name);
        let zones = &self.snapshot.ground.config.zones;
        let allowed = |zone: &Zone| zone.transfer.iter().any(|net| net.contains(&self.client));
        let at = zones.iter().position(own);
        let Some(at) = at.filter(|at| allowed(&zones[*at])) else {
            // Who may have some zone is told that this is none of ours (RFC 5936 §2.2.1).
            return match at.is_none() && zones.iter().any(allowed) {
                true => Verdict::Refused(ResponseCode::NotAuth, Some(Extended::NotAuthoritative)),
                false => Verdict::Refused(ResponseCode::Refused, Some(Extended::Prohibited)),
            };
        };
        let incremental = self.raw.qtype == IXFR;
        match (incremental, self.transport, self.raw.serial) {
            // RFC 5936 §4.2: not defined. RFC 1995 §3: an IXFR says what its client has.
            (false, Transport::Udp, _) | (true, _, None) => {
                Verdict::Refused(ResponseCode::FormErr, None)
            }
            (true, Transport::Udp, Some(_)) => Verdict::Current(at),
            (true, Transport::Tcp, Some(theirs)) if !is_newer(self.snapshot.serial, theirs) => {
                Verdict::Current(at)
            }
            (_, Transport::Tcp, _) => Verdict::Whole(at),
        }
    }

    /// The one message that a question for a transfer gets from [`super::answer::answer`]; `None`
    /// where the question is another.
    pub(super) fn instead_of_transfer(&self, out: &mut Vec<u8>) -> Option<Replied> {
        if !self.is_transfer() {
            return None;
        }
        let replied = match self.transfer_verdict() {
            Verdict::Refused(code, error) => self.refused(code, error, out),
            Verdict::Current(at) => {
                let mut page = Page::default();
                if let Some(record) = soa(self.snapshot, at) {
                    page.add(self.raw.name, &record);
                }
                self.page(&page, out)
            }
            // One message is not all: that is `transfer`'s.
            Verdict::Whole(_) => self.fail(out),
        };
        Some(replied)
    }

    /// These records, or where they do not fit none and TC: the client is to come by TCP (RFC 1995
    /// §2).
    fn page(&self, page: &Page, out: &mut Vec<u8>) -> Replied {
        let bare = Bare {
            code: ResponseCode::NoError,
            authoritative: true,
            answers: page.count,
            records: &page.octets,
            error: None,
        };
        let replied = self.bare(&bare, out);
        if out.len() <= usize::from(self.limit) {
            return replied;
        }
        out.clear();
        let replied = self.bare(
            &Bare {
                answers: 0,
                records: &[],
                ..bare
            },
            out,
        );
        out[2] |= TRUNCATED;
        replied
    }

    /// What stands at a name of an instance.
    fn records_of(&mut self, name: &Name) -> Vec<Record> {
        let ground = &self.snapshot.ground;
        let owner = names::wire(name);
        let Some(key) = names::key(&ground.hash_key, &owner) else {
            return Vec::new();
        };
        if let Some(instance) = ground.business(key) {
            let ttl = ground.config.effective_ttl(instance).as_secs();
            return vec![Record {
                owner,
                rtype: CNAME,
                ttl: u32::try_from(ttl).unwrap_or(u32::MAX),
                rdata: names::wire(&instance.access_domain),
            }];
        }
        let Some(of) = self.snapshot.image.fixed.names.find(key) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for qtype in [A, AAAA] {
            self.raw.qtype = qtype;
            let (Some(answer), _) = self.look_up(&of) else {
                continue;
            };
            if is_unknown(answer) {
                continue;
            }
            let records = match answer {
                Either::Small(answer) => Record::drawn(&owner, answer, self.random),
                Either::Large(answer) => Record::drawn(&owner, answer, self.random),
            };
            if !records.iter().any(|one| one.rtype == CNAME) {
                found.extend(records);
            } else if found.is_empty() {
                // Of both types there is one, and none beside other records (RFC 1034 §3.6.2).
                return records;
            }
        }
        found
    }
}

/// Whether `ours` is newer than `theirs` (RFC 1982 §3.2).
fn is_newer(ours: u32, theirs: u32) -> bool {
    ours != theirs && ours.wrapping_sub(theirs) < 1 << 31
}

/// The SOA of the zone at this position.
fn soa(snapshot: &Snapshot, at: usize) -> Option<Record> {
    let zone = snapshot.ground.config.zones.get(at)?;
    let entry = snapshot.image.zones.get(at)?;
    Record::soa(&names::wire(&zone.origin), zone.soa.ttl, entry)
}

/// The records of a set.
fn records(set: &RRset) -> impl Iterator<Item = Record> + '_ {
    set.rdata().map(|rdata| Record {
        owner: set.owner.to_vec(),
        rtype: set.rtype,
        ttl: set.ttl,
        rdata: rdata.to_vec(),
    })
}

/// Names that one look goes over at most: those of 100 000 instances elsewhere are no records, and take a
/// tenth of a second.
const AT_ONCE: usize = 1000;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Zone,
    Static(usize),
    Instance(usize),
    Frozen,
    End,
    Over,
}

/// A zone on its way: its messages, one after the other.
pub struct Transfer {
    snapshot: Arc<Snapshot>,
    /// As it was asked.
    message: Vec<u8>,
    circumstances: Circumstances,
    /// The zone's position.
    zone: usize,
    next: Next,
    /// Made, and in no message yet.
    made: VecDeque<Record>,
    /// Of the message that is being made.
    page: Page,
    /// Names that only frozen answers have.
    frozen: BTreeSet<Name>,
    first: bool,
}

/// What a look at the zone gave.
pub enum Part {
    /// The next message.
    Message(Vec<u8>),
    /// None yet, after [`AT_ONCE`] names: whoever else waits for this thread goes first.
    Pause,
}

/// The transfer that `message` asks for; `None` where it asks for none, or may not have it: then
/// [`super::answer::answer`] has the reply.
pub fn transfer(
    snapshot: &Arc<Snapshot>,
    message: &[u8],
    circumstances: Circumstances,
) -> Option<Transfer> {
    let raw = Raw::parse(message)?;
    let asked = Asked::new(snapshot, raw, message, circumstances);
    if !asked.is_transfer() {
        return None;
    }
    let Verdict::Whole(zone) = asked.transfer_verdict() else {
        return None;
    };
    let frozen = snapshot.ground.frozen.iter();
    Some(Transfer {
        snapshot: Arc::clone(snapshot),
        message: message.to_vec(),
        circumstances,
        zone,
        next: Next::Zone,
        made: VecDeque::new(),
        page: Page::default(),
        frozen: frozen.map(|frozen| frozen.name.clone()).collect(),
        first: true,
    })
}

impl Transfer {
    /// What is transferred.
    pub fn origin(&self) -> &Name {
        &self.zone().origin
    }

    fn zone(&self) -> &Zone {
        &self.snapshot.ground.config.zones[self.zone]
    }

    /// Makes what comes next.
    fn advance(&mut self) {
        match self.next {
            Next::Zone => {
                self.made.extend(soa(&self.snapshot, self.zone));
                self.next = Next::Static(0);
            }
            Next::Static(at) => {
                let own = Arc::clone(&self.zone().records);
                self.next = match own.sets().get(at) {
                    Some(set) => {
                        self.made.extend(records(set));
                        Next::Static(at + 1)
                    }
                    None => Next::Instance(0),
                };
            }
            Next::Instance(at) => {
                let config = Arc::clone(&self.snapshot.ground.config);
                let Some(instance) = config.instances.get(at) else {
                    self.next = Next::Frozen;
                    return;
                };
                let (domain, access) = (&instance.domain, &instance.access_domain);
                self.frozen.remove(access);
                self.add(domain);
                if access != domain {
                    self.add(access);
                }
                self.next = Next::Instance(at + 1);
            }
            Next::Frozen => match self.frozen.pop_first() {
                Some(name) => self.add(&name),
                None => self.next = Next::End,
            },
            Next::End => {
                self.made.extend(soa(&self.snapshot, self.zone));
                self.next = Next::Over;
            }
            Next::Over => {}
        }
    }

    /// Makes what stands at an instance's name, where that is in the zone and not in one below it.
    fn add(&mut self, name: &Name) {
        let zones = &self.snapshot.ground.config.zones;
        let own = zones.holding(name).map(|zone| &zone.origin);
        if own == Some(self.origin()) {
            let records = self.asked().map(|mut asked| asked.records_of(name));
            self.made.extend(records.unwrap_or_default());
        }
    }

    fn asked(&self) -> Option<Asked<'_>> {
        let mut raw = Raw::parse(&self.message)?;
        if !self.first {
            // It need not be said again (RFC 5936 §2.2.5).
            (raw.opt, raw.cookie, raw.nsid) = (None, None, false);
        }
        let Self {
            snapshot, message, ..
        } = self;
        Some(Asked::new(snapshot, raw, message, self.circumstances))
    }
}

impl Iterator for Transfer {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let origin = names::wire(self.origin());
        for _ in 0..AT_ONCE {
            while let Some(record) = self.made.pop_front() {
                if !self.page.add(&origin, &record) {
                    self.made.push_front(record);
                    break;
                }
            }
            let is_over = self.next == Next::Over;
            if !self.made.is_empty() || (is_over && self.page.count > 0) {
                let page = std::mem::take(&mut self.page);
                let mut message = Vec::new();
                self.asked()?.page(&page, &mut message);
                self.first = false;
                return Some(Part::Message(message));
            }
            if is_over {
                return None;
            }
            self.advance();
        }
        Some(Part::Pause)
    }
}

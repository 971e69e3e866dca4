//! A name followed to its records, link by link (RFC 1034 §4.3.2, RFC 4592, RFC 6672): static CNAMEs
//! and DNAMEs, wildcards, business domains and instances, each with its own line and health for this
//! client; delegations.
//!
//! What one look-up answers from ready octets is `answer.rs`'. Must not read the message.

use igtm_common::layout::{NameRef, OPEN_BELOW};
use igtm_common::reply::Kind;

use super::answer::{Asked, Replied, is_unknown};
use super::records;
use super::send::Sending;
use crate::config::model::{MOST_CNAMES, rtype};
use crate::snapshot::{Either, names};
use crate::zone::compose::{Data, Full, Section, name_octets};
use crate::zone::store::{self, Kind as Below, Node};

const NAME_OCTETS: usize = 255;

/// A way so far.
pub(super) struct Way {
    pub(super) sending: Sending,
    /// The name that is looked up next.
    pub(super) owner: Vec<u8>,
    /// CNAMEs so far.
    pub(super) links: usize,
    /// The names that were looked up before.
    passed: Vec<Vec<u8>>,
    /// The owners of DNAMEs on it.
    renaming: Vec<Vec<u8>>,
    /// Of what chose the links (RFC 7871 §7.2.1), bits.
    pub(super) scope: u8,
    /// Whether addresses are among it whose TTL is over (RFC 8767).
    pub(super) stale: bool,
    /// Of the next draw.
    random: u32,
}

/// Where a name leads.
pub(super) enum Step {
    /// On, by a CNAME to this name.
    To(Vec<u8>),
    /// Here it ends, with records, or out of our zones.
    Done,
    /// Here it ends: the name has nothing of this type, or does not exist, in this zone.
    Negative(Kind, u16),
    /// Here it ends: the name that a DNAME leads to would be too long.
    TooLong,
    /// Nobody knows what is answered here.
    Unknown,
    /// In none of our zones, and it was the first name.
    Refused,
}

/// A step, if what it adds has room.
pub(super) type Stepped = Result<Step, Full>;

impl Asked<'_> {
    /// The whole way from the name asked for.
    pub(super) fn resolve(&self, out: &mut Vec<u8>) -> Option<Replied> {
        let mut way = Way {
            sending: self.sending(),
            owner: self.raw.name.to_vec(),
            links: 0,
            passed: Vec::new(),
            renaming: Vec::new(),
            scope: 0,
            stale: false,
            random: self.random,
        };
        loop {
            let Ok(step) = self.step(&mut way) else {
                return Some(self.truncated(&way, out));
            };
            match step {
                Step::To(target) => {
                    way.links += 1;
                    // Whoever asked goes on from the last name.
                    if self.raw.qtype == rtype::CNAME || way.links >= MOST_CNAMES {
                        return Some(self.send(way, out));
                    }
                    let passed = std::mem::replace(&mut way.owner, target);
                    way.passed.push(passed);
                    // A loop is signalled as an error (RFC 1034 §3.6.2).
                    if way
                        .passed
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(&way.owner))
                    {
                        return Some(self.fail(out));
                    }
                }
                Step::Done => return Some(self.send(way, out)),
                Step::Negative(kind, zone) => return self.end(way, kind, zone, out),
                Step::TooLong => {
                    way.sending.code = YXDOMAIN;
                    return Some(self.send(way, out));
                }
                Step::Unknown => return Some(self.unresolved(out)),
                Step::Refused => return Some(self.refuse(out)),
            }
        }
    }

    /// A way without records at its end: with the SOA of the zone where it ends (RFC 2308 §2.1); the
    /// code is the last name's (RFC 6604 §3).
    fn end(&self, mut way: Way, kind: Kind, zone: u16, out: &mut Vec<u8>) -> Option<Replied> {
        if way.links == 0 {
            return self.negative_in(kind, zone, out);
        }
        let entry = self.entry(zone)?;
        let origin = names::wire(&self.snapshot.ground.config.zones[usize::from(zone)].origin);
        if kind == Kind::NxDomain {
            way.sending.code = NXDOMAIN;
        }
        let soa = records::soa(entry, None);
        match way.sending.add(Section::Authority, &origin, soa) {
            Ok(()) => Some(self.send(way, out)),
            Err(Full) => Some(self.truncated(&way, out)),
        }
    }

    /// Adds what stands at the next name.
    fn step(&self, way: &mut Way) -> Stepped {
        let ground = &self.snapshot.ground;
        let Some(key) = names::key(&ground.hash_key, &way.owner) else {
            return Ok(Step::Done);
        };
        let Some(of) = self.snapshot.image.fixed.names.find(key) else {
            return self.absent(way);
        };
        if self.raw.qtype == rtype::DS && self.is_apex(&way.owner, &of) {
            return self.delegation_signer(way, key, &of);
        }
        if let Some(instance) = ground.business(key) {
            let ttl = ground.config.effective_ttl(instance).as_secs();
            let access = names::wire(&instance.access_domain);
            let cname = Data {
                rtype: rtype::CNAME,
                ttl: u32::try_from(ttl).unwrap_or(u32::MAX),
                rdata: &access,
            };
            way.sending.add(Section::Answer, &way.owner, cname)?;
            return Ok(self.on(access));
        }
        let node = ground.statics.node(key);
        if let Some(node) = node
            && let Some(step) = self.at_node(way, node)?
        {
            return Ok(step);
        }
        if let Some(step) = self.at_instance(way, &of)? {
            return Ok(step);
        }
        let soa = matches!(self.raw.qtype, rtype::SOA | rtype::ANY);
        if soa
            && self.is_apex(&way.owner, &of)
            && let Some(entry) = self.entry(of.zone)
        {
            let zone = &ground.config.zones[usize::from(of.zone)];
            let soa = records::soa(entry, Some(zone.soa.ttl));
            way.sending.add(Section::Answer, &way.owner, soa)?;
            return Ok(Step::Done);
        }
        self.any(way, node, of.zone)
    }

    /// Behind a CNAME: on, but for ANY, which it is an answer to itself (RFC 1034 §4.3.2 3a).
    fn on(&self, target: Vec<u8>) -> Step {
        match self.raw.qtype {
            rtype::ANY => Step::Done,
            _ => Step::To(target),
        }
    }

    /// ANY is answered by one set (RFC 8482 §4.1).
    fn any(&self, way: &mut Way, node: Option<&Node>, zone: u16) -> Stepped {
        let statics = &self.snapshot.ground.statics;
        let first = node.and_then(|node| statics.sets_of(node).first());
        match first.filter(|_| self.raw.qtype == rtype::ANY) {
            Some(set) => {
                self.add_set(way, set)?;
                Ok(Step::Done)
            }
            None => Ok(Step::Negative(Kind::NoData, zone)),
        }
    }

    /// What static records say at a name, which may be a wildcard's; `None`: nothing of this type.
    fn at_node(&self, way: &mut Way, node: &Node) -> Result<Option<Step>, Full> {
        let (statics, qtype) = (&self.snapshot.ground.statics, self.raw.qtype);
        if node.kind == Below::Cut {
            if qtype != rtype::DS {
                self.refer(way, node)?;
                return Ok(Some(Step::Done));
            }
            let Some(set) = statics.set(node, rtype::DS) else {
                return Ok(Some(Step::Negative(Kind::NoData, node.zone)));
            };
            self.add_set(way, set)?;
            return Ok(Some(Step::Done));
        }
        if let Some(set) = statics.set(node, qtype) {
            self.add_set(way, set)?;
            return Ok(Some(Step::Done));
        }
        let Some(set) = statics
            .set(node, rtype::CNAME)
            .filter(|_| qtype != rtype::ANY)
        else {
            return Ok(None);
        };
        self.add_set(way, set)?;
        let (_, raw) = statics.raw(&self.snapshot.ground.config, set);
        let target = raw.rdata().next().unwrap_or_default();
        Ok(Some(Step::To(target.to_vec())))
    }

    /// What an instance is answered with.
    fn at_instance(&self, way: &mut Way, of: &NameRef) -> Result<Option<Step>, Full> {
        let (found, scope) = self.look_up(of);
        let Some(answer) = found else {
            return Ok(None);
        };
        if is_unknown(answer) {
            return Ok(Some(Step::Unknown));
        }
        let records = match answer {
            Either::Small(answer) => records::drawn(answer, way.random),
            Either::Large(answer) => records::drawn(answer, way.random),
        };
        way.scope = way.scope.max(scope);
        way.stale |= self.is_stale(of);
        // The next draw is another: with the same number, two even draws in a row would always
        // meet alike.
        way.random = way.random.rotate_left(16).wrapping_mul(0x9e37_79b1);
        let mut target = None;
        for record in records {
            way.sending.add(Section::Answer, &way.owner, record)?;
            if record.rtype == rtype::CNAME {
                target = Some(record.rdata.to_vec());
            }
        }
        Ok(Some(target.map_or(Step::Done, |target| self.on(target))))
    }

    /// What is answered for a name that is not there: by its closest ancestor.
    fn absent(&self, way: &mut Way) -> Stepped {
        let Some((above, of)) = self.closest_name(&way.owner) else {
            let first = way.links == 0;
            return Ok(if first { Step::Refused } else { Step::Done });
        };
        let absent = Step::Negative(Kind::NxDomain, of.zone);
        if of.flags & OPEN_BELOW == 0 {
            return Ok(absent);
        }
        let above = above.to_vec();
        let ground = &self.snapshot.ground;
        let key = names::key(&ground.hash_key, &above);
        if let Some(node) = key.and_then(|key| ground.statics.node(key)) {
            match node.kind {
                Below::Cut => {
                    self.refer(way, node)?;
                    return Ok(Step::Done);
                }
                Below::Dname => return self.renamed(way, node, &above),
                Below::Plain => {}
            }
        }
        // The source of synthesis (RFC 4592 §3.3.1).
        let mut wildcard = b"\x01*".to_vec();
        wildcard.extend_from_slice(&above);
        let Some(key) = names::key(&ground.hash_key, &wildcard) else {
            return Ok(absent);
        };
        if self.snapshot.image.fixed.names.find(key).is_none() {
            return Ok(absent);
        }
        let node = ground.statics.node(key);
        if let Some(node) = node
            && let Some(step) = self.at_node(way, node)?
        {
            return Ok(step);
        }
        self.any(way, node, of.zone)
    }

    /// Below a DNAME: the DNAME, and a CNAME made of it (RFC 6672 §3.1).
    fn renamed(&self, way: &mut Way, node: &Node, above: &[u8]) -> Stepped {
        let ground = &self.snapshot.ground;
        let Some(set) = ground.statics.set(node, rtype::DNAME) else {
            return Ok(Step::Negative(Kind::NxDomain, node.zone));
        };
        let (_, raw) = ground.statics.raw(&ground.config, set);
        let target = raw.rdata().next().unwrap_or_default();
        // However often it renames, it stands once (RFC 2181 §5).
        if !way.renaming.iter().any(|owner| **owner == *raw.owner) {
            let dname = store::data(raw, target);
            way.sending.add(Section::Answer, &raw.owner, dname)?;
            way.renaming.push(raw.owner.to_vec());
        }
        let prefix = &way.owner[..way.owner.len() - above.len()];
        let renamed = [prefix, target].concat();
        if renamed.len() > NAME_OCTETS {
            return Ok(Step::TooLong);
        }
        let cname = Data {
            rtype: rtype::CNAME,
            ttl: raw.ttl,
            rdata: &renamed,
        };
        way.sending.add(Section::Answer, &way.owner, cname)?;
        Ok(Step::To(renamed))
    }

    /// Adds a set to the answer, and asks for the addresses of its hosts.
    pub(super) fn add_set(&self, way: &mut Way, set: &store::Set) -> Result<(), Full> {
        let ground = &self.snapshot.ground;
        let (_, raw) = ground.statics.raw(&ground.config, set);
        for rdata in raw.rdata() {
            way.sending
                .add(Section::Answer, &way.owner, store::data(raw, rdata))?;
        }
        for rdata in raw.rdata() {
            if let Some(host) = crate::zone::compose::host(&way.owner, raw.rtype, rdata) {
                let host = host.to_ascii_lowercase();
                // Several records may name one host.
                if !way.sending.hosts.contains(&host) {
                    way.sending.hosts.push(host);
                }
            }
        }
        Ok(())
    }

    /// Adds the static addresses of a host (lower case).
    pub(super) fn add_addresses(&self, way: &mut Way, host: &[u8]) -> Result<(), Full> {
        let ground = &self.snapshot.ground;
        debug_assert_eq!(name_octets(host), host.len());
        for set in ground
            .statics
            .addresses(&ground.config, &ground.hash_key, host)
        {
            for rdata in set.rdata() {
                way.sending
                    .add(Section::Additional, host, store::data(set, rdata))?;
            }
        }
        Ok(())
    }
}

/// RCODEs (RFC 1035 §4.1.1, RFC 6672 §2.2).
const NXDOMAIN: u8 = 3;
const YXDOMAIN: u8 = 6;

//! Whole zones for those who may have them: AXFR (RFC 5936), and IXFR answered by the whole zone
//! (RFC 1995 §4).
//!
//! ```text
//!  SOA ── NS and what else the zone has of its own ── what instances answer this client now ── SOA
//! ```
//! Made message by message, as the client takes them. Must not write to sockets. What a secondary
//! gets is a picture: it knows no health and no lines but those of who asked.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, Record, RecordType};
use hickory_proto::serialize::binary::BinEncodable;

use super::answer::{Asked, Circumstances, Transport, is_unknown};
use super::bare::Extended;
use super::cold::drawn;
use super::query::{CLASS_IN, IXFR, Raw};
use super::records;
use crate::config::model::Zone;
use crate::snapshot::{Either, Snapshot, names};

const AXFR: u16 = 252;

/// Octets of records in a message, as if no name were compressed: names are compressed by pointers
/// into the first 16 383 octets (RFC 1035 §4.1.4), so that larger messages would hold more octets
/// for the same records.
const MESSAGE_OCTETS: usize = 16_000;

/// What becomes of a question for a transfer.
enum Verdict<'a> {
    /// This code.
    Refused(ResponseCode, Option<Extended>),
    /// The SOA alone: the client has all, or is to ask by TCP (RFC 1995 §2, §4).
    Current(&'a Zone),
    /// All of it.
    Whole(&'a Zone),
}

impl<'a> Asked<'a> {
    fn is_transfer(&self) -> bool {
        let raw = &self.raw;
        raw.fault.is_none() && raw.qclass == CLASS_IN && matches!(raw.qtype, AXFR | IXFR)
    }

    fn transfer_verdict(&self) -> Verdict<'a> {
        let zones = &self.snapshot.ground.config.zones;
        let name = self.query().map(|query| query.name().clone());
        let Some(zone) = name.and_then(|name| zones.at(&name)) else {
            let error = Some(Extended::NotAuthoritative);
            return Verdict::Refused(ResponseCode::NotAuth, error);
        };
        if !zone.transfer.iter().any(|net| net.contains(&self.client)) {
            return Verdict::Refused(ResponseCode::Refused, Some(Extended::Prohibited));
        }
        let incremental = self.raw.qtype == IXFR;
        match (incremental, self.transport, self.raw.serial) {
            // RFC 5936 §4.2: not defined. RFC 1995 §3: an IXFR says what its client has.
            (false, Transport::Udp, _) | (true, _, None) => {
                Verdict::Refused(ResponseCode::FormErr, None)
            }
            (true, Transport::Udp, Some(_)) => Verdict::Current(zone),
            (true, Transport::Tcp, Some(theirs)) if !is_newer(self.snapshot.serial, theirs) => {
                Verdict::Current(zone)
            }
            (_, Transport::Tcp, _) => Verdict::Whole(zone),
        }
    }

    /// The one message that a question for a transfer gets from [`super::answer::answer`]; `None`
    /// where the question is another.
    pub(super) fn instead_of_transfer(&self) -> Option<Vec<u8>> {
        if !self.is_transfer() {
            return None;
        }
        match self.transfer_verdict() {
            Verdict::Refused(code, error) => Some(self.refused(code, error)),
            Verdict::Current(zone) => {
                let mut reply = self.with_code(ResponseCode::NoError);
                reply.add_answer(records::soa(zone, self.snapshot.serial, false));
                self.finish(reply, 0)
            }
            // One message is not all: that is `transfer`'s.
            Verdict::Whole(_) => self.fail(),
        }
    }

    /// What stands at a name of an instance.
    fn at_instance(&mut self, owner: &Name) -> Vec<Record> {
        let ground = &self.snapshot.ground;
        let Some(key) = names::key(&ground.hash_key, &names::wire(owner)) else {
            return Vec::new();
        };
        if let Some(instance) = ground.business(key) {
            let ttl = ground.config.effective_ttl(instance).as_secs();
            let ttl = u32::try_from(ttl).unwrap_or(u32::MAX);
            return vec![records::cname(owner, ttl, &instance.access_domain)];
        }
        let Some(of) = self.snapshot.image.fixed.names.find(key) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for qtype in [RecordType::A, RecordType::AAAA] {
            self.raw.qtype = qtype.into();
            let (Some(answer), _) = self.look_up(&of) else {
                continue;
            };
            if is_unknown(answer) {
                continue;
            }
            let records = match answer {
                Either::Small(answer) => drawn(answer, owner, self.random),
                Either::Large(answer) => drawn(answer, owner, self.random),
            };
            let is_cname = |one: &Record| one.record_type() == RecordType::CNAME;
            if !records.iter().any(is_cname) {
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

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Zone,
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
    origin: Name,
    next: Next,
    /// Made, and in no message yet.
    ready: VecDeque<Record>,
    /// Names that only frozen answers have.
    frozen: BTreeSet<Name>,
    first: bool,
}

/// The transfer that `message` asks for; `None` where it asks for none, or may not have it: then
/// [`super::answer::answer`] has the reply.
pub fn transfer(
    snapshot: &Arc<Snapshot>,
    message: &[u8],
    circumstances: Circumstances,
) -> Option<Transfer> {
    let raw = Raw::parse(message, snapshot.ground.config.server.ecs)?;
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
        origin: zone.origin.clone(),
        next: Next::Zone,
        ready: VecDeque::new(),
        frozen: frozen.map(|frozen| frozen.name.clone()).collect(),
        first: true,
    })
}

impl Transfer {
    /// Makes what comes next ready.
    fn advance(&mut self) {
        let zones = &self.snapshot.ground.config.zones;
        let Some(zone) = zones.at(&self.origin) else {
            self.next = Next::Over;
            return;
        };
        let soa = || records::soa(zone, self.snapshot.serial, false);
        match self.next {
            Next::Zone => {
                self.ready.push_back(soa());
                self.ready.extend(records::ns(zone));
                self.next = Next::Instance(0);
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
                self.ready.push_back(soa());
                self.next = Next::Over;
            }
            Next::Over => {}
        }
    }

    /// Makes ready what stands at an instance's name, where that is in the zone and not below a
    /// zone inside it.
    fn add(&mut self, name: &Name) {
        let zones = &self.snapshot.ground.config.zones;
        if zones.holding(name).map(|zone| &zone.origin) == Some(&self.origin) {
            let records = self.asked().map(|mut asked| asked.at_instance(name));
            self.ready.extend(records.unwrap_or_default());
        }
    }

    fn asked(&self) -> Option<Asked<'_>> {
        let mut raw = Raw::parse(&self.message, false)?;
        if !self.first {
            // They say what they say once (RFC 5936 §2.2.1, §2.2.5).
            (raw.question, raw.opt, raw.cookie) = (&[], None, None);
        }
        Some(Asked::new(
            &self.snapshot,
            raw,
            &self.message,
            self.circumstances,
        ))
    }
}

impl Iterator for Transfer {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut records = Vec::new();
        let mut octets = 0;
        loop {
            while let Some(record) = self.ready.pop_front() {
                let more = record.to_bytes().map_or(0, |bytes| bytes.len());
                if octets + more > MESSAGE_OCTETS && !records.is_empty() {
                    self.ready.push_front(record);
                    return self.message_of(records);
                }
                octets += more;
                records.push(record);
            }
            if self.next == Next::Over {
                return (!records.is_empty()).then(|| self.message_of(records))?;
            }
            self.advance();
        }
    }
}

impl Transfer {
    fn message_of(&mut self, records: Vec<Record>) -> Option<Vec<u8>> {
        let asked = self.asked()?;
        let mut reply = asked.with_code(ResponseCode::NoError);
        reply.add_answers(records);
        let message = asked.finish(reply, 0);
        self.first = false;
        message
    }

    /// What is transferred.
    pub fn origin(&self) -> &Name {
        &self.origin
    }
}

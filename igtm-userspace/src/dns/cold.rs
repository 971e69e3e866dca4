//! Replies that the kernel never gives, made by hickory: apexes, CNAMEs in our own zones, errors.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use igtm_common::layout::{Answer, NameKey, NameRef};
use igtm_common::reply::{self, HEADER_OCTETS, Kind};

use super::answer::Asked;
use super::query::{Malformed, Raw};
use super::records;
use crate::snapshot::{Either, Snapshot, names};

/// The reply to what cannot be answered at all.
pub(super) fn refusal(
    snapshot: &Snapshot,
    message: &[u8],
    raw: Result<&Raw<'_>, &Malformed>,
) -> Option<Message> {
    let Ok(query) = Message::from_vec(message) else {
        return Some(failure(message, ResponseCode::FormErr));
    };
    let code = match raw {
        _ if query.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
        Err(Malformed) => ResponseCode::FormErr,
        Ok(raw) if raw.version != 0 => ResponseCode::BADVERS,
        Ok(raw) if raw.is_refused() => ResponseCode::Refused,
        Ok(_) => return None,
    };
    let mut reply = failure(message, code);
    // Clients take a reply for theirs by its question.
    if let [question] = &query.queries[..] {
        reply.add_query(question.clone());
    }
    if let Some(edns) = &query.edns {
        let udp_size = snapshot.ground.config.server.udp_size;
        reply.edns = Some(our_edns(udp_size, edns.flags().dnssec_ok));
    }
    Some(reply)
}

impl Asked<'_> {
    /// A business domain: a CNAME to the access domain, and what that has.
    pub(super) fn business(&self, key: NameKey, of: &NameRef) -> Option<Vec<u8>> {
        let ground = &self.snapshot.ground;
        let Some(instance) = ground.business(key) else {
            return self.negative(Kind::NoData, of);
        };
        let access = &instance.access_domain;
        let access_key = names::key(&ground.hash_key, &names::wire(access))?;
        let access_of = self.snapshot.image.fixed.names.find(access_key)?;
        let zone = self.zone(&access_of)?;
        let ttl = instance.ttl.max(zone.min_ttl).as_secs();
        let mut reply = self.with_code(ResponseCode::NoError);
        let owner = self.query()?;
        let ttl = u32::try_from(ttl).unwrap_or(u32::MAX);
        reply.add_answer(records::cname(owner.name(), ttl, access));
        if owner.query_type() == RecordType::CNAME {
            return self.finish(reply, 0);
        }
        match self.look_up(&access_of) {
            (Some(answer), scope) => {
                reply.add_answers(match answer {
                    Either::Small(answer) => drawn(answer, access, self.random),
                    Either::Large(answer) => drawn(answer, access, self.random),
                });
                self.finish(reply, scope)
            }
            (None, _) => {
                reply.add_authority(records::soa(zone, self.snapshot.serial, true));
                self.finish(reply, 0)
            }
        }
    }

    /// What an apex has of its own.
    pub(super) fn apex(&self, of: &NameRef) -> Option<Vec<u8>> {
        let (zone, entry) = (self.zone(of)?, self.zone_entry(of)?);
        if self.raw.name.len() != usize::from(entry.origin_octets) {
            return None;
        }
        let mut reply = self.with_code(ResponseCode::NoError);
        match RecordType::from(self.raw.qtype) {
            RecordType::NS => {
                reply.add_answers(records::ns(zone));
            }
            RecordType::SOA | RecordType::ANY => {
                reply.add_answer(records::soa(zone, self.snapshot.serial, false));
            }
            _ => return None,
        }
        self.finish(reply, 0)
    }

    /// A name in none of our zones.
    pub(super) fn refuse(&self) -> Option<Vec<u8>> {
        self.finish(self.with_code(ResponseCode::Refused), 0)
    }

    /// The question, as hickory has it.
    fn query(&self) -> Option<Query> {
        let mut message = vec![0; HEADER_OCTETS];
        message[5] = 1;
        message.extend_from_slice(self.raw.question);
        Message::from_vec(&message).ok()?.queries.pop()
    }

    /// Header and question of a reply (RFC 1035 §4.1.1), authoritative where it is ours.
    fn with_code(&self, code: ResponseCode) -> Message {
        let mut reply = failure(self.message, code);
        reply.metadata.authoritative = code != ResponseCode::Refused;
        reply.add_queries(self.query());
        reply
    }

    /// Adds OPT and options and encodes.
    fn finish(&self, mut reply: Message, scope: u8) -> Option<Vec<u8>> {
        let Some(opt) = self.raw.opt else {
            return encode(&reply, self.limit);
        };
        let options = self.options(scope);
        let options = options.as_slice();
        let udp_size = self.snapshot.ground.config.server.udp_size;
        reply.edns = Some(our_edns(udp_size, opt.dnssec_ok));
        // At most 52 octets of at least 512.
        let mut octets = encode(&reply, self.limit - options.len() as u16)?;
        // Our OPT has no option before these, so its RDLENGTH is the last two octets.
        let at = octets.len() - 2;
        octets[at..].copy_from_slice(&(options.len() as u16).to_be_bytes());
        octets.extend_from_slice(options);
        Some(octets)
    }
}

/// The records that the renderer would send, with another owner.
fn drawn<const C: usize, const O: usize, const T: usize>(
    answer: &Answer<C, O, T>,
    owner: &Name,
    random: u32,
) -> Vec<Record> {
    let Some(window) = reply::choose(answer, random) else {
        return Vec::new();
    };
    // The records' owner points to octet 12: the owner goes there, as a question would.
    let mut message = vec![0; HEADER_OCTETS];
    message[5] = 1;
    message[6..8].copy_from_slice(&window.count.to_be_bytes());
    message.extend_from_slice(&names::wire(owner));
    message.extend_from_slice(&[0, 1, 0, 1]);
    let first = window.start as usize..(window.start + window.len) as usize;
    message.extend_from_slice(&answer.octets[first]);
    message.extend_from_slice(&answer.octets[..window.wrapped as usize]);
    Message::from_vec(&message).map_or_else(|_| Vec::new(), |message| message.answers)
}

fn our_edns(udp_size: u16, dnssec_ok: bool) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(udp_size).set_dnssec_ok(dnssec_ok);
    edns
}

/// A reply without records: id, opcode and RD as they came.
fn failure(message: &[u8], code: ResponseCode) -> Message {
    let id = u16::from_be_bytes([message[0], message[1]]);
    let op_code = OpCode::from_u8((message[2] >> 3) & 0x0f);
    let mut reply = Message::new(id, MessageType::Response, op_code);
    reply.metadata.recursion_desired = message[2] & 1 != 0;
    reply.metadata.response_code = code;
    reply
}

/// The message's octets; too long a one goes without records and with TC.
pub(super) fn encode(reply: &Message, limit: u16) -> Option<Vec<u8>> {
    let octets = reply.to_vec().ok()?;
    if octets.len() <= usize::from(limit) {
        return Some(octets);
    }
    reply.truncate().to_vec().ok()
}

//! Replies about names that the kernel never gives: apexes, and what is ours but not known. Chains are
//! `chain.rs`', replies that no zone has a part in `bare.rs`'.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, Record};
use igtm_common::layout::{Answer, NameRef};
use igtm_common::reply::{self, HEADER_OCTETS};

use super::answer::Asked;
use super::records;
use crate::snapshot::names;

impl Asked<'_> {
    /// What an apex has of its own.
    pub(super) fn apex(&self, of: &NameRef) -> Option<Vec<u8>> {
        let (zone, entry) = (self.zone(of)?, self.zone_entry(of)?);
        if self.raw.name.len() != usize::from(entry.origin_octets) {
            return None;
        }
        let own = records::apex(zone, self.snapshot.serial, self.raw.qtype.into());
        if own.is_empty() {
            return None;
        }
        let mut reply = self.with_code(ResponseCode::NoError);
        reply.add_answers(own);
        self.finish(reply, 0)
    }

    /// The question, as hickory has it.
    pub(super) fn query(&self) -> Option<Query> {
        let mut message = vec![0; HEADER_OCTETS];
        message[5] = 1;
        message.extend_from_slice(self.raw.question);
        Message::from_vec(&message).ok()?.queries.pop()
    }

    /// Header and question of an authoritative reply (RFC 1035 §4.1.1): id, opcode and RD as they
    /// came.
    pub(super) fn with_code(&self, code: ResponseCode) -> Message {
        let id = u16::from_be_bytes([self.message[0], self.message[1]]);
        let mut reply = Message::new(id, MessageType::Response, OpCode::Query);
        reply.metadata.recursion_desired = self.message[2] & 1 != 0;
        reply.metadata.response_code = code;
        reply.metadata.authoritative = true;
        reply.add_queries(self.query());
        reply
    }

    /// Adds OPT and options and encodes.
    pub(super) fn finish(&self, mut reply: Message, scope: u8) -> Option<Vec<u8>> {
        let Some(opt) = self.raw.opt else {
            return encode(&reply, self.limit);
        };
        let options = self.options(scope);
        reply.edns = Some(our_edns(self.udp_size(), opt.dnssec_ok));
        let options = options.as_slice();
        // They leave room for the question, which a truncated reply still has.
        let mut octets = encode(&reply, self.limit - options.len() as u16)?;
        // Our OPT has no option before these, so its RDLENGTH is the last two octets.
        let at = octets.len() - 2;
        octets[at..].copy_from_slice(&(options.len() as u16).to_be_bytes());
        octets.extend_from_slice(options);
        Some(octets)
    }
}

/// The records that the renderer would send, with another owner.
pub(super) fn drawn<const C: usize, const O: usize, const T: usize>(
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

/// The message's octets; too long a one goes without records and with TC.
fn encode(reply: &Message, limit: u16) -> Option<Vec<u8>> {
    let octets = reply.to_vec().ok()?;
    if octets.len() <= usize::from(limit) {
        return Some(octets);
    }
    reply.truncate().to_vec().ok()
}

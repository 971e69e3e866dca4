//! Replies that the kernel never gives, made by hickory: errors. Chains are `chain.rs`'.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use igtm_common::reply::HEADER_OCTETS;

use super::answer::Asked;
use super::query::{Malformed, Raw};
use crate::snapshot::Snapshot;

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
    /// SERVFAIL: what is answered is not known, and a negative answer, which caches keep, would be
    /// a wrong one.
    pub(super) fn fail(&self) -> Option<Vec<u8>> {
        self.finish(self.with_code(ResponseCode::ServFail), 0)
    }

    /// A name in none of our zones.
    pub(super) fn refuse(&self) -> Option<Vec<u8>> {
        self.finish(self.with_code(ResponseCode::Refused), 0)
    }

    /// The question, as hickory has it.
    pub(super) fn query(&self) -> Option<Query> {
        let mut message = vec![0; HEADER_OCTETS];
        message[5] = 1;
        message.extend_from_slice(self.raw.question);
        Message::from_vec(&message).ok()?.queries.pop()
    }

    /// Header and question of a reply (RFC 1035 §4.1.1), authoritative where it is ours.
    pub(super) fn with_code(&self, code: ResponseCode) -> Message {
        let mut reply = failure(self.message, code);
        reply.metadata.authoritative =
            !matches!(code, ResponseCode::Refused | ResponseCode::ServFail);
        reply.add_queries(self.query());
        reply
    }

    /// Adds OPT and options and encodes.
    pub(super) fn finish(&self, mut reply: Message, scope: u8) -> Option<Vec<u8>> {
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

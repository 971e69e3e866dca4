//! A message → its reply, from a snapshot. Pure: the random number is an input.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use igtm_common::layout::Answer;
use igtm_common::reply::{HEADER_OCTETS, udp_limit};

use super::query::Raw;
use super::{hot, records};
use crate::config::model::Zone;
use crate::line::ChainId;
use crate::policy::families_asked;
use crate::snapshot::{Owner, Snapshot, names};

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Replies are cut at the smaller of both sides' limits.
    Udp,
    /// Replies may have 65 535 octets.
    Tcp,
}

/// The reply to `message` from `client`; `None` when it is none to reply to (a reply, or not
/// even a header).
pub fn answer(
    snapshot: &Snapshot,
    message: &[u8],
    client: IpAddr,
    transport: Transport,
    random: u32,
) -> Option<Vec<u8>> {
    if message.len() < HEADER_OCTETS || message[2] & 0x80 != 0 {
        return None;
    }
    let Ok(query) = Message::from_vec(message) else {
        return encode(&failure(message, ResponseCode::FormErr), u16::MAX);
    };
    let udp_size = snapshot.ground.config.server.udp_size;
    let question = match question(&query, message) {
        Ok(question) => question,
        Err(code) => {
            let mut reply = failure(message, code);
            // Clients take a reply for theirs by its question.
            if let [question] = &query.queries[..] {
                reply.add_query(question.clone());
            }
            if let Some(edns) = &query.edns {
                reply.edns = Some(our_edns(udp_size, edns.flags().dnssec_ok));
            }
            return encode(&reply, u16::MAX);
        }
    };
    let limit = match transport {
        Transport::Udp => udp_limit(question.raw.opt, udp_size),
        Transport::Tcp => u16::MAX,
    };
    let asked = Asked::new(snapshot, question, client, message, random, limit);
    asked.reply()
}

struct Question<'a> {
    raw: Raw<'a>,
    query: &'a Query,
    name: Name,
}

/// What of a message can be answered at all.
fn question<'a>(query: &'a Message, message: &'a [u8]) -> Result<Question<'a>, ResponseCode> {
    if query.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    if query.queries.len() != 1 || !query.answers.is_empty() || !query.authorities.is_empty() {
        return Err(ResponseCode::FormErr);
    }
    let raw = Raw::parse(message).map_err(|_malformed| ResponseCode::FormErr)?;
    if raw.version != 0 {
        return Err(ResponseCode::BADVERS);
    }
    let query = &query.queries[0];
    let transfer = matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR);
    if query.query_class() != DNSClass::IN || transfer {
        return Err(ResponseCode::Refused);
    }
    let name = query.name().to_lowercase();
    Ok(Question { raw, query, name })
}

/// One question on its way to a reply.
struct Asked<'a> {
    snapshot: &'a Snapshot,
    question: Question<'a>,
    message: &'a [u8],
    random: u32,
    limit: u16,
    chain: ChainId,
    /// RFC 7871 §7.2.1: the shortest prefix for which a positive answer is right.
    scope: u8,
}

impl<'a> Asked<'a> {
    fn new(
        snapshot: &'a Snapshot,
        mut question: Question<'a>,
        client: IpAddr,
        message: &'a [u8],
        random: u32,
        limit: u16,
    ) -> Self {
        if !snapshot.ground.config.server.ecs {
            question.raw.subnet = None;
        }
        let lines = &snapshot.ground.lines;
        let subnet = question.raw.subnet.as_ref().filter(|one| one.source > 0);
        let looked_up = subnet.map_or(client, |subnet| subnet.address());
        Self {
            snapshot,
            message,
            random,
            limit,
            chain: lines.chain_of(looked_up),
            scope: subnet.map_or(0, |_| lines.scope(looked_up)),
            question,
        }
    }

    fn reply(&self) -> Option<Vec<u8>> {
        let name = &self.question.name;
        let config = &self.snapshot.ground.config;
        let Some(zone) = config.zone_of(name) else {
            return self.finish(self.with_code(ResponseCode::Refused), 0);
        };
        match self.snapshot.ground.names.owner(name) {
            Some(Owner::Access(_)) => {
                if let Some(answer) = self.instance_answer(name) {
                    return self.hot(answer);
                }
            }
            Some(Owner::Business(at)) => return self.business(at),
            None => {}
        }
        let qtype = self.question.query.query_type();
        if *name == zone.origin
            && matches!(qtype, RecordType::SOA | RecordType::NS | RecordType::ANY)
        {
            return self.apex(zone, qtype);
        }
        let code = if self.snapshot.ground.names.exists(name) {
            ResponseCode::NoError
        } else {
            ResponseCode::NXDomain
        };
        let mut reply = self.with_code(code);
        reply.add_authority(records::soa(zone, self.snapshot.serial, true));
        self.finish(reply, 0)
    }

    /// What an instance answers at its access domain; `None`: NODATA.
    ///
    /// Types other than A and AAAA are answered where one of those is a CNAME; ANY by
    /// what A or AAAA have (RFC 8482 §4.1).
    fn instance_answer(&self, access: &Name) -> Option<&'a Answer> {
        let hash = names::hash(&self.snapshot.ground.hash_key, access)?;
        let qtype = self.question.query.query_type();
        let addresses = matches!(qtype, RecordType::A | RecordType::AAAA | RecordType::ANY);
        families_asked(qtype).iter().find_map(|ipv6| {
            let family = if *ipv6 {
                RecordType::AAAA
            } else {
                RecordType::A
            };
            let answer = self.snapshot.look_up(hash, family, self.chain)?;
            let fits = answer.records > 0 && (addresses || is_cname(answer));
            fits.then_some(answer)
        })
    }

    fn hot(&self, answer: &Answer) -> Option<Vec<u8>> {
        let subnet = self.subnet_option(self.scope);
        let udp_size = self.snapshot.ground.config.server.udp_size;
        hot::reply(
            self.message,
            &self.question.raw,
            answer,
            self.random,
            self.limit,
            udp_size,
            &subnet,
        )
    }

    /// A business domain: a CNAME to the access domain, and what that has.
    fn business(&self, at: usize) -> Option<Vec<u8>> {
        let config = &self.snapshot.ground.config;
        let instance = &config.instances[at];
        let access = &instance.access_domain;
        let ttl = u32::try_from(config.effective_ttl(instance).as_secs()).unwrap_or(u32::MAX);
        let mut reply = self.with_code(ResponseCode::NoError);
        let owner = self.question.query.name();
        reply.add_answer(records::cname(owner, ttl, access));
        if self.question.query.query_type() == RecordType::CNAME {
            return self.finish(reply, 0);
        }
        match self.instance_answer(access) {
            Some(answer) => {
                reply.add_answers(drawn(answer, access, self.random));
                self.finish(reply, self.scope)
            }
            None => {
                let zone = config.zone_of(access)?;
                reply.add_authority(records::soa(zone, self.snapshot.serial, true));
                self.finish(reply, 0)
            }
        }
    }

    fn apex(&self, zone: &Zone, qtype: RecordType) -> Option<Vec<u8>> {
        let mut reply = self.with_code(ResponseCode::NoError);
        if qtype == RecordType::NS {
            reply.add_answers(records::ns(zone));
        } else {
            reply.add_answer(records::soa(zone, self.snapshot.serial, false));
        }
        self.finish(reply, 0)
    }

    /// Header and question of a reply (RFC 1035 §4.1.1), authoritative where it is ours.
    fn with_code(&self, code: ResponseCode) -> Message {
        let mut reply = failure(self.message, code);
        reply.metadata.authoritative = code != ResponseCode::Refused;
        reply.add_query(self.question.query.clone());
        reply
    }

    /// Adds OPT and client subnet and encodes.
    fn finish(&self, mut reply: Message, scope: u8) -> Option<Vec<u8>> {
        let opt = self.question.raw.opt;
        let subnet = self.subnet_option(scope);
        if let Some(opt) = opt {
            let udp_size = self.snapshot.ground.config.server.udp_size;
            reply.edns = Some(our_edns(udp_size, opt.dnssec_ok));
        }
        let room = self.limit - subnet.len() as u16;
        let mut octets = encode(&reply, room)?;
        if opt.is_some() {
            append_option(&mut octets, &subnet);
        }
        Some(octets)
    }

    fn subnet_option(&self, scope: u8) -> Vec<u8> {
        let subnet = self.question.raw.subnet.as_ref();
        subnet.map_or(Vec::new(), |subnet| subnet.reply(scope))
    }
}

/// Whether an answer's records are CNAMEs.
fn is_cname(answer: &Answer) -> bool {
    u16::from_be_bytes([answer.octets[2], answer.octets[3]]) == u16::from(RecordType::CNAME)
}

/// The records that the renderer would send, with another owner.
fn drawn(answer: &Answer, owner: &Name, random: u32) -> Vec<Record> {
    let Some(slice) = igtm_common::reply::choose(answer, random, 0, u32::MAX) else {
        return Vec::new();
    };
    // The records' owner points to octet 12: the owner goes there, as a question would.
    let mut message = vec![0; HEADER_OCTETS];
    message[7] = slice.count as u8;
    message[5] = 1;
    message.extend_from_slice(&names::wire(owner));
    message.extend_from_slice(&[0, 1, 0, 1]);
    let records = slice.start as usize..(slice.start + slice.len) as usize;
    message.extend_from_slice(&answer.octets[records]);
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
fn encode(reply: &Message, limit: u16) -> Option<Vec<u8>> {
    let octets = reply.to_vec().ok()?;
    if octets.len() <= usize::from(limit) {
        return Some(octets);
    }
    reply.truncate().to_vec().ok()
}

/// Appends an option to the OPT at the end of a message.
fn append_option(octets: &mut Vec<u8>, option: &[u8]) {
    // Our OPT has no option before this one, so its RDLENGTH is the last two octets.
    let at = octets.len() - 2;
    octets[at..].copy_from_slice(&(option.len() as u16).to_be_bytes());
    octets.extend_from_slice(option);
}

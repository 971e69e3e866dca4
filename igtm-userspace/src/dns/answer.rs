//! A message → its reply, from a snapshot. Pure: the random number and the time are inputs.
//!
//! Looks up what the kernel looks up, by the same rules; `hot.rs` lays it out. What the kernel
//! passes (apexes, CNAMEs in our own zones, errors) is made by hickory.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use igtm_common::cookie::{self, ClientAddress};
use igtm_common::layout::{Answer, NameKey, NameRef, PASS, PASS_OTHERS, ZoneEntry};
use igtm_common::line;
use igtm_common::reply::{self, CookieOption, HEADER_OCTETS, Kind, udp_limit};

use super::hot::{Hot, Options};
use super::query::{self, Malformed, Raw};
use super::records;
use crate::config::model::Zone;
use crate::line::ViewId;
use crate::policy::families_asked;
use crate::snapshot::{Either, Snapshot, names};

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Replies are cut at the smaller of both sides' limits.
    Udp,
    /// Replies may have 65 535 octets.
    Tcp,
}

/// What a reply depends on besides the message and the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Where the message came from.
    pub client: IpAddr,
    /// By what.
    pub transport: Transport,
    /// Chooses the records.
    pub random: u32,
    /// Seconds since 1970, modulo 2^32, for cookies.
    pub now: u32,
}

/// The reply to `message`; `None` when it is none to reply to (a reply, or not even a header).
pub fn answer(
    snapshot: &Snapshot,
    message: &[u8],
    circumstances: Circumstances,
) -> Option<Vec<u8>> {
    if message.len() < HEADER_OCTETS || message[2] & 0x80 != 0 {
        return None;
    }
    let raw = Raw::parse(message);
    if !raw.as_ref().is_ok_and(Raw::is_plain)
        && let Some(refusal) = refusal(snapshot, message, raw.as_ref())
    {
        return encode(&refusal, u16::MAX);
    }
    let asked = Asked::new(snapshot, raw.ok()?, message, circumstances);
    asked.reply()
}

/// The reply to what cannot be answered at all.
fn refusal(
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

/// One question on its way to a reply.
struct Asked<'a> {
    snapshot: &'a Snapshot,
    raw: Raw<'a>,
    message: &'a [u8],
    random: u32,
    /// What may leave, octets.
    limit: u16,
    /// Whose line counts: the client subnet's address, else the client's.
    looked_up: IpAddr,
    cookie: Option<CookieOption>,
}

/// An answer and the scope of what chose it (RFC 7871 §7.2.1), bits.
type Found<'a> = (Option<Either<'a>>, u8);

impl<'a> Asked<'a> {
    fn new(
        snapshot: &'a Snapshot,
        mut raw: Raw<'a>,
        message: &'a [u8],
        circumstances: Circumstances,
    ) -> Self {
        let Circumstances {
            client,
            transport,
            random,
            now,
        } = circumstances;
        let server = &snapshot.ground.config.server;
        if !server.ecs {
            raw.subnet = None;
        }
        let subnet = raw.subnet.as_ref().filter(|one| one.source() > 0);
        let judged = |cookie: query::Cookie| CookieOption {
            client: cookie.client,
            server: cookie::judge(
                &snapshot.cookies,
                cookie.client,
                cookie.server,
                now,
                client_address(client),
            )
            .server,
        };
        Self {
            snapshot,
            message,
            random,
            limit: match transport {
                Transport::Udp => udp_limit(raw.opt, server.udp_size),
                Transport::Tcp => u16::MAX,
            },
            looked_up: subnet.map_or(client, query::address),
            cookie: raw.cookie.map(judged),
            raw,
        }
    }

    fn reply(&self) -> Option<Vec<u8>> {
        let names = &self.snapshot.image.fixed.names;
        let key = names::key(&self.snapshot.ground.hash_key, self.raw.name)?;
        if let Some(name) = names.get(&key) {
            return self.at_name(key, &name.of);
        }
        match self.closest() {
            Some(of) => self.negative(Kind::NxDomain, &of),
            None => self.finish(self.with_code(ResponseCode::Refused), 0),
        }
    }

    /// The closest parent that exists; `None` outside of our zones. What is `OPEN_BELOW` or
    /// passed by the kernel has no more below it here either.
    fn closest(&self) -> Option<NameRef> {
        let fixed = &self.snapshot.image.fixed;
        let secret = &self.snapshot.ground.hash_key;
        let too_deep = names::depth(self.raw.name).saturating_sub(fixed.deepest);
        names::upward(self.raw.name)
            .skip(usize::from(too_deep.max(1)))
            .find_map(|parent| {
                let key = names::key(secret, parent)?;
                fixed.names.get(&key).map(|name| name.of)
            })
    }

    fn at_name(&self, key: NameKey, of: &NameRef) -> Option<Vec<u8>> {
        if of.flags & PASS != 0 {
            return self.business(key, of);
        }
        let qtype = self.raw.qtype;
        let addresses = matches!(RecordType::from(qtype), RecordType::A | RecordType::AAAA);
        if !addresses && !reply::is_meta(qtype) && of.flags & PASS_OTHERS == 0 {
            return self.negative(Kind::NoData, of);
        }
        let (found, scope) = self.look_up(of);
        match found {
            Some(answer) => self.positive(answer, scope),
            None => self.apex(of).or_else(|| self.negative(Kind::NoData, of)),
        }
    }

    /// What is answered at an access domain; `None`: NODATA.
    ///
    /// Types other than A and AAAA are answered where one of those is a CNAME; ANY by
    /// what A or AAAA have (RFC 8482 §4.1).
    fn look_up(&self, of: &NameRef) -> Found<'a> {
        let qtype = RecordType::from(self.raw.qtype);
        let addresses = matches!(qtype, RecordType::A | RecordType::AAAA | RecordType::ANY);
        let mut scope = 0;
        for ipv6 in families_asked(qtype) {
            let (answer, family_scope) = self.family(of, *ipv6);
            // Right only where both families' lines are.
            scope = family_scope.max(scope);
            let fits = |answer: &Either<'_>| addresses || is_cname(*answer);
            if let Some(answer) = answer.filter(fits) {
                return (Some(answer), scope);
            }
        }
        (None, scope)
    }

    /// What one family is answered with, if anything.
    fn family(&self, of: &NameRef, ipv6: bool) -> Found<'a> {
        let image = &self.snapshot.image;
        let (view, base) = (of.view[usize::from(ipv6)], of.slots[usize::from(ipv6)]);
        if view == igtm_common::layout::NO_VIEW {
            return (None, 0);
        }
        let place = image.fixed.views.look_up(ViewId(view), self.looked_up);
        if place.slot == line::NO_SLOT {
            return (None, place.scope);
        }
        let slot = image
            .fixed
            .slots
            .get(base as usize + usize::from(place.slot));
        let answer = slot.and_then(|slot| image.answer(slot.answer));
        (answer.filter(|answer| records(*answer) > 0), place.scope)
    }

    fn positive(&self, answer: Either<'_>, scope: u8) -> Option<Vec<u8>> {
        let (hot, options) = (self.hot(), self.options(scope));
        match answer {
            Either::Small(answer) => hot.answer(answer, self.random, &options),
            Either::Large(answer) => hot.answer(answer, self.random, &options),
        }
    }

    fn negative(&self, kind: Kind, of: &NameRef) -> Option<Vec<u8>> {
        let zone = self.zone_entry(of)?;
        Some(self.hot().negative(kind, zone, &self.options(0)))
    }

    fn hot(&self) -> Hot<'_> {
        Hot {
            message: self.message,
            raw: &self.raw,
            limit: self.limit,
            udp_size: self.snapshot.ground.config.server.udp_size,
        }
    }

    fn zone_entry(&self, of: &NameRef) -> Option<&'a ZoneEntry> {
        self.snapshot.image.zones.get(usize::from(of.zone))
    }

    fn zone(&self, of: &NameRef) -> Option<&'a Zone> {
        self.snapshot.ground.config.zones.get(usize::from(of.zone))
    }

    /// A business domain: a CNAME to the access domain, and what that has.
    fn business(&self, key: NameKey, of: &NameRef) -> Option<Vec<u8>> {
        let ground = &self.snapshot.ground;
        let Some(instance) = ground.business(key) else {
            return self.negative(Kind::NoData, of);
        };
        let access = &instance.access_domain;
        let access_key = names::key(&ground.hash_key, &names::wire(access))?;
        let access_of = self.snapshot.image.fixed.names.get(&access_key)?.of;
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
    fn apex(&self, of: &NameRef) -> Option<Vec<u8>> {
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

    fn options(&self, scope: u8) -> Options {
        let subnet = self.raw.subnet.as_ref().map(|subnet| {
            let counts = subnet.source() > 0;
            subnet.reply(if counts { scope } else { 0 })
        });
        Options::new(self.cookie, subnet)
    }
}

fn client_address(client: IpAddr) -> ClientAddress {
    let line::Address { high, low } = line::Address::from(client);
    ClientAddress {
        high,
        low,
        v6: client.is_ipv6(),
    }
}

fn records(answer: Either<'_>) -> u16 {
    match answer {
        Either::Small(answer) => answer.records,
        Either::Large(answer) => answer.records,
    }
}

/// Whether an answer's records are CNAMEs.
fn is_cname(answer: Either<'_>) -> bool {
    let rtype = match answer {
        Either::Small(answer) => answer.rtype,
        Either::Large(answer) => answer.rtype,
    };
    rtype == u16::from(RecordType::CNAME)
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
fn encode(reply: &Message, limit: u16) -> Option<Vec<u8>> {
    let octets = reply.to_vec().ok()?;
    if octets.len() <= usize::from(limit) {
        return Some(octets);
    }
    reply.truncate().to_vec().ok()
}

//! A message → its reply, from a snapshot. Pure: the random number and the time are inputs.
//!
//! Looks up what the kernel looks up, by the same rules; `hot.rs` lays it out. What the kernel
//! passes is `chain.rs`' where a name leads on, and `bare.rs`' where no zone has a part.

use std::net::IpAddr;

use hickory_proto::rr::RecordType;
use igtm_common::cookie::{self, ClientAddress};
use igtm_common::layout::{
    NO_ANSWER, NO_VIEW, NameKey, NameRef, OPEN_BELOW, PASS, PASS_OTHERS, ZoneEntry,
};
use igtm_common::line;
use igtm_common::reply::{self, CookieOption, HEADER_OCTETS, Kind, OPT_OCTETS, udp_limit};

use super::bare::Extended;
use super::edns::{self, Cookie};
use super::hot::{Hot, Options};
use super::query::{Fault, Raw};
use crate::config::model::rtype;
use crate::line::ViewId;
use crate::policy::families_asked;
use crate::snapshot::{Either, Snapshot, names};
use crate::zone::store::{Kind as Below, Node};

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

/// Whether a message is one to reply to: it has a header, and is no reply itself.
pub(super) fn is_query(message: &[u8]) -> bool {
    message.len() >= HEADER_OCTETS && message[2] & 0x80 == 0
}

/// That there is a reply, in the buffer that was given for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replied;

/// Writes the reply to `message` in place of what is in `out`; `None` when it is none to reply to (a
/// reply, or not even a header), and what `out` then has means nothing.
///
/// A buffer that is given again and again is what keeps the allocator out of answering.
pub fn answer(
    snapshot: &Snapshot,
    message: &[u8],
    circumstances: Circumstances,
    out: &mut Vec<u8>,
) -> Option<Replied> {
    out.clear();
    let raw = Raw::parse(message)?;
    let asked = Asked::new(snapshot, raw, message, circumstances);
    asked
        .beside_zones(out)
        .or_else(|| asked.instead_of_transfer(out))
        .or_else(|| asked.reply(out))
}

/// One question on its way to a reply.
pub(super) struct Asked<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) raw: Raw<'a>,
    pub(super) message: &'a [u8],
    pub(super) random: u32,
    /// What may leave, octets.
    pub(super) limit: u16,
    /// Whose line counts: the client subnet's address, else the client's.
    looked_up: IpAddr,
    pub(super) client: IpAddr,
    pub(super) transport: Transport,
    cookie: Option<CookieOption>,
    /// The client has shown a cookie of ours.
    pub(super) known: bool,
}

/// An answer and the scope of what chose it (RFC 7871 §7.2.1), bits.
pub(super) type Found<'a> = (Option<Either<'a>>, u8);

impl<'a> Asked<'a> {
    pub(super) fn new(
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
        // Who has no client subnets ignores them, whatever is in them (RFC 7871 §7.2.1, RFC 6891
        // §6.1.2). Over UDP there is nothing to keep alive (RFC 7828 §3.3.1); a client says no time
        // (§3.2.1).
        let bad_subnet = server.ecs && raw.bad_subnet;
        raw.keepalive = raw.keepalive.filter(|_| transport == Transport::Tcp);
        if bad_subnet || raw.keepalive.is_some_and(|octets| octets > 0) {
            raw.fault = raw.fault.or(Some(Fault::Malformed));
        }
        if raw.fault.is_some() {
            // Both say something of an answer, which there is none of.
            (raw.subnet, raw.keepalive) = (None, None);
        }
        raw.subnet = raw.subnet.filter(|_| server.ecs);
        let subnet = raw.subnet.as_ref().filter(|one| one.source() > 0);
        let judged = raw.cookie.map(|cookie| {
            let Cookie {
                client: part,
                server,
                ..
            } = cookie;
            let address = client_address(client);
            let judgement = cookie::judge(&snapshot.cookies, part, server, now, address);
            let server = judgement.server;
            let option = CookieOption {
                client: part,
                server,
            };
            (option, judgement.valid)
        });
        Self {
            snapshot,
            message,
            random,
            limit: match transport {
                Transport::Udp => udp_limit(raw.opt, server.udp_size),
                Transport::Tcp => u16::MAX,
            },
            looked_up: subnet.map_or(client, edns::address),
            client,
            transport,
            cookie: judged.map(|(option, _)| option),
            known: judged.is_some_and(|(_, valid)| valid),
            raw,
        }
    }

    fn reply(&self, out: &mut Vec<u8>) -> Option<Replied> {
        let names = &self.snapshot.image.fixed.names;
        let key = names::key(&self.snapshot.ground.hash_key, self.raw.name)?;
        if let Some(of) = names.find(key) {
            return self.at_name(key, &of, out);
        }
        match self.closest_name(self.raw.name) {
            Some((_, of)) if of.flags & OPEN_BELOW == 0 => self.negative(Kind::NxDomain, &of, out),
            Some(_) => self.resolve(out),
            None => Some(self.refuse(out)),
        }
    }

    /// The closest parent of a wire name that exists, and what it is; `None` outside of our zones.
    /// Where that is `OPEN_BELOW`, the name may be answered all the same.
    pub(super) fn closest_name<'n>(&self, name: &'n [u8]) -> Option<(&'n [u8], NameRef)> {
        let fixed = &self.snapshot.image.fixed;
        let secret = &self.snapshot.ground.hash_key;
        let too_deep = names::depth(name).saturating_sub(fixed.deepest);
        names::upward(name)
            .skip(usize::from(too_deep.max(1)))
            .find_map(|parent| {
                let key = names::key(secret, parent)?;
                Some((parent, fixed.names.find(key)?))
            })
    }

    fn at_name(&self, key: NameKey, of: &NameRef, out: &mut Vec<u8>) -> Option<Replied> {
        let qtype = self.raw.qtype;
        let ground = &self.snapshot.ground;
        if of.flags & (PASS | PASS_OTHERS) != 0
            && let Some(node) = ground.statics.node(key)
        {
            let set = ground.statics.set(node, qtype);
            let set = set.filter(|_| node.kind != Below::Cut);
            let ready = set.and_then(|set| self.ready(ground.statics.ready(set), out));
            if ready.is_some() {
                return ready;
            }
            if set.is_none() && self.has_nothing_else(node, of) {
                return self.negative(Kind::NoData, of, out);
            }
            if of.flags & PASS != 0 || set.is_some() {
                return self.resolve(out);
            }
        }
        if of.flags & PASS != 0 && ground.business(key).is_some() {
            return self.resolve(out);
        }
        let addresses = matches!(RecordType::from(qtype), RecordType::A | RecordType::AAAA);
        if !addresses && !reply::is_meta(qtype) && of.flags & PASS_OTHERS == 0 {
            return self.negative(Kind::NoData, of, out);
        }
        let (found, scope) = self.look_up(of);
        match found {
            Some(answer) if is_unknown(answer) => Some(self.unresolved(out)),
            Some(answer) if of.flags & PASS != 0 && is_cname(answer) => self.resolve(out),
            Some(answer) => {
                // What the kernel may answer too has no such option.
                let stale = self.transport == Transport::Tcp && self.is_stale(of);
                self.positive(answer, scope, stale, out)
            }
            None if addresses => self.negative(Kind::NoData, of, out),
            None => self.resolve(out),
        }
    }

    /// Whether a name with static records, none of the type asked for, has NODATA.
    fn has_nothing_else(&self, node: &Node, of: &NameRef) -> bool {
        let statics = &self.snapshot.ground.statics;
        node.kind == Below::Plain
            && of.view == [NO_VIEW; 2]
            && !reply::is_meta(self.raw.qtype)
            && !self.is_apex(self.raw.name, of)
            && statics.set(node, rtype::CNAME).is_none()
    }

    /// What is answered at an access domain; `None`: NODATA.
    ///
    /// Types other than A and AAAA are answered where one of those is a CNAME; ANY by
    /// what A or AAAA have (RFC 8482 §4.1).
    pub(super) fn look_up(&self, of: &NameRef) -> Found<'a> {
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
    pub(super) fn family(&self, of: &NameRef, ipv6: bool) -> Found<'a> {
        let (number, scope) = self.number(of, ipv6);
        let answer = number.and_then(|number| self.snapshot.image.answer(number));
        (answer.filter(|answer| records(*answer) > 0), scope)
    }

    /// The number of the answer, and the scope of what chose it.
    pub(super) fn number(&self, of: &NameRef, ipv6: bool) -> (Option<u32>, u8) {
        let image = &self.snapshot.image;
        let (view, base) = (of.view[usize::from(ipv6)], of.slots[usize::from(ipv6)]);
        if view == NO_VIEW {
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
        let number = slot.map(|slot| slot.answer);
        (number.filter(|number| *number != NO_ANSWER), place.scope)
    }

    fn positive(
        &self,
        answer: Either<'_>,
        scope: u8,
        stale: bool,
        out: &mut Vec<u8>,
    ) -> Option<Replied> {
        let (hot, mut options) = (self.hot(), self.options(scope));
        if stale {
            // Over TCP there is room.
            options = options.with_error(Extended::Stale, usize::from(self.limit));
        }
        match answer {
            Either::Small(answer) => hot.answer(answer, self.random, &options, out),
            Either::Large(answer) => hot.answer(answer, self.random, &options, out),
        }
    }

    fn negative(&self, kind: Kind, of: &NameRef, out: &mut Vec<u8>) -> Option<Replied> {
        self.negative_in(kind, of.zone, out)
    }

    /// NODATA or NXDOMAIN in a zone.
    pub(super) fn negative_in(&self, kind: Kind, zone: u16, out: &mut Vec<u8>) -> Option<Replied> {
        let zone = self.entry(zone)?;
        Some(self.hot().negative(kind, zone, &self.options(0), out))
    }

    fn hot(&self) -> Hot<'_> {
        Hot {
            message: self.message,
            raw: &self.raw,
            limit: self.limit,
            udp_size: self.udp_size(),
        }
    }

    pub(super) fn entry(&self, zone: u16) -> Option<&'a ZoneEntry> {
        self.snapshot.image.zones.get(usize::from(zone))
    }

    /// Whether a wire name is its zone's apex.
    pub(super) fn is_apex(&self, name: &[u8], of: &NameRef) -> bool {
        let entry = self.entry(of.zone);
        entry.is_some_and(|entry| name.len() == usize::from(entry.origin_octets))
    }

    /// What our OPT says.
    pub(super) fn udp_size(&self) -> u16 {
        self.snapshot.ground.config.server.udp_size
    }

    pub(super) fn options(&self, scope: u8) -> Options {
        self.options_beside(scope, 0)
    }

    /// Of a reply that is no use without `octets` of records.
    pub(super) fn options_beside(&self, scope: u8, octets: usize) -> Options {
        let subnet = self.raw.subnet.as_ref().map(|subnet| {
            let counts = subnet.source() > 0;
            subnet.reply(if counts { scope } else { 0 })
        });
        let options = Options::new(self.cookie, subnet);
        let nsid = &self.snapshot.ground.config.server.says.nsid;
        let asks_nsid = self.raw.nsid && !nsid.is_empty();
        if !asks_nsid && self.raw.keepalive.is_none() {
            return options;
        }
        // Where a name and an identifier are that long, what no reply can do without goes first.
        let without = HEADER_OCTETS + self.raw.question.len() + octets + OPT_OCTETS;
        let room = usize::from(self.limit).saturating_sub(without);
        let options = match asks_nsid {
            true => options.with_nsid(nsid, room),
            false => options,
        };
        match self.raw.keepalive {
            Some(_) => options.with_keepalive(super::tcp::IDLE, room),
            None => options,
        }
    }
}

pub(super) fn client_address(client: IpAddr) -> ClientAddress {
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

/// Whether it is not known what is answered.
pub(super) fn is_unknown(answer: Either<'_>) -> bool {
    match answer {
        Either::Small(answer) => answer.is_unknown(),
        Either::Large(answer) => answer.is_unknown(),
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

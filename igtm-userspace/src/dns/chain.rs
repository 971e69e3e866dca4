//! Chains of CNAMEs inside our own zones: from a business domain or an access domain on, link by
//! link, each with its own line and health for this client (RFC 1034 §3.6.2, §4.3.2).

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use igtm_common::layout::{NameKey, NameRef};

use super::answer::{Asked, is_unknown};
use super::cold::drawn;
use super::records;
use crate::config::model::MOST_CNAMES;
use crate::snapshot::{Either, names};

/// A chain so far.
struct Chain {
    reply: Message,
    /// Of the next link.
    owner: Name,
    key: NameKey,
    of: NameRef,
    /// Of what chose the links (RFC 7871 §7.2.1), bits.
    scope: u8,
    /// Of the next draw.
    random: u32,
}

/// Where a link leads.
enum Link {
    /// On, by a CNAME to this name.
    To(Name),
    /// Here it ends, with records.
    Records,
    /// Here it ends: the name has nothing of this type.
    Nothing,
    /// Nobody knows what is answered here.
    Unknown,
}

impl Asked<'_> {
    /// The whole chain that begins at the name asked for, which is a business domain, or an access
    /// domain whose answer is a CNAME.
    pub(super) fn chain(&self, key: NameKey, of: &NameRef) -> Option<Vec<u8>> {
        let question = self.query()?;
        let mut chain = Chain {
            reply: self.with_code(ResponseCode::NoError),
            owner: question.name().clone(),
            key,
            of: *of,
            scope: 0,
            random: self.random,
        };
        for _ in 0..=MOST_CNAMES {
            let target = match self.link(&mut chain)? {
                Link::Unknown => return self.unresolved(),
                Link::Records => return self.finish(chain.reply, chain.scope),
                Link::Nothing => return self.end(chain, ResponseCode::NoError),
                Link::To(target) => target,
            };
            if question.query_type() == RecordType::CNAME {
                return self.finish(chain.reply, chain.scope);
            }
            let wire = names::wire(&target);
            let key = names::key(&self.snapshot.ground.hash_key, &wire)?;
            if let Some(of) = self.snapshot.image.fixed.names.find(key) {
                (chain.owner, chain.key, chain.of) = (target, key, of);
            } else if let Some(of) = self.closest(&wire) {
                // The code is the last name's (RFC 6604 §3).
                chain.of = of;
                return self.end(chain, ResponseCode::NXDomain);
            } else {
                return self.finish(chain.reply, chain.scope);
            }
        }
        self.fail()
    }

    /// Adds what stands at the next name.
    fn link(&self, chain: &mut Chain) -> Option<Link> {
        let ground = &self.snapshot.ground;
        if let Some(instance) = ground.business(chain.key) {
            let ttl = ground.config.effective_ttl(instance).as_secs();
            let ttl = u32::try_from(ttl).unwrap_or(u32::MAX);
            let access = &instance.access_domain;
            chain
                .reply
                .add_answer(records::cname(&chain.owner, ttl, access));
            return Some(Link::To(access.clone()));
        }
        let (found, scope) = self.look_up(&chain.of);
        let Some(answer) = found else {
            return Some(self.link_at_apex(chain));
        };
        if is_unknown(answer) {
            return Some(Link::Unknown);
        }
        let records = match answer {
            Either::Small(answer) => drawn(answer, &chain.owner, chain.random),
            Either::Large(answer) => drawn(answer, &chain.owner, chain.random),
        };
        chain.scope = chain.scope.max(scope);
        // The next draw is another: with the same number, two even draws in a row would always
        // meet alike.
        chain.random = chain.random.rotate_left(16).wrapping_mul(0x9e37_79b1);
        let target = records.first().and_then(|record| match &record.data {
            RData::CNAME(cname) => Some(cname.0.clone()),
            _ => None,
        });
        chain.reply.add_answers(records);
        Some(target.map_or(Link::Records, Link::To))
    }

    /// SOA and NS, where the chain leads to an apex.
    fn link_at_apex(&self, chain: &mut Chain) -> Link {
        let Some(zone) = self
            .zone(&chain.of)
            .filter(|zone| zone.origin == chain.owner)
        else {
            return Link::Nothing;
        };
        let own = records::apex(zone, self.snapshot.serial, self.raw.qtype.into());
        if own.is_empty() {
            return Link::Nothing;
        }
        chain.reply.add_answers(own);
        Link::Records
    }

    /// A chain without records at its end: with the SOA of the zone where it ends (RFC 2308 §2.1).
    fn end(&self, chain: Chain, code: ResponseCode) -> Option<Vec<u8>> {
        let mut reply = chain.reply;
        reply.metadata.response_code = code;
        let zone = self.zone(&chain.of)?;
        reply.add_authority(records::soa(zone, self.snapshot.serial, true));
        self.finish(reply, chain.scope)
    }
}

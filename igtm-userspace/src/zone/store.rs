//! All static records of a configuration: which node a name is, its RRsets rendered ahead, the
//! addresses of hosts.
//!
//! A set is rendered with its owner as the question: whatever the case of the query, pointers mean
//! the same. Must not follow CNAMEs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use igtm_common::layout::{EXISTS, NameKey, OPEN_BELOW, PASS, PASS_OTHERS};
use igtm_common::name::HashKey;
use igtm_common::reply::HEADER_OCTETS;

use super::compose::{Composer, Data, Section, host};
use crate::config::model::{Config, RRset, Zone, is_at_or_below, rtype};
use crate::snapshot::names;

/// Most octets of a message (RFC 1035 §4.2.2).
const MESSAGE_OCTETS: usize = u16::MAX as usize;

/// What a name means to the names below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Plain,
    /// It is delegated: it and they are another server's (RFC 1034 §4.2.1).
    Cut,
    /// They are found elsewhere (RFC 6672).
    Dname,
}

/// A name with records.
#[derive(Clone, Debug)]
pub struct Node {
    /// Position of its zone.
    pub zone: u16,
    /// What it means to the names below it.
    pub kind: Kind,
    /// Among [`Store::sets`].
    sets: Range<u32>,
}

/// One RRset.
#[derive(Clone, Debug)]
pub struct Set {
    /// TYPE.
    pub rtype: u16,
    /// Zone and position in its records.
    zone: u16,
    at: u32,
    /// Its records behind the question that asks for it, then addresses of its hosts.
    octets: Range<u32>,
    /// Of `octets`, those of its own records.
    own: u32,
    /// Its records, and addresses.
    counts: [u16; 2],
}

/// An RRset as it goes behind its question.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'a> {
    /// Octets of the answer section.
    pub answer: &'a [u8],
    /// Records in it.
    pub answers: u16,
    /// Octets of the additional section.
    pub additional: &'a [u8],
    /// Records in it.
    pub additionals: u16,
}

/// A name that exists by its records, for `NAMES`.
pub(crate) struct Standing<'c> {
    /// Wire format, lower case.
    pub(crate) owner: &'c [u8],
    pub(crate) key: NameKey,
    pub(crate) zone: u16,
    /// What the kernel is told.
    pub(crate) flags: u16,
}

type ByKey<T> = HashMap<NameKey, T, BuildHasherDefault<Folded>>;

/// The static records of a configuration.
#[derive(Debug, Default)]
pub struct Store {
    nodes: ByKey<Node>,
    /// Addresses below delegations, and of child zones in their parents' files.
    glue: ByKey<Node>,
    /// DS of zones served here, in their parents' files.
    above: ByKey<Node>,
    sets: Vec<Set>,
    octets: Vec<u8>,
}

impl Store {
    /// The store of a configuration, and the names that stand in it.
    pub(crate) fn new<'c>(config: &'c Config, secret: &HashKey) -> (Self, Vec<Standing<'c>>) {
        let mut store = Self::default();
        let mut standing = Vec::new();
        let origins = config.zones.iter().zip(0..);
        let origins: HashMap<Vec<u8>, u16> = origins
            .map(|(zone, at)| (names::wire(&zone.origin), at))
            .collect();
        for (zone, number) in config.zones.iter().zip(0_u16..) {
            store.add(zone, number, (&origins, secret), &mut standing);
        }
        store.render(config, secret);
        (store, standing)
    }

    fn add<'c>(
        &mut self,
        zone: &'c Zone,
        number: u16,
        (origins, secret): (&HashMap<Vec<u8>, u16>, &HashKey),
        standing: &mut Vec<Standing<'c>>,
    ) {
        let all = zone.records.sets();
        let mut at = 0;
        let apex = names::wire(&zone.origin);
        // The delegation or DNAME whose subtree this is: sets stand in that order.
        let mut cover: Option<&[u8]> = None;
        while let Some(first) = all.get(at) {
            let owner = &*first.owner;
            let count = all[at..]
                .iter()
                .take_while(|set| *set.owner == *owner)
                .count();
            let own = &all[at..at + count];
            at += count;
            let Some(key) = names::key(secret, owner) else {
                continue;
            };
            let begin = self.sets.len() as u32;
            self.sets
                .extend(own.iter().zip(at - count..).map(|(set, at)| Set {
                    rtype: set.rtype,
                    zone: number,
                    at: at as u32,
                    octets: 0..0,
                    own: 0,
                    counts: [0; 2],
                }));
            let has = |rtype| own.iter().any(|set| set.rtype == rtype);
            let kind = match *owner != *apex && has(rtype::NS) {
                true => Kind::Cut,
                false if has(rtype::DNAME) => Kind::Dname,
                false => Kind::Plain,
            };
            let node = Node {
                zone: number,
                kind,
                sets: begin..self.sets.len() as u32,
            };
            let holder = names::upward(owner).find_map(|name| origins.get(name));
            if holder != Some(&number) {
                if has(rtype::DS) {
                    self.above.insert(key, node.clone());
                }
                self.glue.insert(key, node);
            } else if cover.is_some_and(|cover| is_at_or_below(owner, cover)) {
                self.glue.insert(key, node);
            } else {
                if kind != Kind::Plain {
                    cover = Some(owner);
                }
                self.nodes.insert(key, node);
                let addresses = [rtype::A, rtype::AAAA, rtype::CNAME];
                let pass = kind == Kind::Cut || addresses.into_iter().any(has);
                let pass = if pass { PASS } else { PASS_OTHERS };
                let open = if kind == Kind::Plain { 0 } else { OPEN_BELOW };
                standing.push(Standing {
                    owner,
                    key,
                    zone: number,
                    flags: EXISTS | pass | open,
                });
            }
        }
    }

    /// Lays out every set behind the question that asks for it.
    fn render(&mut self, config: &Config, secret: &HashKey) {
        let mut octets = Vec::new();
        let mut sets = std::mem::take(&mut self.sets);
        let shared = Self {
            sets,
            nodes: std::mem::take(&mut self.nodes),
            glue: std::mem::take(&mut self.glue),
            ..Self::default()
        };
        let mut rendered = Vec::with_capacity(shared.sets.len());
        for set in &shared.sets {
            let (_, raw) = shared.raw(config, set);
            let mut question = raw.owner.to_vec();
            question.extend_from_slice(&set.rtype.to_be_bytes());
            question.extend_from_slice(&[0, 1]);
            let mut composer = Composer::new(&question, MESSAGE_OCTETS);
            for rdata in raw.rdata() {
                // What does not fit a message is refused with the file.
                let _ = composer.record(Section::Answer, &raw.owner, data(raw, rdata));
            }
            let own = composer.octets();
            let mut hosts: Vec<Vec<u8>> = Vec::new();
            for rdata in raw.rdata() {
                let host = host(&raw.owner, set.rtype, rdata).map(<[u8]>::to_ascii_lowercase);
                // Several records may name one host.
                let Some(host) = host.filter(|host| !hosts.contains(host)) else {
                    continue;
                };
                for addresses in shared.addresses(config, secret, &host) {
                    for rdata in addresses.rdata() {
                        let data = data(addresses, rdata);
                        let _ = composer.record(Section::Additional, &host, data);
                    }
                }
                hosts.push(host);
            }
            let behind = HEADER_OCTETS + question.len();
            let counts = [composer.counts[0], composer.counts[2]];
            let begin = octets.len();
            octets.extend_from_slice(&composer.into_octets()[behind..]);
            rendered.push((
                begin as u32..octets.len() as u32,
                (own - behind) as u32,
                counts,
            ));
        }
        sets = shared.sets;
        for (set, (octets, own, counts)) in sets.iter_mut().zip(rendered) {
            (set.octets, set.own, set.counts) = (octets, own, counts);
        }
        octets.shrink_to_fit();
        (self.sets, self.nodes, self.glue, self.octets) = (sets, shared.nodes, shared.glue, octets);
    }

    /// The node of a name that stands in one of our zones.
    pub fn node(&self, key: NameKey) -> Option<&Node> {
        self.nodes.get(&key)
    }

    /// The DS of a zone served here, in the zone above, which is served here too.
    pub fn above(&self, key: NameKey) -> Option<&Set> {
        self.set(self.above.get(&key)?, rtype::DS)
    }

    /// One of a node's sets.
    pub fn set(&self, node: &Node, rtype: u16) -> Option<&Set> {
        self.sets_of(node).iter().find(|set| set.rtype == rtype)
    }

    /// All of them.
    pub fn sets_of(&self, node: &Node) -> &[Set] {
        &self.sets[node.sets.start as usize..node.sets.end as usize]
    }

    /// A set as it was read.
    pub fn raw<'c>(&self, config: &'c Config, set: &Set) -> (&'c Zone, &'c RRset) {
        let zone = &config.zones[usize::from(set.zone)];
        (zone, &zone.records.sets()[set.at as usize])
    }

    /// A set as it goes behind a question with its owner.
    pub fn ready(&self, set: &Set) -> Ready<'_> {
        let octets = &self.octets[set.octets.start as usize..set.octets.end as usize];
        let (answer, additional) = octets.split_at(set.own as usize);
        Ready {
            answer,
            answers: set.counts[0],
            additional,
            additionals: set.counts[1],
        }
    }

    /// The addresses of a host (lower case) that our zones know, as far as they are static.
    pub fn addresses<'c>(
        &self,
        config: &'c Config,
        secret: &HashKey,
        host: &[u8],
    ) -> Vec<&'c RRset> {
        let Some(key) = names::key(secret, host) else {
            return Vec::new();
        };
        let node = self.nodes.get(&key).or_else(|| self.glue.get(&key));
        let sets = node.map_or(&[][..], |node| self.sets_of(node));
        let addresses = sets
            .iter()
            .filter(|set| matches!(set.rtype, rtype::A | rtype::AAAA));
        addresses.map(|set| self.raw(config, set).1).collect()
    }
}

/// One record of a set.
pub fn data<'a>(set: &RRset, rdata: &'a [u8]) -> Data<'a> {
    Data {
        rtype: set.rtype,
        ttl: set.ttl,
        rdata,
    }
}

/// A key is a secret hash already.
#[derive(Clone, Copy, Debug, Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for word in octets.chunks(8) {
            let mut whole = [0; 8];
            whole[..word.len()].copy_from_slice(word);
            self.write_u64(u64::from_ne_bytes(whole));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

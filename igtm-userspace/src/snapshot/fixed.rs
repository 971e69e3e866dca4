//! A configuration → the names that exist, and the slots of what is answered there.
//!
//! Must not know health: slots refer to answers that are made later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use igtm_common::bucket::TableFull;
use igtm_common::layout::{
    EXISTS, NO_VIEW, NameKey, NameRef, OPEN_BELOW, PASS, PASS_OTHERS, Slot, text,
};
use igtm_common::name::HashKey;

use hickory_proto::rr::Name;

use super::answers::Answers;
use super::claims::{Claimed, Claims, Held, Site};
use super::frozen::Frozen;
use super::image::{CapacityError, Fixed};
use super::recipe::Recipes;
use super::same::Same;
use super::slots::{self, Run};
use super::table::Names;
use super::{Ground, SnapshotError, names};
use crate::config::model::{Config, LineId};
use crate::line::{LineTable, ViewId, Views, ViewsError};
use crate::zone;

/// What the names of a configuration are, ready for the maps.
pub(super) struct Built {
    pub(super) fixed: Fixed,
    pub(super) answers: Answers,
    /// Business domains in zones served here: the positions of their instances.
    pub(super) business: HashMap<NameKey, u32>,
}

/// Compiles `config` with what is `frozen` beside it. Names whose lines are as in `former` keep
/// their slots.
pub(super) fn build(
    config: &Config,
    secret: &HashKey,
    lines: &Arc<LineTable>,
    (recipes, frozen): (&Recipes, &[Frozen]),
    statics: &[zone::store::Standing<'_>],
    former: Option<&Ground>,
) -> Result<Built, SnapshotError> {
    let mut names = Standing::new(config, secret)?;
    let own: HashSet<NameKey> = statics.iter().map(|one| one.key).collect();
    let mut claims = Claims::new(config, recipes, frozen);
    let mut held = held(config, frozen);
    let mut business = HashMap::new();
    for (at, instance) in config.instances.iter().enumerate() {
        let access = names::wire(&instance.access_domain);
        if let Some((key, zone)) = names.place(&access) {
            let own = held.remove(&instance.access_domain);
            let of = claims.of(&Site {
                name: &instance.access_domain,
                zone: &config.zones[usize::from(zone)],
                key,
                instance: Some((at, instance)),
                frozen: own.as_deref().unwrap_or_default(),
            })?;
            names.add(key, &access, NameRef { zone, ..of })?;
            names.below.push(access);
        }
        if instance.domain != instance.access_domain {
            let domain = names::wire(&instance.domain);
            // Where a static record stands, or another server answers, nothing is made.
            let free = |(key, zone): &(NameKey, u16)| {
                !own.contains(key) && config.zones[usize::from(*zone)].covering(&domain).is_none()
            };
            if let Some((key, zone)) = names.place(&domain).filter(free) {
                names.add(
                    key,
                    &domain,
                    NameRef {
                        zone,
                        ..nodata(EXISTS | PASS)
                    },
                )?;
                business.insert(key, at as u32);
                names.below.push(domain);
            }
        }
    }
    for (name, own) in &held {
        let wire = names::wire(name);
        // A name that is something else by now has released what was frozen at it.
        let Some((key, zone)) = names.place(&wire) else {
            continue;
        };
        if names.stands(key, &wire)? {
            continue;
        }
        let of = claims.of(&Site {
            name,
            zone: &config.zones[usize::from(zone)],
            key,
            instance: None,
            frozen: own,
        })?;
        names.add(key, &wire, NameRef { zone, ..of })?;
        names.below.push(wire);
    }
    names.add_apexes(config)?;
    names.add_statics(statics)?;
    names.add_parents(config)?;
    names.open();
    let views = views(lines, &claims.sets, former)?;
    let claims = claims.finish();
    let slots = place(
        &mut names.names,
        claims.claimed,
        claims.slots,
        config,
        &views,
        former,
    );
    Ok(Built {
        fixed: Fixed {
            names: names.table()?,
            deepest: names.deepest,
            views,
            slots,
            line_names: config.lines.iter().map(|line| line.name.clone()).collect(),
        },
        answers: claims.answers,
        business,
    })
}

/// Frozen answers by name, in its order, on those of their lines that are there.
fn held<'a>(config: &Config, frozen: &'a [Frozen]) -> BTreeMap<&'a Name, Vec<Held>> {
    let mut held: BTreeMap<&Name, Vec<Held>> = BTreeMap::new();
    if frozen.is_empty() {
        return held;
    }
    let lines = config.lines.iter().zip(0..);
    let lines: HashMap<&str, u16> = lines.map(|(line, id)| (&*line.name, id)).collect();
    for (one, at) in frozen.iter().zip(0..) {
        // What another record stands for now has been released.
        let zone = config.zone_of(&one.name);
        if zone.is_some_and(|zone| one.displaced_by(zone).is_some()) {
            continue;
        }
        if let Some(line) = lines.get(&*one.key.line) {
            let line = LineId(*line);
            held.entry(&one.name).or_default().push(Held { at, line });
        }
    }
    held
}

/// The sets of lines, compiled; those of `former` where both sets and lines are its.
fn views(
    lines: &Arc<LineTable>,
    sets: &[Vec<LineId>],
    former: Option<&Ground>,
) -> Result<Arc<Views>, ViewsError> {
    if let Some(former) = former.filter(|former| Arc::ptr_eq(&former.lines, lines)) {
        let views = &former.fixed.views;
        if views.views().iter().map(|view| &view.lines).eq(sets) {
            return Ok(Arc::clone(views));
        }
    }
    Views::build(lines, sets).map(Arc::new)
}

/// A name that has no addresses itself.
pub(super) fn nodata(flags: u16) -> NameRef {
    NameRef {
        flags,
        zone: 0,
        view: [NO_VIEW; 2],
        slots: [0; 2],
    }
}

/// A name and what it is.
struct Named {
    of: NameRef,
    /// The whole name, without the final dot.
    text: String,
}

/// The names so far.
struct Standing<'a> {
    secret: &'a HashKey,
    zones: HashMap<Vec<u8>, u16>,
    names: HashMap<NameKey, Named>,
    /// Wire names whose parents are to be added.
    below: Vec<Vec<u8>>,
    /// Keys of names below which a wildcard stands.
    open: Vec<NameKey>,
    deepest: u8,
}

impl<'a> Standing<'a> {
    fn new(config: &Config, secret: &'a HashKey) -> Result<Self, CapacityError> {
        let most = usize::from(u16::MAX);
        if config.zones.len() > most {
            return Err(CapacityError {
                what: "zones",
                needed: config.zones.len(),
                most,
            });
        }
        let zones = config.zones.iter().zip(0..);
        Ok(Self {
            secret,
            zones: zones
                .map(|(zone, at): (_, u16)| (names::wire(&zone.origin), at))
                .collect(),
            names: HashMap::with_capacity(config.instances.len() + config.zones.len()),
            below: Vec::with_capacity(config.instances.len()),
            open: Vec::new(),
            deepest: 0,
        })
    }

    /// A name's key and zone, the longest that it lies in; `None` outside of all.
    fn place(&self, wire: &[u8]) -> Option<(NameKey, u16)> {
        let zone = names::upward(wire).find_map(|origin| self.zones.get(origin))?;
        Some((names::key(self.secret, wire)?, *zone))
    }

    /// Adds a name; refuses two of one hash.
    fn add(&mut self, key: NameKey, wire: &[u8], of: NameRef) -> Result<(), SnapshotError> {
        let text = names::text(wire);
        self.deepest = self.deepest.max(names::depth(wire));
        if let Some(above) = wire.strip_prefix(b"\x01*") {
            self.open.extend(names::key(self.secret, above));
        }
        match self.names.get(&key) {
            Some(other) => Err(SnapshotError::Collision {
                one: text,
                other: other.text.clone(),
            }),
            None => {
                self.names.insert(key, Named { of, text });
                Ok(())
            }
        }
    }

    /// Every apex has an SOA and NS of its own, and is itself below a zone that it lies in.
    fn add_apexes(&mut self, config: &Config) -> Result<(), SnapshotError> {
        for (zone, at) in config.zones.iter().zip(0..) {
            let wire = names::wire(&zone.origin);
            let Some(key) = names::key(self.secret, &wire) else {
                continue;
            };
            if !self.stands(key, &wire)? {
                let of = nodata(EXISTS | PASS_OTHERS);
                self.add(key, &wire, NameRef { zone: at, ..of })?;
            }
            self.below.push(wire);
        }
        Ok(())
    }

    /// Names with static records, some beside an instance.
    fn add_statics(&mut self, all: &[zone::store::Standing<'_>]) -> Result<(), SnapshotError> {
        self.names.reserve(all.len());
        for one in all {
            if self.stands(one.key, one.owner)? {
                if let Some(named) = self.names.get_mut(&one.key) {
                    named.of.flags |= one.flags;
                }
                continue;
            }
            let zone = one.zone;
            self.add(
                one.key,
                one.owner,
                NameRef {
                    zone,
                    ..nodata(one.flags)
                },
            )?;
            self.below.push(one.owner.to_vec());
        }
        Ok(())
    }

    /// Marks the names with wildcards below them: what is not there may be answered all the same.
    fn open(&mut self) {
        for key in &self.open {
            if let Some(named) = self.names.get_mut(key) {
                named.of.flags |= OPEN_BELOW;
            }
        }
    }

    /// Names that exist because one below them does (RFC 4592 §2.2.2).
    fn add_parents(&mut self, config: &Config) -> Result<(), SnapshotError> {
        for name in std::mem::take(&mut self.below) {
            // Whatever stands already ends the way: an apex, or a parent that another name has
            // brought, has its own.
            for parent in names::upward(&name).skip(1) {
                let Some((key, zone)) = self.place(parent) else {
                    break;
                };
                // What is delegated, or has another name, is so whatever zone begins below it.
                let covered = || config.zones[usize::from(zone)].covering(parent).is_some();
                if self.stands(key, parent)? || covered() {
                    break;
                }
                self.add(
                    key,
                    parent,
                    NameRef {
                        zone,
                        ..nodata(EXISTS)
                    },
                )?;
            }
        }
        Ok(())
    }

    /// All of them, as they are now.
    fn table(&self) -> Result<Names, TableFull> {
        let names: Vec<_> = self
            .names
            .iter()
            .map(|(key, named)| (*key, named.of, text(&named.text)))
            .collect();
        Names::new(&names)
    }

    /// Whether this name is there; refuses another one of its hash.
    fn stands(&self, key: NameKey, wire: &[u8]) -> Result<bool, SnapshotError> {
        let Some(other) = self.names.get(&key) else {
            return Ok(false);
        };
        let one = names::text(wire);
        if other.text == one {
            return Ok(true);
        }
        Err(SnapshotError::Collision {
            one,
            other: other.text.clone(),
        })
    }
}

/// Places what is claimed, tells the names where, and gives the slots.
fn place(
    names: &mut HashMap<NameKey, Named>,
    claimed: Vec<Claimed>,
    slots: Vec<Slot>,
    config: &Config,
    views: &Views,
    former: Option<&Ground>,
) -> Vec<Slot> {
    let mut same = former.map(|former| Same::new(former, config));
    let runs: Vec<Run> = claimed
        .iter()
        .map(|one| Run {
            made: one.made,
            len: one.len,
            kept: same.as_mut().and_then(|same| {
                let view = names.get(&one.key)?.of.view[usize::from(one.ipv6)];
                same.base(one.key, one.ipv6, &views.view(ViewId(view)).lines, view)
            }),
        })
        .collect();
    let (slots, bases) = slots::place(&runs, slots);
    for (one, base) in claimed.iter().zip(bases) {
        if let Some(name) = names.get_mut(&one.key) {
            name.of.slots[usize::from(one.ipv6)] = base;
        }
    }
    slots
}

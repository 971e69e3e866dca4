//! What was told of addresses and lasts, and the events of its beginnings and ends. Pure.
//!
//! Whatever brought it about (rounds, an operator's word, its end, a restart, another file), what was
//! told is compared with what holds: so nothing that was told outlasts its subject's recovery.
//!
//! ```text
//!    told of:  nothing ──warn──▶ at risk ──down──▶ down        a drained or unknown one stays as it
//!                 ▲                 │                │         was told, until it is neither
//!                 └─── address_up ──┴────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::place::{self, Place, effective, of_force, of_round, of_target, sole_user};
use super::{event, seconds};
use crate::config::model::{Address, Config, Instance, Pool, PoolAddress, PoolId};
use crate::health::{AddressState, Health, HealthView as _, Transition, is_by_instance};
use crate::notify::event::{Event, Kind, NodeReason, Severity};
use crate::notify::inventory::Inventory;
use crate::snapshot::Ground;

/// An address by the names of its places: positions change with the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    pool: String,
    address: Address,
    host: Option<String>,
}

/// What was told last of an address.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// `Warn` or `Down`.
    state: AddressState,
    since: Timestamp,
}

/// The addresses that were told to be down or at risk.
#[derive(Clone, Debug, Default)]
pub struct AddressesTold(BTreeMap<Name, Told>);

/// What becomes of what was told.
#[derive(Clone, Copy, Debug)]
struct Turn {
    kind: Kind,
    from: Option<AddressState>,
    to: AddressState,
    /// Since when what is over was told.
    told: Option<Timestamp>,
}

impl AddressesTold {
    /// Goes on from a former run: `open` are the events of what it told to last. What is down
    /// besides that was told to nobody who would wait for its end; it is not told anew.
    pub fn resumed<'a>(
        ground: &Ground,
        health: &Health,
        open: impl IntoIterator<Item = &'a Arc<Event>>,
        at: Timestamp,
    ) -> Self {
        let mut told = Self::default();
        let down = |since| Told {
            state: AddressState::Down,
            since,
        };
        for (target, found) in health.targets() {
            if found.state() != AddressState::Down {
                continue;
            }
            for place in of_target(ground, target) {
                let name = name(&ground.config, &place, &target.address);
                if health.forced(&name.pool, &name.address).is_none() {
                    told.0.insert(name, down(found.since()));
                }
            }
        }
        for (place, entry) in forced(&ground.config, health) {
            let name = name(&ground.config, &place, &entry.value);
            if let Some(forced) = health.forced_in(&name.pool, &name.address)
                && of_force(forced.state) == Some(AddressState::Down)
            {
                told.0.insert(name, down(forced.since.min(at)));
            }
        }
        for event in open {
            let state = match event.kind {
                Kind::AddressDown => AddressState::Down,
                Kind::AddressWarn => AddressState::Warn,
                _ => continue,
            };
            let address = event.address.as_deref().and_then(|text| text.parse().ok());
            if let (Some(pool), Some(address)) = (event.pool.clone(), address) {
                let host = event.host.clone();
                let since = event.time;
                told.0.insert(
                    Name {
                        pool,
                        address,
                        host,
                    },
                    Told { state, since },
                );
            }
        }
        told
    }

    /// The events of a transition: one for each pool that holds the address.
    pub fn of_transition(
        &mut self,
        ground: &Ground,
        health: &Health,
        transition: &Transition,
    ) -> Vec<Event> {
        let config = &*ground.config;
        let target = &transition.target;
        let user = sole_user(ground, ground.recipes.dependents(config, target));
        let mut events = Vec::new();
        for place in of_target(ground, target) {
            let name = name(config, &place, &target.address);
            // Where an operator holds it to be something, what is measured changes nothing.
            let now = match health.forced(&name.pool, &name.address) {
                Some(forced) => of_force(forced),
                None => of_round(transition.to),
            };
            let Some(turn) = self.turn(&name, now, transition.at) else {
                continue;
            };
            let told = Telling {
                name: &name,
                turn: Turn {
                    from: turn.from.or(Some(transition.from)),
                    ..turn
                },
                since: turn.told.or(Some(transition.since)),
                user: user.as_ref(),
                said: None,
                reason: transition.reasons.clone(),
            };
            events.push(told.event(config, transition.at));
        }
        events
    }

    /// The event of another word of an operator about an address, or of its end; `said` and why.
    pub(super) fn of_word(
        &mut self,
        ground: &Ground,
        health: &Health,
        (place, entry): (&Place, &PoolAddress),
        (said, why): (&str, Option<NodeReason>),
        at: Timestamp,
    ) -> Option<Event> {
        let config = &*ground.config;
        let pool = config.pool(place.0);
        let host = place.1.as_ref();
        let name = name(config, place, &entry.value);
        let turn = self.turn(&name, effective(config, health, pool, entry, host), at)?;
        let measured = health.forced(&pool.name, &entry.value).is_none();
        let target = place::target(config, pool, entry, host);
        let found = target.as_ref().and_then(|target| health.target(target));
        let failing = found.filter(|_| measured && turn.to != AddressState::Ok);
        let failing = failing.map(|found| found.reasons().to_vec());
        let recipes = match &target {
            Some(target) => ground.recipes.dependents(config, target),
            None => ground.recipes.using(place.0).collect(),
        };
        let user = sole_user(ground, recipes);
        let told = Telling {
            name: &name,
            turn,
            since: turn.told,
            user: user.as_ref(),
            said: Some(said),
            reason: why.into_iter().chain(failing.unwrap_or_default()).collect(),
        };
        Some(told.event(config, at))
    }

    /// Ends what was told and does not hold: after a start, and by another file. What is gone from
    /// the file is forgotten: whoever was told hears that from the [`Inventory`].
    pub fn of_file(&mut self, ground: &Ground, health: &Health, at: Timestamp) -> Vec<Event> {
        let config = &*ground.config;
        let pools = config.pools.iter().enumerate();
        let pools: BTreeMap<&str, usize> =
            pools.map(|(at, pool)| (pool.name.as_str(), at)).collect();
        let inventory = Inventory::new(config);
        let mut events = Vec::new();
        for name in self.0.keys().cloned().collect::<Vec<_>>() {
            let found = pools.get(name.pool.as_str()).and_then(|at| {
                let mut entries = config.pools[*at].addresses.iter();
                let entry = entries.find(|entry| entry.enabled && entry.value == name.address)?;
                Some((PoolId(*at), entry))
            });
            let Some((id, entry)) = found else {
                self.0.remove(&name);
                continue;
            };
            let pool = config.pool(id);
            if !is_watched(config, health, pool, entry, name.host.as_ref()) {
                let Some(told) = self.0.remove(&name) else {
                    continue;
                };
                let gone = gone(config, &name, told, at);
                // Otherwise it is said by whoever looks for what is gone.
                events.extend(inventory.has(&gone).then_some(gone));
                continue;
            }
            let now = effective(config, health, pool, entry, name.host.as_ref());
            if now.is_some_and(|now| now != AddressState::Ok) {
                continue;
            }
            let place = (id, name.host.clone());
            events.extend(self.of_word(ground, health, (&place, entry), ("", None), at));
        }
        events
    }

    /// What is told when an address is `now` so; `None`: nothing.
    fn turn(&mut self, name: &Name, now: Option<AddressState>, at: Timestamp) -> Option<Turn> {
        use AddressState::{Down, Ok, Warn};
        let to = now?;
        let told = self.0.get(name).copied();
        let from = told.map(|told| told.state);
        let kind = match (from, to) {
            (None | Some(Warn), Down) => Kind::AddressDown,
            (None, Warn) => Kind::AddressWarn,
            // Usable again, though not beyond doubt: what was told is over.
            (Some(Down), Warn) | (Some(_), Ok) => Kind::AddressUp,
            _ => return None,
        };
        if kind == Kind::AddressUp {
            self.0.remove(name);
        } else {
            let told = Told {
                state: to,
                since: at,
            };
            self.0.insert(name.clone(), told);
        }
        let told = told.map(|told| told.since);
        let told = told.filter(|_| kind == Kind::AddressUp);
        Some(Turn {
            kind,
            from,
            to,
            told,
        })
    }
}

/// All that an event says.
struct Telling<'a> {
    name: &'a Name,
    turn: Turn,
    since: Option<Timestamp>,
    user: Option<&'a (&'a Instance, Vec<String>)>,
    /// An operator's word.
    said: Option<&'a str>,
    reason: Vec<NodeReason>,
}

impl Telling<'_> {
    fn event(self, config: &Config, at: Timestamp) -> Event {
        use AddressState::{Down, Warn};
        let Turn { kind, from, to, .. } = self.turn;
        let (severity, word) = match (kind, from, to) {
            (Kind::AddressDown, ..) => (Severity::Warning, "down"),
            (Kind::AddressWarn, ..) => (Severity::Info, "at risk: probes fail, too few for down"),
            (_, Some(Down), Warn) => (Severity::Info, "up again, though some probes fail"),
            (_, Some(Warn), _) => (Severity::Info, "no longer at risk"),
            _ => (Severity::Info, "up again"),
        };
        let said = self.said.filter(|said| !said.is_empty());
        let said = said.map_or_else(String::new, |said| format!(" ({said})"));
        let (user, lines) = self.user.cloned().unzip();
        Event {
            title: format!("{} is {word}{said}", named(self.name)),
            instance: user.map(|instance| instance.name.clone()),
            domain: user.map(Instance::domain_text),
            lines: lines.unwrap_or_default(),
            pool: Some(self.name.pool.clone()),
            address: Some(self.name.address.to_string()),
            host: self.name.host.clone(),
            state_from: from,
            state_to: Some(to),
            reason: self.reason,
            since: self.since,
            duration_s: self.since.map(|since| seconds(since, at)),
            ..event(config, kind, severity, at)
        }
    }
}

fn gone(config: &Config, name: &Name, told: Told, at: Timestamp) -> Event {
    Event {
        title: format!("{} is not probed any more", named(name)),
        pool: Some(name.pool.clone()),
        address: Some(name.address.to_string()),
        // Not of a domain that is not asked for: of the condition alone.
        host: name.host.clone(),
        state_from: Some(told.state),
        since: Some(told.since),
        duration_s: Some(seconds(told.since, at)),
        gone: true,
        ..event(config, Kind::AddressUp, Severity::Info, at)
    }
}

/// `192.0.2.1 of pool web`, and for which domain it is asked where that matters.
fn named(name: &Name) -> String {
    let Name {
        pool,
        address,
        host,
    } = name;
    let of = host.as_ref();
    let of = of.map_or_else(String::new, |host| format!(", asked for {host},"));
    format!("{address} of pool {pool}{of}")
}

fn name(config: &Config, (id, host): &Place, address: &Address) -> Name {
    Name {
        pool: config.pool(*id).name.clone(),
        address: address.clone(),
        host: host.clone(),
    }
}

/// Whether anybody says what an address of a pool is, asked for `host`.
fn is_watched(
    config: &Config,
    health: &Health,
    pool: &Pool,
    entry: &PoolAddress,
    host: Option<&String>,
) -> bool {
    if is_by_instance(config, pool) != host.is_some() {
        return false;
    }
    let target = place::target(config, pool, entry, host);
    let forced = health.forced(&pool.name, &entry.value);
    forced.is_some() || target.is_some_and(|target| health.target(&target).is_some())
}

/// The places of what operators speak of.
pub(super) fn forced<'a>(config: &'a Config, health: &Health) -> Vec<(Place, &'a PoolAddress)> {
    let of: BTreeSet<&Address> = health.forces().map(|one| &one.address).collect();
    places(config, health, |address| of.contains(address))
}

/// Everywhere that such addresses stand.
pub(super) fn places<'a>(
    config: &'a Config,
    health: &Health,
    such: impl Fn(&Address) -> bool,
) -> Vec<(Place, &'a PoolAddress)> {
    let mut places = Vec::new();
    for (at, pool) in config.pools.iter().enumerate() {
        let entries = pool.addresses.iter();
        let mut entries = entries
            .filter(|entry| entry.enabled && such(&entry.value))
            .peekable();
        if entries.peek().is_none() {
            continue;
        }
        let of_pool = place::of_pool(config, health, PoolId(at));
        for entry in entries {
            places.extend(of_pool.iter().map(|place| (place.clone(), entry)));
        }
    }
    places
}

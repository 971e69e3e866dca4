//! Reports, the passing of time and an operator's word: what they change of the answers and whom
//! they are told to.
//!
//! Must not decide what a report means: that is health's.

use std::time::Instant;

use jiff::Timestamp;
use tracing::info;

use super::App;
use super::force::key;
use crate::alerts::{self, Said};
use crate::config::model::{Address, PoolId};
use crate::health::{AddressState, ForcedState, Health, HealthView, Report, Transition};
use crate::notify::event::Event;

impl App {
    /// Takes in a report; a state that it changed waits for [`Self::change`].
    pub(super) fn judge(&mut self, report: Report) {
        let now = Timestamp::now();
        for transition in self.health.report(report, now) {
            self.follow_up(transition);
        }
        self.keep_rounds(now);
    }

    /// What time alone brings: rounds that waited for a node in vain, silent nodes, forced states
    /// that end.
    pub(super) fn tick(&mut self) {
        let (begun, now) = (Instant::now(), Timestamp::now());
        let tick = self.health.tick(now);
        for transition in tick.transitions {
            self.follow_up(transition);
        }
        self.keep_rounds(now);
        self.keep_all();
        for change in &tick.nodes {
            let event = alerts::of_node(&self.ground.config, change);
            self.raise(event, Vec::new());
        }
        let over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        let ending = self.health.forces().filter(|forced| over(forced.until));
        let ending: Vec<Address> = ending.map(|forced| forced.address.clone()).collect();
        if !ending.is_empty() {
            let mut ended = Vec::new();
            self.forcing(&ending, |health| ended = health.expire(now));
            for forced in ended {
                info!(address = %forced.address, pool = forced.pool, reason = forced.reason, "no longer forced: its time is over");
                self.store.forget_force(key(&forced));
            }
        }
        // Before the first answer there is none to change: it takes in what came till then.
        let answering = self.current.is_some();
        if answering && (!self.changed.is_empty() || !self.said.is_empty()) {
            self.switch(begun);
        }
    }

    fn follow_up(&mut self, transition: Transition) {
        self.metrics.transition(transition.to.name());
        let reasons: Vec<String> = transition
            .reasons
            .iter()
            .map(|reason| format!("{}: {}", reason.node, reason.reason))
            .collect();
        let target = &transition.target;
        info!(
            address = %target.address,
            monitor = self.ground.config.monitor(target.monitor).name,
            from = ?transition.from,
            to = ?transition.to,
            reasons = reasons.join("; "),
            "state"
        );
        // Where an operator holds the address to be something, what is measured changes nothing.
        let forced = |event: &Event| {
            let pool = event.pool.as_deref().unwrap_or_default();
            self.health.forced_in(pool, &target.address).is_some()
        };
        let cause = self.cause(&transition);
        let events = alerts::of_transition(&self.ground, &transition).into_iter();
        let events = events.filter(|event| !forced(event));
        let events: Vec<_> = events.map(|event| (event, vec![cause.clone()])).collect();
        self.pending.extend(events);
        self.changed.push((transition.target, cause));
    }

    /// Changes what operators say of `addresses`; the answers wait for [`Self::change`].
    pub(super) fn forcing(&mut self, addresses: &[Address], work: impl FnOnce(&mut Health)) {
        let config = &self.ground.config;
        let mut places: Vec<(PoolId, &Address, Option<ForcedState>)> = Vec::new();
        for (at, pool) in config.pools.iter().enumerate() {
            for entry in pool.addresses.iter().filter(|entry| entry.enabled) {
                if addresses.contains(&entry.value) {
                    let before = self.health.forced(&pool.name, &entry.value);
                    places.push((PoolId(at), &entry.value, before));
                }
            }
        }
        let reasons = self.health.forces_of(addresses);
        work(&mut self.health);
        for (id, address, before) in places {
            let pool = config.pool(id);
            let after = self.health.forced_in(&pool.name, address);
            if before == after.map(|forced| forced.state) {
                continue;
            }
            let by = after.or_else(|| reasons.iter().find(|one| one.address == *address));
            let measured = self.health.measured(pool.monitor, address);
            let change = alerts::Forcing {
                pool: &pool.name,
                address,
                before,
                after: after.map(|forced| forced.state),
                measured_down: measured == AddressState::Down,
                by,
            };
            let event = alerts::of_force(config, &change, Timestamp::now());
            self.pending.extend(event.map(|event| (event, Vec::new())));
            self.said.push(Said {
                pool: id,
                drain: alerts::of_drain(config, &change),
            });
        }
    }
}

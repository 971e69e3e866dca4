//! Reports, the passing of time and an operator's word: what they change of the answers and whom
//! they are told to.
//!
//! Must not decide what a report means: that is health's.

use std::time::Instant;

use jiff::Timestamp;
use tracing::info;

use super::App;
use super::force::key;
use crate::alerts::{self, Before};
use crate::config::model::Address;
use crate::health::{Health, Report, Transition};

impl App {
    /// Takes in a report; a state that it changed waits for [`Self::change`].
    pub(super) fn judge(&mut self, report: Report) {
        let now = Timestamp::now();
        for transition in self.health.report(report, now) {
            self.follow_up(transition);
        }
    }

    /// What time alone brings: rounds that waited for a node in vain, silent nodes, forced states
    /// that end.
    pub(super) fn tick(&mut self) {
        let (begun, now) = (Instant::now(), Timestamp::now());
        let tick = self.health.tick(now);
        for transition in tick.transitions {
            self.follow_up(transition);
        }
        for change in &tick.nodes {
            let event = alerts::of_node(&self.ground.config, change);
            self.raise(event, Vec::new());
        }
        self.end_forces(now);
        // Before the first answer there is none to change: it takes in what came till then.
        let answering = self.current.is_some();
        if answering && (!self.changed.is_empty() || !self.said.is_empty()) {
            self.switch(begun);
        }
        self.keep_rounds(now);
        self.keep_all();
    }

    /// Ends what operators said for a time that is over.
    pub(super) fn end_forces(&mut self, now: Timestamp) {
        let over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        let ending = self.health.forces().filter(|forced| over(forced.until));
        let ending: Vec<Address> = ending.map(|forced| forced.address.clone()).collect();
        if ending.is_empty() {
            return;
        }
        let mut ended = Vec::new();
        self.forcing(&ending, |health| ended = health.expire(now));
        for forced in ended {
            info!(address = %forced.address, pool = forced.pool, reason = forced.reason, "no longer forced: its time is over");
            self.store.forget_force(key(&forced));
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
        let cause = self.cause(&transition);
        let told = &mut self.addresses_told;
        let events = told.of_transition(&self.ground, &self.health, &transition);
        let events = events.into_iter();
        let events: Vec<_> = events.map(|event| (event, vec![cause.clone()])).collect();
        self.pending.extend(events);
        self.changed.push((transition.target, cause));
    }

    /// Changes what operators say of `addresses`; the answers wait for [`Self::change`].
    pub(super) fn forcing(&mut self, addresses: &[Address], work: impl FnOnce(&mut Health)) {
        let before = Before::of(&self.health, addresses);
        work(&mut self.health);
        let (ground, health) = (&self.ground, &self.health);
        let told = &mut self.addresses_told;
        let (events, said) = told.of_words(ground, health, &before, Timestamp::now());
        let events = events.into_iter();
        self.pending.extend(events.map(|event| (event, Vec::new())));
        self.said.extend(said);
    }
}

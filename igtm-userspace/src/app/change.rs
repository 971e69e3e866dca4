//! What is answered becomes something else: decided, written, told, kept.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::task::block_in_place;
use tracing::{debug, error, info};

use super::App;
use super::phases::Phases;
use crate::alerts::{self, Because, Cause};
use crate::config::model::PoolId;
use crate::notify::event::Event;
use crate::snapshot::{Change, Ground, Snapshot};
use crate::state::outbox::Step;

impl App {
    /// Makes a change of health the answer everywhere.
    pub(super) fn switch(&mut self, since: Instant) {
        if self.current.is_none() {
            // The first answer will be of all that is known by then.
            return;
        }
        match self.change(None, since) {
            Ok(()) => {
                self.trouble.answers = None;
                self.metrics.switched(since.elapsed());
            }
            Err(error) => {
                error!(error, "the answers stay as they were");
                self.trouble.answers = Some(error);
            }
        }
        self.tell_trouble();
        self.publish();
        self.settle();
    }

    /// Decides what has changed, or all of another ground, and makes it the answer everywhere.
    ///
    /// # Errors
    /// Why all stays as it was.
    pub(super) fn change(
        &mut self,
        ground: Option<Arc<Ground>>,
        since: Instant,
    ) -> Result<(), String> {
        let Some(current) = self.current.clone() else {
            return Err("nothing is answered yet".to_owned());
        };
        let mut phases = Phases::new();
        let serial = self.next_serial();
        let all = ground.is_some();
        let resolved = self.flattener.resolved().clone();
        let snapshot = Arc::new(match ground {
            Some(ground) => {
                Snapshot::flattening(ground, &self.health, resolved, serial, self.cookies)
            }
            None => {
                let pools = self.pools_said();
                let change = Change {
                    targets: self.changed.iter().map(|(target, _)| target).collect(),
                    pools: &pools,
                    learned: &self.learned,
                };
                let current = current.load();
                current.after_change(&change, &self.health, resolved, serial)
            }
        });
        phases.over("decided");
        self.write(&snapshot)
            .map_err(|error| format!("{error:#}"))?;
        phases.over("maps written");
        self.note_pools(&snapshot.ground, all);
        if all {
            // What changed before is known by the former file's positions.
            self.changed.clear();
            self.said.clear();
        }
        self.learned.clear();
        let former = current.swap(Arc::clone(&snapshot));
        let took_us = since.elapsed().as_micros() as u64;
        let (serial, answers) = (snapshot.serial, snapshot.image.answers_changed());
        if snapshot.redecided.as_ref().is_some_and(Vec::is_empty) {
            // TTLs of flattened domains, mostly.
            debug!(took_us, serial, answers, "answers renewed");
        } else {
            info!(took_us, serial, answers, "answers changed");
        }
        self.tell(Some(&former), &snapshot);
        phases.over("told");
        Ok(())
    }

    /// Notes which pools are down now, and which no longer, to be told after the addresses; with
    /// `all`, whatever was told and does not hold: since another file, or a former run.
    pub(super) fn note_pools(&mut self, ground: &Ground, all: bool) {
        let now = Timestamp::now();
        let health = &self.health;
        if all {
            let addresses = self.addresses_told.of_file(ground, health, now);
            let pools = self.pools_down.of_file(ground, health, now);
            let events = addresses.into_iter().chain(pools);
            self.pending.extend(events.map(|event| (event, Vec::new())));
        } else {
            let (changed, pools) = (&self.changed, &self.pools_said());
            let events = self.pools_down.of_step(ground, health, changed, pools, now);
            self.pending.extend(events);
        }
    }

    /// The pools of which operators said something.
    fn pools_said(&self) -> Vec<PoolId> {
        self.said.iter().map(|said| said.pool).collect()
    }

    /// Waits now for what the next change would else wait for.
    pub(super) fn settle(&mut self) {
        let mut phases = Phases::new();
        if let Some(dataplane) = &mut self.dataplane
            && let Err(error) = block_in_place(|| dataplane.settle())
        {
            error!(%error, "the maps are brought up to date with the next change");
        }
        phases.over("the other epoch written");
    }

    /// Above every serial that was ever answered, also when the clock went back (RFC 1982
    /// arithmetic is not needed before 2106).
    pub(super) fn next_serial(&self) -> u32 {
        let now = u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX);
        now.max(self.serial.saturating_add(1))
    }

    /// The kernel first: what it refuses is not answered in userspace either.
    pub(super) fn write(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        if let Some(dataplane) = &mut self.dataplane {
            block_in_place(|| dataplane.apply(&snapshot.ground.config, &snapshot.image))?;
        }
        self.serial = snapshot.serial;
        Ok(())
    }

    /// Raises what has happened, and keeps what must outlive the daemon. After the answers: no
    /// alert and no disk ever delays a failover.
    pub(super) fn tell(&mut self, former: Option<&Snapshot>, now: &Snapshot) {
        let (changed, said) = (mem::take(&mut self.changed), mem::take(&mut self.said));
        let because = Because::of_step(&now.ground, &self.health, &said, &changed);
        let moves = self
            .since
            .of_change(former, now, &because, Timestamp::now());
        let causes = alerts::of_moves(&now.ground, &changed, &moves);
        let pending = mem::take(&mut self.pending);
        for (event, causes) in pending.into_iter().chain(moves.into_iter().zip(causes)) {
            self.raise(event, causes);
        }
        for event in self.since.take_quiet() {
            self.note(event);
        }
        // After what it is told by: killed in between, the next run tells it again, not never.
        self.keep_moves();
        self.keep_rounds(Timestamp::now());
        self.store.reserve_serials(now.serial);
    }

    /// Tells an event, and keeps it with what brought it about.
    pub(super) fn raise(&mut self, event: Event, causes: Vec<Cause>) {
        info!(event = event.kind.name(), "{}", event.title);
        self.metrics.event(event.kind);
        self.notifier.raise(event, causes);
    }

    /// Keeps an event that alerts nobody, not after a restart either.
    fn note(&mut self, event: Event) {
        info!(event = event.kind.name(), "{}", event.title);
        self.metrics.event(event.kind);
        self.store.take_step(Step {
            events: vec![event],
            ..Step::default()
        });
    }
}

//! What outlives the daemon: taken up at a start, handed to the state database as it happens.
//!
//! Must not wait for a disk.

use std::collections::HashSet;

use jiff::Timestamp;
use tracing::info;

use super::{App, force, freeze};
use crate::alerts::{Cause, NodeReport, Since, Stand};
use crate::config::model::Address;
use crate::health::{Ended, Health, SavedTarget, Transition};
use crate::state::{ForceKey, Moved, Restored, SavedForce, Store, is_news};

/// Goes on from a former run: the health of targets that the file still wants, and from what
/// strategies were answered. What the file no longer wants is forgotten.
pub(super) fn resume(store: &Store, health: &mut Health, restored: Restored) -> Since {
    health.restore(restored.health.iter().cloned());
    // Only what was restored is known yet.
    let known = health.export();
    let wanted: HashSet<_> = known.iter().map(name).collect();
    let unwanted = restored.health.iter();
    for saved in unwanted.filter(|saved| !wanted.contains(&name(saved))) {
        store.forget_health(saved);
    }
    if !restored.health.is_empty() {
        info!(
            targets = wanted.len(),
            forgotten = restored.health.len() - wanted.len(),
            "health restored: it stands until the first rounds"
        );
    }
    take_up_forces(store, health, restored.forces);
    // One that no igtm wrote is as none: told anew.
    Since::restored(restored.moves.into_iter().filter_map(|moved| {
        let name = (moved.instance, moved.strategy);
        let stand = Stand {
            active: moved.active.parse().ok()?,
            since: moved.since,
            left: moved.left,
            believed: moved.believed.and_then(|believed| believed.parse().ok()),
        };
        Some((name, stand))
    }))
}

/// What operators said holds before the first answer. Also what ended meanwhile: it ends like any
/// other, and whoever was told of it is told.
fn take_up_forces(store: &Store, health: &mut Health, forces: Vec<(ForceKey, SavedForce)>) {
    for (key, saved) in forces {
        match force::restored(&key, saved) {
            Some(forced) => {
                let (address, pool) = (&key.address, &key.pool);
                let (to, reason) = (forced.state.word(), &forced.reason);
                info!(address, pool, to, reason, "still forced");
                health.force(forced);
            }
            None => store.forget_force(key),
        }
    }
}

/// What is the same target, whatever is known of it.
fn name(saved: &SavedTarget) -> (&str, &Address, Option<&str>) {
    (&saved.monitor, &saved.address, saved.host.as_deref())
}

impl App {
    /// Keeps and counts the rounds that are over. After what they changed was told: a next run that
    /// knew of it would never tell it.
    pub(super) fn keep_rounds(&mut self, now: Timestamp) {
        // Before the first answer nothing is told, and not for long.
        if self.current.is_none() && !self.pending.is_empty() {
            return;
        }
        for Ended {
            target,
            bad,
            former,
        } in self.health.take_ended()
        {
            let Some(saved) = self.health.export_one(&target) else {
                continue;
            };
            self.store.count_round(&saved.monitor, !bad, now);
            if is_news(former.as_ref(), &saved) {
                self.store.save_health(saved);
            }
        }
    }

    /// Why a state changed: the rounds that said so, and who took part in the last of them.
    pub(super) fn cause(&self, transition: &Transition) -> Cause {
        let target = &transition.target;
        let saved = self.health.export_one(target);
        let rounds = saved.map_or(0, |saved| saved.bad_run.max(saved.good_run));
        let status = self.health.status(target, transition.at);
        let nodes = status.into_iter().flat_map(|status| status.nodes);
        let nodes = nodes.filter(|sight| sight.counts).map(|sight| NodeReport {
            node: sight.node,
            reason: sight.failure,
        });
        Cause::new(&self.ground, transition, rounds, nodes.collect())
    }

    /// Saves all that is known again, where the state database is another than before.
    pub(super) fn keep_all(&mut self) {
        if !self.store.take_wants_all() {
            return;
        }
        for saved in self.health.export() {
            self.store.save_health(saved);
        }
        for forced in self.health.forces() {
            self.store
                .save_force(force::key(forced), force::saved(forced.clone()));
        }
        freeze::keep_all(&self.store, &self.ground.frozen);
        if let Some(snapshot) = self.snapshot() {
            self.store.reserve_serials(snapshot.serial);
            for (name, stand) in self.since.standing(&snapshot) {
                self.store.save_move(moved(name, stand));
            }
        }
    }

    /// Keeps from what strategies are answered now.
    pub(super) fn keep_moves(&mut self) {
        for (name, now) in self.since.take_news() {
            match now {
                Some(stand) => self.store.save_move(moved(name, stand)),
                None => self.store.forget_move(name.0, name.1),
            }
        }
    }
}

/// Where a strategy stands, as it is kept.
fn moved((instance, strategy): (String, String), stand: Stand) -> Moved {
    Moved {
        instance,
        strategy,
        active: stand.active.to_string(),
        since: stand.since,
        left: stand.left,
        believed: stand.believed.map(|believed| believed.to_string()),
    }
}

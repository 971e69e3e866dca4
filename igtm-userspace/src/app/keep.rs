//! What outlives the daemon: taken up at a start, handed to the state database as it happens.
//!
//! Must not wait for a disk.

use std::collections::HashSet;

use jiff::Timestamp;
use tracing::info;

use super::App;
use crate::alerts::{Cause, NodeReport, Since};
use crate::config::model::Address;
use crate::health::{Health, Round, SavedTarget, Transition};
use crate::state::{Moved, Restored, Store, is_news};

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
    // One that no igtm wrote is as none: told anew.
    Since::restored(restored.moves.into_iter().filter_map(|moved| {
        let name = (moved.instance, moved.strategy);
        Some((name, moved.active.parse().ok()?, moved.since))
    }))
}

/// What is the same target, whatever is known of it.
fn name(saved: &SavedTarget) -> (&str, &Address, Option<&str>) {
    (&saved.monitor, &saved.address, saved.host.as_deref())
}

impl App {
    /// Judges a round, and keeps what it changed and counts.
    pub(super) fn report(&mut self, round: Round) -> Option<(Transition, Cause)> {
        let now = Timestamp::now();
        let target = round.target.clone();
        if let Some(bad) = round.is_bad() {
            self.store.count_round(&round.monitor.name, !bad, now);
        }
        let nodes = round.results.iter().map(|result| NodeReport {
            node: result.node.clone(),
            reason: result.outcome.clone().err(),
        });
        let nodes = nodes.collect();
        let before = self.health.export_one(&target);
        let transition = self.health.report(round, now);
        let saved = self.health.export_one(&target)?;
        let rounds = saved.bad_run.max(saved.good_run);
        if is_news(before.as_ref(), &saved) {
            self.store.save_health(saved);
        }
        let transition = transition?;
        let cause = Cause::new(&self.ground, &transition, rounds, nodes);
        Some((transition, cause))
    }

    /// Keeps from what strategies are answered now.
    pub(super) fn keep_moves(&mut self) {
        for ((instance, strategy), now) in self.since.take_news() {
            match now {
                Some((active, since)) => self.store.save_move(Moved {
                    instance,
                    strategy,
                    active: active.to_string(),
                    since,
                }),
                None => self.store.forget_move(instance, strategy),
            }
        }
    }
}

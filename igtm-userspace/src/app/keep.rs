//! What outlives the daemon: taken up at a start, handed to the state database as it happens.
//!
//! Must not wait for a disk.

use jiff::Timestamp;
use tracing::info;

use super::App;
use crate::alerts::{Cause, Since};
use crate::config::model::Config;
use crate::health::{Health, KeptKey, Round, TargetHealth, Transition};
use crate::notify::event::Event;
use crate::state::{Moved, Restored, Store};

/// Goes on from a former run: the health of targets that the file still wants, and from what
/// strategies were answered. What the file no longer wants is forgotten.
pub(super) fn resume(
    store: &Store,
    config: &Config,
    health: &mut Health,
    restored: Restored,
) -> Since {
    let known = restored.health.len();
    let unwanted = health.restore(config, restored.health);
    if known > 0 {
        info!(
            targets = known - unwanted.len(),
            forgotten = unwanted.len(),
            "health restored: it stands until the first rounds"
        );
    }
    for key in unwanted {
        store.forget_health(key);
    }
    // One that no igtm wrote is as none: told anew.
    Since::restored(restored.moves.into_iter().filter_map(|moved| {
        let name = (moved.instance, moved.strategy);
        Some((name, moved.active.parse().ok()?, moved.since))
    }))
}

impl App {
    /// Judges a round, and keeps what it changed and counts.
    pub(super) fn report(&mut self, round: Round) -> Option<(Transition, Cause)> {
        let now = Timestamp::now();
        let target = round.target.clone();
        if let Some(bad) = round.is_bad() {
            self.store.count_round(&round.monitor.name, !bad, now);
        }
        let results = round.results.clone();
        let before = self.health.target(&target).map(TargetHealth::progress);
        let transition = self.health.report(round, now);
        let known = self.health.target(&target)?;
        if before != Some(known.progress())
            && let Some(kept) = known.kept()
        {
            let key = KeptKey::of(&self.ground.config, &target);
            self.store.save_health(key, kept);
        }
        let transition = transition?;
        let cause = Cause::new(&self.ground, &transition, known.rounds(), results);
        Some((transition, cause))
    }

    /// Keeps from what strategies are answered now.
    pub(super) fn keep_moves(&self, moves: &[Event]) {
        for event in moves {
            if let (Some(instance), Some(strategy), Some(active)) =
                (&event.instance, &event.strategy, &event.tier_to)
            {
                self.store.save_move(Moved {
                    instance: instance.clone(),
                    strategy: strategy.clone(),
                    active: active.clone(),
                    since: event.time,
                });
            }
        }
    }
}

//! Frozen answers in the daemon: taken up at a start, told and kept as they come, released on an
//! operator's word.
//!
//! Must not decide what becomes frozen: that is the snapshot's `freeze.rs`.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tracing::{error, info, warn};

use super::App;
use crate::admin::release::{NotReleased, Release, Released};
use crate::config::model::Config;
use crate::snapshot::freeze::{Ended, Freezing, Plan};
use crate::snapshot::frozen::Frozen;
use crate::snapshot::{Ground, compare};
use crate::state::{FrozenKey, SavedFrozen, Store};

/// What a former run left frozen and this configuration still does not claim. What cannot be
/// answered any more is said and forgotten.
pub(super) fn resume(
    store: &Store,
    config: &Config,
    kept: &[(FrozenKey, SavedFrozen)],
) -> Vec<Frozen> {
    let mut restored = Vec::with_capacity(kept.len());
    for (key, saved) in kept {
        match Frozen::from_saved(key.clone(), saved.clone()) {
            Ok(frozen) => restored.push(frozen),
            Err(error) => {
                warn!(%key, %error, "this frozen answer cannot be read: it is forgotten");
                store.remove_frozen(key.clone());
            }
        }
    }
    let Plan { frozen, freezing } = Plan::restored(&restored, config);
    for one in &frozen {
        let Frozen { key, since, .. } = one;
        info!(%key, %since, "frozen, as before the start");
    }
    keep(store, &[], &freezing);
    frozen
}

/// Tells what becomes frozen and what ends, and hands it to the state database.
fn keep(store: &Store, frozen: &[Frozen], freezing: &Freezing) {
    for Ended { key, why } in &freezing.released {
        info!(%key, %why, "no longer frozen");
        store.remove_frozen(key.clone());
    }
    for Ended { key, why } in &freezing.lost {
        warn!(%key, %why, "not frozen although it has `keep`");
    }
    for one in frozen
        .iter()
        .filter(|one| freezing.frozen.contains(&one.key))
    {
        let Frozen { key, name, .. } = one;
        match one.to_saved() {
            Ok(saved) => {
                info!(%key, %name, "frozen: answered until it is released or claimed");
                store.put_frozen(key.clone(), saved);
            }
            Err(error) => error!(%key, %error, "frozen, but not kept over a restart"),
        }
    }
}

/// Hands all that is frozen to a state database that may lack some.
pub(super) fn keep_all(store: &Store, frozen: &[Frozen]) {
    // What cannot be written as it is kept was said when it froze.
    for (key, saved) in frozen
        .iter()
        .filter_map(|one| Some((&one.key, one.to_saved().ok()?)))
    {
        store.put_frozen(key.clone(), saved);
    }
}

impl App {
    /// After the answers: no disk delays them.
    pub(super) fn keep_frozen(&self, freezing: &Freezing) {
        keep(&self.store, &self.ground.frozen, freezing);
    }

    /// Ends frozen answers as one step.
    pub(super) fn release(&mut self, asked: &Release) -> Result<Released, NotReleased> {
        let begun = Instant::now();
        let released = asked.meant(&self.ground.frozen)?;
        let mut frozen = self.ground.frozen.clone();
        frozen.retain(|one| !released.contains(&one.key));
        let refused = |why: String| NotReleased::Refused(why);
        let config = Arc::clone(&self.ground.config);
        let (key, former) = (self.ground.hash_key, Some(&*self.ground));
        let ground = Ground::with_frozen(config, key, former, frozen);
        let ground = Arc::new(ground.map_err(|error| refused(error.to_string()))?);
        let before = self.snapshot();
        self.change(Some(Arc::clone(&ground)), begun)
            .map_err(refused)?;
        self.ground = ground;
        for key in &released {
            info!(%key, "released by an operator");
            self.store.remove_frozen(key.clone());
        }
        self.publish();
        self.settle();
        let answers = match (before, self.snapshot()) {
            (Some(before), Some(after)) => compare::compare(&before, &after),
            _ => compare::AnswersChanged::default(),
        };
        Ok(Released {
            released,
            answers,
            unwritten: None,
        })
    }

    /// What was compiled to take the place of `running`, if that still runs and answers the same
    /// on what becomes frozen; else the same compiled anew.
    pub(super) fn up_to_date(
        &self,
        ground: Ground,
        freezing: Freezing,
        running: &Arc<Ground>,
        at: Timestamp,
    ) -> Result<(Ground, Freezing), String> {
        let Some(snapshot) = self.snapshot() else {
            return Ok((ground, freezing));
        };
        let plan = Plan::of(&snapshot, &ground.config, at);
        if Arc::ptr_eq(running, &self.ground) && plan.frozen == ground.frozen {
            return Ok((ground, freezing));
        }
        // Rare, and no more than the compiling that a reload takes anyway.
        let former = Some(&*self.ground);
        let Plan { frozen, freezing } = plan;
        Ground::with_frozen(ground.config, ground.hash_key, former, frozen)
            .map(|ground| (ground, freezing))
            .map_err(|error| error.to_string())
    }
}

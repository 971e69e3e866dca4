//! What readers of the admin API are shown; made anew with each change, and each second.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::App;
use crate::admin::published::{Kernel, Published};
use crate::alerts::Since;
use crate::health::Health;
use crate::snapshot::{Ground, Snapshot};
use crate::state::Condition;

/// Before the first round.
pub(super) fn first(
    file: PathBuf,
    ground: &Arc<Ground>,
    health: &Health,
    attached: bool,
) -> Published {
    let now = Timestamp::now();
    Published {
        file,
        started: now,
        applied: now,
        refused: None,
        ground: Arc::clone(ground),
        snapshot: None,
        health: health.clone(),
        since: Since::default(),
        kernel: Kernel {
            attached,
            ..Kernel::default()
        },
        state: Condition::default(),
        at: now,
    }
}

impl App {
    /// What is answered now; `None` before the first answer.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.current.as_ref().map(|current| current.load_full())
    }

    /// Shows readers how everything is now. Costs a few microseconds, whatever the configuration.
    pub(super) fn publish(&self) {
        let degraded = self.trouble.refused().cloned();
        self.published.store(Arc::new(Published {
            file: self.file.clone(),
            started: self.started,
            applied: self.applied,
            refused: self.refused.clone(),
            ground: Arc::clone(&self.ground),
            snapshot: self.snapshot(),
            health: self.health.clone(),
            since: self.since.clone(),
            kernel: Kernel {
                attached: self.dataplane.is_some(),
                heartbeat: self.last_heartbeat,
                degraded,
                lost: self.trouble.interfaces.clone(),
            },
            state: self.store.condition(),
            at: Timestamp::now(),
        }));
    }
}

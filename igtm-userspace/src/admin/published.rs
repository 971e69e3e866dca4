//! What readers are shown: one immutable picture of the daemon, replaced by the main loop.
//!
//! Whoever reads holds a picture of its own and never makes the loop wait. Must not hold
//! anything that costs much to copy: the loop makes a picture with each change, and each second.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::alerts::Since;
use crate::health::Health;
use crate::snapshot::{Ground, Snapshot};
use crate::state::Condition;

/// Where the present picture is.
pub type Current = Arc<ArcSwap<Published>>;

/// The daemon as readers see it.
#[derive(Clone, Debug)]
pub struct Published {
    /// The configuration's file.
    pub file: PathBuf,
    /// When the daemon started.
    pub started: Timestamp,
    /// When the configuration was applied.
    pub applied: Timestamp,
    /// The last file that was refused, if none was applied since.
    pub refused: Option<Refused>,
    /// The configuration, compiled.
    pub ground: Arc<Ground>,
    /// What is answered; `None` before the first answer.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The health of every target.
    pub health: Health,
    /// Since when each strategy has been answered as it is.
    pub since: Since,
    /// The kernel's part.
    pub kernel: Kernel,
    /// How the state database is.
    pub state: Condition,
    /// When this picture was made.
    pub at: Timestamp,
}

/// A file that was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Every problem of it, or the one reason.
    pub why: String,
}

/// How the kernel's part is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Whether the kernel answers too.
    pub attached: bool,
    /// The last heartbeat that it took.
    pub heartbeat: Option<Timestamp>,
    /// What fails at present.
    pub degraded: Option<String>,
    /// Interfaces that it does not answer on at present; the sockets do.
    pub lost: Option<String>,
}

impl Published {
    /// Why no query should be sent here; `None`: it answers.
    pub fn not_ready(&self) -> Option<String> {
        if self.snapshot.is_none() {
            let (known, all) = self.health.progress();
            return Some(format!(
                "not answering yet: {known} of {all} targets have finished a round"
            ));
        }
        let why = self.kernel.degraded.as_ref()?;
        Some(format!("the data plane is degraded: {why}"))
    }
}

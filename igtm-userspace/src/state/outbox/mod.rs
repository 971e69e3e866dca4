//! The outbox: messages as they are recorded, and what alerts go on from after a restart.
//!
//! Must not decide what is sent, nor when: that is `notify`'s.

mod model;
mod read;
mod waiting;
mod write;

pub use model::{
    Attempt, ChannelRecord, Origin, Push, PushFilter, PushState, SavedAlerts, Step, Unrouted,
};
pub(super) use read::{alerts, push, pushes};
pub use waiting::MESSAGES_WAITING;
pub(super) use waiting::Waiting;
pub use write::{MESSAGES_KEPT, MESSAGES_KEPT_DAYS};
pub(super) use write::{retire, write};

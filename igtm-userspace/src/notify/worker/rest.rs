//! What is left of a message that some of its receivers have: sent to the others, and to them alone,
//! later. It keeps no other message waiting, since most have been told.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Sending;
use crate::notify::message::Part;
use crate::notify::outgoing;
use crate::notify::retry::{Class, Schedule};
use crate::state::outbox::Push;

/// Ends at that time, or never.
pub(super) async fn time(next: Option<Timestamp>) {
    match next {
        Some(next) => {
            let left = next.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}

impl Sending {
    /// What is left of `push`, to be recorded together with it; and what becomes of it, in words.
    pub(super) fn rest(&self, push: &Push, part: Part) -> (Option<Push>, String) {
        if !self.inbox.has_room_for_a_rest() {
            let why = "they are not told: much waits for others already";
            tracing::error!(
                subscription = push.subscription,
                channel = push.channel,
                id = push.id,
                class = %Class::Transient,
                last = true,
                "message not delivered to some: {why}"
            );
            return (None, why.to_owned());
        }
        let at = Instant::now();
        let pause = Schedule::new(at).after(Class::Transient, at, rand::random());
        let now = Timestamp::now();
        let next = now.checked_add(pause.unwrap_or_default()).unwrap_or(now);
        let rest = outgoing::rest(push, part, self.office.mint.time(now), next);
        let why = format!("they are told by {}", rest.id);
        (Some(rest), why)
    }
}

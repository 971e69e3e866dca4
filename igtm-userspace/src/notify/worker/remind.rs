//! What lasts, told again and again to a receiver that forgets it (Alertmanager).
//!
//! Not recorded, and not tried again, since the next time comes. Must not hold up messages for longer
//! than a request takes.

use std::sync::Arc;

use jiff::Timestamp;

use super::Sending;
use super::send::part_id;
use crate::notify::alertmanager::ALERTS_PER_PART;
use crate::notify::condition::{Condition, Phase};
use crate::notify::event::Event;
use crate::notify::outgoing::Mint;
use crate::notify::retry::Class;

impl Sending {
    /// One request's worth of it; whether there was some.
    pub(super) async fn remind(&mut self) -> bool {
        if self.lasting.is_empty() {
            let lasting = self.inbox.take_refresh();
            self.lasting = lasting.unwrap_or_default();
        }
        if self.lasting.is_empty() {
            return false;
        }
        let settings = Arc::clone(&self.settings.borrow());
        let Some(sender) = self.usable(&settings) else {
            self.lasting.clear();
            return false;
        };
        let some = self.lasting.len().min(ALERTS_PER_PART);
        let some: Vec<Arc<Event>> = self.lasting.drain(..some).collect();
        let Some(part) = sender.remind(&some, &settings.words) else {
            return true;
        };
        self.pace(sender).await;
        let id = part_id(&Mint::id(), 0);
        if let Err(failure) = sender.send(&id, &part, Timestamp::now()).await {
            let (channel, class) = (&settings.channel.name, failure.class);
            tracing::warn!(channel, %class, "what lasts was not told again: {failure}");
            // Of a request that is refused the others may be taken all the same.
            if class != Class::Permanent {
                self.lasting.clear();
            }
        }
        true
    }

    /// What `told` ends does not last any more, whoever said so before.
    pub(super) fn forget_ended(&mut self, told: &[Arc<Event>]) {
        let ended: Vec<Condition> = told
            .iter()
            .filter_map(|event| Condition::of(event))
            .filter_map(|(condition, phase)| (phase == Phase::Over).then_some(condition))
            .collect();
        if ended.is_empty() {
            return;
        }
        let lasts = |event: &Arc<Event>| {
            let condition = Condition::of(event);
            condition.is_none_or(|(condition, _)| !ended.contains(&condition))
        };
        self.lasting.retain(lasts);
        self.inbox.retain_refresh(lasts);
    }
}

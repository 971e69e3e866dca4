//! What waits for one channel, and how the channel is doing: between the router, the channel's
//! worker and whoever asks.
//!
//! Bounded: where too much waits, it becomes one message. Must not send nor record.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::condition::{Condition, Phase};
use super::event::Event;
use super::outgoing::{self, Mint};
use crate::state::outbox::{ChannelRecord, Push};

/// Messages that wait for one channel; beyond that, those that were not tried yet become one.
pub const MESSAGES_PER_CHANNEL: usize = 200;

/// What is left of messages that some of their receivers have, and is tried again later; where more
/// would wait, those receivers are not told.
pub const RESTS_PER_CHANNEL: usize = 16;

/// A channel as `igtm status` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// Its name.
    pub name: String,
    /// Its type.
    pub r#type: String,
    /// A disabled one's messages are suppressed.
    pub enabled: bool,
    /// Messages that wait.
    pub pending: usize,
    /// The last time it took one.
    pub delivered: Option<Timestamp>,
    /// What is wrong with it, until it works again.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// `transient`, `throttled`, `config`, `permanent` or `gone`.
    pub class: String,
    /// In words; never with a secret in it.
    pub why: String,
    /// Nothing is sent to it before its entry changes.
    pub gone: bool,
}

#[derive(Debug, Default)]
struct Line {
    queue: VecDeque<Push>,
    /// What is left of messages, until it is tried again: it keeps nothing else waiting.
    rests: Vec<Push>,
    /// The first one is in the worker's hands.
    busy: bool,
    record: ChannelRecord,
    refresh: Option<Vec<Arc<Event>>>,
    ending: bool,
}

/// What waits for one channel.
#[derive(Debug, Default)]
pub struct Inbox {
    line: Mutex<Line>,
    wake: Notify,
}

impl Inbox {
    /// How the channel was doing in a former run.
    pub fn resumed(record: ChannelRecord) -> Self {
        let inbox = Self::default();
        inbox.lock().record = record;
        inbox
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nothing in it is half done between two statements.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message behind all others. Never waits; gives what is to be recorded where that made
    /// too many.
    pub fn push(&self, push: Push, mint: &Mint, now: Timestamp) -> Vec<Push> {
        let mut line = self.lock();
        if push.rest_of.is_some() && push.next.is_some() {
            line.rests.push(push);
            drop(line);
            self.wake.notify_one();
            return Vec::new();
        }
        line.queue.push_back(push);
        let merged = match line.queue.len() > MESSAGES_PER_CHANNEL {
            true => line.merge(mint, now),
            false => Vec::new(),
        };
        drop(line);
        self.wake.notify_one();
        merged
    }

    /// Makes one message of all that were not tried yet; gives what is to be recorded.
    pub fn merge(&self, mint: &Mint, now: Timestamp) -> Vec<Push> {
        self.lock().merge(mint, now)
    }

    /// The first message, which stays the first until [`Self::finish`].
    pub fn begin(&self) -> Option<Push> {
        let mut line = self.lock();
        line.busy = !line.queue.is_empty();
        line.queue.front().cloned()
    }

    /// What the messages behind the first one end.
    pub fn ends_behind(&self) -> Vec<Arc<Event>> {
        let line = self.lock();
        let events = line.queue.iter().skip(1).flat_map(|push| &push.events);
        let ends = events.filter(|event| matches!(Condition::of(event), Some((_, Phase::Over))));
        ends.cloned().collect()
    }

    /// Whether one more rest may wait.
    pub fn has_room_for_a_rest(&self) -> bool {
        self.lock().rests.len() < RESTS_PER_CHANNEL
    }

    /// Puts the rests whose time has come behind all other messages; when the next one's comes.
    pub fn wake_rests(&self, now: Timestamp) -> Option<Timestamp> {
        let mut line = self.lock();
        let is_due = |push: &mut Push| push.next.is_none_or(|next| next <= now);
        let due: Vec<Push> = line.rests.extract_if(.., is_due).collect();
        line.queue.extend(due);
        line.rests.iter().filter_map(|push| push.next).min()
    }

    /// Takes the rests away, whenever their time comes.
    pub fn take_rests(&self) -> Vec<Push> {
        std::mem::take(&mut self.lock().rests)
    }

    /// Whether there is nothing to send now.
    pub fn is_idle(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// The first message needs no more.
    pub fn finish(&self) {
        let mut line = self.lock();
        line.busy = false;
        line.queue.pop_front();
    }

    /// Resolves when something may have come since the last time.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// What lasts, for a channel that wants to hear it again and again; the newest counts.
    pub fn refresh(&self, lasting: Vec<Arc<Event>>) {
        self.lock().refresh = Some(lasting);
        self.wake.notify_one();
    }

    /// What is to be told again.
    pub fn take_refresh(&self) -> Option<Vec<Arc<Event>>> {
        self.lock().refresh.take()
    }

    /// What of it still lasts.
    pub fn retain_refresh(&self, lasts: impl FnMut(&Arc<Event>) -> bool) {
        if let Some(lasting) = &mut self.lock().refresh {
            lasting.retain(lasts);
        }
    }

    /// Nothing more comes: the worker ends when nothing is left.
    pub fn end(&self) {
        self.lock().ending = true;
        self.wake.notify_one();
    }

    /// Whether nothing more comes.
    pub fn is_ending(&self) -> bool {
        self.lock().ending
    }

    /// Messages that wait.
    pub fn pending(&self) -> usize {
        let line = self.lock();
        line.queue.len() + line.rests.len()
    }

    /// How the channel is doing.
    pub fn record(&self) -> ChannelRecord {
        self.lock().record.clone()
    }

    /// Changes how it is doing; gives it as it is to be kept.
    pub fn note(&self, change: impl FnOnce(&mut ChannelRecord)) -> ChannelRecord {
        let mut line = self.lock();
        change(&mut line.record);
        line.record.clone()
    }

    /// What is wrong with it, if something is.
    pub fn trouble(&self) -> Option<Trouble> {
        let line = self.lock();
        let record = &line.record;
        Some(Trouble {
            since: record.failing?,
            class: record
                .class
                .map(|class| class.to_string())
                .unwrap_or_default(),
            why: record.why.clone().unwrap_or_default(),
            gone: record.gone.is_some(),
        })
    }
}

impl Line {
    fn merge(&mut self, mint: &Mint, now: Timestamp) -> Vec<Push> {
        let from = usize::from(self.busy);
        let mut fresh: Vec<Push> = Vec::new();
        let mut kept: VecDeque<Push> = VecDeque::new();
        for (at, push) in std::mem::take(&mut self.queue).into_iter().enumerate() {
            if at >= from && outgoing::is_fresh(&push) {
                fresh.push(push);
            } else {
                kept.push_back(push);
            }
        }
        let merged = outgoing::merge(&mut fresh, mint, now);
        if merged.is_empty() {
            // In order: nothing but those that were kept came before or after them.
            kept.extend(fresh);
            // The one that is being sent stays the first.
            let first = from.min(kept.len());
            kept.make_contiguous()[first..].sort_by_key(|push| push.made);
            self.queue = kept;
            return Vec::new();
        }
        kept.extend(merged.iter().cloned());
        fresh.extend(merged);
        self.queue = kept;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::notify::event::Kind;
    use crate::notify::fixture::{channel, config, event};
    use crate::notify::message::Part;

    #[test]
    fn what_is_left_of_a_message_keeps_no_other_waiting() {
        let (inbox, mint, now) = (Inbox::default(), Mint::default(), Timestamp::now());
        let ops = channel("ops", "http://unused/");
        let config = config(vec![ops.clone()], vec![]);
        let told = |address: &str| {
            let event = event(Kind::AddressDown, address);
            outgoing::of_test(event, &ops, &config, mint.time(now))
        };
        let first = told("192.0.2.1");
        let part = Part {
            body: "the rest".to_owned(),
        };
        let later = now + SignedDuration::from_secs(300);
        let rest = outgoing::rest(&first, part, mint.time(now), later);
        assert_eq!(rest.rest_of.as_ref(), Some(&first.id));
        assert_eq!(rest.events, first.events, "for whoever is told instead");
        inbox.push(rest.clone(), &mint, now);
        assert!(inbox.is_idle() && inbox.begin().is_none());
        assert_eq!(inbox.pending(), 1, "it is not forgotten");
        assert_eq!(inbox.wake_rests(now), Some(later));
        let news = told("192.0.2.2");
        inbox.push(news.clone(), &mint, now);
        assert_eq!(inbox.begin(), Some(news.clone()));
        // Its time comes: after the news.
        assert_eq!(inbox.wake_rests(later), None);
        assert_eq!(inbox.begin(), Some(news));
        inbox.finish();
        assert_eq!(inbox.begin(), Some(rest.clone()));
        inbox.finish();
        for _ in 0..RESTS_PER_CHANNEL {
            assert!(inbox.has_room_for_a_rest());
            inbox.push(rest.clone(), &mint, now);
        }
        assert!(!inbox.has_room_for_a_rest());
        assert_eq!(inbox.take_rests().len(), RESTS_PER_CHANNEL);
        assert_eq!(inbox.pending(), 0);
    }
}

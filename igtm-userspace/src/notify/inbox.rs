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
        self.lock().queue.len()
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
            kept.make_contiguous().sort_by_key(|push| push.made);
            self.queue = kept;
            return Vec::new();
        }
        kept.extend(merged.iter().cloned());
        fresh.extend(merged);
        self.queue = kept;
        fresh
    }
}

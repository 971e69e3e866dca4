//! Events of one subscription that wait for company, and make one message for each channel.
//!
//! Pure, and bounded: of a storm the most severe are kept and the rest is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Event;

/// A message tells at most so many events; those beyond are counted. Bounds the body to well under
/// what receivers take.
pub const EVENTS_PER_MESSAGE: usize = 100;

/// Why a message is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Something happened.
    News,
    /// What lasts is told again.
    Repeat,
    /// Another channel failed to tell it (`on_failure`).
    OnFailure,
}

/// Whose events come together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// The subscription's name.
    pub subscription: String,
    /// Why they are told.
    pub purpose: Purpose,
}

/// An event, and who is told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What is told.
    pub event: Arc<Event>,
    /// Names of channels: names, since a reload may move every index.
    pub channels: Arc<[String]>,
}

/// Events that wait for company.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// When they become messages.
    pub due: Timestamp,
    /// How long the first of them had to wait: a clock that is put back prolongs nothing.
    pub wait: Duration,
    /// In the order they came, at most [`EVENTS_PER_MESSAGE`].
    pub items: Vec<Item>,
    /// Events beyond those, by channel.
    pub more: BTreeMap<String, u64>,
}

/// Events for one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The channel's name.
    pub channel: String,
    /// In the order they came; never empty.
    pub events: Vec<Arc<Event>>,
    /// Events beyond those.
    pub more: u64,
}

impl Group {
    /// An empty one that is due `wait` after `now`.
    pub fn new(now: Timestamp, wait: Duration) -> Self {
        Self {
            due: now.checked_add(wait).unwrap_or(now),
            wait,
            items: Vec::new(),
            more: BTreeMap::new(),
        }
    }

    /// Sees to it that it is due within its wait from `now`.
    pub fn follow_clock(&mut self, now: Timestamp) {
        let latest = now.checked_add(self.wait).unwrap_or(now);
        self.due = self.due.min(latest);
    }

    /// Adds one. Beyond [`EVENTS_PER_MESSAGE`] the least severe is only counted, of those the last.
    pub fn add(&mut self, item: Item) {
        self.items.push(item);
        if self.items.len() <= EVENTS_PER_MESSAGE {
            return;
        }
        let least = self.items.iter().map(|item| item.event.severity).min();
        let last = |item: &Item| Some(item.event.severity) == least;
        if let Some(at) = self.items.iter().rposition(last) {
            let left_out = self.items.remove(at);
            for channel in left_out.channels.iter() {
                *self.more.entry(channel.clone()).or_default() += 1;
            }
        }
    }

    /// What each channel is told, in the order they were named.
    pub fn batches(&self) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for item in &self.items {
            for channel in item.channels.iter() {
                let event = Arc::clone(&item.event);
                match batches.iter_mut().find(|batch| batch.channel == *channel) {
                    Some(batch) => batch.events.push(event),
                    None => batches.push(Batch {
                        channel: channel.clone(),
                        events: vec![event],
                        more: self.more.get(channel).copied().unwrap_or(0),
                    }),
                }
            }
        }
        batches
    }
}

//! Events of one subscription that wait for company, and make one message for each channel.
//!
//! Pure, and bounded: of a storm the most severe are kept and the rest is counted; but never the end
//! of what was told by name, which somebody would take to last for ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Phase};
use super::event::Event;

/// A message tells at most so many events; those beyond are counted, but for ends of what was told.
pub const EVENTS_PER_MESSAGE: usize = 100;

/// And so many with those ends: beyond that there are more messages. Bounds the body to under what
/// receivers take.
pub const EVENTS_MOST: usize = 500;

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
    /// See [`Condition`].
    pub condition: Option<String>,
    /// It ends what may have been told by name before.
    #[serde(default)]
    pub ends: bool,
    /// A later one of the same condition is there as well.
    #[serde(default)]
    pub superseded: bool,
}

impl Item {
    /// One that comes now; `told`: what it ends, if it does, was told by name.
    pub fn new(event: Arc<Event>, channels: Arc<[String]>, told: bool) -> Self {
        let condition = Condition::of(&event).filter(|_| !event.test);
        let over = matches!(condition, Some((_, Phase::Over)));
        Self {
            event,
            channels,
            condition: condition.map(|(Condition(name), _)| name),
            ends: over && told,
            superseded: false,
        }
    }

    /// Whether it stays, however many there are.
    fn stays(&self) -> bool {
        self.ends && !self.superseded
    }
}

/// Events that wait for company.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// When they become messages.
    pub due: Timestamp,
    /// How long the first of them had to wait: a clock that is put back prolongs nothing.
    pub wait: Duration,
    /// In the order they came, at most [`EVENTS_PER_MESSAGE`] besides ends.
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
    /// The other channels that are told of all of it as well.
    pub beside: Vec<String>,
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

    /// Adds one. Beyond [`EVENTS_PER_MESSAGE`] one is only counted: what is otherwise by now, then
    /// the least severe, of those the last; never what ends something that was told.
    pub fn add(&mut self, item: Item) {
        if item.condition.is_some() {
            let same = |known: &&mut Item| known.condition == item.condition;
            for known in self.items.iter_mut().filter(same) {
                known.superseded = true;
            }
        }
        self.items.push(item);
        let leaving = || self.items.iter().enumerate().filter(|(_, it)| !it.stays());
        if leaving().count() <= EVENTS_PER_MESSAGE {
            return;
        }
        let order = |(at, item): &(usize, &Item)| {
            let Item {
                superseded, event, ..
            } = item;
            (!superseded, event.severity, std::cmp::Reverse(*at))
        };
        if let Some((at, _)) = leaving().min_by_key(order) {
            let left_out = self.items.remove(at);
            for channel in left_out.channels.iter() {
                *self.more.entry(channel.clone()).or_default() += 1;
            }
        }
    }

    /// Whether it has an item of that condition.
    pub fn tells_of(&self, condition: &str) -> bool {
        let mut items = self.items.iter();
        items.any(|item| item.condition.as_deref() == Some(condition))
    }

    /// Whether it has the end of that condition, which was told by name.
    pub fn ends(&self, condition: &str) -> bool {
        let mut items = self.items.iter();
        items.any(|item| item.ends && item.condition.as_deref() == Some(condition))
    }

    /// What each channel is told, in the order they were named; several where it is more than
    /// [`EVENTS_MOST`], with what is only counted in the first.
    pub fn batches(&self) -> Vec<Batch> {
        let mut told: Vec<(&String, Vec<Arc<Event>>)> = Vec::new();
        for item in &self.items {
            for channel in item.channels.iter() {
                let event = Arc::clone(&item.event);
                match told.iter_mut().find(|(name, _)| *name == channel) {
                    Some((_, events)) => events.push(event),
                    None => told.push((channel, vec![event])),
                }
            }
        }
        let names: Vec<&String> = told.iter().map(|(name, _)| *name).collect();
        let mut batches = Vec::with_capacity(told.len());
        for (channel, events) in told {
            let own = self
                .items
                .iter()
                .filter(|item| item.channels.contains(channel));
            let told_all = |name: &String| own.clone().all(|item| item.channels.contains(name));
            let others = names
                .iter()
                .filter(|name| **name != channel && told_all(name));
            let beside: Vec<String> = others.map(|name| (*name).clone()).collect();
            let mut more = self.more.get(channel).copied().unwrap_or(0);
            for events in events.chunks(EVENTS_MOST) {
                batches.push(Batch {
                    channel: channel.clone(),
                    events: events.to_vec(),
                    more: std::mem::take(&mut more),
                    beside: beside.clone(),
                });
            }
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::event::Kind;
    use crate::notify::fixture::event;

    fn item(address: &str, channels: &[&str]) -> Item {
        let channels: Vec<String> = channels.iter().map(|name| (*name).to_owned()).collect();
        let event = Arc::new(event(Kind::AddressDown, address));
        Item::new(event, channels.into(), false)
    }

    /// What a daemon of before recorded, which knew less of it.
    #[test]
    fn an_older_record_is_read() {
        let known = item("192.0.2.1", &["ops"]);
        let mut record = serde_json::to_value(&known).expect("it is written");
        let fields = record.as_object_mut().expect("an object");
        fields.retain(|name, _| ["event", "channels"].contains(&name.as_str()));
        let read: Item = serde_json::from_value(record).expect("it is read");
        assert_eq!((read.event, read.channels), (known.event, known.channels));
    }

    /// Who hears of a part does not count: of the rest nobody else would tell.
    #[test]
    fn beside_a_channel_are_those_that_hear_all_of_it() {
        let mut group = Group::new(Timestamp::UNIX_EPOCH, Duration::ZERO);
        group.add(item("192.0.2.1", &["ops", "mail", "page"]));
        group.add(item("192.0.2.2", &["ops", "page"]));
        let batches = group.batches();
        let beside: Vec<(&str, Vec<&str>)> = batches
            .iter()
            .map(|batch| {
                (
                    &*batch.channel,
                    batch.beside.iter().map(|name| &**name).collect(),
                )
            })
            .collect();
        assert_eq!(
            beside,
            [
                ("ops", vec!["page"]),
                ("mail", vec!["ops", "page"]),
                ("page", vec!["ops"]),
            ]
        );
    }
}

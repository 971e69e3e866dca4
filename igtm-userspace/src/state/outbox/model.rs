//! What the outbox holds. Must not know SQL.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notify::event::Event;
use crate::notify::group::{Group, GroupKey};
use crate::notify::message::Part;
use crate::notify::retry::Class;
use crate::notify::told::{Mute, Open, OpenKey};

/// A message to one channel, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// Unique for ever: receivers drop repeats by it.
    pub id: String,
    /// When it was made; no two of one daemon at once, so it gives the order.
    pub made: Timestamp,
    /// The channel's name.
    pub channel: String,
    /// The channel's type.
    pub r#type: String,
    /// The subscription's name, several where messages were merged; empty: none asked for it.
    pub subscription: String,
    /// The template's name; `None`: the type's own.
    pub template: Option<String>,
    /// Why it was made.
    pub origin: Origin,
    /// One line: what it is about.
    pub title: String,
    /// The kinds of its events, each once.
    pub kinds: Vec<String>,
    /// The instances that its events concern, the first of them.
    pub instances: Vec<String>,
    /// How many events it tells, those included that are only counted.
    pub count: u64,
    /// What became of it.
    pub state: PushState,
    /// Why it is suppressed or failed, or of which message it is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Exactly what is sent, each a request; empty until it is sent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// So many of the parts have arrived.
    pub parts_done: usize,
    /// Every attempt, the oldest of very many left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Failed attempts.
    pub failures: u32,
    /// How long its receiver has had it wait, seconds.
    pub throttled_s: u64,
    /// The other channels that were told of all of it as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// The message that only some of its receivers would have: this is the same for the others, and
    /// keeps nothing else waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_of: Option<String>,
    /// When it is tried next; `None`: at once, or never again.
    pub next: Option<Timestamp>,
    /// When it was delivered or given up.
    pub finished: Option<Timestamp>,
    /// What it tells, until it is finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Arc<Event>>,
    /// Events beyond those.
    pub more: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum PushState {
    /// Waits, or is being sent
    Pending,
    /// The receiver has all of it
    Delivered,
    /// Given up
    Failed,
    /// Not sent on purpose: its channel is disabled, its instance muted, or another message tells it
    Suppressed,
}

impl Push {
    /// One for `channel` of `type`, pending, that tells nothing yet: what has no say in a field takes it
    /// from here.
    pub fn blank(id: String, made: Timestamp, channel: &str, r#type: &str, origin: Origin) -> Self {
        Self {
            id,
            made,
            channel: channel.to_owned(),
            r#type: r#type.to_owned(),
            subscription: String::new(),
            template: None,
            origin,
            title: String::new(),
            kinds: Vec::new(),
            instances: Vec::new(),
            count: 0,
            state: PushState::Pending,
            note: None,
            parts: Vec::new(),
            parts_done: 0,
            attempts: Vec::new(),
            failures: 0,
            throttled_s: 0,
            beside: Vec::new(),
            rest_of: None,
            next: None,
            finished: None,
            events: Vec::new(),
            more: 0,
        }
    }
}

impl PushState {
    /// Each with its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Delivered, "delivered"),
        (Self::Failed, "failed"),
        (Self::Suppressed, "suppressed"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, name)| name)
    }
}

/// Why a message was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A subscription.
    Alert,
    /// A subscription's `repeat_interval`.
    Repeat,
    /// A subscription's `on_failure`: another channel could not tell it.
    OnFailure,
    /// `igtm pushes replay`.
    Replay,
    /// `igtm notify test`.
    Test,
}

impl Origin {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Repeat => "repeat",
            Self::OnFailure => "on_failure",
            Self::Replay => "replay",
            Self::Test => "test",
        }
    }
}

/// One attempt to send a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    /// Which part, from 0.
    pub part: usize,
    /// What kind of failure it was; `None`: the receiver has the part.
    pub class: Option<Class>,
    /// Why it failed, or what went wrong all the same; never with a secret in it.
    pub why: Option<String>,
    /// What the receiver replied, cut and redacted.
    pub reply: Option<String>,
}

/// What is kept of a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelRecord {
    /// The last time it took a message.
    pub delivered: Option<Timestamp>,
    /// Since when it has not taken one.
    pub failing: Option<Timestamp>,
    /// What kind of failure the last one was.
    pub class: Option<Class>,
    /// Why; never with a secret in it.
    pub why: Option<String>,
    /// `channel_failed` was told of it.
    pub announced: bool,
    /// Its receiver said 410 to the entry of the file that has this fingerprint: nothing is sent to
    /// it before that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
}

/// An event whose subscriptions were not asked before the daemon ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Unrouted {
    /// What it is called until it is routed.
    pub key: i64,
    /// The event.
    pub event: Arc<Event>,
}

/// What alerts go on from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SavedAlerts {
    /// In the order they came.
    pub unrouted: Vec<Unrouted>,
    /// What lasts.
    pub open: Vec<(OpenKey, Open)>,
    /// What waits for company.
    pub groups: Vec<(GroupKey, Group)>,
    /// Messages that are neither delivered nor given up, in order.
    pub pending: Vec<Push>,
    /// What is muted.
    pub mutes: Vec<Mute>,
    /// Channels by name.
    pub channels: Vec<(String, ChannelRecord)>,
}

/// What is written as one: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Events for the history that are routed already.
    pub events: Vec<Event>,
    /// Keys of events that are routed by this.
    pub routed: Vec<i64>,
    /// What lasts; `None`: no longer.
    pub open: Vec<(OpenKey, Option<Open>)>,
    /// What waits; `None`: no longer.
    pub groups: Vec<(GroupKey, Option<Group>)>,
    /// Messages as they are now.
    pub messages: Vec<Push>,
    /// Mutes by instance; `None`: no longer.
    pub mutes: Vec<(String, Option<Mute>)>,
    /// Channels by name; `None`: forgotten.
    pub channels: Vec<(String, Option<ChannelRecord>)>,
}

impl Step {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.routed.is_empty()
            && self.open.is_empty()
            && self.groups.is_empty()
            && self.messages.is_empty()
            && self.mutes.is_empty()
            && self.channels.is_empty()
    }
}

/// Which messages are asked for; what is empty or `None` lets all through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushFilter {
    /// Names of channels.
    pub channels: Vec<String>,
    /// Names of templates.
    pub templates: Vec<String>,
    /// Names of kinds, of which a message has one.
    pub kinds: Vec<String>,
    /// An instance that it concerns.
    pub instance: Option<String>,
    /// Made from then on.
    pub since: Option<Timestamp>,
    /// Made up to then, itself left out.
    pub until: Option<Timestamp>,
    /// What became of it.
    pub states: Vec<PushState>,
    /// At most so many, the newest.
    pub limit: u32,
}

impl Default for PushFilter {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            templates: Vec::new(),
            kinds: Vec::new(),
            instance: None,
            since: None,
            until: None,
            states: Vec::new(),
            limit: 100,
        }
    }
}

impl PushFilter {
    /// Whether it lets that one through: as the database's own question does.
    pub fn lets(&self, push: &Push) -> bool {
        let (instance, made) = (self.instance.as_ref(), push.made.as_microsecond());
        (self.channels.is_empty() || self.channels.contains(&push.channel))
            && (self.templates.is_empty()
                || push
                    .template
                    .as_ref()
                    .is_some_and(|name| self.templates.contains(name)))
            && (self.kinds.is_empty() || push.kinds.iter().any(|kind| self.kinds.contains(kind)))
            && instance.is_none_or(|name| push.instances.contains(name))
            && self
                .since
                .is_none_or(|since| made >= since.as_microsecond())
            && self.until.is_none_or(|until| made < until.as_microsecond())
            && (self.states.is_empty() || self.states.contains(&push.state))
    }
}

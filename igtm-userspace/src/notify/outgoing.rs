//! Messages as they are recorded: made of what a group tells one channel, or of several messages.
//!
//! Must not render nor send.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString as _};

use super::event::{Event, Severity};
use super::group::{Batch, Group, GroupKey, Item, Purpose};
use super::matching::Rules;
use super::message::{Message, Part};
use crate::config::model::{Channel, Config};
use crate::state::outbox::{Origin, Push, PushState};

/// Instances that a record names.
const INSTANCES: usize = 100;
/// Between the names of merged subscriptions; no name has it.
const AND: &str = ", ";

/// Gives times and ids that never come twice.
#[derive(Debug, Default)]
pub struct Mint {
    last: AtomicI64,
}

impl Mint {
    /// Goes on after `last`.
    pub fn after(last: Option<Timestamp>) -> Self {
        Self {
            last: AtomicI64::new(last.map_or(0, Timestamp::as_microsecond)),
        }
    }

    /// Now, or a little later: after all that it gave before.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        let now_us = now.as_microsecond();
        let later = |last: i64| Some(now_us.max(last + 1));
        let updated = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        let last = updated.unwrap_or(now_us);
        Timestamp::from_microsecond(now_us.max(last + 1)).unwrap_or(now)
    }

    /// 24 letters and digits: 142 bits, no id comes twice.
    pub fn id() -> String {
        format!("msg_{}", Alphanumeric.sample_string(&mut rand::rng(), 24))
    }
}

/// The message that `batch` is, for `channel`.
pub fn of_batch(
    batch: &Batch,
    key: &GroupKey,
    channel: &Channel,
    rules: &Rules,
    made: Timestamp,
) -> Push {
    let origin = match key.purpose {
        Purpose::News => Origin::Alert,
        Purpose::Repeat => Origin::Repeat,
        Purpose::OnFailure => Origin::OnFailure,
    };
    let subscription = key.subscription.clone();
    let events = batch.events.clone();
    let push = Push {
        beside: batch.beside.clone(),
        ..blank(channel, &rules.config, made, subscription, origin)
    };
    telling(push, events, batch.more, rules)
}

/// It is not sent, on purpose.
pub fn suppress(push: &mut Push, why: impl Into<String>, now: Timestamp) {
    push.state = PushState::Suppressed;
    push.note = Some(why.into());
    push.finished = Some(now);
    push.next = None;
    push.events = Vec::new();
}

/// A message that no subscription asked for.
pub fn of_test(event: Event, channel: &Channel, config: &Config, made: Timestamp) -> Push {
    let push = blank(channel, config, made, String::new(), Origin::Test);
    Push {
        title: event.title.clone(),
        kinds: vec![event.kind.name().to_owned()],
        count: 1,
        events: vec![Arc::new(event)],
        ..push
    }
}

/// The same content again, under an id of its own.
pub fn replay(of: &Push, channel: &Channel, config: &Config, made: Timestamp) -> Push {
    let push = blank(
        channel,
        config,
        made,
        of.subscription.clone(),
        Origin::Replay,
    );
    Push {
        title: of.title.clone(),
        kinds: of.kinds.clone(),
        instances: of.instances.clone(),
        count: of.count,
        template: of.template.clone(),
        parts: of.parts.clone(),
        events: of.events.clone(),
        more: of.more,
        note: Some(format!("a replay of {}", of.id)),
        ..push
    }
}

/// What is left of a message that some of its receivers have: `part`, for the others.
pub fn rest(of: &Push, part: Part, made: Timestamp, next: Timestamp) -> Push {
    Push {
        id: Mint::id(),
        made,
        state: PushState::Pending,
        note: Some(format!("what is left of {}", of.id)),
        parts: vec![part],
        parts_done: 0,
        attempts: Vec::new(),
        failures: 1,
        throttled_s: 0,
        rest_of: Some(of.id.clone()),
        next: Some(next),
        finished: None,
        ..of.clone()
    }
}

/// One that a subscription asked for, still without what it tells.
pub fn of_subscription(
    subscription: String,
    channel: &Channel,
    rules: &Rules,
    made: Timestamp,
) -> Push {
    blank(channel, &rules.config, made, subscription, Origin::Alert)
}

fn blank(
    channel: &Channel,
    config: &Config,
    made: Timestamp,
    subscription: String,
    origin: Origin,
) -> Push {
    let template = channel.template.and_then(|id| config.templates.get(id.0));
    Push {
        subscription,
        template: template.map(|one| one.name.clone()),
        ..Push::blank(Mint::id(), made, &channel.name, channel.kind.name(), origin)
    }
}

/// `push`, telling these events and `more` that are only counted.
pub fn telling(push: Push, events: Vec<Arc<Event>>, more: u64, rules: &Rules) -> Push {
    let mut kinds: Vec<String> = Vec::new();
    let mut instances: Vec<String> = Vec::new();
    for event in &events {
        let kind = event.kind.name();
        if !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
        let left = INSTANCES.saturating_sub(instances.len());
        for name in rules.instances(event, left) {
            if !instances.contains(&name) {
                instances.push(name);
            }
        }
    }
    let count = events.len() as u64 + more;
    Push {
        title: title(&events, count),
        kinds,
        instances,
        count,
        events,
        more,
        ..push
    }
}

/// The most severe event's, and how many there are besides.
fn title(events: &[Arc<Event>], count: u64) -> String {
    let most = events.iter().map(|event| event.severity).max();
    let most = most.unwrap_or(Severity::Info);
    let leading = events.iter().find(|event| event.severity == most);
    let leading = leading.map_or("", |event| event.title.as_str());
    match count {
        0 | 1 => leading.to_owned(),
        _ => format!("{leading} (and {} more)", count - 1),
    }
}

/// One message of several for the same channel, or a few where they end much: of the events the most
/// severe, the rest counted. They themselves are then suppressed. Nothing, where it would be as many.
pub fn merge(pushes: &mut [Push], mint: &Mint, now: Timestamp) -> Vec<Push> {
    let Some(first) = pushes.first() else {
        return Vec::new();
    };
    let mut group = Group::new(now, std::time::Duration::ZERO);
    let channels: Arc<[String]> = Arc::from([first.channel.clone()]);
    let mut merged = Push {
        more: 0,
        note: Some(format!(
            "{} messages in one: more than the channel takes",
            pushes.len()
        )),
        ..first.clone()
    };
    let mut subscriptions: Vec<&str> = Vec::new();
    let mut more = 0;
    for push in pushes.iter() {
        more += push.more;
        if merged.origin != push.origin {
            merged.origin = Origin::Alert;
        }
        for event in &push.events {
            let (event, channels) = (Arc::clone(event), Arc::clone(&channels));
            // Who was told of what before is not known here: they may all have been.
            group.add(Item::new(event, channels, true));
        }
        for name in push.subscription.split(AND) {
            if !subscriptions.contains(&name) {
                subscriptions.push(name);
            }
        }
        merged.beside.retain(|name| push.beside.contains(name));
        extend(&mut merged.kinds, &push.kinds, usize::MAX);
        extend(&mut merged.instances, &push.instances, INSTANCES);
    }
    merged.subscription = subscriptions.join(AND);
    let batches = group.batches();
    if batches.len() >= pushes.len() {
        return Vec::new();
    }
    let all: Vec<Push> = batches
        .into_iter()
        .map(|batch| {
            let more = batch.more + std::mem::take(&mut more);
            let count = batch.events.len() as u64 + more;
            Push {
                id: Mint::id(),
                made: mint.time(now),
                title: title(&batch.events, count),
                events: batch.events,
                count,
                more,
                ..merged.clone()
            }
        })
        .collect();
    let by: Vec<&str> = all.iter().map(|push| push.id.as_str()).collect();
    let by = by.join(AND);
    for push in pushes {
        suppress(push, format!("told by {by}"), now);
    }
    all
}

fn extend(all: &mut Vec<String>, more: &[String], most: usize) {
    for name in more {
        if all.len() < most && !all.contains(name) {
            all.push(name.clone());
        }
    }
}

/// The subscriptions that asked for it.
pub fn subscriptions(push: &Push) -> impl Iterator<Item = &str> {
    push.subscription.split(AND).filter(|name| !name.is_empty())
}

/// Whether it may be told by another message: nothing of it was sent, and nobody waits for it.
pub fn is_fresh(push: &Push) -> bool {
    let alert = matches!(
        push.origin,
        Origin::Alert | Origin::Repeat | Origin::OnFailure
    );
    alert && push.parts.is_empty() && push.attempts.is_empty() && push.is_pending()
}

/// What a channel renders of it.
pub fn message(push: &Push) -> Message {
    Message {
        id: push.id.clone(),
        subscription: push.subscription.clone(),
        made: push.made,
        events: push.events.clone(),
        more: push.more,
        repeated: push.origin == Origin::Repeat,
    }
}

//! `igtm notify test`: one message to one channel, sent once, and what came of it.
//!
//! Needs no daemon. Must not record.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::OrderError;
use super::dial;
use super::event::{Event, Kind};
use super::failure::Failure;
use super::outgoing;
use super::redact::REPLY_OCTETS;
use super::retry::Class;
use super::worker::Settings;
use crate::config::model::{Channel, ChannelKind, Config};
use crate::state::outbox::{Attempt, Push, PushState};

/// The positions of the channels that `name` means: a group's own ones.
///
/// # Errors
/// No channel has that name.
pub fn meant(config: &Config, name: &str) -> Result<Vec<usize>, OrderError> {
    let mut all = config.channels.iter();
    let Some(at) = all.position(|one| one.name == name) else {
        return Err(OrderError::no_channel(config, name));
    };
    Ok(match &config.channels[at].kind {
        ChannelKind::Group { channels } => channels.iter().map(|id| id.0).collect(),
        _ => vec![at],
    })
}

/// Sends a test message to the channel at that position; gives it as it is recorded. A disabled
/// channel is tried as well: that is what its owner wants to know before it is enabled.
async fn send(config: &Arc<Config>, at: usize, made: Timestamp) -> Push {
    let channel = &config.channels[at];
    let node = &config.server.node;
    let event = Event {
        title: format!(
            "a test message of igtm on {node} to the channel {}",
            channel.name
        ),
        time: made,
        test: true,
        ..Event::blank(Kind::Test, node)
    };
    let mut push = outgoing::of_test(event, channel, config, made);
    let sent = attempt(&mut push, channel, config).await;
    let now = Timestamp::now();
    push.finished = Some(now);
    push.state = match &sent {
        Ok(()) => PushState::Delivered,
        Err(_) => PushState::Failed,
    };
    if !channel.enabled {
        push.note = Some("the channel is disabled: alerts to it are recorded, not sent".to_owned());
    }
    if let Err(failure) = sent {
        push.failures = 1;
        push.note = Some(format!("{}: {}", failure.class, failure.why));
        push.attempts.push(Attempt {
            at: now,
            part: push.parts_done,
            class: Some(failure.class),
            why: Some(failure.why),
            reply: failure.reply.map(kept),
        });
    }
    push.events = Vec::new();
    push
}

/// To each of those positions, all at once: a group's test takes as long as its slowest.
pub async fn send_each(config: &Arc<Config>, channels: Vec<(usize, Timestamp)>) -> Vec<Push> {
    let mut sending = JoinSet::new();
    for (order, (at, made)) in channels.into_iter().enumerate() {
        let config = Arc::clone(config);
        sending.spawn(async move { (order, send(&config, at, made).await) });
    }
    let mut sent = sending.join_all().await;
    sent.sort_by_key(|(order, _)| *order);
    sent.into_iter().map(|(_, push)| push).collect()
}

/// What of a reply is recorded: a receiver may say any amount.
fn kept(mut reply: String) -> String {
    reply.truncate(reply.floor_char_boundary(REPLY_OCTETS));
    reply
}

async fn attempt(push: &mut Push, channel: &Channel, config: &Config) -> Result<(), Failure> {
    let settings = Settings::new(channel.clone(), config, &dial::tls());
    let sender = settings.sender.as_ref();
    let sender = sender.map_err(|error| Failure::new(Class::Config, error.to_string()))?;
    push.parts = sender.render(&outgoing::message(push), &settings.words);
    for (at, part) in push.parts.clone().iter().enumerate() {
        let id = match at {
            0 => push.id.clone(),
            more => format!("{}_{}", push.id, more + 1),
        };
        let receipt = sender.send(&id, part, Timestamp::now()).await?;
        push.parts_done += 1;
        push.attempts.push(Attempt {
            at: Timestamp::now(),
            part: at,
            class: None,
            why: receipt.remark,
            reply: Some(kept(receipt.reply)),
        });
    }
    Ok(())
}

//! Alerts: from an event to whoever subscribed to it. Never delays a failover.
//!
//! ```text
//! raise ─queue─▶ dispatch: match, group ─queue a channel─▶ worker: sign, POST, try again
//! ```
//!
//! In memory only so far: what has not been delivered when the daemon ends is lost (and
//! logged). The outbox, templates, `on_failure` and `repeat_interval` are not built yet.
//! No URL, key or header value is ever logged: see [`webhook`].

pub mod alertmanager;
pub mod channel;
pub mod condition;
pub mod dial;
pub mod dingtalk;
mod dispatch;
pub mod email;
pub mod event;
pub mod failure;
pub mod feishu;
pub mod fit;
#[cfg(test)]
pub(crate) mod fixture;
pub mod http;
pub mod message;
pub mod pagerduty;
pub mod redact;
pub mod retry;
pub mod slack;
pub mod subscription;
#[cfg(test)]
mod tests;
pub mod tone;
mod vendor;
pub mod webhook;
pub mod wecom_app;
pub mod wecom_robot;
pub mod words;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::model::Config;

use dispatch::Dispatch;
use event::Event;

/// Events that wait to be matched; what comes on top is lost, counted and logged.
pub const EVENT_QUEUE: usize = 4096;

/// Takes events and sees to the rest.
#[derive(Debug)]
pub struct Notifier {
    events: mpsc::Sender<Event>,
    config: watch::Sender<Arc<Config>>,
    lost: Arc<Lost>,
    dispatch: JoinHandle<dispatch::Workers>,
}

/// Events that found the queue full.
#[derive(Debug, Default)]
struct Lost {
    events: AtomicU64,
    /// Said once for each time the queue fills up.
    said: AtomicBool,
}

impl Notifier {
    /// Starts a task that matches and one for each channel. Must be called within a tokio
    /// runtime. Dials nothing before there is something to say.
    pub fn start(config: Arc<Config>) -> Self {
        let (events, raised) = mpsc::channel(EVENT_QUEUE);
        let (config, watched) = watch::channel(config);
        let lost = Arc::new(Lost::default());
        let dispatch = Dispatch::new(raised, watched, Arc::clone(&lost));
        Self {
            events,
            config,
            lost,
            dispatch: tokio::spawn(dispatch.run()),
        }
    }

    /// Hands over an event. Never waits: with [`EVENT_QUEUE`] of them waiting it is lost.
    pub fn raise(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.lost.events.fetch_add(1, Ordering::Relaxed);
            if !self.lost.said.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    waiting = EVENT_QUEUE,
                    "events are being lost: more come than can be handled"
                );
            }
        }
    }

    /// How many events were lost since the start.
    pub fn events_lost(&self) -> u64 {
        self.lost.events.load(Ordering::Relaxed)
    }

    /// Follows a reload. Events raised from now on are matched as `config` says; messages
    /// of channels that still exist stay, those of removed channels are dropped and logged.
    pub fn reconfigure(&self, config: Arc<Config>) {
        self.config.send_replace(config);
    }

    /// The end: grouped events leave at once, and what is queued has `within` to be
    /// delivered. What is left then is logged by channel.
    pub async fn drain(self, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        let Self {
            events,
            config,
            dispatch,
            ..
        } = self;
        // The end of this queue is what tells the task to finish.
        drop(events);
        match dispatch.await {
            Ok(workers) => workers.drain(deadline).await,
            Err(error) => tracing::error!("alerts ended early: {error}"),
        }
        drop(config);
    }
}

//! Alerts: from an event to whoever subscribed to it. Never delays a failover.
//!
//! ```text
//! raise ─queue─▶ dispatch: match, group, quiet ─inbox a channel─▶ worker: render, send, try again
//!   │               │ a step: what is routed and the messages it made      │ every attempt
//!   ▼               ▼                                                      ▼
//! history        ══════════════ the state database: the outbox ══════════════
//! ```
//!
//! * An event is in the history, and marked as not routed, before anything else; a step that routes
//!   it writes its messages and takes the mark away as one. A message is on the disk before it is
//!   sent. So a daemon killed at any moment loses nothing and tells nothing twice, but for a
//!   message whose receiver took it in that moment: it comes again under the same id.
//! * Without a disk everything is sent all the same, which is said.
//!
//! No URL, key or header value is ever logged or recorded: see [`failure`].

pub mod alertmanager;
mod bucket;
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
pub mod group;
pub mod http;
pub mod inbox;
pub mod inventory;
mod login;
pub mod matching;
pub mod message;
mod order;
pub mod outgoing;
pub mod pagerduty;
mod quarters;
pub mod quiet;
pub mod redact;
pub mod retry;
pub mod routing;
mod shown;
pub mod slack;
#[cfg(test)]
mod tests;
pub mod told;
pub mod tone;
pub mod trial;
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

use crate::alerts::Cause;
use crate::config::model::Config;
use crate::metrics::Metrics;
use crate::state::Store;
use crate::state::outbox::SavedAlerts;
use crate::supervised::supervised;

use dispatch::{Dispatch, Sources};
use event::Event;
pub use order::{Handle, Order, OrderError};
use outgoing::Mint;
use quarters::Quarters;
pub use shown::Shown;
use worker::Office;

/// Events that wait to be matched; what comes on top is not told before a restart, counted and
/// logged.
pub const EVENT_QUEUE: usize = 65_536;
/// Orders that wait; more are refused.
const ORDERS: usize = 64;

/// An event that is in the history.
#[derive(Clone, Debug)]
pub struct Raised {
    /// See [`Store::add_event`].
    pub key: i64,
    /// The event.
    pub event: Arc<Event>,
}

/// Takes events and sees to the rest.
#[derive(Debug)]
pub struct Notifier {
    events: mpsc::Sender<Raised>,
    config: watch::Sender<Arc<Config>>,
    store: Store,
    lost: Arc<Lost>,
    handle: Handle,
    dispatch: JoinHandle<dispatch::Workers>,
    /// Where all of it runs, until it is dropped; `None`: where whoever started it does.
    quarters: Option<Quarters>,
}

/// Events that found the queue full.
#[derive(Debug, Default)]
struct Lost {
    events: AtomicU64,
    /// Said once for each time the queue fills up.
    said: AtomicBool,
}

impl Notifier {
    /// Starts a task that matches and one for each channel, which go on from `saved`, on a thread of
    /// their own. Must be called within a tokio runtime.
    pub fn start(config: Arc<Config>, store: Store, metrics: Metrics, saved: SavedAlerts) -> Self {
        let quarters = Quarters::open();
        let handle = quarters.handle();
        let _inside = handle.enter();
        Self {
            quarters: Some(quarters),
            ..Self::start_here(config, store, metrics, saved, alertmanager::RESEND)
        }
    }

    /// The same on the runtime that it is called within; receivers that forget are told what lasts
    /// every `remind`.
    pub fn start_here(
        config: Arc<Config>,
        store: Store,
        metrics: Metrics,
        saved: SavedAlerts,
        remind: Duration,
    ) -> Self {
        let (events, raised) = mpsc::channel(EVENT_QUEUE);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (failed, given_up) = mpsc::unbounded_channel();
        let (config, watched) = watch::channel(config);
        let lost = Arc::new(Lost::default());
        let shown = Arc::new(Shown::default());
        let last = saved.pending.last().map(|push| push.made);
        let office = Office {
            store: store.clone(),
            mint: Arc::new(Mint::after(last)),
            metrics,
            failed,
        };
        let sources = Sources {
            raised,
            orders: ordered,
            failed: given_up,
            config: watched,
            remind,
        };
        let mut dispatch = Dispatch::new(
            sources,
            office,
            Arc::clone(&lost),
            Arc::clone(&shown),
            saved,
        );
        Self {
            events,
            config,
            handle: Handle::new(orders, store.clone(), shown),
            store,
            lost,
            quarters: None,
            dispatch: tokio::spawn(supervised("alerts", async move || dispatch.run().await)),
        }
    }

    /// Keeps an event with what brought it about, and hands it over. Never waits.
    pub fn raise(&self, event: Event, cause: Vec<Cause>) {
        let event = Arc::new(event);
        let key = self.store.add_event(Arc::clone(&event), cause);
        if self.events.try_send(Raised { key, event }).is_err() {
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

    /// For whoever asks and orders.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Follows a reload. Events raised from now on are matched as `config` says; messages
    /// of channels that still exist stay, those of removed channels are dropped and logged.
    pub fn reconfigure(&self, config: Arc<Config>) {
        self.config.send_replace(config);
    }

    /// The end: grouped events leave at once, and what is queued has `within` to be
    /// delivered. What is left then is logged by channel, and sent after the next start.
    pub async fn drain(self, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        let Self {
            events,
            config,
            mut dispatch,
            quarters,
            ..
        } = self;
        // The end of this queue is what tells the task to finish.
        drop(events);
        match tokio::time::timeout_at(deadline, &mut dispatch).await {
            Ok(Ok(workers)) => workers.drain(deadline).await,
            Ok(Err(error)) => tracing::error!("alerts ended early: {error}"),
            Err(_late) => {
                tracing::error!(
                    "alerts did not end in time; what was raised is sent after the next start"
                );
                dispatch.abort();
            }
        }
        drop(config);
        drop(quarters);
    }
}

//! The task between events and channels: matches, groups, hands over. Never waits for a
//! channel.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::model::Config;

use super::Lost;
use super::dial;
use super::event::Event;
use super::subscription::{Batch, Grouping, matching};
use super::worker::{Worker, message_of};

/// The workers by their channel's name: a reload may move every index.
#[derive(Debug, Default)]
pub(super) struct Workers(HashMap<String, Worker>);

impl Workers {
    /// Makes the workers those of `config`'s channels.
    fn reconfigure(&mut self, config: &Config) {
        // Read anew at every reload: roots change, and rarely anything is cheaper.
        let tls = dial::tls();
        let mut former = std::mem::take(&mut self.0);
        for channel in &config.channels {
            let worker = match former.remove(&channel.name) {
                Some(worker) => {
                    worker.reconfigure(channel.clone(), &tls);
                    worker
                }
                None => Worker::start(channel.clone(), &tls),
            };
            self.0.insert(channel.name.clone(), worker);
        }
        for worker in former.into_values() {
            worker.abandon("messages dropped: the channel was removed");
        }
    }

    fn send(&self, batch: &Batch) {
        let Some(message) = message_of(batch, Timestamp::now()).map(Arc::new) else {
            return;
        };
        for name in &batch.channels {
            match self.0.get(name) {
                Some(worker) => worker.send(Arc::clone(&message)),
                None => tracing::error!(
                    subscription = batch.subscription,
                    channel = name,
                    class = %"abandoned",
                    "message dropped: the channel was removed"
                ),
            }
        }
    }

    /// Waits for all of them at once, each until `deadline` at most.
    pub(super) async fn drain(self, deadline: tokio::time::Instant) {
        let mut ending = JoinSet::new();
        for worker in self.0.into_values() {
            ending.spawn(worker.drain(deadline));
        }
        ending.join_all().await;
    }
}

/// The task's own state.
pub(super) struct Dispatch {
    raised: mpsc::Receiver<Event>,
    config: watch::Receiver<Arc<Config>>,
    /// The one the workers were made of: matching by a newer one could name a channel that
    /// has no worker yet.
    current: Arc<Config>,
    lost: Arc<Lost>,
    grouping: Grouping,
    workers: Workers,
}

impl Dispatch {
    /// Starts the workers of the present configuration.
    pub(super) fn new(
        raised: mpsc::Receiver<Event>,
        mut config: watch::Receiver<Arc<Config>>,
        lost: Arc<Lost>,
    ) -> Self {
        let current = Arc::clone(&config.borrow_and_update());
        let mut workers = Workers::default();
        workers.reconfigure(&current);
        Self {
            raised,
            config,
            current,
            lost,
            grouping: Grouping::default(),
            workers,
        }
    }

    /// Runs until no more events can come; every message is then in its worker's queue.
    pub(super) async fn run(mut self) -> Workers {
        loop {
            let due = self.grouping.next_due();
            // A reload first: what is raised after it is matched by it.
            tokio::select! {
                biased;
                Ok(()) = self.config.changed() => {
                    self.current = Arc::clone(&self.config.borrow_and_update());
                    self.workers.reconfigure(&self.current);
                }
                () = sleep_until(due) => {}
                event = self.raised.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
            }
            for batch in self.grouping.due(Instant::now()) {
                self.workers.send(&batch);
            }
        }
        for batch in self.grouping.flush() {
            self.workers.send(&batch);
        }
        self.workers
    }

    fn take(&mut self, event: Event) {
        let config = &self.current;
        let event = Arc::new(event);
        let now = Instant::now();
        for subscription in matching(config, &event) {
            let channels: Vec<String> = subscription
                .channels
                .iter()
                .map(|id| config.channels[id.0].name.clone())
                .collect();
            let (name, wait) = (&subscription.name, subscription.group_wait);
            self.grouping
                .add(name, &channels, wait, Arc::clone(&event), now);
        }
        if self.raised.is_empty() && self.lost.said.swap(false, Ordering::Relaxed) {
            let events = self.lost.events.load(Ordering::Relaxed);
            tracing::error!(events, "events were lost since the start");
        }
    }
}

/// For ever when there is nothing to wait for.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

//! One task a channel: sends its messages in order, and tries again as their class says.
//!
//! In order, since a recovery told before its failure is worse than a late one. A channel's
//! trouble is its own: nothing here waits for another channel. Every step is recorded: what a
//! killed daemon had not noted as delivered is sent again under the same id.

mod entry;
mod remind;
mod rest;
mod send;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::bucket::Bucket;
use super::channel::{Limit, Sender, SetupError};
use super::event::Event;
use super::failure::Failure;
use super::inbox::Inbox;
use super::outgoing::Mint;
use super::words::Words;
use crate::config::model::{Channel, Config, Template};
use crate::metrics::Metrics;
use crate::state::Store;
use crate::state::outbox::{ChannelRecord, Push, Step};

/// How long a message waits for its record: a disk that is full or hangs must not silence alerts.
const DISK: Duration = Duration::from_secs(2);

/// A channel as configured, and what came of it.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) channel: Channel,
    template: Option<Template>,
    pub(super) sender: Result<Sender, SetupError>,
    pub(super) words: Words,
    /// See [`ChannelRecord::gone`].
    fingerprint: String,
}

impl Settings {
    /// Dials nothing.
    pub(super) fn new(channel: Channel, config: &Config, tls: &rustls::ClientConfig) -> Arc<Self> {
        let sender = Sender::new(&channel, tls);
        let template = template(&channel, config);
        Arc::new(Self {
            words: Words::new(&channel, &config.templates),
            fingerprint: entry::fingerprint(&channel, template.as_ref()),
            template,
            channel,
            sender,
        })
    }

    fn is_of(&self, channel: &Channel, config: &Config) -> bool {
        // A position in the file is no change of its template.
        let named = |channel: &Channel| Channel {
            template: None,
            ..channel.clone()
        };
        named(&self.channel) == named(channel) && self.template == template(channel, config)
    }
}

fn template(channel: &Channel, config: &Config) -> Option<Template> {
    let id = channel.template?;
    config.templates.get(id.0).cloned()
}

/// What every worker has.
#[derive(Clone, Debug)]
pub(super) struct Office {
    /// Where everything is recorded.
    pub(super) store: Store,
    /// Times and ids.
    pub(super) mint: Arc<Mint>,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// Where messages go that are given up. As many as wait in inboxes at most.
    pub(super) failed: mpsc::UnboundedSender<Failed>,
}

/// A message that is given up.
#[derive(Debug)]
pub(super) struct Failed {
    /// As it is to be recorded, still with its events.
    pub(super) push: Push,
    /// Why.
    pub(super) failure: Failure,
    /// The channel worked before: `channel_failed` is told.
    pub(super) first: bool,
    /// How the channel is doing, to be kept.
    pub(super) record: ChannelRecord,
    /// The ends that it is still to tell.
    pub(super) later: Vec<Arc<Event>>,
}

/// The task of one channel, seen from outside.
#[derive(Debug)]
pub(super) struct Worker {
    settings: watch::Sender<Arc<Settings>>,
    /// What waits.
    pub(super) inbox: Arc<Inbox>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Starts the task. Must be called within a tokio runtime.
    pub(super) fn start(settings: Arc<Settings>, inbox: Arc<Inbox>, office: Office) -> Self {
        inbox.note(|record| {
            let gone = record.gone.take();
            record.gone = gone.filter(|entry| *entry == settings.fingerprint);
        });
        let (settings, watched) = watch::channel(settings);
        let sending = Sending {
            settings: watched,
            inbox: Arc::clone(&inbox),
            office,
            bucket: None,
            limited: false,
            lasting: Vec::new(),
        };
        Self {
            settings,
            inbox,
            task: tokio::spawn(sending.run()),
        }
    }

    /// Takes over a changed entry; a message that waits to be tried again is tried at once.
    /// An unchanged one changes nothing: a receiver that said 410 stays disabled.
    pub(super) fn reconfigure(
        &self,
        channel: &Channel,
        config: &Config,
        tls: &rustls::ClientConfig,
    ) {
        if !self.settings.borrow().is_of(channel, config) {
            let settings = Settings::new(channel.clone(), config, tls);
            self.inbox.note(|record| record.gone = None);
            self.settings.send_replace(settings);
        }
    }

    /// Waits until every message is delivered or given up, or until `deadline`; gives how many are
    /// left.
    pub(super) async fn drain(mut self, deadline: tokio::time::Instant) -> usize {
        self.inbox.end();
        // The sender of the settings stays: its end would look like a change.
        let ended = tokio::time::timeout_at(deadline, &mut self.task).await;
        if ended.is_err() {
            self.task.abort();
        }
        let messages = self.inbox.pending();
        if messages > 0 {
            let channel = &self.settings.borrow().channel.name;
            tracing::error!(
                channel,
                messages,
                "not delivered before the end: sent after the next start"
            );
        }
        messages
    }

    /// Ends the task; gives what it leaves undone.
    pub(super) fn abandon(self) -> Vec<Push> {
        self.task.abort();
        let mut left = self.inbox.take_rests();
        while let Some(push) = self.inbox.begin() {
            left.push(push);
            self.inbox.finish();
        }
        left
    }
}

/// The task itself.
struct Sending {
    settings: watch::Receiver<Arc<Settings>>,
    inbox: Arc<Inbox>,
    office: Office,
    /// `None`: not asked yet.
    bucket: Option<Bucket>,
    /// The next message had to wait for the bucket.
    limited: bool,
    /// What is still to be told again.
    lasting: Vec<Arc<Event>>,
}

impl Sending {
    async fn run(mut self) {
        loop {
            let reminded = !self.inbox.is_ending() && self.remind().await;
            let next_rest = self.inbox.wake_rests(Timestamp::now());
            if self.inbox.is_idle() {
                if self.inbox.is_ending() {
                    return;
                }
                if reminded {
                    continue;
                }
                let inbox = Arc::clone(&self.inbox);
                tokio::select! {
                    () = inbox.woken() => {}
                    () = rest::time(next_rest) => {}
                    Ok(()) = self.settings.changed() => {}
                }
                continue;
            }
            self.wait_for_token().await;
            if std::mem::take(&mut self.limited) {
                let (mint, now) = (Arc::clone(&self.office.mint), Timestamp::now());
                let merged = self.inbox.merge(&mint, now);
                self.record(merged);
            }
            if let Some(push) = self.inbox.begin() {
                self.deliver(push).await;
                self.inbox.finish();
            }
        }
    }

    /// What the receiver takes. Another entry of the same limit may be the same receiver: what it
    /// was sent counts.
    fn bucket(&mut self, limit: Limit) -> &mut Bucket {
        let known = self.bucket.take().filter(|bucket| bucket.is_of(limit));
        self.bucket
            .insert(known.unwrap_or_else(|| Bucket::new(limit, Instant::now())))
    }

    /// Waits until the receiver takes one more part; not where nothing is sent.
    async fn wait_for_token(&mut self) {
        loop {
            let settings = Arc::clone(&self.settings.borrow_and_update());
            let Some(limit) = self.usable(&settings).map(Sender::limit) else {
                return;
            };
            let wait = self.bucket(limit).wait(Instant::now());
            if wait.is_zero() {
                return;
            }
            self.limited = true;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = self.settings.changed() => {}
            }
        }
    }

    /// What it is sent with, if it is.
    fn usable<'a>(&self, settings: &'a Arc<Settings>) -> Option<&'a Sender> {
        let usable = settings.channel.enabled && !self.is_gone(settings);
        settings.sender.as_ref().ok().filter(|_| usable)
    }

    fn is_gone(&self, settings: &Settings) -> bool {
        self.inbox.record().gone.as_ref() == Some(&settings.fingerprint)
    }

    /// Keeps messages as they are now, when the disk comes to it.
    fn record(&self, messages: Vec<Push>) {
        if !messages.is_empty() {
            self.office.store.take_step(Step {
                messages,
                ..Step::default()
            });
        }
    }

    /// Keeps a message as it is now, before anything of it is sent.
    async fn record_first(&self, push: &Push) {
        self.record(vec![push.clone()]);
        let written = tokio::time::timeout(DISK, self.office.store.flush()).await;
        if !matches!(written, Ok(Ok(()))) {
            let why = match written {
                Ok(Err(error)) => error.to_string(),
                _ => format!("nothing is written for {} s", DISK.as_secs()),
            };
            tracing::error!(
                channel = push.channel,
                id = push.id,
                why,
                "message sent although it is not recorded: a restart may send it again, or lose it"
            );
        }
    }
}

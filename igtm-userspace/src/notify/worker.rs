//! One task a channel: sends its messages in order, and tries again as their class says.
//!
//! In order, since a recovery told before its failure is worse than a late one. A channel's
//! trouble is its own: nothing here waits for another channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::model::Channel;

use super::channel::{Sender, SetupError};
use super::message::Message;
use super::retry::{Class, Schedule};
use super::subscription::Batch;
use super::words::Words;

/// Messages that wait for one channel; what comes on top is lost, and that is logged.
pub(super) const MESSAGES_PER_CHANNEL: usize = 1024;

/// A message under an id of its own; `None` for an empty batch.
pub(super) fn message_of(batch: &Batch, now: Timestamp) -> Option<Message> {
    if batch.events.is_empty() {
        return None;
    }
    Some(Message {
        // 24 letters and digits: 142 bits, no id comes twice.
        id: format!("msg_{}", Alphanumeric.sample_string(&mut rand::rng(), 24)),
        subscription: batch.subscription.clone(),
        made: now,
        events: batch.events.clone(),
        more: 0,
        repeated: false,
    })
}

/// A channel as configured, and what came of it.
#[derive(Debug)]
struct Settings {
    channel: Channel,
    sender: Result<Sender, SetupError>,
}

impl Settings {
    fn new(channel: Channel, tls: &rustls::ClientConfig) -> Arc<Self> {
        let sender = Sender::new(&channel, tls);
        Arc::new(Self { channel, sender })
    }
}

/// The task of one channel, seen from outside.
#[derive(Debug)]
pub(super) struct Worker {
    settings: watch::Sender<Arc<Settings>>,
    queue: mpsc::Sender<Arc<Message>>,
    pending: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Starts the task. Must be called within a tokio runtime.
    pub(super) fn start(channel: Channel, tls: &rustls::ClientConfig) -> Self {
        let (settings, watched) = watch::channel(Settings::new(channel, tls));
        let (queue, messages) = mpsc::channel(MESSAGES_PER_CHANNEL);
        let pending = Arc::new(AtomicUsize::new(0));
        let sending = Sending {
            settings: watched,
            messages,
            pending: Arc::clone(&pending),
            gone: None,
        };
        Self {
            settings,
            queue,
            pending,
            task: tokio::spawn(sending.run()),
        }
    }

    /// Takes over a changed entry; a message that waits to be tried again is tried at once.
    /// An unchanged one changes nothing: a receiver that said 410 stays disabled.
    pub(super) fn reconfigure(&self, channel: Channel, tls: &rustls::ClientConfig) {
        if self.settings.borrow().channel != channel {
            self.settings.send_replace(Settings::new(channel, tls));
        }
    }

    /// Queues `message`; a full queue loses it and logs that. Never waits.
    pub(super) fn send(&self, message: Arc<Message>) {
        self.pending.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.queue.try_send(message) {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            let message = error.into_inner();
            tracing::error!(
                subscription = message.subscription,
                channel = self.settings.borrow().channel.name,
                class = %"overflow",
                id = message.id,
                waiting = MESSAGES_PER_CHANNEL,
                "message lost: too many wait for this channel"
            );
        }
    }

    /// Waits until every queued message is delivered or given up, or until `deadline`.
    pub(super) async fn drain(mut self, deadline: tokio::time::Instant) {
        let (closed, _) = mpsc::channel(1);
        self.queue = closed;
        // The sender of the settings stays: its end would look like a change.
        if tokio::time::timeout_at(deadline, &mut self.task)
            .await
            .is_err()
        {
            self.abandon("not delivered before the end");
        }
    }

    /// Ends the task and logs what it leaves undone.
    pub(super) fn abandon(self, why: &'static str) {
        self.task.abort();
        let messages = self.pending.load(Ordering::Relaxed);
        if messages > 0 {
            let channel = &self.settings.borrow().channel.name;
            tracing::error!(channel, messages, class = %"abandoned", "{why}");
        }
    }
}

/// The task itself.
struct Sending {
    settings: watch::Receiver<Arc<Settings>>,
    messages: mpsc::Receiver<Arc<Message>>,
    pending: Arc<AtomicUsize>,
    /// The settings under which the receiver said 410.
    gone: Option<Arc<Settings>>,
}

impl Sending {
    async fn run(mut self) {
        while let Some(message) = self.messages.recv().await {
            self.deliver(&message).await;
            self.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns when `message` is delivered, suppressed or given up.
    async fn deliver(&mut self, message: &Message) {
        let mut schedule = Schedule::new(Instant::now());
        loop {
            let settings = Arc::clone(&self.settings.borrow_and_update());
            let Some(sender) = self.open(&settings, message) else {
                return;
            };
            let parts = sender.render(message, &Words::new(&settings.channel, &[]));
            let sent = sender.send(&message.id, &parts[0], Timestamp::now());
            let Err(failure) = sent.await else {
                tracing::info!(
                    subscription = message.subscription,
                    channel = settings.channel.name,
                    id = message.id,
                    events = message.events.len(),
                    attempt = schedule.attempts() + 1,
                    "message delivered"
                );
                return;
            };
            let class = failure.class;
            let pause = schedule.after(class, Instant::now(), rand::random());
            tracing::error!(
                subscription = message.subscription,
                channel = settings.channel.name,
                %class,
                id = message.id,
                attempt = schedule.attempts(),
                retry_in_s = pause.map(|pause| pause.as_secs()),
                last = pause.is_none(),
                "message not delivered: {failure}"
            );
            if class == Class::Gone {
                tracing::error!(
                    channel = settings.channel.name,
                    "CHANNEL DISABLED: its receiver answered 410 Gone; nothing more is sent to \
                     it until its entry in the file changes or igtm restarts"
                );
                self.gone = Some(settings);
            }
            let Some(pause) = pause else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = self.settings.changed() => {}
            }
        }
    }

    /// The channel, if it may be used; else logs why `message` is not sent.
    fn open<'a>(&self, settings: &'a Arc<Settings>, message: &Message) -> Option<&'a Sender> {
        let channel = &settings.channel.name;
        let (subscription, id, events) = (&message.subscription, &message.id, message.events.len());
        if !settings.channel.enabled {
            tracing::info!(
                subscription,
                channel,
                id,
                events,
                "message suppressed: the channel is disabled"
            );
            return None;
        }
        if self
            .gone
            .as_ref()
            .is_some_and(|gone| Arc::ptr_eq(gone, settings))
        {
            let class = Class::Gone;
            tracing::error!(
                subscription,
                channel,
                %class,
                id,
                events,
                "message suppressed: the receiver answered 410 Gone before"
            );
            return None;
        }
        match &settings.sender {
            Ok(sender) => Some(sender),
            Err(error) => {
                let class = Class::Config;
                tracing::error!(
                    subscription,
                    channel,
                    %class,
                    id,
                    events,
                    "message not sent: {error}"
                );
                None
            }
        }
    }
}

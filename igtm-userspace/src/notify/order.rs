//! What operators order of alerts, and the handle that takes it to the task.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Shown;
use super::event::Event;
use super::routing::Fate;
use super::told::Mute;
use crate::config::model::Config;
use crate::config::near_miss::instead;
use crate::state::outbox::Push;
use crate::state::{StateError, Store};

/// What the task is told, and where its reply goes.
#[derive(Debug)]
pub enum Order {
    /// No alerts of an instance for a while.
    Mute {
        /// Which, and until when.
        mute: Mute,
        /// What holds now.
        reply: oneshot::Sender<Result<Mute, OrderError>>,
    },
    /// Alerts of an instance again.
    Unmute {
        /// Which.
        instance: String,
        /// What held till now.
        reply: oneshot::Sender<Option<Mute>>,
    },
    /// An event that is only a test.
    Raise {
        /// Which.
        event: Box<Event>,
        /// What each subscription that wants it does.
        reply: oneshot::Sender<Vec<Fate>>,
    },
    /// The same content once more.
    Replay {
        /// Of which message.
        push: Box<Push>,
        /// The new one.
        reply: oneshot::Sender<Result<Push, OrderError>>,
    },
    /// A test message, at once and past what waits.
    Try {
        /// A channel, or a group of them.
        channel: String,
        /// What came of each.
        reply: oneshot::Sender<Result<Vec<Push>, OrderError>>,
    },
}

/// Why an order is not followed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrderError {
    /// There is no such instance.
    #[error("no instance is named {name}{near}")]
    NoInstance {
        /// As asked.
        name: String,
        /// `; did you mean …?`, or `; there are …`.
        near: String,
    },
    /// There is no such channel.
    #[error("no channel is named {name}{near}")]
    NoChannel {
        /// As asked.
        name: String,
        /// `; did you mean …?`, or `; there are …`.
        near: String,
    },
    /// There is no such message.
    #[error("no message is recorded as {0}; `igtm pushes` lists them")]
    NoMessage(String),
    /// It has no content to send again.
    #[error("nothing of {0} was ever sent: there is nothing to replay")]
    NothingSent(String),
    /// Its content is not in the channel's format any more.
    #[error("{id} was made for a channel of type {was}; it is {is} now")]
    OtherType {
        /// The message.
        id: String,
        /// The type it was made for.
        was: String,
        /// The channel's type now.
        is: &'static str,
    },
    /// What is sent to it would only be recorded.
    #[error("the channel {0} is disabled: nothing is sent to it")]
    Disabled(String),
    /// The record cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Too much is ordered, or the daemon is ending.
    #[error("the daemon has too much to do, or is ending")]
    Busy,
}

impl OrderError {
    pub(super) fn no_instance(config: &Config, name: &str) -> Self {
        let names = config.instances.iter().map(|one| one.name.as_str());
        Self::NoInstance {
            name: name.to_owned(),
            near: instead(name, names),
        }
    }

    pub(super) fn no_channel(config: &Config, name: &str) -> Self {
        let names = config.channels.iter().map(|one| one.name.as_str());
        Self::NoChannel {
            name: name.to_owned(),
            near: instead(name, names),
        }
    }
}

/// For whoever asks and orders; a clone is a handle to the same.
#[derive(Clone, Debug)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    store: Store,
    /// What can be seen without asking.
    pub shown: Arc<Shown>,
}

impl Handle {
    pub(super) fn new(orders: mpsc::Sender<Order>, store: Store, shown: Arc<Shown>) -> Self {
        Self {
            orders,
            store,
            shown,
        }
    }

    /// No alerts of an instance until then; the second result says why a restart may forget it.
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn mute(&self, mute: Mute) -> Result<(Mute, Option<StateError>), OrderError> {
        let muted = self.ask(|reply| Order::Mute { mute, reply }).await??;
        Ok((muted, self.store.flush().await.err()))
    }

    /// Alerts of an instance again; `None`: it was not muted.
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn unmute(&self, instance: String) -> Result<Option<Mute>, OrderError> {
        let ended = self.ask(|reply| Order::Unmute { instance, reply }).await?;
        // What it would bring back ends by itself.
        let _unwritten = self.store.flush().await;
        Ok(ended)
    }

    /// Takes a test event the way of a real one.
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn send(&self, event: Event) -> Result<Vec<Fate>, OrderError> {
        let event = Box::new(event);
        self.ask(|reply| Order::Raise { event, reply }).await
    }

    /// Sends a recorded message's content once more, under an id of its own.
    ///
    /// # Errors
    /// There is no such message, nothing of it to send, or nowhere to send it.
    pub async fn replay(&self, id: String) -> Result<Push, OrderError> {
        let push = self.store.push(id.clone()).await?;
        let push = Box::new(push.ok_or(OrderError::NoMessage(id))?);
        self.ask(|reply| Order::Replay { push, reply }).await?
    }

    /// Sends a test message through a channel, or those of a group.
    ///
    /// # Errors
    /// There is no such channel.
    pub async fn try_channel(&self, channel: String) -> Result<Vec<Push>, OrderError> {
        self.ask(|reply| Order::Try { channel, reply }).await?
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, OrderError> {
        let (reply, replied) = oneshot::channel();
        let order = order(reply);
        self.orders.try_send(order).map_err(|_| OrderError::Busy)?;
        replied.await.map_err(|_| OrderError::Busy)
    }
}

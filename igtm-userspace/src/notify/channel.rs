//! A channel ready to send: each type renders messages into parts and sends a part once.
//!
//! Must not retry, wait or record: those are the worker's.

use jiff::Timestamp;

use super::dial::ClientError;
use super::failure::Failure;
use super::http::Http;
use super::message::{Message, Part, Receipt};
use super::webhook::{self, Webhook};
use super::words::Words;
use crate::config::model::{Channel, ChannelKind};

/// What a receiver allows, by parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many at once.
    pub burst: u32,
    /// And so many a minute after that.
    pub per_minute: u32,
}

/// Why a channel as configured cannot send anything.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A webhook's.
    #[error(transparent)]
    Webhook(#[from] webhook::SetupError),
    /// See [`super::dial::client`].
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// One channel, ready to send.
#[derive(Debug)]
pub enum Sender {
    /// Standard Webhooks.
    Webhook(Webhook),
}

impl Sender {
    /// Checks and decodes what was configured. Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(channel: &Channel, tls: &rustls::ClientConfig) -> Result<Self, SetupError> {
        let http = Http::new(tls.clone(), channel.timeout, channel.allow_private)?;
        match &channel.kind {
            ChannelKind::Webhook {
                url,
                secrets,
                headers,
            } => Ok(Self::Webhook(Webhook::new(url, secrets, headers, http)?)),
            _ => unreachable!("the other types are built next"),
        }
    }

    /// What is sent of `message`, each part a request; never empty. Longer texts than the receiver
    /// takes are cut, and say how many items are left out.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        match self {
            Self::Webhook(channel) => channel.render(message),
        }
    }

    /// Sends one part once. `id` is the part's own, the same at every attempt.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, id: &str, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        match self {
            Self::Webhook(channel) => channel.send(id, part, now).await,
        }
    }

    /// What the receiver allows; what would exceed it waits, and is merged.
    pub fn limit(&self) -> Limit {
        match self {
            Self::Webhook(_) => webhook::LIMIT,
        }
    }
}

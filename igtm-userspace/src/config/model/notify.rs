//! `[[channel]]` and `[[subscription]]`: who is told of what, and how.

use std::time::Duration;

use super::ChannelId;

/// `[[channel]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A disabled channel's messages are suppressed, and that is said.
    pub enabled: bool,
    /// Of one attempt.
    pub timeout: Duration,
    /// Whether loopback, link-local and private addresses may be dialled.
    pub allow_private: bool,
    /// What it speaks.
    pub kind: ChannelKind,
}

/// The type of a channel with its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// The Standard Webhooks convention.
    Webhook {
        /// Where to POST; the path may be a secret.
        url: Secret,
        /// `whsec_…` keys, newest first; every one signs. Empty: unsigned.
        secrets: Vec<Secret>,
        /// Sent besides our own; values may be tokens.
        headers: Vec<(String, Secret)>,
    },
}

/// A text that is never logged nor shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// `[[subscription]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A disabled one matches nothing.
    pub enabled: bool,
    /// Kinds it matches; empty: all.
    pub events: Vec<crate::notify::event::Kind>,
    /// Where its messages go, never empty.
    pub channels: Vec<ChannelId>,
    /// Events that come together within this make one message.
    pub group_wait: Duration,
}

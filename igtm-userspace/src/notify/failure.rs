//! Why an attempt failed, in words that hold no secret.

use super::retry::Class;

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    /// What it means for the message and its channel.
    pub class: Class,
    /// For people: who said what, and what to change where. Never with a secret in it.
    pub why: String,
    /// What the receiver replied, cut and redacted; none when nothing came.
    pub reply: Option<String>,
}

impl Failure {
    /// One without a reply.
    pub fn new(class: Class, why: impl Into<String>) -> Self {
        Self {
            class,
            why: why.into(),
            reply: None,
        }
    }

    /// The same with what the receiver replied.
    pub fn with_reply(self, reply: impl Into<String>) -> Self {
        Self {
            reply: Some(reply.into()),
            ..self
        }
    }
}

//! What is told to one channel: events that make one message, and the parts that it is sent in.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, Severity};

/// Events that make one message for one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Unique for ever, `msg_` and 24 letters and digits: receivers drop repeats by it.
    pub id: String,
    /// The subscription's name; empty for what no subscription asked for (`igtm notify test`).
    pub subscription: String,
    /// When it was made.
    pub made: Timestamp,
    /// What is told, never empty, in the order it happened.
    pub events: Vec<Arc<Event>>,
    /// Events beyond those, which are only counted: a storm.
    pub more: u64,
    /// What lasts is told again.
    pub repeated: bool,
}

impl Message {
    /// The most severe event, the first of them when several are.
    pub fn leading(&self) -> Option<&Arc<Event>> {
        let most = self.severity();
        self.events.iter().find(|event| event.severity == most)
    }

    /// Of the most severe event.
    pub fn severity(&self) -> Severity {
        let all = self.events.iter().map(|event| event.severity);
        all.max().unwrap_or(Severity::Info)
    }
}

/// One request's worth of a message: exactly what is recorded, shown and replayed. Without secrets:
/// tokens, signatures and times of sending are added when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// In the channel's own format (JSON of the request's body; a mail's text).
    pub body: String,
}

/// What a receiver said to a part that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Its reply, cut and redacted.
    pub reply: String,
    /// What went wrong all the same: receivers who do not exist.
    pub remark: Option<String>,
    /// The same for those of its receivers who would not have it for now: the others have it, and must
    /// not be sent it again.
    pub left: Option<Part>,
}

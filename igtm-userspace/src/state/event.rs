//! An event as the history has it, and which of them are asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alerts::Cause;

/// An event of the history. As JSON: the event's own fields with `id` and `cause` beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Rises with each event, also across restarts.
    pub id: i64,
    /// What led to it: for an address its own rounds, for a strategy those of its addresses that
    /// changed in the same step; empty when it was no round (a changed file).
    #[serde(default)]
    pub cause: Vec<Cause>,
    /// The event as [`crate::notify::event::Event`] writes it; fields of later versions included.
    #[serde(flatten)]
    pub event: Map<String, Value>,
}

impl StoredEvent {
    /// A field that is text; empty when the event has none of that name.
    pub fn text(&self, field: &str) -> &str {
        self.event.get(field).and_then(Value::as_str).unwrap_or("")
    }

    /// When; `None` only where somebody wrote into the database.
    pub fn time(&self) -> Option<Timestamp> {
        self.text("time").parse().ok()
    }
}

/// Which events are asked for; what is empty or `None` lets all through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Names of kinds.
    pub kinds: Vec<String>,
    /// The instance's name.
    pub instance: Option<String>,
    /// The address, as pools write it.
    pub address: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Up to then, itself left out.
    pub until: Option<Timestamp>,
    /// Only ids below this one: the next page.
    pub before: Option<i64>,
    /// At most so many, the newest.
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            instance: None,
            address: None,
            since: None,
            until: None,
            before: None,
            limit: 1000,
        }
    }
}

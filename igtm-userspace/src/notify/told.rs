//! What lasts, as one subscription sees it: who was told of it, when, and what is still owed.
//!
//! Pure data; what follows from it is [`super::routing`]'s.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, Severity};

/// Something that lasts and that a subscription knows of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The newest event of it.
    pub event: Arc<Event>,
    /// The subscription asks for that event by itself: it is told again while it lasts.
    pub wanted: bool,
    /// Names of the channels that were told of it.
    pub channels: Vec<String>,
    /// Some of them by name: of a storm most are only counted.
    #[serde(default)]
    pub listed: bool,
    /// When they were told last.
    pub told: Option<Timestamp>,
    /// The most severe event of it that was told: its end is as urgent.
    pub worst: Severity,
    /// The newest event is withheld (quiet hours, a muted instance).
    pub owed: bool,
    /// It is over, which is still owed.
    pub over: bool,
}

/// Which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenKey {
    /// See [`super::condition::Condition`].
    pub condition: String,
    /// The subscription's name.
    pub subscription: String,
}

/// No alerts of an instance for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// The instance's name.
    pub instance: String,
    /// Who said so.
    pub who: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

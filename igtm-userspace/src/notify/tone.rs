//! How a message looks: the colour of the worst that it tells.
//!
//! Pure. The colours' names are each vendor's, and stand in its channel.

use super::condition::{Condition, Phase};
use super::event::Severity;
use super::message::Message;

/// From the worst to the best to read at night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Red.
    Critical,
    /// Orange.
    Warning,
    /// Blue: it just happened.
    Info,
    /// Green: what had lasted is over.
    Recovery,
}

impl Tone {
    /// By the most severe event; good news only when nothing else is told.
    pub fn of(message: &Message) -> Self {
        match message.severity() {
            Severity::Critical => Self::Critical,
            Severity::Warning => Self::Warning,
            Severity::Info => {
                let over = message
                    .events
                    .iter()
                    .all(|event| matches!(Condition::of(event), Some((_, Phase::Over))));
                if over { Self::Recovery } else { Self::Info }
            }
        }
    }

    /// For channels that colour no text.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Critical => "🔴",
            Self::Warning => "🟠",
            Self::Info => "🔵",
            Self::Recovery => "🟢",
        }
    }
}

//! The words of a message: each event by its template, rendered by minijinja.

use super::event::Event;
use super::message::Message;

/// Renders a channel's template.
#[derive(Debug)]
pub struct Words;

impl Words {
    /// What is said of one event, in the channel's markdown or text.
    pub fn event(&self, event: &Event) -> String {
        event.title.clone()
    }

    /// One line above a message: its event's title, or how many events of which kinds.
    pub fn title(&self, message: &Message) -> String {
        message
            .leading()
            .map(|event| event.title.clone())
            .unwrap_or_default()
    }
}

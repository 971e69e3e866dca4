//! The `slack` channel: blocks to an incoming webhook, which answers in words instead of JSON.

use jiff::Timestamp;
use serde_json::json;

use crate::config::model::{Language, Secret};

use super::channel::Limit;
use super::failure::Failure;
use super::fit::{Fit, Unit, shorten};
use super::http::{Answer, Http};
use super::message::{Message, Part, Receipt};
use super::retry::Class;
use super::tone::Tone;
use super::vendor::{self, Hook};
use super::webhook::SetupError;
use super::words::Words;

/// One a second, and a little less: they do not arrive as evenly as they leave.
pub(super) const LIMIT: Limit = Limit {
    burst: 1,
    per_minute: 55,
};

/// The text of a section block, characters.
const SECTION: usize = 3000;

/// The text of a header block, characters.
const HEADER: usize = 150;

/// One hook, ready to send.
#[derive(Debug)]
pub struct Slack {
    hook: Hook,
    language: Language,
}

impl Slack {
    /// Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(webhook: &Secret, language: Language, http: Http) -> Result<Self, SetupError> {
        let hook = Hook::new(webhook, http)?;
        Ok(Self { hook, language })
    }

    /// One part: a header, a section of all items, and a text for notifications.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        let title = vendor::title(message, words, Unit::Utf16);
        let title = format!("{} {title}", Tone::of(message).mark());
        let fit = Fit {
            // In a block of its own.
            head: "",
            items: &vendor::items(message, words),
            more: message.more,
            tail: "",
            between: "\n\n",
            unit: Unit::Utf16,
            language: self.language,
        };
        let body = json!({
            "text": words.escape(&title),
            "blocks": [
                {
                    "type": "header",
                    "text": { "type": "plain_text", "text": shorten(&title, HEADER, Unit::Utf16) },
                },
                {
                    "type": "section",
                    "text": { "type": "mrkdwn", "text": fit.within(SECTION) },
                },
            ],
        });
        vec![Part {
            body: body.to_string(),
        }]
    }

    /// One attempt.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let answer = self.hook.post(&[], part.body.clone(), now).await?;
        let reply = self
            .hook
            .secrets
            .clean(&String::from_utf8_lossy(&answer.body));
        if answer.is_success() && reply.trim() == "ok" {
            return Ok(Receipt {
                reply,
                ..Receipt::default()
            });
        }
        let (class, advice) = judge(&answer, reply.trim());
        let Answer { host, status, .. } = answer;
        let why = format!(
            "{host} answered {status} ({}): {advice}",
            first_line(&reply)
        );
        Err(Failure::new(class, why).with_reply(reply))
    }
}

/// Error replies are one word; a proxy's is a page.
fn first_line(reply: &str) -> String {
    let line = reply.lines().next().unwrap_or_default().trim();
    shorten(line, 100, Unit::Octets)
}

fn judge(answer: &Answer, said: &str) -> (Class, &'static str) {
    let by_status = Class::of_status(answer.status, answer.retry_after);
    match (answer.status, said) {
        (429, _) => (by_status, "Slack wants fewer messages"),
        (500..=599, _) => (
            by_status,
            "trouble at Slack or at a proxy before it; there is nothing to change here, and igtm \
             tries again",
        ),
        (200..=299, _) => (
            Class::Transient,
            "Slack would say ok: is a proxy or a login page in between, or is `webhook` not \
             Slack's?",
        ),
        (400, "invalid_payload" | "invalid_blocks" | "invalid_blocks_format" | "no_text") => (
            Class::Permanent,
            "Slack does not understand the message: look at the template",
        ),
        (400, _) => (Class::Permanent, "Slack does not take this message"),
        (403, "action_prohibited" | "posting_to_general_channel_denied") => (
            Class::Permanent,
            "an administrator of the workspace forbids posting there: allow the app, or choose \
             another channel when adding the webhook",
        ),
        (403, _) => (
            Class::Permanent,
            "the webhook is revoked or wrong: api.slack.com/apps → the app → Incoming Webhooks → \
             Add New Webhook, and copy its URL to `webhook`",
        ),
        (404, "channel_not_found") => (
            Class::Permanent,
            "the webhook's channel is deleted: api.slack.com/apps → the app → Incoming Webhooks \
             → Add New Webhook for another channel, and copy its URL to `webhook`",
        ),
        (404, _) => (
            Class::Permanent,
            "the webhook is gone or its app is removed or disabled: api.slack.com/apps → the app \
             → Incoming Webhooks → Add New Webhook, and copy its URL to `webhook`",
        ),
        (410, _) => (
            Class::Permanent,
            "the webhook's channel is archived: unarchive it, or add a webhook for another \
             channel and copy its URL to `webhook`",
        ),
        (408, _) => (by_status, vendor::SLOW),
        _ => (
            Class::Config,
            "Slack does not answer so: `webhook` must be the very URL that Slack shows, and \
             nothing in between may refuse or redirect requests to it",
        ),
    }
}

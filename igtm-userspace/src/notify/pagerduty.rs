//! The `pagerduty` channel: Events API v2, one event a part.
//!
//! What lasts triggers an incident and what ends it resolves the same one: both have the key that
//! [`dedup_key`] makes of the condition. What just happens (`channel_failed`) triggers an incident that
//! a person resolves; a test of any kind triggers one and resolves it at once. What `igtm events send`
//! raises has keys of its own: a test never resolves what is real.
//!
//! Must not let the routing key into a part or an error.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use url::Url;

use crate::config::model::{Language, Secret};

use super::channel::Limit;
use super::condition::{Condition, Phase};
use super::event::{Event, Kind};
use super::failure::Failure;
use super::fit::{Unit, shorten};
use super::http::{Answer, Http};
use super::message::{Message, Part, Receipt};
use super::redact::Secrets;
use super::retry::Class;
use super::vendor;
use super::webhook::{SetupError, check_url};
use super::words::Words;

/// Below the 120 a minute that one integration may be sent.
pub const LIMIT: Limit = Limit {
    burst: 60,
    per_minute: 60,
};

/// `payload.summary`, characters.
const SUMMARY: usize = 1024;
/// `dedup_key`, characters.
const KEY: usize = 255;

/// One channel, ready to send.
pub struct Pagerduty {
    http: Http,
    url: Url,
    routing_key: Secret,
    language: Language,
    secrets: Secrets,
}

impl std::fmt::Debug for Pagerduty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pagerduty")
            .field(&self.url.as_str())
            .finish()
    }
}

impl Pagerduty {
    /// Dials nothing.
    ///
    /// # Errors
    /// When `base_url` is no http or https URL.
    pub fn new(
        routing_key: &Secret,
        base_url: &str,
        language: Language,
        http: Http,
    ) -> Result<Self, SetupError> {
        let mut url = check_url(base_url)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v2", "enqueue"]);
        }
        Ok(Self {
            http,
            url,
            routing_key: routing_key.clone(),
            language,
            secrets: Secrets::none().and(routing_key.reveal()),
        })
    }

    /// A part for each event, in their order; a test makes two.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        let mut parts = Vec::with_capacity(message.events.len());
        for (at, event) in message.events.iter().enumerate() {
            // What is only counted is said once.
            let more = if at == 0 { message.more } else { 0 };
            let summary = self.summary(message, event, more, words);
            for action in actions(event) {
                let body = body(event, action, &summary, more);
                parts.push(Part {
                    body: body.to_string(),
                });
            }
        }
        parts
    }

    fn summary(&self, message: &Message, event: &Arc<Event>, more: u64, words: &Words) -> String {
        let alone = Message {
            id: message.id.clone(),
            subscription: message.subscription.clone(),
            made: message.made,
            events: vec![Arc::clone(event)],
            more: 0,
            repeated: message.repeated,
        };
        let title = vendor::title(&alone, words, Unit::Utf16);
        let counted = match (more, self.language) {
            (0, _) => String::new(),
            (_, Language::Zh) => format!("（另有 {more} 条）"),
            (_, Language::En) => format!(" (and {more} more)"),
        };
        shorten(&format!("{title}{counted}"), SUMMARY, Unit::Utf16)
    }

    /// One attempt.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let mut body: Value = serde_json::from_str(&part.body).map_err(|error| {
            Failure::new(Class::Permanent, format!("the part is not JSON: {error}"))
        })?;
        body["routing_key"] = self.routing_key.reveal().into();
        let answer = vendor::post_json(&self.http, &self.url, body.to_string(), now).await?;
        let reply = self.secrets.clean(&String::from_utf8_lossy(&answer.body));
        match judge(&answer, &reply) {
            None => Ok(Receipt {
                reply,
                ..Receipt::default()
            }),
            Some((class, why)) => Err(Failure::new(class, why).with_reply(reply)),
        }
    }
}

/// What one event is to PagerDuty.
fn actions(event: &Event) -> &'static [&'static str] {
    match Condition::of(event) {
        // Nothing else would ever end the incident of a test.
        _ if event.test || event.kind == Kind::Test => &["trigger", "resolve"],
        Some((_, Phase::Lasts)) => &["trigger"],
        Some((_, Phase::Over)) => &["resolve"],
        None => &["trigger"],
    }
}

fn body(event: &Event, action: &str, summary: &str, more: u64) -> Value {
    let mut details = serde_json::to_value(event).expect("events always serialise");
    if more > 0 {
        details["more"] = more.into();
    }
    let mut payload = json!({
        "summary": summary,
        "source": event.node,
        "severity": event.severity.name(),
        "timestamp": event.time,
        "class": event.kind.name(),
        "custom_details": details,
    });
    let component = event.address.as_ref().or(event.pool.as_ref());
    let group = event.instance.as_ref().or(event.pool.as_ref());
    for (key, value) in [("component", component), ("group", group)] {
        if let Some(value) = value {
            payload[key] = value.as_str().into();
        }
    }
    json!({
        "event_action": action,
        "dedup_key": dedup_key(event),
        "client": "igtm",
        "payload": payload,
    })
}

/// The incident's name: of the condition and of the node that tells it, the same after a restart.
/// Two nodes that see the same open two incidents: one's recovery must not hide the other's trouble.
pub fn dedup_key(event: &Event) -> String {
    let what = match Condition::of(event) {
        Some((Condition(name), _)) => name,
        None => format!("{} {}", event.kind.name(), event.title),
    };
    let test = if event.test { "test " } else { "" };
    let key = format!("igtm {}: {test}{what}", event.node);
    if Unit::Utf16.size(&key) <= KEY {
        return key;
    }
    let digest = Sha256::digest(key.as_bytes());
    let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    let start = shorten(&key, KEY - digest.len() - 1, Unit::Utf16);
    format!("{start} {digest}")
}

/// Why PagerDuty did not take it; `None` when it did.
fn judge(answer: &Answer, reply: &str) -> Option<(Class, String)> {
    let Answer { host, status, .. } = answer;
    let json: Value = serde_json::from_str(reply).unwrap_or_default();
    let by_status = Class::of_status(*status, answer.retry_after);
    let lower = reply.to_lowercase();
    Some(match status {
        200..=299 if json["status"] == "success" => return None,
        200..=299 => {
            let why = format!(
                "{host} answered {status}, but not as PagerDuty does: is a proxy in between, or is \
                 `base_url` not PagerDuty's?"
            );
            (Class::Transient, why)
        }
        400 if lower.contains("routing_key") || lower.contains("routing key") => {
            let why = format!(
                "{host} knows no such routing key: take the Integration Key of an \"Events API V2\" \
                 integration of the service (Services → the service → Integrations) into \
                 `routing_key`; an account in Europe also needs base_url = \
                 \"https://events.eu.pagerduty.com\""
            );
            (Class::Config, why)
        }
        400 => (
            Class::Permanent,
            format!("{host} answered 400: it will not have this event"),
        ),
        429 => (
            by_status,
            format!("{host} answered 429: PagerDuty wants fewer events"),
        ),
        408 => (by_status, format!("{host} answered 408: {}", vendor::SLOW)),
        500..=599 => {
            let why = format!("{host} answered {status}: {}", vendor::trouble("PagerDuty"));
            (by_status, why)
        }
        _ => {
            let why = format!(
                "{host} answered {status}, which is not how PagerDuty's /v2/enqueue does: correct \
                 `base_url` (leave it out for https://events.pagerduty.com)"
            );
            (Class::Config, why)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notify::fixture::event;

    proptest! {
        #[test]
        fn keys_are_short_and_tell_conditions_apart(pool in ".{0,300}", other in ".{0,300}") {
            let of = |pool: &str, kind| {
                let mut event = event(kind, "192.0.2.1");
                event.pool = Some(pool.to_owned());
                dedup_key(&event)
            };
            let key = of(&pool, Kind::PoolDown);
            prop_assert!(key.encode_utf16().count() <= KEY);
            prop_assert_eq!(&key, &of(&pool, Kind::PoolUp));
            prop_assert_eq!(pool == other, key == of(&other, Kind::PoolDown));
        }
    }

    #[test]
    fn a_test_never_touches_a_real_incident() {
        let real = event(Kind::AddressDown, "192.0.2.1");
        let mut test = event(Kind::AddressUp, "192.0.2.1");
        test.test = true;
        assert_eq!(dedup_key(&real), "igtm edge-1: address web 192.0.2.1");
        assert_eq!(dedup_key(&test), "igtm edge-1: test address web 192.0.2.1");
        let mut elsewhere = real.clone();
        elsewhere.node = "edge-2".to_owned();
        assert_ne!(dedup_key(&real), dedup_key(&elsewhere));
    }
}

//! The `alertmanager` channel: Prometheus' Alertmanager, API v2.
//!
//! An alert lives there while it is sent again: the worker does so every [`RESEND`] with what lasts.
//! Must not let the credentials of the URL into a part or an error.

mod alert;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::config::model::Secret;

use super::channel::Limit;
use super::event::Event;
use super::failure::Failure;
use super::http::{Answer, Http};
use super::message::{Message, Part, Receipt};
use super::redact::Secrets;
use super::retry::Class;
use super::vendor;
use super::webhook::{SetupError, check_url};
use super::words::Words;
use alert::{Alert, Labels};

/// How often what lasts is sent again.
pub const RESEND: Duration = Duration::from_mins(1);

/// Alerts of one request.
pub const ALERTS_PER_PART: usize = 200;

/// How long an alert lives after it was last sent: four may be lost.
const LIVES: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A server of one's own.
pub const LIMIT: Limit = Limit {
    burst: 60,
    per_minute: 300,
};

/// One channel, ready to send.
pub struct Alertmanager {
    http: Http,
    url: Url,
    secrets: Secrets,
}

impl std::fmt::Debug for Alertmanager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = super::http::shown(&self.url);
        f.debug_tuple("Alertmanager").field(&shown).finish()
    }
}

impl Alertmanager {
    /// Dials nothing. `url` is the server's own, with the prefix it may have and credentials for
    /// basic authentication.
    ///
    /// # Errors
    /// When it is no http or https URL.
    pub fn new(url: &Secret, http: Http) -> Result<Self, SetupError> {
        let mut url = check_url(url.reveal())?;
        let secrets = Secrets::none().and_url(&url);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v2", "alerts"]);
        }
        Ok(Self { http, url, secrets })
    }

    /// The alerts that begin and those that end.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        // Of two with the same labels the later one holds.
        let mut alerts: BTreeMap<Labels, Alert> = BTreeMap::new();
        for event in &message.events {
            let said = alert::said(message, event, words);
            for alert in alert::of(event, &said) {
                alerts.insert(alert.labels.clone(), alert);
            }
        }
        let alerts: Vec<&Alert> = alerts.values().collect();
        let parts = alerts.chunks(ALERTS_PER_PART);
        parts
            .map(|some| alert::part(some.iter().copied()))
            .collect()
    }

    /// What of `lasting` has no end yet, in one part; `None`: nothing has.
    pub fn remind(&self, lasting: &[Arc<Event>], words: &Words) -> Option<Part> {
        let message = Message {
            id: String::new(),
            subscription: String::new(),
            made: Timestamp::now(),
            events: Vec::new(),
            more: 0,
            repeated: true,
        };
        let alerts: Vec<Alert> = lasting
            .iter()
            .flat_map(|event| alert::of(event, &alert::said(&message, event, words)))
            .filter(|alert| alert.ends_at.is_none())
            .collect();
        (!alerts.is_empty()).then(|| alert::part(&alerts))
    }

    /// One attempt. What has no end yet is to live [`LIVES`] from `now`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let alerts = alert::read(part).map_err(|error| {
            let why = format!("the part is not a list of alerts: {error}");
            Failure::new(Class::Permanent, why)
        })?;
        let ending: Vec<Alert> = alerts
            .into_iter()
            .map(|alert| Alert {
                ends_at: alert.ends_at.or(now.checked_add(LIVES).ok()),
                ..alert
            })
            .collect();
        let body = alert::part(&ending).body;
        let answer = vendor::post_json(&self.http, &self.url, body, now).await?;
        let reply = self.secrets.clean(&String::from_utf8_lossy(&answer.body));
        match judge(&answer) {
            None => Ok(Receipt {
                reply,
                ..Receipt::default()
            }),
            Some((class, why)) => Err(Failure::new(class, why).with_reply(reply)),
        }
    }
}

/// Why Alertmanager did not take it; `None` when it did.
fn judge(answer: &Answer) -> Option<(Class, String)> {
    let Answer { host, status, .. } = answer;
    let by_status = Class::of_status(*status, answer.retry_after);
    Some(match status {
        200..=299 => return None,
        400 => (
            Class::Permanent,
            format!("{host} answered 400: it will not have these alerts"),
        ),
        401 | 403 => {
            let why = format!(
                "{host} answered {status}: it wants a login, or another one: \
                 url = \"https://USER:PASSWORD@HOST\""
            );
            (Class::Config, why)
        }
        408 => (by_status, format!("{host} answered 408: {}", vendor::SLOW)),
        429 => (
            by_status,
            format!("{host} answered 429: it, or a proxy before it, wants fewer alerts"),
        ),
        500..=599 => {
            let why = format!(
                "{host} answered {status}: trouble at Alertmanager or at a proxy before it; its log \
                 says more, and igtm tries again"
            );
            (by_status, why)
        }
        _ => {
            let why = format!(
                "{host} answered {status}, and not as Alertmanager's /api/v2/alerts does: `url` is \
                 the server's own address with the prefix it was started with (redirects are not \
                 followed), and it must be 0.16 or later"
            );
            (Class::Config, why)
        }
    })
}

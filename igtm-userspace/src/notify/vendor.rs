//! What the chat tools share: JSON to a URL that is a password, and a reply with a code in it.
//!
//! Must not know any vendor's codes, which stand in the channels, nor retry.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::config::model::{Language, Secret};

use super::failure::Failure;
use super::fit::{Fit, Item, Unit, shorten};
use super::http::{Answer, Http, shown};
use super::message::Message;
use super::redact::Secrets;
use super::retry::Class;
use super::webhook::{SetupError, check_url};
use super::words::Words;

/// A title is one line: octets, octets in JSON or characters.
const TITLE: usize = 240;

/// How much of a vendor's own words stands in ours, octets.
const QUOTED: usize = 300;

/// A URL that whoever knows it can post to.
pub(super) struct Hook {
    http: Http,
    url: Url,
    /// What replies are cleaned of.
    pub(super) secrets: Secrets,
}

impl Hook {
    /// Dials nothing.
    ///
    /// # Errors
    /// When the text is no http or https URL.
    pub(super) fn new(webhook: &Secret, http: Http) -> Result<Self, SetupError> {
        let url = check_url(webhook.reveal())?;
        let secrets = Secrets::none().and_url(&url);
        Ok(Self { http, url, secrets })
    }

    /// With one more secret, which signs.
    pub(super) fn signed_with(mut self, secret: Option<&Secret>) -> Self {
        if let Some(secret) = secret {
            self.secrets = self.secrets.and(secret.reveal());
        }
        self
    }

    /// POSTs JSON once, with these parameters after the URL's own.
    ///
    /// # Errors
    /// See [`Http::post`].
    pub(super) async fn post(
        &self,
        parameters: &[(&str, &str)],
        body: String,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let mut url = self.url.clone();
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        post_json(&self.http, &url, body, now).await
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hook").field(&shown(&self.url)).finish()
    }
}

/// POSTs JSON once.
///
/// # Errors
/// See [`Http::post`].
pub(super) async fn post_json(
    http: &Http,
    url: &Url,
    body: String,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
    http.post(url, headers, Bytes::from(body), now).await
}

/// How a vendor answers.
pub(super) struct Vendor {
    /// As its customers call it.
    pub(super) name: &'static str,
    /// The code in a reply and the words to it, see [`code`]; `None`: not this vendor's.
    pub(super) read: fn(&Value) -> Option<(i64, &str)>,
    /// The channel's key that says where to post, for whoever gets something else's answer.
    pub(super) url_key: &'static str,
    /// What a code other than 0 means: its class, and what to change where.
    pub(super) judge: fn(&Said) -> (Class, String),
}

/// What a vendor said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// 0 is success.
    pub(super) code: i64,
    /// Its own words, cleaned.
    pub(super) words: String,
    /// The whole reply, not cleaned: it may hold a token.
    pub(super) json: Value,
    /// The whole reply as it may be shown.
    pub(super) reply: String,
}

impl Said {
    /// Whether the vendor's words have one of `parts`, which are in lower case.
    pub(super) fn has(&self, parts: &[&str]) -> bool {
        let words = self.words.to_lowercase();
        parts.iter().any(|part| words.contains(part))
    }
}

impl Vendor {
    /// What `answer` says when it says success.
    ///
    /// # Errors
    /// Anything else. Too many requests and a server's trouble are so by the status alone, whatever
    /// the body says; else the body's code decides, whatever the status. A reply that is not as this
    /// vendor answers is somebody else's: passing with a good status (a proxy's page, half a
    /// reply), the configuration's fault with a bad one (no such path).
    pub(super) fn settle(&self, answer: &Answer, secrets: &Secrets) -> Result<Said, Failure> {
        let Answer { host, status, .. } = answer;
        let name = self.name;
        let reply = secrets.clean(&String::from_utf8_lossy(&answer.body));
        let failure = |class, why: String| Err(Failure::new(class, why).with_reply(reply.clone()));
        let by_status = Class::of_status(*status, answer.retry_after);
        match (*status, self.read(&answer.body, secrets, &reply)) {
            (429, _) => {
                let why = format!("{host} answered 429: {name} wants fewer messages");
                failure(by_status, why)
            }
            (500..=599, _) => {
                let why = format!("{host} answered {status}: {}", trouble(name));
                failure(by_status, why)
            }
            (200..=299, Some(said)) if said.code == 0 => Ok(said),
            (_, Some(said)) if said.code != 0 => {
                let (class, advice) = (self.judge)(&said);
                let Said { code, words, .. } = said;
                failure(class, format!("{name} answered {code} ({words}): {advice}"))
            }
            (200..=299, _) => {
                let why = format!(
                    "{host} answered {status}, but not as {name} does: is a proxy or a login page \
                     in between, or is `{}` not {name}'s?",
                    self.url_key
                );
                failure(Class::Transient, why)
            }
            (408, _) => failure(by_status, format!("{host} answered 408: {SLOW}")),
            _ => {
                let why = format!(
                    "{host} answered {status}, and not as {name} does: `{}` must be the very URL \
                     that {name} shows, and nothing in between may refuse or redirect requests \
                     to it",
                    self.url_key
                );
                failure(Class::Config, why)
            }
        }
    }

    fn read(&self, body: &[u8], secrets: &Secrets, reply: &str) -> Option<Said> {
        let json: Value = serde_json::from_slice(body).ok()?;
        let (code, words) = (self.read)(&json)?;
        let words = shorten(&secrets.clean(words), QUOTED, Unit::Octets);
        Some(Said {
            code,
            words,
            json,
            reply: reply.to_owned(),
        })
    }
}

/// The number at `code` and the text at `words`, which may be missing.
pub(super) fn code<'a>(json: &'a Value, code: &str, words: &str) -> Option<(i64, &'a str)> {
    let code = json.get(code)?.as_i64()?;
    let words = json.get(words).and_then(Value::as_str);
    Some((code, words.unwrap_or_default()))
}

/// The class and the words for a code that no page explains: the vendor has seen the message and
/// refused it, and would do so again.
pub(super) fn unknown(name: &str) -> (Class, String) {
    let advice = format!("igtm does not know this code; look it up in {name}'s documentation");
    (Class::Permanent, advice)
}

/// What 5xx means, and whose problem it is.
pub(super) fn trouble(name: &str) -> String {
    format!(
        "trouble at {name} or at a proxy before it; there is nothing to change here, and igtm tries \
         again"
    )
}

/// What 408 means.
pub(super) const SLOW: &str = "the request took too long to arrive: is this host's way out slow?";

/// Throttled, to wait so long.
pub(super) fn wait(duration: Duration) -> Class {
    Class::Throttled(Some(duration))
}

/// The line above a message, not marked up: one line, and short.
pub(super) fn title(message: &Message, words: &Words, unit: Unit) -> String {
    shorten(&line(message, words), TITLE, unit)
}

/// The same as the channel's markup shows it.
pub(super) fn marked_title(message: &Message, words: &Words, unit: Unit) -> String {
    shorten(&words.escape(&line(message, words)), TITLE, unit)
}

fn line(message: &Message, words: &Words) -> String {
    let title = words.title(message);
    let one_line = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line.collect::<String>().trim().to_owned()
}

/// What is said of each event. A single one's headline stands above it already.
pub(super) fn items(message: &Message, words: &Words) -> Vec<Item> {
    let single = message.events.len() == 1 && message.more == 0;
    let events = message.events.iter();
    events
        .map(|event| {
            let mut text = words.event(event);
            if single
                && let Some((first, rest)) = text.split_once('\n')
                && first.trim() == words.bold(&words.headline(event))
            {
                text = rest.to_owned();
            }
            Item {
                text,
                severity: event.severity,
            }
        })
        .collect()
}

/// The text within `limit`, with `keyword` in it: in the tail when it stands nowhere else.
pub(super) fn with_keyword(fit: Fit<'_>, keyword: Option<&str>, limit: usize) -> String {
    let text = fit.within(limit);
    match keyword {
        Some(keyword) if !text.contains(keyword) => {
            let tail = [fit.tail, keyword].join(if fit.tail.is_empty() { "" } else { " " });
            Fit { tail: &tail, ..fit }.within(limit)
        }
        _ => text,
    }
}

/// As many of `mentions` as there is room for, and how many those are.
pub(super) fn mentioned(
    mentions: impl IntoIterator<Item = String>,
    between: &str,
    limit: usize,
) -> (String, usize) {
    let (mut text, mut count) = (String::new(), 0);
    for mention in mentions {
        let more = if text.is_empty() { "" } else { between };
        if text.len() + more.len() + mention.len() > limit {
            break;
        }
        text = text + more + &mention;
        count += 1;
    }
    (text, count)
}

/// For who reads no markup: everyone.
pub(super) fn everyone(language: Language) -> &'static str {
    match language {
        Language::Zh => "@所有人",
        Language::En => "@all",
    }
}

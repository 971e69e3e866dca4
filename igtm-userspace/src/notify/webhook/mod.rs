//! The `webhook` channel: Standard Webhooks, one POST an attempt (docs/webhook.md).
//!
//! Must not retry (that is the worker's) and must not let the URL's path or query, a secret
//! or the reply's text into an error: paths of hooks are passwords.

mod body;
mod signature;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use url::Url;

#[cfg(test)]
pub(super) use body::render;
pub use signature::{SecretError, SigningKey};

use crate::config::model::Secret;

use super::channel::Limit;
use super::failure::Failure;
use super::http::{Answer, Http};
use super::message::{Message, Part, Receipt};
use super::redact::Secrets;

/// Headers that are ours alone.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// Whether `text` can sign: `whsec_` and 24 to 64 octets in base64.
///
/// # Errors
/// Says what is wrong without showing the secret.
pub fn check_secret(text: &str) -> Result<(), SecretError> {
    SigningKey::parse(text).map(drop)
}

/// Whether `text` is a URL that can be posted to.
///
/// # Errors
/// Says what is wrong without showing the URL.
pub fn check_url(text: &str) -> Result<Url, SetupError> {
    let url = Url::parse(text).map_err(SetupError::Url)?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(SetupError::Scheme(other.to_owned())),
    }
}

/// Whether a header is one that igtm, or HTTP itself, sets: nobody else may.
pub fn is_ours(header: &HeaderName) -> bool {
    OURS.contains(&header.as_str())
}

/// Whether a custom header can be sent.
///
/// # Errors
/// Names the header, never its value.
pub fn check_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), SetupError> {
    let refused = |why| SetupError::Header {
        name: name.to_owned(),
        why,
    };
    let header = HeaderName::try_from(name).map_err(|_| refused("is not a header name"))?;
    if is_ours(&header) {
        return Err(refused("is set by igtm itself"));
    }
    let mut value =
        HeaderValue::try_from(value).map_err(|_| refused("has a value that cannot be sent"))?;
    value.set_sensitive(true);
    Ok((header, value))
}

/// Why a channel as configured cannot send anything.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Does not parse; the parser's messages hold no part of the text.
    #[error("the URL is not one: {0}")]
    Url(url::ParseError),
    /// Parses, but is not for us.
    #[error("the URL's scheme is {0}, not http or https")]
    Scheme(String),
    /// See [`check_secret`].
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// See [`check_header`].
    #[error("header {name} {why}")]
    Header {
        /// As configured.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// What a receiver of one's own may be sent.
pub const LIMIT: Limit = Limit {
    burst: 20,
    per_minute: 300,
};

/// One channel, ready to send.
pub struct Webhook {
    http: Http,
    url: Url,
    keys: Vec<SigningKey>,
    headers: HeaderMap,
    /// What replies are cleaned of: receivers repeat what they were sent.
    hidden: Secrets,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = super::http::shown(&self.url);
        f.debug_tuple("Webhook").field(&shown).finish()
    }
}

impl Webhook {
    /// Checks and decodes what was configured. Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(
        url: &Secret,
        secrets: &[Secret],
        headers: &[(String, Secret)],
        http: Http,
    ) -> Result<Self, SetupError> {
        let url = check_url(url.reveal())?;
        let mut hidden = Secrets::none().and_url(&url);
        for secret in secrets {
            let secret = secret.reveal();
            let key = secret.trim_start_matches(signature::PREFIX);
            hidden = hidden.and(secret).and(key);
        }
        for (_, value) in headers {
            // `Bearer TOKEN`: also without the first word.
            let words = value.reveal().split_whitespace();
            hidden = words.skip(1).fold(hidden.and(value.reveal()), Secrets::and);
        }
        let keys = secrets
            .iter()
            .map(|secret| SigningKey::parse(secret.reveal()))
            .collect::<Result<_, _>>()?;
        let headers = headers
            .iter()
            .map(|(name, value)| check_header(name, value.reveal()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            http,
            url,
            keys,
            headers,
            hidden,
        })
    }

    /// One part: a CloudEvent of all the events.
    pub fn render(&self, message: &Message) -> Vec<Part> {
        vec![Part {
            body: body::render(message),
        }]
    }

    /// One attempt at `now`, which the receiver is told and which is signed.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, id: &str, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let timestamp = now.as_second();
        let keys = self.keys.iter();
        let signatures: Vec<String> = keys
            .map(|key| key.sign(id, timestamp, part.body.as_bytes()))
            .collect();
        let answer = self.post(id, part, now, &signatures).await?;
        // For five minutes whoever has a signature can send this very message once more.
        let hidden = signatures.iter().fold(self.hidden.clone(), |all, one| {
            all.and(one.trim_start_matches(signature::VERSION))
        });
        let reply = hidden.clean(&String::from_utf8_lossy(&answer.body));
        if answer.is_success() {
            return Ok(Receipt {
                reply,
                ..Receipt::default()
            });
        }
        let mut failure = answer.failure();
        failure.why = format!("{}{}", failure.why, advice(answer.status));
        Err(failure.with_reply(reply))
    }

    async fn post(
        &self,
        id: &str,
        part: &Part,
        now: Timestamp,
        signatures: &[String],
    ) -> Result<Answer, Failure> {
        let body = Bytes::from(part.body.clone());
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(body::CONTENT_TYPE));
        headers.insert("webhook-timestamp", HeaderValue::from(now.as_second()));
        let mut insert = |name, text: &str| {
            let value = HeaderValue::from_str(text).expect("letters, digits and base64");
            headers.insert(name, value);
        };
        insert("webhook-id", id);
        if !signatures.is_empty() {
            insert("webhook-signature", &signatures.join(" "));
        }
        self.http.post(&self.url, headers, body, now).await
    }
}

/// What a status asks to be changed, and where.
fn advice(status: u16) -> &'static str {
    match status {
        300..=399 => ", a redirect, which is not followed: give `url` the address that it leads to",
        401 | 403 => {
            ": it does not accept us; compare `secret` and `headers` with what the receiver expects, \
             and the two clocks"
        }
        404 | 405 => ": nothing takes webhooks there; correct `url`",
        408 => ": the request took too long to arrive: is this host's way out slow?",
        410 => ": the receiver wants no more of these; enable it there, or give `url` another",
        413 => ": the receiver takes no body of this size; raise its limit",
        429 => ": the receiver wants fewer messages",
        400..=499 => ": the receiver will not have this message; its reply and its log say why",
        500..=599 => {
            ": trouble at the receiver or at a proxy before it; its log says more, and igtm tries again"
        }
        _ => "",
    }
}

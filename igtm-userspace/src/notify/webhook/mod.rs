//! The `webhook` channel: Standard Webhooks, one POST an attempt (docs/webhook.md).
//!
//! Must not retry (that is the worker's) and must not let the URL's path or query, a secret
//! or the reply's text into an error: paths of hooks are passwords.

mod body;
mod signature;

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use url::Url;

pub use body::render;
pub use signature::{SecretError, SigningKey};

use crate::config::model::Secret;

use super::dial::{self, ClientError, NotPublic};
use super::retry::{Class, parse_retry_after};

/// A reply is read to its end or to this many octets, whichever is first.
const REPLY_OCTETS: usize = 64 * 1024;

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
    if OURS.contains(&header.as_str()) {
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
    /// See [`dial::client`].
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Why an attempt failed. `host` is the URL without whatever may be secret in it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "host is said above, the rest by its message")]
pub enum Failure {
    #[error("{host} answered {status}")]
    Status {
        host: String,
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error("{host} did not answer within {} s", .timeout.as_secs_f64())]
    Timeout { host: String, timeout: Duration },
    #[error("{host}: {cause}")]
    Network { host: String, cause: String },
    #[error("{host}: {}", NotPublic(*.address))]
    NotPublic { host: String, address: IpAddr },
}

impl Failure {
    /// What it means for the message.
    pub fn class(&self) -> Class {
        match self {
            Self::Status {
                status,
                retry_after,
                ..
            } => Class::of_status(*status, *retry_after),
            Self::Timeout { .. } | Self::Network { .. } => Class::Transient,
            Self::NotPublic { .. } => Class::Config,
        }
    }
}

/// One channel, ready to send.
#[derive(Debug)]
pub struct Webhook {
    client: reqwest::Client,
    url: Url,
    /// `scheme://host:port/…`: all of the URL that is ever shown.
    host: String,
    keys: Vec<SigningKey>,
    headers: HeaderMap,
    timeout: Duration,
    allow_private: bool,
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
        timeout: Duration,
        allow_private: bool,
        tls: rustls::ClientConfig,
    ) -> Result<Self, SetupError> {
        let url = check_url(url.reveal())?;
        let keys = secrets
            .iter()
            .map(|secret| SigningKey::parse(secret.reveal()))
            .collect::<Result<_, _>>()?;
        let headers = headers
            .iter()
            .map(|(name, value)| check_header(name, value.reveal()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            client: dial::client(tls, timeout, allow_private)?,
            host: shown(&url),
            url,
            keys,
            headers,
            timeout,
            allow_private,
        })
    }

    /// One attempt at `now`, which the receiver is told and which is signed.
    ///
    /// # Errors
    /// See [`Failure`] and its [`Failure::class`].
    pub async fn post(&self, id: &str, body: Bytes, now: Timestamp) -> Result<(), Failure> {
        dial::check_literal(&self.url, self.allow_private)
            .map_err(|NotPublic(address)| self.not_public(address))?;
        let timestamp = now.as_second();
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, body::CONTENT_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        if !self.keys.is_empty() {
            let signatures: Vec<String> = self
                .keys
                .iter()
                .map(|key| key.sign(id, timestamp, &body))
                .collect();
            request = request.header("webhook-signature", signatures.join(" "));
        }
        let sent = request.body(body).send().await;
        let mut reply = sent.map_err(|error| self.failure(error))?;
        if !reply.status().is_success() {
            let told = reply.headers().get(RETRY_AFTER);
            return Err(Failure::Status {
                host: self.host.clone(),
                status: reply.status().as_u16(),
                retry_after: told
                    .and_then(|told| told.to_str().ok())
                    .and_then(|told| parse_retry_after(told, now)),
            });
        }
        // A receiver that dies while it answers may not have kept the message: it is sent
        // again, and its id tells a receiver that did keep it.
        let mut octets = 0;
        while octets < REPLY_OCTETS
            && let Some(chunk) = reply.chunk().await.map_err(|error| self.failure(error))?
        {
            octets += chunk.len();
        }
        Ok(())
    }

    fn not_public(&self, address: IpAddr) -> Failure {
        Failure::NotPublic {
            host: self.host.clone(),
            address,
        }
    }

    fn failure(&self, error: reqwest::Error) -> Failure {
        let host = self.host.clone();
        if error.is_timeout() {
            let timeout = self.timeout;
            return Failure::Timeout { host, timeout };
        }
        let error = error.without_url();
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(NotPublic(address)) = inner.downcast_ref() {
                return self.not_public(*address);
            }
            cause = format!("{cause}: {inner}");
            source = inner.source();
        }
        Failure::Network { host, cause }
    }
}

/// `scheme://host:port/…`: credentials, path, query and fragment may all be secrets.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}://{host}{port}/…", url.scheme())
}

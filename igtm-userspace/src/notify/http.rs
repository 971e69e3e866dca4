//! One HTTP request of a channel: what came back, or why nothing did.
//!
//! Must not retry (that is the worker's) nor judge what a vendor says (that is the channel's), and
//! must not let a URL's path or query into an error: they hold keys.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use super::dial::{self, ClientError, NotPublic};
use super::failure::Failure;
use super::retry::{Class, parse_retry_after};

/// A reply is read to its end or to this many octets, whichever is first.
const REPLY_OCTETS: usize = 64 * 1024;

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `scheme://host:port/…`: all of the URL that is ever shown.
    pub host: String,
    /// The status.
    pub status: u16,
    /// What Retry-After said.
    pub retry_after: Option<Duration>,
    /// At most 64 KiB of the body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The failure that the status alone means.
    pub fn failure(&self) -> Failure {
        let Self { host, status, .. } = self;
        let class = Class::of_status(*status, self.retry_after);
        Failure::new(class, format!("{host} answered {status}"))
    }
}

/// Sends the requests of one channel.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    timeout: Duration,
    allow_private: bool,
}

impl Http {
    /// Dials nothing. `timeout` is of a whole request; see [`dial`] for `allow_private`.
    ///
    /// # Errors
    /// See [`dial::client`].
    pub fn new(
        tls: rustls::ClientConfig,
        timeout: Duration,
        allow_private: bool,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            client: dial::client(tls, timeout, allow_private)?,
            timeout,
            allow_private,
        })
    }

    /// POSTs `body` once; `now` is what a Retry-After date counts from.
    ///
    /// # Errors
    /// When no whole reply came: a receiver that dies while it answers may not have kept the
    /// message. See [`Failure`].
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        self.request(Method::POST, url, headers, body, now).await
    }

    /// GETs once; as [`Self::post`].
    ///
    /// # Errors
    /// See [`Self::post`].
    pub async fn get(&self, url: &Url, now: Timestamp) -> Result<Answer, Failure> {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        self.request(Method::GET, url, headers, body, now).await
    }

    async fn request(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let host = shown(url);
        dial::check_literal(url, self.allow_private).map_err(|error| refused(&host, &error))?;
        let request = self.client.request(method, url.clone());
        let sent = request.headers(headers).body(body).send().await;
        let mut reply = sent.map_err(|error| self.failure(&host, error))?;
        let told = reply.headers().get(RETRY_AFTER);
        let retry_after = told
            .and_then(|told| told.to_str().ok())
            .and_then(|told| parse_retry_after(told, now));
        let status = reply.status().as_u16();
        let mut body = Vec::new();
        while body.len() < REPLY_OCTETS {
            match reply.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // The status has said all that matters.
                Err(_) if !(200..300).contains(&status) => break,
                Err(error) => return Err(self.failure(&host, error)),
            }
        }
        body.truncate(REPLY_OCTETS);
        Ok(Answer {
            host,
            status,
            retry_after,
            body,
        })
    }

    fn failure(&self, host: &str, error: reqwest::Error) -> Failure {
        if error.is_timeout() {
            let seconds = self.timeout.as_secs_f64();
            let why = format!(
                "{host} did not answer within {seconds} s (is the receiver up and quick enough, and \
                 does no firewall swallow what is sent to it? `timeout` says how long igtm waits)"
            );
            return Failure::new(Class::Transient, why);
        }
        let error = error.without_url();
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(not_public) = inner.downcast_ref::<NotPublic>() {
                return refused(host, not_public);
            }
            source = inner.source();
        }
        let why = format!("{host}: {}", dial::in_words(&error));
        Failure::new(Class::Transient, why)
    }
}

fn refused(host: &str, error: &NotPublic) -> Failure {
    Failure::new(Class::Config, format!("{host}: {error}"))
}

/// `scheme://host:port/…`: credentials, path, query and fragment may all be secrets.
pub fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}://{host}{port}/…", url.scheme())
}

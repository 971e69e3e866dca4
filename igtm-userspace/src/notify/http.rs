//! One HTTP request of a channel: what came back, or why nothing did.
//!
//! A connection for each: alerts are rare, a kept connection would mostly be found dead, and would
//! go on using an address that the name has left. Must not retry (that is the worker's), follow
//! redirects, use a proxy, judge what a vendor says (that is the channel's), nor let a URL's path or
//! query into an error: they hold keys.

mod exchange;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use tokio_rustls::TlsConnector;
use url::Url;

use super::dial;
use super::failure::Failure;
use super::retry::{Class, parse_retry_after};
use exchange::{ExchangeError, Exchanged};

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
#[derive(Clone)]
pub struct Http {
    tls: TlsConnector,
    timeout: Duration,
    allow_private: bool,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("timeout", &self.timeout)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Dials nothing. `timeout` is of a whole request; see [`dial`] for `allow_private`.
    pub fn new(mut tls: rustls::ClientConfig, timeout: Duration, allow_private: bool) -> Self {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            tls: TlsConnector::from(Arc::new(tls)),
            timeout,
            allow_private,
        }
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
        dial::check_literal(url, self.allow_private)
            .map_err(|error| Failure::new(Class::Config, format!("{host}: {error}")))?;
        let exchanged = self.exchange(method, url, headers, body);
        let Exchanged {
            status,
            headers,
            body,
        } = match tokio::time::timeout(self.timeout, exchanged).await {
            Ok(exchanged) => exchanged.map_err(|error| failure(&host, &error))?,
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                let why = format!(
                    "{host} did not answer within {seconds} s (is the receiver up and quick enough, \
                     and does no firewall swallow what is sent to it? `timeout` says how long igtm \
                     waits)"
                );
                return Err(Failure::new(Class::Transient, why));
            }
        };
        let told = headers.get(RETRY_AFTER);
        let retry_after = told
            .and_then(|told| told.to_str().ok())
            .and_then(|told| parse_retry_after(told, now));
        Ok(Answer {
            host,
            status: status.as_u16(),
            retry_after,
            body,
        })
    }
}

fn failure(host: &str, error: &ExchangeError) -> Failure {
    let (class, why) = match error {
        ExchangeError::Connect(error @ dial::ConnectError::NotPublic(_)) => {
            (Class::Config, error.to_string())
        }
        ExchangeError::Url => (Class::Config, error.to_string()),
        ExchangeError::Connect(error) => (Class::Transient, error.in_words()),
        ExchangeError::Tls(error) => (Class::Transient, dial::in_words(error)),
        ExchangeError::Http(error) => (Class::Transient, dial::in_words(error)),
    };
    Failure::new(class, format!("{host}: {why}"))
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

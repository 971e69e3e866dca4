//! A connection, the request over it and what came back.
//!
//! Must not name the URL in an error, nor wait for longer than whoever calls it does.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::{Http, REPLY_OCTETS};
use crate::http1::{self, AGENT, ALL};
use crate::metered::Metered;
use crate::notify::dial::{self, ConnectError};
use crate::notify::login::Login;

/// What came back.
pub(super) struct Exchanged {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// At most [`REPLY_OCTETS`].
    pub(super) body: Vec<u8>,
}

/// Why nothing did.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    /// A URL that no request can ask for.
    #[error("no request can be made of the URL")]
    Url,
    /// Nobody to ask.
    #[error("cannot connect: {0}")]
    Connect(#[from] ConnectError),
    /// TLS.
    #[error("TLS: {0}")]
    Tls(std::io::Error),
    /// What came is no reply, or not the whole of one.
    #[error("{0}")]
    Http(#[from] hyper::Error),
}

impl Http {
    /// Asks once, over a connection of its own.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Exchanged, ExchangeError> {
        let request = request(method, url, headers, body)?;
        let (host, name) = server(url)?;
        let port = url.port_or_known_default().ok_or(ExchangeError::Url)?;
        let stream = dial::connect(&host, port, self.timeout, self.allow_private).await?;
        // A reply waits for no octet that is still to come.
        let _best_effort = stream.set_nodelay(true);
        let stream = Metered::new(stream, ALL);
        if url.scheme() == "https" {
            let stream = self.tls.connect(name, stream).await;
            let stream = stream.map_err(ExchangeError::Tls)?;
            Ok(http1::exchange(stream, request, read).await?)
        } else {
            Ok(http1::exchange(stream, request, read).await?)
        }
    }
}

/// Whom to dial, and whose certificate it must have.
fn server(url: &Url) -> Result<(String, ServerName<'static>), ExchangeError> {
    Ok(match url.host().ok_or(ExchangeError::Url)? {
        Host::Domain(name) => {
            let certified = ServerName::try_from(name.to_owned());
            (name.to_owned(), certified.map_err(|_| ExchangeError::Url)?)
        }
        Host::Ipv4(ip) => (ip.to_string(), ServerName::IpAddress(ip.into())),
        Host::Ipv6(ip) => (ip.to_string(), ServerName::IpAddress(ip.into())),
    })
}

fn request(
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ExchangeError> {
    let host = match (url.host_str().ok_or(ExchangeError::Url)?, url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().map_err(|_| ExchangeError::Url)?;
    let sent = request.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| ExchangeError::Url);
    sent.insert(HOST, value(&host)?);
    sent.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    sent.insert(ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(login) = Login::of(url) {
        let basic = format!("Basic {}", login.credentials());
        sent.insert(AUTHORIZATION, value(&basic)?);
    }
    // The channel's own come last: what they name is theirs.
    for name in headers.keys() {
        sent.remove(name);
    }
    sent.extend(headers);
    sent.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

async fn read(response: Response<Incoming>) -> hyper::Result<Exchanged> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    while body.len() < REPLY_OCTETS {
        match incoming.frame().await {
            Some(Ok(frame)) => body.extend_from_slice(frame.data_ref().map_or(&[][..], |it| it)),
            None => break,
            // The status has said all that matters.
            Some(Err(_)) if !head.status.is_success() => break,
            Some(Err(error)) => return Err(error),
        }
    }
    body.truncate(REPLY_OCTETS);
    Ok(Exchanged {
        status: head.status,
        headers: head.headers,
        body,
    })
}

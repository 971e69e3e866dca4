//! One http or https attempt: GET, the status judged, redirects to the same host followed.
//!
//! Must not resolve a name: the probed address is always dialled. Must not use a proxy, nor a
//! connection twice.
//!
//! The body is not read. Only the status is judged, so a body that never ends must neither cost
//! memory nor delay the verdict; closing the connection stops the server, and until then it can
//! send no more than fits the socket's buffer.

#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::failure::{Deadline, Failure, Phase, io_words};
use super::redirect::{Hop, MAX_REDIRECTS};
use super::tcp;
use super::tls::Tls;
use crate::config::model::{HttpCheck, Node};
use crate::http1::{self, AGENT, ALL};
use crate::metered::Metered;

/// Asks `address` for what `check` says, as `host`.
pub(super) async fn attempt(
    node: &Node,
    tls: &Tls,
    check: &HttpCheck,
    host: &str,
    address: IpAddr,
    deadline: Deadline,
) -> Result<(), Failure> {
    let mut hop = Hop::first(check, host);
    for _ in 0..=MAX_REDIRECTS {
        let response = ask(node, tls, &hop, address, deadline).await?;
        let status = response.status();
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        match hop
            .next(status, location)
            .filter(|_| check.follow_redirects)
        {
            Some(next) => hop = next,
            None if status.as_u16() >= check.bad_status => {
                return Err(Failure::Status(status.as_u16()));
            }
            None => return Ok(()),
        }
    }
    Err(Failure::Redirects(MAX_REDIRECTS))
}

async fn ask(
    node: &Node,
    tls: &Tls,
    hop: &Hop,
    address: IpAddr,
    deadline: Deadline,
) -> Result<Response<Incoming>, Failure> {
    let request = request(hop)?;
    let stream = tcp::connect(node, (address, hop.port).into(), deadline).await?;
    let exchange = async {
        match hop.tls {
            None => exchange(stream, request, deadline).await,
            Some(check) => {
                let stream = tls.handshake(check, &hop.host, stream, deadline).await?;
                exchange(stream, request, deadline).await
            }
        }
    };
    exchange.await
}

fn request(hop: &Hop) -> Result<Request<Empty<Bytes>>, Failure> {
    Request::get(&hop.target)
        .header(HOST, hop.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| Failure::Http(format!("no request can ask for {}: {error}", hop.target)))
}

/// Sends `request` and waits for the head of the response.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Empty<Bytes>>,
    deadline: Deadline,
) -> Result<Response<Incoming>, Failure> {
    let stream = Metered::new(stream, ALL);
    let answered = http1::exchange(stream, request, async |response| Ok(response));
    deadline
        .within(Phase::Http, answered)
        .await?
        .map_err(failure)
}

fn failure(error: hyper::Error) -> Failure {
    let system = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    Failure::Http(if error.is_parse() {
        // Not HTTP at all, or a head over `http1::HEAD`: hyper's words tell.
        format!("{error} in HTTP response")
    } else if error.is_incomplete_message() || error.is_canceled() {
        "connection closed in HTTP response".to_owned()
    } else if let Some(error) = system {
        format!("{} in HTTP response", io_words(error))
    } else {
        format!("{error} in HTTP response")
    })
}

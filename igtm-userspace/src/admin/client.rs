//! Asks a daemon by its unix socket; what the commands stand on.
//!
//! Blocks: a command has nothing else to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long a reply may take; a little more than the daemon gives itself.
const PATIENCE: Duration = Duration::from_secs(130);
/// How long it may take until there is room for a connection.
const ROOM: Duration = Duration::from_secs(10);
/// Octets of a reply: the tree of 10 000 instances has some ten million.
const REPLY: usize = 512 * 1024 * 1024;

/// The daemon cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// Nobody answers at the socket.
    #[error("cannot reach the daemon at {socket}: {error}{}", hint(error))]
    Connect {
        /// Which.
        socket: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It did not answer as it should.
    #[error("the daemon at {socket} did not answer: {error}")]
    Talk {
        /// Which.
        socket: PathBuf,
        /// Why.
        error: String,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "; is it running, and is `[admin] socket` of its configuration this one?"
        }
        io::ErrorKind::ConnectionRefused => "; a daemon that is gone has left it",
        io::ErrorKind::WouldBlock => "; too many connect to it",
        io::ErrorKind::PermissionDenied => "; the socket's group may open it",
        _ => "",
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// `/api/v1/…`, with its query.
    pub path: &'a str,
    /// Of a POST; `None`: GET.
    pub body: Option<String>,
    /// Whether the text for people is wanted instead of JSON.
    pub text: bool,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 when it was done.
    pub status: StatusCode,
    /// JSON or text.
    pub body: String,
}

impl Reply {
    /// Why it was not done: the error that the body says.
    pub fn error(&self) -> String {
        let value: Option<serde_json::Value> = serde_json::from_str(&self.body).ok();
        let error = value.and_then(|value| value["error"].as_str().map(str::to_owned));
        error.unwrap_or_else(|| self.body.trim_end().to_owned())
    }
}

/// Asks the daemon at `socket`.
pub fn ask(socket: &Path, ask: Ask<'_>) -> Result<Reply, Unreachable> {
    let talk = |error: String| Unreachable::Talk {
        socket: socket.to_owned(),
        error,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| talk(error.to_string()))?;
    runtime.block_on(async {
        let stream = connect(socket).map_err(|error| Unreachable::Connect {
            socket: socket.to_owned(),
            error,
        })?;
        match timeout(PATIENCE, exchange(stream, ask)).await {
            Ok(exchanged) => exchanged.map_err(talk),
            Err(_elapsed) => Err(talk(format!("nothing for {} s", PATIENCE.as_secs()))),
        }
    })
}

/// Waits where very many connect at once; one that may not block is refused then (unix(7)).
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(ROOM))?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket.into())
}

async fn exchange(stream: UnixStream, ask: Ask<'_>) -> Result<Reply, String> {
    let words = |error: &dyn ToString| error.to_string();
    let shake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shake.map_err(|error| words(&error))?;
    let connection = tokio::spawn(connection);
    let (method, body) = match ask.body {
        Some(body) => (Method::POST, body),
        None => (Method::GET, String::new()),
    };
    let request = Request::builder()
        .method(method)
        .uri(ask.path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(
            ACCEPT,
            if ask.text {
                "text/plain"
            } else {
                "application/json"
            },
        )
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| words(&error))?;
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| words(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), REPLY).collect().await;
    let body = body.map_err(|error| words(&error))?.to_bytes();
    connection.abort();
    let body = String::from_utf8(body.into()).map_err(|error| words(&error))?;
    Ok(Reply { status, body })
}

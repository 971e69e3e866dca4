//! A webhook receiver on loopback: a real socket, a script of replies, every request kept.
//! HTTP is written by hand, since half of the script is what no HTTP server would do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers with this status line and these headers.
    Status(&'static str, Vec<(&'static str, String)>),
    /// Answers with this status line and this body.
    Body(&'static str, String),
    /// Says 200, sends half of the body, resets.
    ResetInBody,
    /// Takes the request and says nothing for so long, then 200.
    Slow(Duration),
    /// Says this again and again, without end.
    Endless(&'static str),
}

impl Reply {
    pub(super) fn ok() -> Self {
        Self::Status("200 OK", vec![])
    }

    pub(super) fn status(line: &'static str) -> Self {
        Self::Status(line, vec![])
    }

    /// As vendors answer: 200, whatever the JSON says.
    pub(super) fn json(body: &serde_json::Value) -> Self {
        Self::Body("200 OK", body.to_string())
    }
}

/// Answers each request by what is in it.
type Answering = Arc<Mutex<dyn FnMut(&Request) -> Reply + Send>>;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) at: Instant,
}

impl Request {
    /// The one header of that name, in lower case.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key == name)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

pub(super) struct Receiver {
    /// `http://127.0.0.1:PORT`.
    pub(super) origin: String,
    requests: mpsc::UnboundedReceiver<Request>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Answers the first requests as `script` says, all further ones with 200.
    pub(super) async fn start(script: Vec<Reply>) -> Self {
        let mut script = script.into_iter();
        Self::answering(move |_| script.next().unwrap_or_else(Reply::ok)).await
    }

    /// Answers as `answer` says. Should it panic, the connection ends without an answer.
    pub(super) async fn answering(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let answer: Answering = Arc::new(Mutex::new(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (sender, requests) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), sender.clone()));
            }
        });
        Self {
            origin: format!("http://{address}"),
            requests,
            task,
        }
    }

    /// The next request; fails the test when none comes within half a minute.
    pub(super) async fn next(&mut self) -> Request {
        timeout(Duration::from_secs(30), self.requests.recv())
            .await
            .expect("a request in time")
            .expect("the receiver runs")
    }

    /// The next of the requests that have come already.
    pub(super) fn came(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// Fails the test when a request comes within `for_ms`.
    pub(super) async fn silent(&mut self, for_ms: u64) {
        if let Ok(request) = timeout(Duration::from_millis(for_ms), self.requests.recv()).await {
            panic!("an unexpected request: {request:?}");
        }
    }
}

async fn serve(mut stream: TcpStream, answer: Answering, requests: mpsc::UnboundedSender<Request>) {
    let request = read(&mut stream).await;
    let reply = answer.lock().unwrap_or_else(PoisonError::into_inner)(&request);
    // The test may have ended.
    let _ = requests.send(request);
    let octets = match reply {
        Reply::Body(line, body) => {
            let length = body.len();
            format!("HTTP/1.1 {line}\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Reply::Status(line, headers) => {
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            format!("HTTP/1.1 {line}\r\n{headers}content-length: 2\r\n\r\nok")
        }
        Reply::ResetInBody => {
            let half = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf";
            let _ = stream.write_all(half.as_bytes()).await;
            // Let the half arrive: a reset may discard what was not read yet.
            tokio::time::sleep(Duration::from_millis(50)).await;
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .expect("SO_LINGER");
            return;
        }
        Reply::Endless(text) => {
            let many = text.repeat(65_536 / text.len() + 1);
            while stream.write_all(many.as_bytes()).await.is_ok() {}
            return;
        }
        Reply::Slow(pause) => {
            tokio::time::sleep(pause).await;
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
        }
    };
    let _ = stream.write_all(octets.as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut octets = Vec::new();
    let head_end = loop {
        if let Some(at) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let read = stream.read_buf(&mut octets).await.expect("a request");
        assert!(read > 0, "the request ended in its head");
    };
    let head = String::from_utf8(octets[..head_end].to_vec()).expect("ASCII");
    let mut lines = head.split("\r\n");
    let line = lines.next().expect("a request line").to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map(|(_, length)| length.parse().expect("a number"));
    // A GET has none.
    let length: usize = length.unwrap_or(0);
    let mut body = octets.split_off(head_end + 4);
    while body.len() < length {
        let read = stream.read_buf(&mut body).await.expect("a body");
        assert!(read > 0, "the request ended in its body");
    }
    Request {
        line,
        headers,
        body,
        at: Instant::now(),
    }
}

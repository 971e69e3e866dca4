//! A small HTTP/1.1 server: one request a connection, each handed to a function.
//!
//! Only what probes and webhooks send is understood; nothing here is a model for production.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::netns::Netns;

/// A peer that says nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest body read.
const BODY_LIMIT: usize = 1 << 20;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub peer: IpAddr,
    /// `GET`, `POST`, …
    pub method: String,
    /// The request target.
    pub path: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// As long as `content-length` says.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What is answered: a status and a body.
#[derive(Clone, Debug)]
pub struct Response(pub u16, pub String);

/// A listening socket and its thread; dropping it closes the socket.
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `address` inside `netns`.
    pub fn start(
        netns: &Netns,
        address: SocketAddr,
        mut handler: impl FnMut(Request) -> Response + Send + 'static,
    ) -> Result<Self> {
        let listener = netns.enter(|| {
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
        })?;
        let listener = Arc::new(listener);
        let stopping = Arc::new(AtomicBool::new(false));
        let (theirs, stop) = (Arc::clone(&listener), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Acquire) {
                if let Ok((stream, _)) = theirs.accept() {
                    // A peer that breaks off is its own affair: a probe often does.
                    let _ = serve(&stream, &mut handler);
                    let _ = stream.shutdown(Shutdown::Write);
                }
            }
        });
        Ok(Self {
            listener,
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Ends the accept in progress; from here on the kernel refuses connections.
        let _ =
            nix::sys::socket::shutdown(self.listener.as_raw_fd(), nix::sys::socket::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(stream: &TcpStream, handler: &mut impl FnMut(Request) -> Response) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let peer = stream.peer_addr()?.ip();
    let request = read_request(peer, &mut BufReader::new(stream))?;
    let Response(status, body) = handler(request);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} -\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

fn read_request(peer: IpAddr, input: &mut impl BufRead) -> Result<Request> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().context("no method")?.to_owned();
    let path = words.next().context("no target")?.to_owned();

    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        peer,
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length: usize = request.header("content-length").unwrap_or("0").parse()?;
    ensure!(length <= BODY_LIMIT, "a body of {length} octets");
    request.body.resize(length, 0);
    input.read_exact(&mut request.body)?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_to_the_end_of_its_body() {
        let mut wire = &b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcd"[..];
        let request = read_request(IpAddr::from([127, 0, 0, 1]), &mut wire).expect("well-formed");
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/hook")
        );
        assert_eq!(request.header("host"), Some("a"));
        assert_eq!(request.body, b"abc");
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let whole = b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab";
        for wire in [&whole[..], b""] {
            assert!(read_request(IpAddr::from([127, 0, 0, 1]), &mut &*wire).is_err());
        }
    }
}

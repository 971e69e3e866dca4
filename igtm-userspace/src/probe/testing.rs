//! Real servers on loopback for the tests of probes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::{Means, Vantage};
use crate::config::model::{Address, Monitor, MonitorId, Node, Protocol};
use crate::health::testing::monitor;
use crate::health::{Target, Task};

/// Those that trust nobody.
pub(super) fn means() -> Means {
    Means::trusting(RootCertStore::empty())
}

/// The node `local`, trusting nobody.
pub(super) fn vantage() -> Vantage {
    Vantage::new(Arc::new(Node::local()), Arc::new(means()))
}

pub(super) async fn listener(ip: &str) -> TcpListener {
    TcpListener::bind(format!("{ip}:0"))
        .await
        .expect("loopback has free ports")
}

/// A loopback port that nobody listens on: bound, so that nobody else will.
pub(super) fn closed_port() -> SocketAddr {
    use std::sync::OnceLock;
    static HELD: OnceLock<socket2::Socket> = OnceLock::new();
    let socket = HELD.get_or_init(|| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("loopback has free ports");
        socket
    });
    let address = socket.local_addr().expect("bound");
    address.as_socket().expect("of an IP family")
}

/// A server that counts connections and closes them.
pub(super) struct Counted {
    pub(super) port: u16,
    count: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Counted {
    pub(super) async fn start() -> Self {
        let listener = listener("127.0.0.1").await;
        let port = listener.local_addr().expect("bound").port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, count, task }
    }

    pub(super) fn connections(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The node `local` looks at 127.0.0.1 by a monitor called `tcp-PORT`.
pub(super) fn tcp_task(port: u16, interval: Duration) -> Arc<Task> {
    let monitor = Monitor {
        interval,
        nodes: Vec::new(),
        ..monitor(&format!("tcp-{port}"), Protocol::Tcp { port })
    };
    Arc::new(Task {
        target: Target {
            monitor: MonitorId(0),
            address: Address::Ip([127, 0, 0, 1].into()),
            host: None,
        },
        monitor: Arc::new(monitor),
        node: Arc::new(Node::local()),
    })
}

/// What a [`Site`] answers a request with.
pub(super) enum Reply {
    /// These octets, then the end.
    Raw(String),
    /// 200 and a body without end.
    Endless,
    /// The end, at once.
    Close,
    /// Nothing, for ever.
    Never,
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self::Raw(format!(
            "HTTP/1.1 {status} Some\r\ncontent-length: 0\r\n\r\n"
        ))
    }

    pub(super) fn redirect(status: u16, to: &str) -> Self {
        Self::Raw(format!(
            "HTTP/1.1 {status} Some\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
        ))
    }
}

/// An HTTP server on 127.0.0.1 that remembers what it was asked.
pub(super) struct Site {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

struct Seen {
    head: String,
    server_name: Option<String>,
    resumed: bool,
}

impl Site {
    pub(super) async fn plain(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, answer).await
    }

    pub(super) async fn tls(
        config: ServerConfig,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), answer).await
    }

    async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = listener("127.0.0.1").await;
        let port = listener.local_addr().expect("bound").port();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (answer, all) = (Arc::new(answer), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, answer, all) = (tls.clone(), Arc::clone(&answer), Arc::clone(&all));
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, None, false, &*answer, &all).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else {
                                return;
                            };
                            let shown = stream.get_ref().1;
                            let name = shown.server_name().map(str::to_owned);
                            let resumed = shown.handshake_kind() == Some(HandshakeKind::Resumed);
                            serve(stream, name, resumed, &*answer, &all).await;
                        }
                    }
                });
            }
        });
        Self { port, seen, task }
    }

    fn each<T>(&self, of: impl Fn(&Seen) -> T) -> Vec<T> {
        let seen = self.seen.lock().expect("no test panics in it");
        seen.iter().map(of).collect()
    }

    /// The requests, in order, up to the empty line.
    pub(super) fn heads(&self) -> Vec<String> {
        self.each(|seen| seen.head.clone())
    }

    /// The SNI of each request's connection.
    pub(super) fn server_names(&self) -> Vec<Option<String>> {
        self.each(|seen| seen.server_name.clone())
    }

    /// How many handshakes resumed a session.
    pub(super) fn resumed(&self) -> usize {
        self.each(|seen| seen.resumed)
            .into_iter()
            .filter(|resumed| *resumed)
            .count()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    server_name: Option<String>,
    resumed: bool,
    answer: &(impl Fn(&str) -> Reply + ?Sized),
    all: &Mutex<Vec<Seen>>,
) {
    let mut head = Vec::new();
    // Enough for what is no HTTP, such as a ClientHello, to be answered as well.
    while !head.ends_with(b"\r\n\r\n") && head.first() != Some(&0x16) {
        let mut octet = [0];
        match stream.read(&mut octet).await {
            Ok(1) => head.extend(octet),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let reply = answer(head.split(' ').nth(1).unwrap_or_default());
    all.lock().expect("no test panics in it").push(Seen {
        head,
        server_name,
        resumed,
    });
    // The probe may hang up at any time: that is no error here.
    match reply {
        Reply::Raw(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        Reply::Endless => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(b"4\r\nmore\r\n").await;
            }
        }
        Reply::Close => {}
        Reply::Never => std::future::pending().await,
    }
}

/// Work in a network and a mount namespace of its own, after `prepare`. A thread of its own too: with one
/// test thread, libtest runs tests on the main one.
pub(super) fn in_a_namespace<T: Send + 'static>(
    prepare: impl FnOnce() + Send + 'static,
    work: impl AsyncFnOnce() -> T + Send + 'static,
) -> Option<T> {
    if !nix::unistd::geteuid().is_root() {
        #[expect(clippy::print_stderr, reason = "a skip says why")]
        {
            eprintln!("skipped: a network namespace needs root");
        }
        return None;
    }
    let there = std::thread::spawn(move || {
        let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
        nix::sched::unshare(own).expect("root may");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("root may");
        prepare();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(work())
    });
    Some(there.join().expect("it does not panic"))
}

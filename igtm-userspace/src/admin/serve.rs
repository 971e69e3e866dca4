//! Connections of the admin API: accepted up to a number, each with limits, until the daemon ends.
//!
//! Knows nothing of what is asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::authority::{Origin, Who};
use super::listen::{Door, SocketPath};
use super::routes::{self, Shared};

/// Connections at once on the socket, and as many by TCP; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a connection may be silent before and between requests.
const SILENCE: Duration = Duration::from_secs(15);
/// Octets of a request's head.
const HEAD: usize = 16 * 1024;

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Serving {
    _tasks: JoinSet<()>,
    _path: SocketPath,
}

impl Door {
    /// Serves what is `shared`.
    pub fn serve(self, shared: &Shared) -> Serving {
        let Self { unix, tcp, path } = self;
        let mut tasks = JoinSet::new();
        let router = routes::router(shared.clone(), Origin::Socket);
        tasks.spawn(accept(unix, router, Who::of_peer));
        if let Some(tcp) = tcp {
            if let Ok(address) = tcp.local_addr() {
                info!(%address, "admin API by TCP");
            }
            let router = routes::router(shared.clone(), Origin::Tcp);
            tasks.spawn(accept(tcp, router, |_| Who::Token));
        }
        Serving {
            _tasks: tasks,
            _path: path,
        }
    }
}

/// What a listener of axum's cannot accept, it logs, and waits a second before it tries again.
async fn accept<L: Listener>(mut listener: L, router: Router, who: fn(&L::Io) -> Who) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropping the set ends its connections.
    let mut served = JoinSet::new();
    loop {
        while served.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let (stream, _address) = listener.accept().await;
        let (router, who) = (router.clone(), who(&stream));
        served.spawn(async move {
            connection(stream, router, who).await;
            drop(permit);
        });
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    who: Who,
) {
    let router = TowerToHyperService::new(router);
    // Requests of a connection are those of whoever opened it.
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(who);
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        debug!(%error, "admin connection");
    }
}

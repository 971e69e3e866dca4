//! Connections of the admin API: accepted up to a number, each with limits, until the daemon ends.
//!
//! Knows nothing of what is asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::serve::Listener;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info};

use super::authority::{Origin, Who};
use super::listen::{Door, SocketPath};
use super::paced::{Pace, Paced};
use super::places::{Place, Places};
use super::reply::failed;
use super::routes::{self, Shared};
use crate::supervised::supervised;

/// Octets of a request's head.
const HEAD: usize = 16 * 1024;
/// Octets of a request's body.
const BODY: usize = 64 * 1024;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At once on the socket, and as many by TCP. Where there are more, the one that is idle for
    /// longest is ended.
    pub(super) connections: usize,
    /// How long a connection may be silent before and between requests, and until the body of one
    /// is whole.
    pub(super) silence: Duration,
    /// How long it may take what is replied.
    pub(super) pace: Pace,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            silence: Duration::from_secs(15),
            pace: Pace {
                stalled: Duration::from_secs(10),
                whole: Duration::from_secs(60),
            },
        }
    }
}

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Serving {
    _tasks: JoinSet<()>,
    _path: SocketPath,
}

impl Door {
    /// Serves what is `shared`.
    pub fn serve(self, shared: &Shared) -> Serving {
        self.serve_within(Limits::default(), shared)
    }

    pub(super) fn serve_within(self, limits: Limits, shared: &Shared) -> Serving {
        let Self { unix, tcp, path } = self;
        let mut tasks = JoinSet::new();
        let router = routes::router(shared.clone(), Origin::Socket);
        tasks.spawn(serve("admin socket", unix, router, Who::of_peer, limits));
        if let Some(tcp) = tcp {
            if let Ok(address) = tcp.local_addr() {
                info!(%address, "admin API by TCP");
            }
            let router = routes::router(shared.clone(), Origin::Tcp);
            tasks.spawn(serve(
                "admin API by TCP",
                tcp,
                router,
                |_| Who::Token,
                limits,
            ));
        }
        Serving {
            _tasks: tasks,
            _path: path,
        }
    }
}

async fn serve<L: Listener>(
    what: &'static str,
    mut listener: L,
    router: Router,
    who: fn(&L::Io) -> Who,
    limits: Limits,
) {
    supervised(what, async move || {
        accept(&mut listener, &router, who, limits).await
    })
    .await;
}

/// What a listener of axum's cannot accept, it logs, and waits a second before it tries again.
async fn accept<L: Listener>(
    listener: &mut L,
    router: &Router,
    who: fn(&L::Io) -> Who,
    limits: Limits,
) {
    let places = Places::new(limits.connections);
    // Dropping the set ends its connections.
    let mut served = JoinSet::new();
    loop {
        while served.try_join_next().is_some() {}
        let (stream, _address) = listener.accept().await;
        // Somebody is there: only now must another go.
        places.room().await;
        let (router, who) = (router.clone(), who(&stream));
        let place = Arc::new(places.take());
        let id = place.id();
        let task = served.spawn(connection(stream, router, who, place, limits));
        places.ended_by(id, task);
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    who: Who,
    place: Arc<Place>,
    limits: Limits,
) {
    let stream = Paced::new(stream, Arc::clone(&place), limits.pace);
    let router = TowerToHyperService::new(router);
    // Requests of a connection are those of whoever opened it.
    let service = service_fn(|request: Request<Incoming>| {
        reply(request, &router, who, &place, limits.silence)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.silence)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        debug!(%error, "admin connection");
    }
}

/// Its place had to be another's.
#[derive(Debug, thiserror::Error)]
#[error("ended to make room for another connection")]
struct Ended;

async fn reply(
    request: Request<Incoming>,
    router: &TowerToHyperService<Router>,
    who: Who,
    place: &Place,
    silence: Duration,
) -> Result<Response<Body>, Ended> {
    let (head, body) = request.into_parts();
    // Here, not where it is wanted: who waits for the rest of one is idle.
    let body = match timeout(silence, Limited::new(body, BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("a body has at most {BODY} octets");
            return Ok(failed(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Ok(Err(error)) => return Ok(failed(StatusCode::BAD_REQUEST, error)),
        Err(_elapsed) => {
            let why = "the body of the request did not come";
            return Ok(failed(StatusCode::REQUEST_TIMEOUT, why));
        }
    };
    let _working = place.work().ok_or(Ended)?;
    let mut request = Request::from_parts(head, Full::new(body));
    request.extensions_mut().insert(who);
    match router.call(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

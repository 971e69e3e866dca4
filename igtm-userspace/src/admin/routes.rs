//! What is answered where. See [`super`] for the list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::debug;
use url::form_urlencoded;

use super::authority::{self, Origin};
use super::command::{Commands, NotApplied, NotTold};
use super::published::Current;
use super::reply::{failed, shown, text, wants_text};
use super::status::build::{self, Asked};
use super::{alerts, file, force, history, published::Published, pushes, release, scrape};
use crate::command::explain;
use crate::dataplane::inspect::Inspection;
use crate::metrics::Metrics;
use crate::probe::Lateness;
use crate::state::Store;

/// How long a request may take; a reload of a very large file takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// What every request has.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What readers are shown.
    pub published: Current,
    /// Where what changes something goes.
    pub commands: Commands,
    /// What is counted.
    pub metrics: Metrics,
    /// What was observed before.
    pub store: Store,
    /// How late rounds begin.
    pub lateness: Arc<Lateness>,
    /// Channels, mutes and what operators order of them.
    pub alerts: crate::notify::Handle,
    /// The last page of `/metrics`.
    pub page: Page,
}

/// A page, and when it was begun: all who asked before share it. It needs no token, may have
/// megabytes, and whoever asks may not read it.
pub(super) type Page = Arc<Mutex<Option<(Instant, Bytes)>>>;

/// Every route, as seen from `origin`.
pub(super) fn router(shared: Shared, origin: Origin) -> Router {
    let changes = Router::new()
        .route("/api/v1/reload", post(reload))
        .route("/api/v1/force", post(force::force))
        .route("/api/v1/release", post(release::release))
        .route("/api/v1/pushes/replay", post(pushes::replay))
        .route("/api/v1/mute", post(alerts::mute))
        .route("/api/v1/events/send", post(alerts::send))
        .route("/api/v1/notify/test", post(alerts::test))
        .route_layer(middleware::from_fn_with_state(
            (shared.clone(), origin),
            authority::change,
        ));
    let local = Router::new()
        .route("/api/v1/check", post(file::check))
        .route_layer(middleware::from_fn_with_state(origin, authority::local));
    Router::new()
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/explain", get(explain))
        .route("/api/v1/events", get(history::events))
        .route("/api/v1/pushes", get(pushes::list))
        .route("/api/v1/pushes/{id}", get(pushes::show))
        .merge(changes)
        .merge(local)
        .fallback(async || failed(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(middleware::from_fn(within_limit))
        .with_state(shared)
}

async fn within_limit(request: Request, next: Next) -> Response {
    match timeout(LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => failed(StatusCode::GATEWAY_TIMEOUT, "this took too long"),
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.published.load().not_ready() {
        None => text(StatusCode::OK, "ready\n".to_owned()),
        Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let asked = Instant::now();
    // One is made at a time.
    let mut last = shared.page.lock().await;
    let page = match &*last {
        Some((begun, page)) if *begun > asked => page.clone(),
        _ => {
            let begun = Instant::now();
            match new_page(&shared).await {
                Ok(page) => last.insert((begun, page)).1.clone(),
                Err(response) => return response,
            }
        }
    };
    ([(CONTENT_TYPE, scrape::CONTENT_TYPE)], page).into_response()
}

async fn new_page(shared: &Shared) -> Result<Bytes, Response> {
    let published = shared.published.load_full();
    let (metrics, lateness) = (shared.metrics.clone(), Arc::clone(&shared.lateness));
    let page = off_the_loop(move || {
        let kernel = published
            .kernel
            .attached
            .then(|| kernel_counters(&published));
        let now = Timestamp::now();
        scrape::page(&metrics, &published, &lateness, kernel.flatten(), now)
    });
    let page = page.await?;
    page.map(Bytes::from)
        .map_err(|error| failed(StatusCode::INTERNAL_SERVER_ERROR, error))
}

fn kernel_counters(published: &Published) -> Option<scrape::KernelCounters> {
    let bpffs = &published.ground.config.server.bpffs;
    let counters = Inspection::open(bpffs).and_then(|inspection| inspection.counters());
    counters
        .inspect_err(|error| debug!(%error, "the kernel's counters"))
        .ok()
}

async fn status(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let mut asked = Asked::default();
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*key {
            "name" => asked.names.push(value.into_owned()),
            "all" => asked.all = value == "true",
            other => return unknown_key(other),
        }
    }
    let published = shared.published.load_full();
    let rounds = match asked.names.is_empty() {
        true => history::rounds(&shared.store).await,
        false => None,
    };
    let shown = Arc::clone(&shared.alerts.shown);
    let built = off_the_loop(move || {
        let mut status = build::build(&published, rounds.as_ref(), &asked)?;
        if asked.names.is_empty() {
            status.channels = shown.channels(&published.ground.config);
            status.mutes = shown.mutes(published.at);
        }
        Ok::<_, build::Unknown>(Json(status).into_response())
    });
    match built.await {
        Ok(Ok(response)) | Err(response) => response,
        Ok(Err(unknown)) => failed(StatusCode::NOT_FOUND, unknown),
    }
}

pub(super) fn unknown_key(key: &str) -> Response {
    let why = format!("there is no parameter `{key}`");
    failed(StatusCode::BAD_REQUEST, why)
}

async fn explain(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let request = match explain::Request::from_pairs(pairs) {
        Ok(request) => request,
        Err(why) => return failed(StatusCode::BAD_REQUEST, why),
    };
    let published = shared.published.load_full();
    let explained = off_the_loop(move || {
        let ground = &published.ground;
        let known = explain::Known::Observed {
            health: &published.health,
            node: &ground.config.server.node,
            at: published.at,
            frozen: &ground.frozen,
        };
        explain::explain_by(&ground.config, &ground.lines, known, &request)
    });
    match explained.await {
        Ok(Ok(explanation)) => shown(&headers, StatusCode::OK, &explanation),
        Ok(Err(error)) => failed(StatusCode::NOT_FOUND, error),
        Err(response) => response,
    }
}

async fn reload(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    match shared.commands.reload().await {
        Ok(Ok(applied)) => shown(&headers, StatusCode::OK, &applied),
        Ok(Err(refused)) => refusal(&headers, &refused),
        Err(why) => unheard(why),
    }
}

/// Why the loop said nothing.
pub(super) fn unheard(why: NotTold) -> Response {
    failed(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// A file that is not, or would not be, applied.
pub(super) fn refusal(headers: &HeaderMap, refused: &NotApplied) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if wants_text(headers) {
        return text(status, format!("{refused}\n"));
    }
    let body = match refused {
        NotApplied::Problems(problems) => json!({ "ok": false, "problems": problems }),
        NotApplied::Refused(why) => json!({ "ok": false, "problems": [], "error": why }),
    };
    (status, Json(body)).into_response()
}

/// Runs what takes a while, but asks nobody, on a thread of its own.
pub(super) async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| failed(StatusCode::INTERNAL_SERVER_ERROR, error))
}

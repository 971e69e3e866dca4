//! The routes on a real socket, with a main loop that says what the test wants.

mod alerts;
mod commands;
mod connections;
mod release;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;

use super::client::{Ask, Reply, Unreachable, ask};
use super::command::{self, Command, Told};
use super::force::NotForced;
use super::serve::Limits;
use super::status::Status;
use super::status::tests::{FILE, published};
use super::{Door, Serving, Shared};
use crate::config::model::Admin;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::notify::event::Kind;
use crate::notify::fixture;
use crate::snapshot::fixture::ground;
use crate::state::outbox::SavedAlerts;
use crate::state::{Rounds, Store, StoredEvent};

/// A daemon without anything but its admin API.
struct Stage {
    _place: tempfile::TempDir,
    socket: PathBuf,
    shared: Shared,
    commands: Told,
    _serving: Serving,
    _notifier: Notifier,
    store: Store,
}

fn stage() -> Stage {
    stage_within(Limits::default(), None)
}

fn stage_within(limits: Limits, listen: Option<SocketAddr>) -> Stage {
    let place = tempfile::tempdir().expect("a directory");
    let admin = Admin {
        socket: place.path().join("admin.sock"),
        listen,
        ..Admin::default()
    };
    let (told, commands) = command::channel();
    let (store, _nothing) = Store::open(&place.path().join("state")).expect("nobody has it");
    let published = published(&ground(FILE), &["192.0.2.20"]);
    let config = Arc::clone(&published.ground.config);
    let (metrics, nothing) = (Metrics::default(), SavedAlerts::default());
    let notifier = Notifier::start(config, store.clone(), metrics, nothing);
    let shared = Shared {
        published: Arc::new(ArcSwap::from_pointee(published)),
        commands: told,
        metrics: Metrics::default(),
        store: store.clone(),
        lateness: Arc::default(),
        alerts: notifier.handle(),
        page: Arc::default(),
    };
    let serving = Door::bind(&admin)
        .expect("it binds")
        .serve_within(limits, &shared);
    Stage {
        socket: admin.socket,
        _place: place,
        shared,
        commands,
        _serving: serving,
        _notifier: notifier,
        store,
    }
}

async fn asked(socket: &Path, path: &str, body: Option<&str>, text: bool) -> Reply {
    let (socket, path) = (socket.to_owned(), path.to_owned());
    let body = body.map(str::to_owned);
    let asked = spawn_blocking(move || {
        ask(
            &socket,
            Ask {
                path: &path,
                body,
                text,
            },
        )
    });
    asked.await.expect("no panic").expect("it is reached")
}

async fn got(stage: &Stage, path: &str) -> (u16, String) {
    let Reply { status, body } = asked(&stage.socket, path, None, false).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn reads_are_answered_without_the_loop() {
    // Nobody takes commands here.
    let stage = stage();
    assert_eq!(got(&stage, "/ready").await, (200, "ready\n".to_owned()));
    let (code, body) = got(&stage, "/api/v1/status?name=www").await;
    let status: Status = serde_json::from_str(&body).expect("a status");
    assert_eq!((code, status.instances.len()), (200, 1));
    let (code, body) = got(&stage, "/api/v1/status?name=nobody").await;
    assert_eq!(code, 404);
    assert_eq!(
        body,
        "{\"error\":\"no instance, domain or pool is named nobody\"}"
    );
    assert_eq!(got(&stage, "/api/v1/status?nam=www").await.0, 400);
    let (code, page) = got(&stage, "/metrics").await;
    assert!(code == 200 && page.contains("igtm_ready 1.0\n"), "{page}");
    assert_eq!(got(&stage, "/").await.0, 404);
}

#[tokio::test]
async fn what_was_observed_before_is_read_from_the_state_database() {
    let stage = stage();
    let now = jiff::Timestamp::now();
    for good in [true, true, false] {
        stage.store.count_round("port", good, now);
    }
    let (_, body) = got(&stage, "/api/v1/status").await;
    let status: Status = serde_json::from_str(&body).expect("a status");
    let rounds: Vec<_> = status.monitors.iter().map(|one| one.rounds_7d).collect();
    let counted = |good, bad| Some(Rounds { good, bad });
    assert_eq!(rounds, [counted(2, 1), counted(0, 0)]);

    for kind in [Kind::AddressDown, Kind::AddressUp] {
        stage
            .store
            .add_event(fixture::event(kind, "192.0.2.20"), Vec::new());
    }
    let (code, body) = got(&stage, "/api/v1/events?limit=9").await;
    let events: Vec<StoredEvent> = serde_json::from_str(&body).expect("events");
    let kinds: Vec<&str> = events.iter().map(|event| event.text("kind")).collect();
    assert_eq!((code, kinds), (200, vec!["address_up", "address_down"]));
    let (_, body) = got(&stage, "/api/v1/events?kind=address_down").await;
    assert_eq!(
        serde_json::from_str::<Vec<StoredEvent>>(&body).expect("events"),
        events[1..]
    );
    assert_eq!(got(&stage, "/api/v1/events?kind=x").await.0, 400);

    stage.store.clone().close(Duration::from_secs(5)).await;
    assert_eq!(got(&stage, "/api/v1/events").await.0, 503);
    let (code, body) = got(&stage, "/api/v1/status").await;
    let status: Status = serde_json::from_str(&body).expect("a status");
    assert_eq!((code, status.monitors[0].rounds_7d), (200, None));
}

#[tokio::test]
async fn an_explanation_is_by_the_health_that_is_observed() {
    let stage = stage();
    let path = "/api/v1/explain?name=www.example.com&client=192.0.2.7";
    let (code, body) = got(&stage, path).await;
    let explained: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(code, 200, "{body}");
    assert_eq!(explained["active"], "tier 2");
    assert_eq!(explained["tiers"][0]["usable"], 1);
    let note = "health as edge-1 observes it, at 2023-11-14T22:20:00Z";
    assert_eq!(explained["notes"][0], note);
    let text = asked(&stage.socket, path, None, true).await.body;
    assert!(
        text.starts_with("www.example.com A for 192.0.2.7\n"),
        "{text}"
    );
    // What is forced goes before it, with its reason.
    let mut seen = (**stage.shared.published.load()).clone();
    seen.health.force(crate::health::Forced {
        address: "192.0.2.1".parse().expect("an address"),
        pool: None,
        state: crate::health::ForcedState::Drain,
        reason: "disk swap".to_owned(),
        who: "root".to_owned(),
        since: seen.at,
        until: None,
    });
    stage.shared.published.store(Arc::new(seen));
    let (_, body) = got(&stage, path).await;
    let explained: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(explained["tiers"][0]["usable"], 0, "{body}");
    let said = "192.0.2.1 is forced drain in pool guangzhou by root: disk swap";
    assert!(body.contains(said), "{body}");
    assert_eq!(got(&stage, "/api/v1/explain?name=x").await.0, 400);
    let unknown = "/api/v1/explain?name=x.example.com&client=192.0.2.7";
    assert_eq!(got(&stage, unknown).await.0, 404);
}

#[tokio::test]
async fn not_ready_says_why() {
    let stage = stage();
    let mut seen = (**stage.shared.published.load()).clone();
    seen.kernel.degraded = Some("heartbeat: no".to_owned());
    stage.shared.published.store(Arc::new(seen.clone()));
    let why = "the data plane is degraded: heartbeat: no\n";
    assert_eq!(got(&stage, "/ready").await, (503, why.to_owned()));
    seen.snapshot = None;
    stage.shared.published.store(Arc::new(seen));
    let why = "not answering yet: 3 of 3 targets have finished a round\n";
    assert_eq!(got(&stage, "/ready").await, (503, why.to_owned()));
}

#[tokio::test]
async fn a_force_says_who_and_its_refusals_are_told() {
    let mut stage = stage();
    let path = "/api/v1/force";
    for (body, code, part) in [
        ("{", 400, "parse"),
        (
            r#"{"address":"192.0.2.1","to":"sideways"}"#,
            422,
            "sideways",
        ),
        (
            r#"{"address":"192.0.2.1","to":"down"}"#,
            400,
            "--reason is empty",
        ),
        (
            r#"{"address":"192.0.2.1","to":"down","reason":"x","for":"1 h"}"#,
            400,
            "--for is \"1 h\"",
        ),
        (
            r#"{"address":"192.0.2.1","to":"down","why":"x"}"#,
            422,
            "why",
        ),
    ] {
        let reply = asked(&stage.socket, path, Some(body), false).await;
        assert_eq!(reply.status.as_u16(), code, "{body}: {}", reply.body);
        assert!(reply.error().contains(part), "{body}: {}", reply.body);
    }
    let socket = stage.socket.clone();
    let body = r#"{"address":"192.0.2.1","to":"drain","reason":"disk swap","for":"1h"}"#;
    let asking = tokio::spawn(async move { asked(&socket, path, Some(body), false).await });
    let Some(Command::Force { order, reply }) = stage.commands.recv().await else {
        panic!("no order");
    };
    let user = nix::unistd::User::from_uid(nix::unistd::getuid());
    let user = user.expect("it can be asked").map(|user| user.name);
    assert_eq!(Some(order.who), user);
    assert_eq!(
        order
            .until
            .map(|until| until.duration_since(order.at).as_secs()),
        Some(3600)
    );
    let refused = NotForced::NoPool {
        pool: "x".to_owned(),
        near: String::new(),
    };
    reply.send(Err(refused)).expect("somebody waits");
    let reply = asking.await.expect("no panic");
    assert_eq!(
        (reply.status.as_u16(), reply.error().as_str()),
        (404, "no pool is named x")
    );
}

#[tokio::test]
async fn what_another_file_would_change_is_decided_with_this_health() {
    let stage = stage();
    let file = stage.socket.with_file_name("other.toml");
    // What is asked for is what the fixture was read from, but for the version and an address.
    let text = format!("version = 1\n{FILE}").replace("198.51.100.1", "198.51.100.9");
    std::fs::write(&file, text).expect("it can be written");
    let body = serde_json::json!({ "file": file }).to_string();
    let reply = asked(&stage.socket, "/api/v1/check", Some(&body), true).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    // www's telecom strategy answers from its second tier now, so that name's clients see it.
    for part in [
        "~ pool beijing\n",
        "www.gtm.example.com A on 电信: 198.51.100.1 (TTL 60 s) → 198.51.100.9 (TTL 60 s)\n",
    ] {
        assert!(reply.body.contains(part), "{part} in {}", reply.body);
    }
    std::fs::write(&file, "version = 3").expect("it can be written");
    let reply = asked(&stage.socket, "/api/v1/check", Some(&body), true).await;
    assert_eq!(reply.status, 422);
    assert!(
        reply.body.contains("other.toml:1:11: `version` is 3"),
        "{}",
        reply.body
    );
    let relative = asked(
        &stage.socket,
        "/api/v1/check",
        Some("{\"file\":\"x\"}"),
        true,
    )
    .await;
    assert_eq!(relative.status, 400);
    let large = format!("{{\"file\":\"/{}\"}}", "x".repeat(70_000));
    let large = asked(&stage.socket, "/api/v1/check", Some(&large), true).await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn who_does_not_reach_the_daemon_learns_which_and_why() {
    let place = tempfile::tempdir().expect("a directory");
    let socket = place.path().join("none.sock");
    let nothing = Ask {
        path: "/ready",
        body: None,
        text: false,
    };
    let path = socket.clone();
    let failed = spawn_blocking(move || ask(&path, nothing))
        .await
        .expect("no panic");
    let error = failed.expect_err("nobody is there");
    assert!(matches!(&error, Unreachable::Connect { .. }));
    assert!(error.to_string().contains("none.sock"), "{error}");
}

/// A head that never ends is cut off, and so is a silent connection in its time.
#[tokio::test]
async fn a_head_has_a_limit() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let stage = stage();
    let mut stream = tokio::net::UnixStream::connect(&stage.socket)
        .await
        .expect("it is there");
    let head = format!("GET /ready HTTP/1.1\r\nX: {}\r\n", "x".repeat(64 * 1024));
    // It may close before all is written.
    let _cut_off = stream.write_all(head.as_bytes()).await;
    let mut reply = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut reply));
    let _reset = read.await.expect("it ends");
    assert!(!reply.starts_with("HTTP/1.1 200"), "{reply}");
}

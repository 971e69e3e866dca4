//! Commands to the main loop: how they wait, and what is said when they cannot.

use tokio::sync::oneshot;

use super::*;
use crate::admin::command::{Applied, Asker, NotApplied, Reloaded, WAITING};
use crate::admin::release::Release;

fn told(askers: Vec<Asker>, reloaded: &Reloaded) {
    for asker in askers {
        // Whoever asked may have gone.
        let _gone = asker.send(reloaded.clone());
    }
}

/// Asks for a reload, which the loop answers with `reloaded`.
async fn reloaded(stage: &mut Stage, reloaded: Reloaded, text: bool) -> Reply {
    let socket = stage.socket.clone();
    let asking =
        tokio::spawn(async move { asked(&socket, "/api/v1/reload", Some(""), text).await });
    match stage.commands.recv().await.expect("a command") {
        Command::Reload { askers } => told(askers, &reloaded),
        other => panic!("{other:?}"),
    }
    asking.await.expect("no panic")
}

#[tokio::test]
async fn a_reload_is_the_loop_s_and_so_is_its_answer() {
    let mut stage = stage();
    let applied = Applied {
        took_ms: 7,
        ..Applied::default()
    };
    let reply = reloaded(&mut stage, Ok(applied.clone()), false).await;
    assert_eq!(reply.status, 200);
    let back: Applied = serde_json::from_str(&reply.body).expect("what was applied");
    assert_eq!(back, applied);
    let refused = NotApplied::Refused("[server] has changed".to_owned());
    let reply = reloaded(&mut stage, Err(refused), true).await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.as_str()),
        (422, "[server] has changed\n")
    );
    let problems = crate::config::parse("version = 2", Path::new("x.toml")).unwrap_err();
    let reply = reloaded(&mut stage, Err(problems.into()), false).await;
    assert_eq!(reply.status, 422);
    assert!(reply.body.contains("\"line\":1"), "{}", reply.body);
}

/// Each in a task of its own, which ends with the HTTP status.
fn reloading(stage: &Stage, times: usize) -> Vec<tokio::task::JoinHandle<u16>> {
    let asking = (0..times).map(|_| {
        let socket = stage.socket.clone();
        tokio::spawn(async move {
            let reply = asked(&socket, "/api/v1/reload", Some(""), false).await;
            reply.status.as_u16()
        })
    });
    asking.collect()
}

/// As when many scripts reload at once while the loop has something else to do.
#[tokio::test]
async fn reloads_that_wait_are_one_and_all_have_its_result() {
    const MANY: usize = 50;
    let mut stage = stage();
    let asking = reloading(&stage, MANY);
    let (mut reloads, mut answered) = (0, 0);
    while answered < MANY {
        // The loop is busy meanwhile.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let command = tokio::time::timeout(Duration::from_secs(10), stage.commands.recv());
        let Ok(Some(Command::Reload { askers })) = command.await else {
            panic!("{answered} of {MANY} are answered");
        };
        reloads += 1;
        answered += askers.len();
        told(askers, &Ok(Applied::default()));
    }
    for asking in asking {
        assert_eq!(asking.await.expect("no panic"), 200);
    }
    assert!(reloads < MANY / 2, "{reloads} reloads");
}

#[tokio::test]
async fn whoever_goes_while_waiting_for_a_reload_leaves_nothing() {
    let mut stage = stage();
    let commands = stage.shared.commands.clone();
    for _ in 0..3 * WAITING {
        let waiting = tokio::time::timeout(Duration::from_millis(1), commands.reload());
        assert!(waiting.await.is_err(), "nobody answers");
    }
    let last = tokio::spawn(async move { commands.reload().await });
    tokio::task::yield_now().await;
    let Some(Command::Reload { askers }) = stage.commands.recv().await else {
        panic!("no reload");
    };
    assert_eq!(askers.len(), 1);
    told(askers, &Ok(Applied::default()));
    assert_eq!(last.await.expect("no panic"), Ok(Ok(Applied::default())));
    // Nothing more is asked for.
    let more = tokio::time::timeout(Duration::from_millis(50), stage.commands.recv());
    assert!(more.await.is_err());
}

#[tokio::test]
async fn too_many_commands_and_the_end_of_the_loop_are_told_apart() {
    let mut stage = stage();
    let release = || {
        let (reply, released) = oneshot::channel();
        let asked = Release {
            strategy: "south".to_owned(),
            instance: None,
        };
        (Command::Release { asked, reply }, released)
    };
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        let (command, released) = release();
        let commands = stage.shared.commands.clone();
        waiting.push(tokio::spawn(async move {
            commands.tell(command, released).await.is_ok()
        }));
    }
    tokio::task::yield_now().await;
    let body = Some("{\"strategy\": \"south\"}");
    let full = asked(&stage.socket, "/api/v1/release", body, false).await;
    let why = "16 commands wait for the daemon already: try again when they are done";
    assert_eq!((full.status.as_u16(), &*full.error()), (503, why));
    // A reload has a place of its own, and is the first.
    let commands = stage.shared.commands.clone();
    let (reloaded, ()) = tokio::join!(commands.reload(), async {
        let Some(Command::Reload { askers }) = stage.commands.recv().await else {
            panic!("no reload");
        };
        told(askers, &Ok(Applied::default()));
    });
    assert_eq!(reloaded, Ok(Ok(Applied::default())));

    stage.commands.close();
    for path in ["/api/v1/reload", "/api/v1/release"] {
        let ended = asked(&stage.socket, path, body, false).await;
        assert_eq!(
            (ended.status.as_u16(), &*ended.error()),
            (503, "the daemon is ending")
        );
    }
    while stage.commands.recv().await.is_some() {}
    for waiting in waiting {
        assert!(!waiting.await.expect("no panic"), "nobody answered");
    }
}

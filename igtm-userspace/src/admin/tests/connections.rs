//! Connections that say nothing, stop in the middle, or do not take what they asked for.

use std::net::Ipv4Addr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use super::*;
use crate::admin::paced::Pace;

/// As fast as the cases like it.
const FAST: Limits = Limits {
    connections: 4,
    silence: Duration::from_millis(500),
    pace: Pace {
        stalled: Duration::from_millis(300),
        whole: Duration::from_secs(1),
    },
};
/// Long compared with [`FAST`].
const PATIENCE: Duration = Duration::from_secs(10);

fn patient() -> Limits {
    Limits {
        silence: PATIENCE * 6,
        ..FAST
    }
}

async fn connected(socket: &Path) -> UnixStream {
    UnixStream::connect(socket).await.expect("it is there")
}

/// Reads to the end, however it comes; says how much there was.
async fn until_end(mut stream: UnixStream) -> usize {
    let mut all = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut all));
    let _reset = read.await.expect("it ends");
    all.len()
}

/// A port that nobody has; another may take it before we do, which fails the case loudly.
async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("loopback");
    listener.local_addr().expect("bound")
}

#[tokio::test]
async fn silent_connections_make_room_for_one_that_asks() {
    let stage = stage_within(patient(), None);
    let mut silent = Vec::new();
    for _ in 0..10 * FAST.connections {
        silent.push(connected(&stage.socket).await);
    }
    let begun = Instant::now();
    assert_eq!(got(&stage, "/ready").await.0, 200);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    // The oldest have gone; that of the last is still a connection.
    let last = silent.pop().expect("many");
    assert_eq!(until_end(silent.remove(0)).await, 0);
    let mut last = last;
    last.write_all(b"GET /ready HTTP/1.0\r\n\r\n")
        .await
        .expect("it is open");
    assert!(until_end(last).await > 0);
}

#[tokio::test]
async fn what_is_worked_on_is_not_ended_for_others() {
    let mut stage = stage_within(patient(), None);
    let socket = stage.socket.clone();
    let asking = tokio::spawn(async move {
        asked(&socket, "/api/v1/reload", Some(""), false)
            .await
            .status
    });
    let Some(Command::Reload { askers }) = stage.commands.recv().await else {
        panic!("no reload");
    };
    let mut silent = Vec::new();
    for _ in 0..5 * FAST.connections {
        silent.push(connected(&stage.socket).await);
    }
    assert_eq!(got(&stage, "/ready").await.0, 200);
    for asker in askers {
        asker.send(Ok(Default::default())).expect("it still waits");
    }
    assert_eq!(asking.await.expect("no panic"), 200);
}

#[tokio::test]
async fn socket_and_tcp_have_places_of_their_own() {
    let address = free_port().await;
    let mut stage = stage_within(patient(), Some(address));
    // All places of the socket are worked on: nobody has to go there.
    let mut working = Vec::new();
    for _ in 0..FAST.connections {
        let mut stream = connected(&stage.socket).await;
        let request = b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(request).await.expect("it is open");
        working.push(stream);
    }
    let Some(Command::Reload { askers }) = stage.commands.recv().await else {
        panic!("no reload");
    };
    let mut tcp = TcpStream::connect(address).await.expect("it listens");
    tcp.write_all(b"GET /ready HTTP/1.0\r\n\r\n")
        .await
        .expect("it is open");
    let mut reply = String::new();
    let read = timeout(PATIENCE, tcp.read_to_string(&mut reply));
    read.await.expect("at once").expect("whole");
    assert!(reply.starts_with("HTTP/1.0 200"), "{reply}");
    // And the other way round.
    drop((askers, working));
    let mut silent = Vec::new();
    for _ in 0..5 * FAST.connections {
        silent.push(TcpStream::connect(address).await.expect("it listens"));
    }
    assert_eq!(got(&stage, "/ready").await.0, 200);
}

#[tokio::test]
async fn a_request_that_stops_in_the_middle_ends_in_its_time() {
    let stage = stage_within(FAST, None);
    for part in [
        "",
        "GET /ready HT",
        "POST /api/v1/force HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{",
    ] {
        let begun = Instant::now();
        let mut stream = connected(&stage.socket).await;
        stream.write_all(part.as_bytes()).await.expect("it is open");
        until_end(stream).await;
        assert!(begun.elapsed() >= FAST.silence, "{part:?}");
    }
}

/// For more than any buffer of a socket takes.
async fn asks_for_much(stage: &Stage) -> UnixStream {
    let mut seen = (**stage.shared.published.load()).clone();
    let why = "x".repeat(4 * 1024 * 1024);
    seen.refused = Some(crate::admin::published::Refused { at: seen.at, why });
    stage.shared.published.store(Arc::new(seen));
    let mut stream = connected(&stage.socket).await;
    stream
        .write_all(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
        .await
        .expect("it is open");
    stream
}

#[tokio::test]
async fn a_reply_that_nobody_takes_is_not_held_for_long() {
    let stage = stage_within(FAST, None);
    let stream = asks_for_much(&stage).await;
    sleep(FAST.pace.stalled * 4).await;
    let taken = until_end(stream).await;
    assert!(taken > 0 && taken < 4 * 1024 * 1024, "{taken} octets came");
    // Whoever takes it has it all.
    let stage = super::stage();
    let stream = asks_for_much(&stage).await;
    assert!(until_end(stream).await > 4 * 1024 * 1024);
}

#[tokio::test]
async fn a_reply_that_is_taken_by_drops_is_not_held_for_long() {
    let stage = stage_within(FAST, None);
    let mut stream = asks_for_much(&stage).await;
    let (begun, mut taken) = (Instant::now(), 0);
    let mut some = vec![0; 64 * 1024];
    while begun.elapsed() < PATIENCE {
        match stream.read(&mut some).await {
            Ok(0) | Err(_) => break,
            Ok(more) => taken += more,
        }
        // Never stalled, and would take far longer than a reply may.
        sleep(FAST.pace.stalled / 3).await;
    }
    assert!(taken < 4 * 1024 * 1024, "{taken} octets came");
}

//! What one channel's trouble does to the others, and to whatever else runs. Prints its figures.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::notify::Notifier;
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};
use crate::state::Store;

use super::receiver::{Receiver, Reply};
use super::rig::Rig;

const BAD: usize = 15;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(20);

/// Fifteen receivers that reply so beside a good one: how long the good one's messages take, and
/// the longest that anything else on the same thread waited.
async fn beside(bad: Option<Reply>) -> (Duration, Duration) {
    let mut good = Receiver::start(vec![]).await;
    let mut receivers = Vec::new();
    let mut channels = Vec::new();
    for n in 0..bad.as_ref().map_or(0, |_| BAD) {
        let script = vec![bad.clone().expect("there is one"); 20];
        let receiver = Receiver::start(script).await;
        let mut channel = channel(&format!("bad-{n}"), &receiver.origin);
        channel.timeout = Duration::from_secs(20);
        channels.push(channel);
        receivers.push(receiver);
    }
    channels.push(channel("good", &good.origin));
    let all: Vec<usize> = (0..channels.len()).collect();
    let rig = Rig::start(config(channels, vec![subscription("night", &all)]));
    let waiting = tokio::spawn(async {
        let mut clock = interval(Duration::from_millis(5));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        let end = last + Duration::from_secs(3);
        while last < end {
            clock.tick().await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    });
    let mut slowest = Duration::ZERO;
    for n in 0..ROUNDS {
        let raised = Instant::now();
        rig.raise(event(Kind::AddressDown, &format!("192.0.2.{n}")));
        slowest = slowest.max(good.next().await.at - raised);
        sleep(Duration::from_millis(300)).await;
    }
    let longest = waiting.await.expect("it ends");
    rig.drain(Duration::ZERO).await;
    (slowest, longest)
}

#[tokio::test]
async fn no_receiver_delays_another_whatever_it_does() {
    let interim = Reply::Endless("HTTP/1.1 100 Continue\r\n\r\n");
    for (what, bad) in [
        ("none", None),
        (
            "answer after 10 s",
            Some(Reply::Slow(Duration::from_secs(10))),
        ),
        ("say 100 Continue without end", Some(interim)),
        ("say 500", Some(Reply::status("500 Oops"))),
    ] {
        let (slowest, longest) = beside(bad).await;
        println!(
            "{BAD} bad receivers ({what}): a good one's message after {slowest:?} at most, \
             nothing else waits for more than {longest:?}"
        );
        assert!(slowest < Duration::from_secs(5), "{what}: {slowest:?}");
        assert!(longest < Duration::from_secs(3), "{what}: {longest:?}");
    }
}

/// Whoever keeps the daemon's own thread busy keeps no alert waiting.
#[test]
fn alerts_have_a_thread_of_their_own() {
    use std::io::{Read as _, Write as _};

    let receiver = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let origin = format!("http://{}/", receiver.local_addr().expect("bound"));
    let (came, told) = std::sync::mpsc::channel();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = receiver.accept().expect("a connection");
        let _some = stream.read(&mut [0; 64 * 1024]).expect("a request");
        came.send(()).expect("somebody waits");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .expect("taken");
    });
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, restored) = Store::open(directory.path()).expect("nobody else has it");
    let config = config(
        vec![channel("ops", &origin)],
        vec![subscription("night", &[0])],
    );
    let own = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    own.expect("a runtime").block_on(async {
        let metrics = crate::metrics::Metrics::default();
        let notifier = Notifier::start(Arc::new(config), store, metrics, restored.alerts);
        notifier.raise(event(Kind::AddressDown, "192.0.2.1"), Vec::new());
        // Nothing of this runtime goes on meanwhile.
        told.recv_timeout(PATIENCE).expect("the alert came");
        notifier.drain(PATIENCE).await;
    });
    answering.join().expect("it ended");
}

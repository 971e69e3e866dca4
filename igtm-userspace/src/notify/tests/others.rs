//! What one channel's trouble does to the others, and to whatever else runs. Prints its figures.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};

use super::receiver::{Receiver, Reply};
use super::rig::Rig;

const BAD: usize = 15;
const ROUNDS: usize = 5;

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

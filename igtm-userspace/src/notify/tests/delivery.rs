//! From `raise` to the receiver: grouping, retries, reload, the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::model::{ChannelKind, Config, Secret};
use crate::notify::EVENT_QUEUE;
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};
use crate::notify::group::EVENTS_PER_MESSAGE;

use super::journal::Journal;
use super::receiver::{Receiver, Reply};
use super::rig::Rig;

const PATIENCE: Duration = Duration::from_secs(10);

/// One subscription to one channel at `url`.
fn one(url: &str) -> Config {
    config(vec![channel("ops", url)], vec![subscription("night", &[0])])
}

fn addresses(data: &serde_json::Value) -> Vec<&str> {
    let events = data["events"].as_array().expect("a list");
    events
        .iter()
        .filter_map(|event| event["address"].as_str())
        .collect()
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_with_the_same_id_and_a_new_time() {
    let (journal, _guard) = Journal::start();
    let script = vec![Reply::status("500 Oops"), Reply::ResetInBody];
    let mut receiver = Receiver::start(script).await;
    let notifier = Rig::start(one(&format!("{}/T0KEN", receiver.origin)));
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    let first = receiver.next().await;
    for _ in 0..2 {
        let again = receiver.next().await;
        assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(again.body, first.body);
        let time = |text: &str| text.parse::<i64>().expect("seconds");
        let (then, now) = (
            first.header("webhook-timestamp"),
            again.header("webhook-timestamp"),
        );
        assert!(time(now) > time(then));
        assert_ne!(
            again.header("webhook-signature"),
            first.header("webhook-signature")
        );
    }
    notifier.drain(PATIENCE).await;
    receiver.silent(0).await;
    let failures = [
        "ERROR",
        "subscription=\"night\"",
        "channel=\"ops\"",
        "class=transient",
    ];
    assert_eq!(journal.lines_with(&failures), 2, "{}", journal.text());
    assert_eq!(
        journal.lines_with(&["INFO", "message delivered", "attempt=3"]),
        1
    );
}

#[tokio::test]
async fn each_channel_s_message_has_an_id_of_its_own() {
    let mut receivers = [Receiver::start(vec![]).await, Receiver::start(vec![]).await];
    let channels = ["one", "two"].iter().zip(&receivers);
    let channels = channels.map(|(name, receiver)| channel(name, &receiver.origin));
    let all = subscription("night", &[0, 1]);
    let notifier = Rig::start(config(channels.collect(), vec![all]));
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    let mut ids = Vec::new();
    for receiver in &mut receivers {
        let request = receiver.next().await;
        assert_eq!(request.json()["id"], request.header("webhook-id"));
        ids.push(request.header("webhook-id").to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    notifier.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_receiver_that_says_when_is_obeyed() {
    let told = vec![("Retry-After", "3".to_owned())];
    let mut receiver = Receiver::start(vec![Reply::Status("429 Slow Down", told)]).await;
    let notifier = Rig::start(one(&receiver.origin));
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    let first = receiver.next().await;
    let second = receiver.next().await;
    let waited = second.at - first.at;
    assert!(
        waited >= Duration::from_secs(3) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
    notifier.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_until_its_entry_changes() {
    let (journal, _guard) = Journal::start();
    let mut receiver = Receiver::start(vec![Reply::status("410 Gone")]).await;
    let config = one(&receiver.origin);
    let notifier = Rig::start(config.clone());
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    notifier.raise(event(Kind::AddressDown, "192.0.2.4"));
    receiver.silent(200).await;
    notifier.reconfigure(Arc::new(config));
    notifier.raise(event(Kind::AddressDown, "192.0.2.2"));
    receiver.silent(300).await;
    assert_eq!(
        journal.lines_with(&["ERROR", "CHANNEL DISABLED", "channel=\"ops\""]),
        1
    );
    let refused = ["ERROR", "not delivered", "class=gone", "410 Gone before"];
    assert_eq!(journal.lines_with(&refused), 2, "{}", journal.text());
    notifier.reconfigure(Arc::new(one(&format!("{}/new", receiver.origin))));
    notifier.raise(event(Kind::AddressDown, "192.0.2.3"));
    assert_eq!(receiver.next().await.line, "POST /new HTTP/1.1");
    notifier.drain(PATIENCE).await;
}

#[tokio::test]
async fn events_that_come_together_make_one_message() {
    let mut receiver = Receiver::start(vec![]).await;
    let mut config = one(&receiver.origin);
    config.subscriptions[0].group_wait = Duration::from_millis(300);
    let notifier = Rig::start(config);
    let start = Instant::now();
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    notifier.raise(event(Kind::FallbackEntered, "192.0.2.2"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    notifier.raise(event(Kind::AddressDown, "192.0.2.3"));
    let request = receiver.next().await;
    assert!(request.at - start >= Duration::from_millis(299));
    let body = request.json();
    assert_eq!(
        addresses(&body["data"]),
        ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    );
    assert_eq!(
        body["type"], "igtm.fallback_entered",
        "the most severe leads"
    );
    receiver.silent(400).await;
    notifier.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_dead_channel_delays_no_other() {
    let slow = vec![Reply::Slow(Duration::from_secs(30)); 9];
    let mut dead = Receiver::start(slow).await;
    let mut alive = Receiver::start(vec![]).await;
    let channels = vec![
        channel("dead", &dead.origin),
        channel("alive", &alive.origin),
    ];
    let config = config(channels, vec![subscription("night", &[0, 1])]);
    let notifier = Rig::start(config);
    for _ in 0..5 {
        let start = Instant::now();
        notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
        assert!(alive.next().await.at - start < Duration::from_millis(1900));
    }
    dead.next().await;
}

#[tokio::test]
async fn a_reload_keeps_what_is_pending_and_drops_what_has_nowhere_to_go() {
    let (journal, _guard) = Journal::start();
    let mut broken = Receiver::start(vec![Reply::status("500 Oops")]).await;
    let mut mended = Receiver::start(vec![]).await;
    let mut other = Receiver::start(vec![Reply::status("500 Oops")]).await;
    let channels = vec![
        channel("other", &other.origin),
        channel("ops", &broken.origin),
    ];
    let both = config(channels, vec![subscription("night", &[0, 1])]);
    let notifier = Rig::start(both);
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    let first = broken.next().await;
    other.next().await;
    // `ops` moves to another position and URL, `other` goes.
    notifier.reconfigure(Arc::new(one(&mended.origin)));
    let again = mended.next().await;
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    notifier.drain(PATIENCE).await;
    other.silent(0).await;
    let dropped = [
        "ERROR",
        "channel=\"other\"",
        "message dropped",
        "the channel was removed",
    ];
    assert_eq!(journal.lines_with(&dropped), 1, "{}", journal.text());
}

#[tokio::test]
async fn the_end_sends_what_waits_and_waits_no_longer_than_it_may() {
    let (journal, _guard) = Journal::start();
    let mut receiver = Receiver::start(vec![]).await;
    let dead = Receiver::start(vec![Reply::Slow(Duration::from_secs(30))]).await;
    let channels = vec![
        channel("ops", &receiver.origin),
        channel("dead", &dead.origin),
    ];
    let mut config = config(channels, vec![subscription("night", &[0, 1])]);
    config.subscriptions[0].group_wait = Duration::from_secs(60);
    let notifier = Rig::start(config);
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    notifier.raise(event(Kind::AddressDown, "192.0.2.2"));
    let start = Instant::now();
    notifier.drain(Duration::from_secs(1)).await;
    assert!(
        start.elapsed() < Duration::from_millis(1900),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(addresses(&receiver.next().await.json()["data"]).len(), 2);
    let left = [
        "ERROR",
        "channel=\"dead\"",
        "messages=1",
        "not delivered before the end",
    ];
    assert_eq!(journal.lines_with(&left), 1, "{}", journal.text());
    assert_eq!(journal.lines_with(&["channel=\"ops\"", "abandoned"]), 0);
}

#[tokio::test]
async fn a_disabled_or_unusable_channel_says_so() {
    let (journal, _guard) = Journal::start();
    let mut receiver = Receiver::start(vec![]).await;
    let mut off = channel("off", &receiver.origin);
    off.enabled = false;
    let mut bad = channel("bad", &receiver.origin);
    bad.kind = ChannelKind::Webhook {
        url: Secret::new(&receiver.origin),
        secrets: vec![Secret::new("whsec_T0KEN")],
        headers: vec![],
    };
    let mut inside = channel("inside", &receiver.origin);
    inside.allow_private = false;
    let config = config(
        vec![off, bad, inside],
        vec![subscription("night", &[0, 1, 2])],
    );
    let notifier = Rig::start(config);
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    notifier.drain(PATIENCE).await;
    receiver.silent(0).await;
    assert_eq!(journal.lines_with(&["channel=\"off\"", "suppressed"]), 1);
    assert_eq!(
        journal.lines_with(&["ERROR", "channel=\"bad\"", "class=config"]),
        1
    );
    let refused = [
        "ERROR",
        "channel=\"inside\"",
        "class=config",
        "allow_private",
    ];
    assert_eq!(journal.lines_with(&refused), 1, "{}", journal.text());
}

#[tokio::test]
async fn raising_never_waits_and_says_once_that_events_are_lost() {
    let (journal, _guard) = Journal::start();
    let mut receiver = Receiver::start(vec![]).await;
    let mut config = one(&receiver.origin);
    config.subscriptions[0].group_wait = Duration::from_millis(200);
    let notifier = Rig::start(config);
    // Nothing else runs on this thread until the first await.
    for _ in 0..EVENT_QUEUE + 7 {
        notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    }
    assert_eq!(notifier.events_lost(), 7);
    assert_eq!(journal.lines_with(&["ERROR", "events are being lost"]), 1);
    // Every other one is told of, in a few messages.
    let (mut told, mut messages) = (0, 0);
    while told < EVENT_QUEUE as u64 {
        let body = receiver.next().await.json();
        let events = addresses(&body["data"]).len();
        assert!(events <= EVENTS_PER_MESSAGE);
        told += events as u64 + body["data"]["more"].as_u64().unwrap_or(0);
        messages += 1;
    }
    assert_eq!(told, EVENT_QUEUE as u64);
    // A webhook takes 20 at once.
    assert!(messages < 30, "{messages} messages");
    notifier.drain(PATIENCE).await;
    receiver.silent(0).await;
    let total = ["ERROR", "events were lost since the start", "events=7"];
    assert_eq!(journal.lines_with(&total), 1);
}

#[tokio::test]
async fn no_log_line_shows_what_may_be_secret() {
    let (journal, _guard) = Journal::start();
    let script = vec![
        Reply::status("500 T0KEN"),
        Reply::ResetInBody,
        Reply::status("410 Gone"),
    ];
    let mut receiver = Receiver::start(script).await;
    let mut config = one(&format!("{}/T0KEN?key=T0KEN", receiver.origin));
    let ChannelKind::Webhook { headers, .. } = &mut config.channels[0].kind else {
        panic!("the fixture's channel is a webhook");
    };
    headers.push(("X-Key".to_owned(), Secret::new("T0KEN")));
    let notifier = Rig::start(config);
    notifier.raise(event(Kind::AddressDown, "192.0.2.1"));
    for _ in 0..3 {
        receiver.next().await;
    }
    notifier.drain(PATIENCE).await;
    let text = journal.text();
    assert!(text.contains("class=gone"), "{text}");
    assert!(!text.contains("T0KEN") && !text.contains("MfKQ"), "{text}");
}

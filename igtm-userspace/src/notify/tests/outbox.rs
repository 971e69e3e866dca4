//! The outbox: what is recorded, what survives, who is told instead.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::model::{ChannelId, Config};
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, config, event, subscription};
use crate::notify::retry::Class;
use crate::state::outbox::{Origin, PushState};

use super::journal::Journal;
use super::receiver::{Receiver, Reply};
use super::rig::Rig;

const PATIENCE: Duration = Duration::from_secs(10);

fn one(url: &str) -> Config {
    config(vec![channel("ops", url)], vec![subscription("night", &[0])])
}

#[tokio::test]
async fn a_record_has_the_very_content_every_attempt_and_the_reply() {
    let script = vec![Reply::status("500 Oops")];
    let mut receiver = Receiver::start(script).await;
    let rig = Rig::start(one(&receiver.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    let request = receiver.next().await;
    let pushes = rig.settled(1).await;
    let id = pushes[0].id.clone();
    let push = rig.store.push(id.clone()).await.expect("a database");
    let push = push.expect("it is recorded");
    assert_eq!(request.header("webhook-id"), id);
    assert_eq!(push.parts.len(), 1);
    assert_eq!(push.parts[0].body.as_bytes(), request.body);
    assert_eq!(
        (push.channel.as_str(), push.subscription.as_str()),
        ("ops", "night")
    );
    assert_eq!(
        (push.state, push.origin),
        (PushState::Delivered, Origin::Alert)
    );
    assert_eq!(push.kinds, ["address_down"]);
    let classes: Vec<_> = push.attempts.iter().map(|one| one.class).collect();
    assert_eq!(classes, [Some(Class::Transient), None]);
    assert_eq!(push.attempts[1].reply.as_deref(), Some("ok"));
    // Once more: the same content under another id, marked.
    let again = rig.handle().replay(id.clone()).await.expect("replayed");
    let request = receiver.next().await;
    assert_eq!(request.header("webhook-id"), again.id);
    assert_ne!(again.id, id);
    assert_eq!(push.parts[0].body.as_bytes(), request.body);
    let pushes = rig.settled(2).await;
    assert_eq!(pushes[1].origin, Origin::Replay);
    assert_eq!(pushes[1].note, Some(format!("a replay of {id}")));
    let unknown = rig.handle().replay("msg_x".to_owned()).await;
    assert!(unknown.is_err_and(|error| error.to_string().contains("msg_x")));
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn what_is_not_delivered_is_sent_after_a_restart_under_the_same_id() {
    let mut dead = Receiver::start(vec![Reply::status("500 Oops"); 9]).await;
    let rig = Rig::start(one(&dead.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    let first = dead.next().await;
    let mut alive = Receiver::start(vec![]).await;
    let rig = rig.restarted(one(&alive.origin)).await;
    let again = alive.next().await;
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    let pushes = rig.settled(1).await;
    assert_eq!(pushes.len(), 1);
    assert!(pushes[0].attempts.len() >= 2, "attempts survive");
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_final_failure_is_told_to_those_of_on_failure_and_once_as_an_event() {
    let (journal, _guard) = Journal::start();
    let mut dead = Receiver::start(vec![Reply::status("404 Not Found"); 9]).await;
    let mut mail = Receiver::start(vec![]).await;
    let mut other = Receiver::start(vec![]).await;
    let channels = vec![
        channel("ops", &dead.origin),
        channel("mail", &mail.origin),
        channel("other", &other.origin),
    ];
    let mut night = subscription("night", &[0]);
    night.on_failure = vec![ChannelId(1), ChannelId(0)];
    night.events = vec![Kind::AddressDown];
    let mut failures = subscription("failures", &[0, 2]);
    failures.events = vec![Kind::ChannelFailed];
    let rig = Rig::start(config(channels, vec![night, failures]));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    dead.next().await;
    let told = mail.next().await.json();
    let kinds: Vec<_> = told["data"]["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert_eq!(
        kinds,
        ["channel_failed", "address_down"],
        "what failed, and what it should have told"
    );
    let told = other.next().await.json();
    assert_eq!(told["type"], "igtm.channel_failed");
    assert_eq!(told["data"]["reason"][0]["node"], "ops");
    // The next one fails as well: told instead, but no event once more, and never to itself.
    rig.raise(event(Kind::AddressDown, "192.0.2.2"));
    dead.next().await;
    mail.next().await;
    dead.silent(200).await;
    other.silent(0).await;
    let failed = [
        "ERROR",
        "subscription=\"night\"",
        "channel=\"ops\"",
        "class=permanent",
        "last=true",
    ];
    assert_eq!(journal.lines_with(&failed), 2, "{}", journal.text());
    let shown = rig.handle().shown.channels(&rig.config());
    let trouble = shown[0].trouble.clone().expect("it is seen");
    assert_eq!(trouble.class, "permanent");
    assert!(shown[1].trouble.is_none() && shown[1].delivered.is_some());
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_disabled_channels_messages_are_recorded_as_suppressed() {
    let mut receiver = Receiver::start(vec![]).await;
    let mut config = one(&receiver.origin);
    config.channels[0].enabled = false;
    let rig = Rig::start(config);
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    let pushes = rig.settled(1).await;
    assert_eq!(pushes[0].state, PushState::Suppressed);
    receiver.silent(100).await;
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn more_than_the_channel_takes_becomes_one_message() {
    let mut receiver = Receiver::start(vec![]).await;
    let rig = Rig::start(one(&receiver.origin));
    // A webhook takes 20 at once.
    for n in 0..60 {
        rig.raise(event(Kind::AddressDown, &format!("192.0.2.{n}")));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut told = 0;
    let mut messages = 0;
    while told < 60 {
        let body = receiver.next().await.json();
        told += body["data"]["events"].as_array().expect("a list").len();
        messages += 1;
    }
    assert_eq!(told, 60);
    assert!((20..60).contains(&messages), "{messages} messages");
    let pushes = rig.settled(60).await;
    let suppressed = pushes
        .iter()
        .filter(|push| push.state == PushState::Suppressed);
    let notes: Vec<_> = suppressed.filter_map(|push| push.note.as_deref()).collect();
    assert!(!notes.is_empty() && notes.iter().all(|note| note.starts_with("told by msg_")));
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn recovery_finds_who_was_told_across_a_restart() {
    let mut receiver = Receiver::start(vec![]).await;
    let mut config = one(&receiver.origin);
    config.subscriptions[0].events = vec![Kind::NodeSilent];
    let silent = |kind| crate::notify::event::Event {
        pool: None,
        address: None,
        reason: vec![crate::notify::event::NodeReason {
            node: "gz".to_owned(),
            reason: "nothing".to_owned(),
        }],
        ..event(kind, "")
    };
    config.nodes = vec![crate::config::model::Node {
        name: "gz".to_owned(),
        ..crate::config::model::Node::local()
    }];
    let rig = Rig::start(config.clone());
    rig.raise(silent(Kind::NodeSilent));
    receiver.next().await;
    rig.settled(1).await;
    let rig = rig.restarted(config).await;
    rig.raise(silent(Kind::NodeBack));
    assert_eq!(receiver.next().await.json()["type"], "igtm.node_back");
    rig.raise(silent(Kind::NodeBack));
    receiver.silent(200).await;
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_test_message_says_what_came_of_it_and_is_recorded() {
    let script = vec![Reply::ok(), Reply::status("403 Forbidden")];
    let mut receiver = Receiver::start(script).await;
    let rig = Rig::start(one(&receiver.origin));
    let tried = rig
        .handle()
        .try_channel("ops".to_owned())
        .await
        .expect("tried");
    assert_eq!(tried[0].state, PushState::Delivered);
    let body = receiver.next().await.json();
    assert_eq!(
        (body["type"].as_str(), &body["data"]["test"]),
        (Some("igtm.test"), &true.into())
    );
    let tried = rig
        .handle()
        .try_channel("ops".to_owned())
        .await
        .expect("tried");
    assert_eq!(tried[0].state, PushState::Failed);
    assert!(
        tried[0]
            .note
            .as_ref()
            .is_some_and(|why| why.contains("403")),
        "{tried:?}"
    );
    let near = rig
        .handle()
        .try_channel("opps".to_owned())
        .await
        .expect_err("unknown");
    assert!(near.to_string().contains("did you mean"), "{near}");
    let pushes = rig.settled(2).await;
    assert!(pushes.iter().all(|push| push.origin == Origin::Test));
    rig.drain(PATIENCE).await;
}

/// Measured: how many messages, and how long from the first event to the last message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_10_000_events_is_a_handful_of_messages() {
    const STORM: u64 = 10_000;
    let mut receiver = Receiver::start(vec![]).await;
    let mut config = one(&receiver.origin);
    config.subscriptions[0].group_wait = Duration::from_millis(500);
    let rig = Rig::start(config);
    let begun = std::time::Instant::now();
    let mut raising = Duration::ZERO;
    for n in 0..STORM {
        let one = event(Kind::AddressDown, &format!("10.0.{}.{}", n / 256, n % 256));
        let before = std::time::Instant::now();
        rig.raise(one);
        raising = raising.max(before.elapsed());
        if n % 100 == 99 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let raised = begun.elapsed();
    let (mut told, mut messages) = (0, 0);
    while told < STORM {
        let body = receiver.next().await.json();
        let events = body["data"]["events"].as_array().expect("a list").len() as u64;
        told += events + body["data"]["more"].as_u64().unwrap_or(0);
        messages += 1;
    }
    let took = begun.elapsed();
    println!(
        "{STORM} events in {raised:?} (longest raise {raising:?}): {messages} messages, all after {took:?}"
    );
    // One a group_wait, however slow the machine; and the first comes alone.
    let groups = raised.as_millis() as usize / 500 + 3;
    assert!(messages <= groups, "{messages} messages in {groups} waits");
    let pushes = rig.settled(messages).await;
    assert_eq!(pushes.iter().map(|push| push.count).sum::<u64>(), STORM);
    let now = Timestamp::now();
    assert!(pushes.iter().all(|push| push.made <= now));
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn no_record_and_no_log_line_shows_a_secret() {
    let (journal, _guard) = Journal::start();
    let script = vec![Reply::status("500 Oops"), Reply::status("403 No")];
    let mut receiver = Receiver::start(script).await;
    let mut config = one(&format!("{}/T0KEN?key=T0KEN", receiver.origin));
    config.subscriptions[0].on_failure = vec![ChannelId(0)];
    let rig = Rig::start(config);
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    for _ in 0..2 {
        receiver.next().await;
    }
    let tried = rig.handle().try_channel("ops".to_owned()).await;
    let pushes = rig.settled(2).await;
    let mut seen = format!("{tried:?} {}", journal.text());
    for push in pushes {
        let whole = rig.store.push(push.id).await.expect("a database");
        seen += &serde_json::to_string(&whole).expect("JSON");
    }
    let shown = rig.handle().shown.channels(&rig.config());
    seen += &serde_json::to_string(&shown).expect("JSON");
    assert!(seen.contains("answered 403"), "{seen}");
    let place = rig.place();
    rig.drain(PATIENCE).await;
    for file in std::fs::read_dir(place.path().join("state")).expect("there") {
        let octets = std::fs::read(file.expect("there").path()).expect("read");
        seen += &String::from_utf8_lossy(&octets);
    }
    for secret in ["T0KEN", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn without_a_disk_alerts_go_out_all_the_same() {
    let (journal, _guard) = Journal::start();
    let mut receiver = Receiver::start(vec![]).await;
    let rig = Rig::start_without_disk(one(&receiver.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    assert_eq!(
        journal.lines_with(&["ERROR", "sent although it is not recorded"]),
        1
    );
    rig.drain(PATIENCE).await;
}

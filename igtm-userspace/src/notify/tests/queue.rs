//! A channel's queue: in order, paced by its receiver, across restarts; and a channel that is gone.

use std::time::Duration;

use crate::config::model::{ChannelKind, Config, Secret};
use crate::notify::event::Kind;
use crate::notify::fixture::{SECRET, channel, config, event, subscription};
use crate::notify::inbox::ChannelStatus;
use crate::notify::retry::Class;
use crate::state::outbox::{Push, PushState};

use super::journal::Journal;
use super::receiver::{Receiver, Reply, Request};
use super::rig::Rig;

const PATIENCE: Duration = Duration::from_secs(10);

fn one(url: &str) -> Config {
    config(vec![channel("ops", url)], vec![subscription("night", &[0])])
}

fn told(request: &Request) -> Vec<(String, String)> {
    let body = request.json();
    let events = body["data"]["events"].as_array().expect("a list").iter();
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or("").to_owned();
    events
        .map(|event| (text(event, "kind"), text(event, "address")))
        .collect()
}

fn is(kind: &str, address: &str) -> (String, String) {
    (kind.to_owned(), address.to_owned())
}

fn status(rig: &Rig) -> ChannelStatus {
    rig.handle().shown.channels(&rig.config()).remove(0)
}

/// The counts as Prometheus gets them.
fn counted(rig: &Rig) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    rig.metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("a text");
    text
}

#[tokio::test]
async fn what_fails_is_not_overtaken_by_what_came_later() {
    let mut receiver = Receiver::start(vec![Reply::status("500 Oops"); 2]).await;
    let rig = Rig::start(one(&receiver.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    let first = receiver.next().await;
    rig.raise(event(Kind::AddressUp, "192.0.2.1"));
    let down = [is("address_down", "192.0.2.1")];
    assert_eq!(told(&first), down);
    for _ in 0..2 {
        assert_eq!(told(&receiver.next().await), down, "it is still the first");
    }
    assert_eq!(
        told(&receiver.next().await),
        [is("address_up", "192.0.2.1")]
    );
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn what_waits_for_a_receiver_that_asked_for_less_becomes_one_message() {
    let told_so = vec![("Retry-After", "6".to_owned())];
    let mut receiver = Receiver::start(vec![Reply::Status("429 Slow Down", told_so)]).await;
    let rig = Rig::start(one(&receiver.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.0"));
    receiver.next().await;
    for n in 1..=5 {
        rig.raise(event(Kind::AddressDown, &format!("192.0.2.{n}")));
        rig.store.flush().await.expect("a disk");
    }
    assert_eq!(
        told(&receiver.next().await),
        [is("address_down", "192.0.2.0")]
    );
    let five: Vec<_> = (1..=5)
        .map(|n| is("address_down", &format!("192.0.2.{n}")))
        .collect();
    assert_eq!(told(&receiver.next().await), five);
    receiver.silent(200).await;
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_channel_that_is_misconfigured_says_so_once() {
    let (journal, _guard) = Journal::start();
    let mut receiver = Receiver::start(vec![]).await;
    let mut configured = one(&receiver.origin);
    // Nothing inside may be dialled.
    configured.channels[0].allow_private = false;
    let rig = Rig::start(configured);
    for n in 1..=2 {
        rig.raise(event(Kind::AddressDown, &format!("192.0.2.{n}")));
        rig.settled(n).await;
    }
    receiver.silent(0).await;
    let loud = ["ERROR", "CHANNEL MISCONFIGURED", "allow_private"];
    assert_eq!(journal.lines_with(&loud), 1, "{}", journal.text());
    let each = [
        "ERROR",
        "message not delivered",
        "class=config",
        "last=true",
    ];
    assert_eq!(journal.lines_with(&each), 2);
    assert_eq!(status(&rig).trouble.expect("it is seen").class, "config");
    let counted = counted(&rig);
    let failed = "igtm_messages_total{channel=\"ops\",result=\"failed\"} 2";
    assert!(counted.contains(failed), "{counted}");
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_pause_goes_on_after_a_restart() {
    let long = vec![("Retry-After", "4".to_owned())];
    let mut receiver = Receiver::start(vec![Reply::Status("429 Slow Down", long)]).await;
    let rig = Rig::start(one(&receiver.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    let first = receiver.next().await;
    rig.until(|pushes| pushes[0].next.is_some()).await;
    let configured = one(&receiver.origin);
    let rig = rig.restarted(configured).await;
    let again = receiver.next().await;
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    let waited = again.at - first.at;
    assert!(waited >= Duration::from_secs(4), "{waited:?}");
    let pushes = rig.settled(1).await;
    assert_eq!((pushes[0].failures, pushes[0].throttled_s), (1, 4));
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn what_has_arrived_in_part_goes_on_with_the_next_part() {
    let limit = vec![("Retry-After", "2".to_owned())];
    let taken = || Reply::Body("202 Accepted", "{\"status\":\"success\"}".to_owned());
    let script = vec![
        taken(),
        Reply::status("500 Oops"),
        taken(),
        Reply::Status("429 Slow Down", limit),
        taken(),
    ];
    let mut receiver = Receiver::start(script).await;
    let mut configured = one(&receiver.origin);
    configured.channels[0].kind = ChannelKind::Pagerduty {
        routing_key: Secret::new("r0uting"),
        base_url: receiver.origin.clone(),
    };
    configured.subscriptions[0].group_wait = Duration::from_millis(200);
    let rig = Rig::start(configured.clone());
    for n in 1..=3 {
        rig.raise(event(Kind::AddressDown, &format!("192.0.2.{n}")));
    }
    let mut keys = Vec::new();
    for _ in 0..4 {
        let key = receiver.next().await.json()["dedup_key"].clone();
        keys.push(
            key.as_str()
                .expect("a key")
                .rsplit('.')
                .next()
                .expect("a number")
                .to_owned(),
        );
    }
    assert_eq!(keys, ["1", "2", "2", "3"]);
    rig.until(|pushes| pushes[0].throttled_s > 0).await;
    let rig = rig.restarted(configured).await;
    let key = receiver.next().await.json()["dedup_key"].clone();
    assert!(key.as_str().expect("a key").ends_with(".3"), "{key}");
    let pushes = rig.settled(1).await;
    receiver.silent(0).await;
    let parts: Vec<_> = pushes[0]
        .attempts
        .iter()
        .map(|one| (one.part, one.class.is_some()))
        .collect();
    let wanted = [(0, false), (1, true), (1, false), (2, true), (2, false)];
    assert_eq!(
        (pushes[0].state, &parts[..]),
        (PushState::Delivered, &wanted[..])
    );
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_stays_so_over_a_restart_until_its_entry_changes() {
    let mut receiver = Receiver::start(vec![Reply::status("410 Gone")]).await;
    let mut other = Receiver::start(vec![]).await;
    let mut configured = one(&receiver.origin);
    configured.channels.push(channel("other", &other.origin));
    let mut failures = subscription("failures", &[1]);
    failures.events = vec![Kind::ChannelFailed];
    configured.subscriptions.push(failures);
    let rig = Rig::start(configured.clone());
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    let said = other.next().await.json();
    assert_eq!(said["type"], "igtm.channel_failed");
    let why = said["data"]["reason"][0]["reason"]
        .as_str()
        .expect("a reason");
    assert!(why.contains("gone") && why.contains("410"), "{why}");
    let gone = |rig: &Rig| status(rig).trouble.is_some_and(|trouble| trouble.gone);
    assert!(gone(&rig));
    let rig = rig.restarted(configured.clone()).await;
    assert!(gone(&rig));
    rig.raise(event(Kind::AddressDown, "192.0.2.2"));
    let pushes = rig.settled(3).await;
    assert_eq!(pushes[2].state, PushState::Failed);
    receiver.silent(0).await;
    // Another secret, and nothing else: it is another entry.
    if let ChannelKind::Webhook { secrets, .. } = &mut configured.channels[0].kind {
        *secrets = vec![Secret::new(format!("{}AAAA", &SECRET[..SECRET.len() - 4]))];
    }
    let rig = rig.restarted(configured).await;
    assert!(!gone(&rig));
    rig.raise(event(Kind::AddressDown, "192.0.2.3"));
    assert_eq!(
        told(&receiver.next().await),
        [is("address_down", "192.0.2.3")]
    );
    rig.settled(4).await;
    assert_eq!(status(&rig).trouble, None);
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_said_to_be() {
    let year = vec![("Retry-After", "31536000".to_owned())];
    let mut receiver = Receiver::start(vec![Reply::Status("429 Slow Down", year)]).await;
    let rig = Rig::start(one(&receiver.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    let pushes = rig.settled(1).await;
    assert_eq!(pushes[0].state, PushState::Failed);
    let last = pushes[0].attempts.last().expect("it was tried");
    assert!(matches!(last.class, Some(Class::Throttled(_))));
    let note = pushes[0].note.as_deref().expect("why");
    for words in ["answered 429", "31536000 s", "24 h at most"] {
        assert!(note.contains(words), "{note}");
    }
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn channels_that_all_fail_do_not_keep_each_other_busy() {
    const CHANNELS: usize = 5;
    const EVENTS: usize = 5;
    let dead = Receiver::answering(|_| Reply::status("404 Not Found")).await;
    let channels = (0..CHANNELS)
        .map(|n| channel(&format!("ops-{n}"), &dead.origin))
        .collect();
    let all: Vec<usize> = (0..CHANNELS).collect();
    let mut night = subscription("night", &all);
    night.on_failure = vec![crate::config::model::ChannelId(0)];
    let rig = Rig::start(config(channels, vec![night]));
    for n in 0..EVENTS {
        rig.raise(event(Kind::AddressDown, &format!("192.0.2.{n}")));
        rig.settled((n + 1) * CHANNELS).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let pushes: Vec<Push> = rig.settled(CHANNELS * EVENTS).await;
    let instead = pushes
        .iter()
        .filter(|push| push.origin == crate::state::outbox::Origin::OnFailure);
    let instead = instead.count();
    println!(
        "{EVENTS} events to {CHANNELS} dead channels: {} records, {instead} of them by on_failure",
        pushes.len()
    );
    let own = pushes.len() - instead;
    // Each event once a channel, and that each fails once to each other.
    let most = CHANNELS * EVENTS + CHANNELS * (CHANNELS - 1);
    assert!(own <= most, "{own}");
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_disabled_group_is_recorded_as_suppressed() {
    let mut receiver = Receiver::start(vec![]).await;
    let mut configured = one(&receiver.origin);
    let mut group = channel("both", "http://unused/");
    group.enabled = false;
    group.kind = ChannelKind::Group {
        channels: vec![crate::config::model::ChannelId(0)],
    };
    configured.channels.push(group);
    configured.subscriptions = vec![subscription("night", &[1])];
    let rig = Rig::start(configured);
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    let pushes = rig.settled(1).await;
    assert_eq!(
        (pushes[0].state, pushes[0].channel.as_str()),
        (PushState::Suppressed, "both")
    );
    assert_eq!(pushes[0].note.as_deref(), Some("the group is disabled"));
    receiver.silent(100).await;
    let counted = counted(&rig);
    let suppressed = "igtm_messages_total{channel=\"both\",result=\"suppressed\"} 1";
    assert!(counted.contains(suppressed), "{counted}");
    rig.drain(PATIENCE).await;
}

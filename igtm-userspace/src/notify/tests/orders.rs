//! What operators order of alerts, and what is refused with which words.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::model::{Channel, ChannelId, ChannelKind, Config, Secret};
use crate::notify::event::{Event, Kind};
use crate::notify::fixture::{channel, config, event, subscription};
use crate::notify::redact::REPLY_OCTETS;
use crate::notify::told::Mute;
use crate::state::outbox::{Push, PushState};

use super::marked;
use super::receiver::{Receiver, Reply};
use super::rig::Rig;

const PATIENCE: Duration = Duration::from_secs(10);

fn one(url: &str) -> Config {
    config(vec![channel("ops", url)], vec![subscription("night", &[0])])
}

/// The one message that is recorded, once it is as `state` says.
async fn became(rig: &Rig, state: PushState) -> Push {
    for _ in 0..500 {
        if let [push] = rig.pushes().await.as_slice()
            && push.state == state
        {
            return push.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {state:?}: {:#?}", rig.pushes().await);
}

/// Why a replay of `push` is refused where the channels are `channels`.
async fn refused(rig: Rig, push: &Push, channels: Vec<Channel>) -> (Rig, String) {
    let config = config(channels, vec![subscription("night", &[0])]);
    let rig = rig.restarted(config).await;
    let replayed = rig.handle().replay(push.id.clone()).await;
    let why = replayed.expect_err("it is refused").to_string();
    assert_eq!(rig.pushes().await.len(), 1, "nothing is recorded of it");
    (rig, why)
}

#[tokio::test]
async fn a_replay_that_cannot_be_is_refused_and_says_why() {
    let mut receiver = Receiver::start(vec![]).await;
    let url = receiver.origin.clone();
    let rig = Rig::start(one(&url));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    receiver.next().await;
    let push = became(&rig, PushState::Delivered).await;

    let (rig, why) = refused(rig, &push, vec![channel("mail", &url)]).await;
    assert_eq!(why, "no channel is named ops; there is only mail");
    let slack = Channel {
        kind: ChannelKind::Slack {
            webhook: Secret::new(url.clone()),
        },
        ..channel("ops", &url)
    };
    let (rig, why) = refused(rig, &push, vec![slack]).await;
    let expected = "was made for a channel of type webhook; it is slack now";
    assert_eq!(why, format!("{} {expected}", push.id));
    let disabled = Channel {
        enabled: false,
        ..channel("ops", &url)
    };
    let (rig, why) = refused(rig, &push, vec![disabled]).await;
    assert_eq!(why, "the channel ops is disabled: nothing is sent to it");
    let unknown = rig.handle().replay("msg_x".to_owned()).await;
    let why = unknown.expect_err("there is none").to_string();
    assert_eq!(
        why,
        "no message is recorded as msg_x; `igtm pushes` lists them"
    );
    receiver.silent(100).await;
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn what_was_never_sent_is_not_replayed() {
    let receiver = Receiver::start(vec![]).await;
    let mut off = one(&receiver.origin);
    off.channels[0].enabled = false;
    let rig = Rig::start(off);
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    let push = became(&rig, PushState::Suppressed).await;
    let rig = rig.restarted(one(&receiver.origin)).await;
    let why = rig
        .handle()
        .replay(push.id.clone())
        .await
        .expect_err("nothing");
    let expected = "was ever sent: there is nothing to replay";
    assert_eq!(
        why.to_string(),
        format!("nothing of {} {expected}", push.id)
    );
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_message_whose_channel_went_while_nothing_ran_is_given_up_and_said_once() {
    let mut dead = Receiver::start(vec![Reply::status("500 Oops"); 9]).await;
    let rig = Rig::start(one(&dead.origin));
    rig.raise(event(Kind::AddressDown, "192.0.2.1"));
    dead.next().await;
    let other = || {
        let mail = vec![channel("mail", &dead.origin)];
        config(mail, vec![subscription("night", &[0])])
    };
    let rig = rig.restarted(other()).await;
    let push = became(&rig, PushState::Failed).await;
    assert_eq!(push.note.as_deref(), Some("the channel was removed"));
    assert!(push.finished.is_some() && push.events.is_empty());
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_group_is_tested_channel_by_channel_and_a_disabled_one_says_so() {
    let long = "x".repeat(3 * REPLY_OCTETS);
    let mut first = Receiver::start(vec![Reply::Body("200 OK", long)]).await;
    let mut second = Receiver::start(vec![Reply::status("403 Forbidden")]).await;
    let disabled = Channel {
        enabled: false,
        ..channel("first", &first.origin)
    };
    let group = Channel {
        kind: ChannelKind::Group {
            channels: vec![ChannelId(0), ChannelId(1)],
        },
        ..channel("everyone", &first.origin)
    };
    let channels = vec![disabled, channel("second", &second.origin), group];
    let rig = Rig::start(config(channels, vec![subscription("night", &[2])]));
    let tried = rig.handle().try_channel("everyone".to_owned()).await;
    let tried = tried.expect("there is such a group");
    assert_eq!(first.next().await.json()["type"], "igtm.test");
    assert_eq!(second.next().await.json()["type"], "igtm.test");
    let [first, second] = tried.as_slice() else {
        panic!("{tried:#?}");
    };
    assert_eq!(first.state, PushState::Delivered);
    let note = first.note.as_deref().expect("it is disabled");
    assert!(note.contains("the channel is disabled"), "{note}");
    let reply = first.attempts[0].reply.as_ref().expect("it replied");
    assert_eq!(reply.len(), REPLY_OCTETS, "of any amount so much is kept");
    assert_eq!(second.state, PushState::Failed);
    let note = second.note.as_deref().expect("it failed");
    assert!(note.starts_with("permanent: "), "{note}");
    let unknown = rig.handle().try_channel("pager".to_owned()).await;
    let why = unknown.expect_err("there is none").to_string();
    assert_eq!(
        why,
        "no channel is named pager; there are first, second, everyone"
    );
    rig.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_group_s_test_waits_for_no_channel_before_the_next() {
    let slow = || vec![Reply::Slow(Duration::from_secs(60))];
    let mut first = Receiver::start(slow()).await;
    let mut second = Receiver::start(slow()).await;
    let patient = |name: &str, url: &str| Channel {
        timeout: Duration::from_secs(60),
        ..channel(name, url)
    };
    let group = Channel {
        kind: ChannelKind::Group {
            channels: vec![ChannelId(0), ChannelId(1)],
        },
        ..channel("everyone", &first.origin)
    };
    let channels = vec![
        patient("first", &first.origin),
        patient("second", &second.origin),
        group,
    ];
    let rig = Rig::start(config(channels, vec![subscription("night", &[2])]));
    let handle = rig.handle();
    let trying = tokio::spawn(async move { handle.try_channel("everyone".to_owned()).await });
    first.next().await;
    second.next().await;
    assert!(!trying.is_finished(), "neither has answered");
    trying.abort();
    rig.drain(PATIENCE).await;
}

/// Waits until so many messages are recorded; the last of them.
async fn recorded(rig: &Rig, count: usize) -> Push {
    for _ in 0..500 {
        let pushes = rig.pushes().await;
        if let Some(last) = pushes.last().filter(|_| pushes.len() >= count) {
            return last.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {count}: {:#?}", rig.pushes().await);
}

#[tokio::test]
async fn what_a_mute_withholds_is_recorded_with_why_and_its_end_as_well() {
    let mut receiver = Receiver::start(vec![]).await;
    let url = receiver.origin.clone();
    let config = || Config {
        channels: vec![channel("ops", &url)],
        subscriptions: vec![subscription("night", &[0])],
        ..marked::config()
    };
    let about = |kind| Event {
        pool: Some("first".to_owned()),
        ..event(kind, "192.0.2.1")
    };
    let rig = Rig::start(config());
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let mute = Mute {
        instance: "www".to_owned(),
        who: "root".to_owned(),
        reason: None,
        since: Timestamp::now(),
        until,
    };
    rig.handle()
        .mute(mute)
        .await
        .expect("there is such an instance");
    rig.raise(about(Kind::AddressDown));
    let push = recorded(&rig, 1).await;
    assert_eq!(push.state, PushState::Suppressed);
    let why = "muted: what still lasts is told when that ends";
    assert_eq!(push.note.as_deref(), Some(why));
    assert_eq!((&*push.channel, &*push.subscription), ("ops", "night"));
    assert_eq!(
        (push.kinds, push.count),
        (vec!["address_down".to_owned()], 1)
    );
    assert_eq!(push.instances, ["www"]);
    assert!(push.finished.is_some() && push.next.is_none());

    // It holds over a restart, and what ends meanwhile was never heard of.
    let mut rig = rig.restarted(config()).await;
    rig.raise(about(Kind::AddressUp));
    rig.raise(about(Kind::PoolDown));
    recorded(&rig, 2).await;
    receiver.silent(100).await;
    let ended = rig.handle().unmute("www".to_owned()).await;
    assert_eq!(ended.expect("asked").map(|mute| mute.until), Some(until));
    let told = receiver.next().await.json();
    assert_eq!(told["type"], "igtm.pool_down", "what still lasts is told");
    rig.raise(about(Kind::PoolUp));
    assert_eq!(receiver.next().await.json()["type"], "igtm.pool_up");
    receiver.silent(100).await;
    rig = rig.restarted(config()).await;
    let states: Vec<_> = rig.pushes().await.iter().map(|push| push.state).collect();
    let delivered = states.iter().filter(|one| **one == PushState::Delivered);
    assert_eq!(delivered.count(), 2, "{states:?}");
    rig.drain(PATIENCE).await;
}

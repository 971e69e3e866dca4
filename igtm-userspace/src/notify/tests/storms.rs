//! A storm at every type of channel, measured: messages, requests, octets, and how long the channel's
//! own limit makes them take. Prints a table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::model::{ChannelKind, Email, Mention, Secret, SmtpTls, WecomApp};
use crate::notify::bucket::Bucket;
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::{Event, Kind};
use crate::notify::fixture::{channel, event, message, words};
use crate::notify::group::{Group, Item};
use crate::notify::message::Message;

const STORM: u64 = 10_000;

fn kinds() -> Vec<ChannelKind> {
    let hook = || Secret::new("https://hooks.example/T0KEN?key=T0KEN&access_token=T0KEN");
    let mention = Mention::default();
    vec![
        ChannelKind::WecomRobot {
            webhook: hook(),
            mention: mention.clone(),
        },
        ChannelKind::WecomApp(WecomApp {
            corp_id: "ww1".to_owned(),
            agent_id: 1,
            secret: Secret::new("T0KEN"),
            users: vec!["night".to_owned()],
            departments: vec![],
            tags: vec![],
            base_url: "https://qyapi.weixin.qq.com".to_owned(),
        }),
        ChannelKind::Dingtalk {
            webhook: hook(),
            secret: None,
            keyword: None,
            mention,
        },
        ChannelKind::Feishu {
            webhook: hook(),
            secret: None,
            keyword: None,
            mention_all: false,
        },
        ChannelKind::Slack { webhook: hook() },
        channel("ops", "https://hooks.example/T0KEN").kind,
        ChannelKind::Email(Email {
            tls: SmtpTls::Implicit,
            host: "mail.example".to_owned(),
            port: 465,
            username: None,
            password: None,
            from: "igtm@example.org".to_owned(),
            to: vec!["night@example.org".to_owned()],
        }),
        ChannelKind::Pagerduty {
            routing_key: Secret::new("T0KEN"),
            base_url: "https://events.pagerduty.com".to_owned(),
        },
        ChannelKind::Alertmanager {
            url: Secret::new("http://alertmanager.example"),
        },
    ]
}

/// What a group makes of them for one channel.
fn messages(events: impl Iterator<Item = Event>, told: bool) -> Vec<Message> {
    let mut group = Group::new(Timestamp::now(), Duration::ZERO);
    let channels: Arc<[String]> = Arc::from(["ops".to_owned()]);
    for event in events {
        group.add(Item::new(Arc::new(event), Arc::clone(&channels), told));
    }
    let made = |batch: crate::notify::group::Batch| Message {
        events: batch.events,
        more: batch.more,
        ..message(vec![])
    };
    group.batches().into_iter().map(made).collect()
}

/// Requests, octets of the largest, and seconds that they take as the channel may send them.
fn sent(sender: &Sender, messages: &[Message]) -> (usize, usize, f64) {
    let parts: Vec<_> = messages
        .iter()
        .flat_map(|message| sender.render(message, &words()))
        .collect();
    let begin = Instant::now();
    let (mut bucket, mut now) = (Bucket::new(sender.limit(), begin), begin);
    for _ in &parts {
        now += bucket.wait(now);
        bucket.wait(now);
        bucket.take();
    }
    let largest = parts.iter().map(|part| part.body.len()).max().unwrap_or(0);
    (parts.len(), largest, (now - begin).as_secs_f64())
}

#[test]
fn a_storm_is_a_handful_of_messages_at_every_type_of_channel() {
    let host = |n: u64| format!("10.0.{}.{}", n / 256, n % 256);
    let down = messages(
        (0..STORM).map(|n| event(Kind::AddressDown, &host(n))),
        false,
    );
    // Recoveries of those hundred that were told by name, and of all others.
    let (listed, counted) = (0..100, 100..STORM);
    let mut group: Vec<Event> = listed.map(|n| event(Kind::AddressUp, &host(n))).collect();
    let ended = messages(group.drain(..), true);
    let rest = messages(counted.map(|n| event(Kind::AddressUp, &host(n))), false);
    assert_eq!((down.len(), ended.len(), rest.len()), (1, 1, 1));
    assert_eq!(down[0].events.len() as u64 + down[0].more, STORM);
    println!("{STORM} addresses fail at once:");
    println!("channel         messages  requests  largest, octets  all sent after");
    for kind in kinds() {
        let name = kind.name();
        let mut settings = channel("ops", "http://unused/");
        settings.kind = kind;
        let sender = Sender::new(&settings, &dial::tls()).expect("a usable channel");
        let (requests, largest, seconds) = sent(&sender, &down);
        println!(
            "{name:<14} {:>9} {requests:>9} {largest:>16} {seconds:>12.0} s",
            down.len()
        );
        // An incident for each that is told by name; alerts in requests of 200; else a message.
        let most = match name {
            "pagerduty" => 100,
            "alertmanager" => 2,
            _ => 1,
        };
        assert!(requests <= most, "{name}: {requests}");
        assert!(largest < 256 * 1024, "{name}: {largest}");
        assert!(seconds <= 60.0, "{name}: {seconds}");
        let first = &sender.render(&down[0], &words())[0].body;
        // Alertmanager is reminded of every one of them; a mail's part is encoded.
        let counts = first.contains("99") || matches!(name, "alertmanager" | "email");
        assert!(counts, "{name} does not say how many there are");
        let (requests, _, seconds) = sent(&sender, &ended);
        assert!(requests <= most && seconds <= 60.0, "{name}: {requests}");
    }
}

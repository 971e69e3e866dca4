//! The chat channels against servers that behave as the vendors do: they check signatures and
//! sizes, and answer with every code.

mod dingtalk;
mod feishu;
mod look;
mod next;
mod secrets;
mod sizes;
mod slack;
mod trouble;
mod wecom_app;
mod wecom_robot;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::model::{Channel, ChannelKind, Language, Mention, Secret, WecomApp};
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::{Event, Kind};
use crate::notify::failure::Failure;
use crate::notify::fixture;
use crate::notify::message::{Message, Part, Receipt};
use crate::notify::retry::{Class, Schedule};
use crate::notify::words::Words;

use super::receiver::{Receiver, Reply, Request};

/// In every secret of these tests, so that a search finds whatever is left of one.
const MARK: &str = "S3CRET";

/// A channel of this kind that may dial loopback and has half a minute.
fn channel(kind: ChannelKind) -> Channel {
    Channel {
        kind,
        timeout: Duration::from_secs(30),
        ..fixture::channel("ops", "http://unused/")
    }
}

/// A channel with its words.
#[derive(Debug)]
struct Ready {
    sender: Sender,
    words: Words,
}

impl Ready {
    fn render(&self, message: &Message) -> Vec<Part> {
        self.sender.render(message, &self.words)
    }
}

impl std::ops::Deref for Ready {
    type Target = Sender;

    fn deref(&self) -> &Sender {
        &self.sender
    }
}

fn ready(channel: &Channel) -> Ready {
    Ready {
        sender: Sender::new(channel, &dial::tls()).expect("a usable channel"),
        words: Words::new(channel, &[]),
    }
}

fn sender(kind: ChannelKind) -> Ready {
    ready(&channel(kind))
}

fn message(events: Vec<Event>) -> Message {
    Message {
        id: "msg_000000000000000000000001".to_owned(),
        subscription: "night".to_owned(),
        made: Timestamp::now(),
        events: events.into_iter().map(Arc::new).collect(),
        more: 0,
        repeated: false,
    }
}

fn one(kind: Kind) -> Message {
    message(vec![fixture::event(kind, "192.0.2.1")])
}

/// More than any of the vendors takes, each of them at least a hundred octets.
fn storm(count: usize) -> Message {
    let events = (0..count).map(|at| {
        let mut event = fixture::event(Kind::AddressDown, "192.0.2.1");
        event.reason[0].reason = format!("#{at:04} \"连接被拒绝\"");
        event
    });
    message(events.collect())
}

/// How many items of a storm a text shows, and how many it says are left out.
fn counted(text: &str) -> (usize, usize) {
    let told = text.split("…and ").nth(1).expect("a number left out");
    let told = told.split(" more").next().expect("a unit").parse();
    (
        text.matches("\"连接被拒绝\"").count(),
        told.expect("a number"),
    )
}

/// Sends every part of `message`, in order, at this moment.
async fn deliver(sender: &Ready, message: &Message) -> Vec<Result<Receipt, Failure>> {
    let mut results = Vec::new();
    for part in sender.render(message) {
        results.push(sender.send(&message.id, &part, Timestamp::now()).await);
    }
    results
}

/// Of a message of one part.
async fn deliver_one(sender: &Ready, message: &Message) -> Result<Receipt, Failure> {
    let results = deliver(sender, message).await;
    let [result] = <[_; 1]>::try_from(results).expect("one part");
    result
}

fn body(part: &Part) -> Value {
    serde_json::from_str(&part.body).expect("JSON")
}

/// A code with its class and a word of what is said about it.
type Row = (i64, Class, &'static str);

/// What the worker does next is what its class says, by the worker's own schedule: tries again soon, or
/// when it was told to, or gives the message up.
fn assert_next(failure: &Failure) {
    let now = Instant::now();
    let next = Schedule::new(now).after(failure.class, now, 0.5);
    let soon = Duration::from_secs(1)..=Duration::from_secs(2);
    match failure.class {
        Class::Transient | Class::Throttled(None) => {
            assert!(next.is_some_and(|it| soon.contains(&it)), "{failure}");
        }
        Class::Throttled(Some(told)) => assert_eq!(next, Some(told), "{failure}"),
        Class::Config | Class::Permanent | Class::Gone => assert_eq!(next, None, "{failure}"),
    }
}

/// Every reply `{CODE: code, WORDS: "the vendor's words"}` has its class, says why, keeps the reply.
async fn codes(
    kind_at: impl Fn(&str) -> ChannelKind,
    keys: (&'static str, &'static str),
    rows: &[Row],
) {
    for (code, class, wanted) in rows {
        let reply = Reply::json(&json!({ keys.0: code, keys.1: "the vendor's words" }));
        let receiver = Receiver::answering(move |_| reply.clone()).await;
        let sender = sender(kind_at(&receiver.origin));
        let failure = deliver(&sender, &one(Kind::Test)).await.swap_remove(0);
        let failure = failure.expect_err("a refusal");
        assert_eq!(failure.class, *class, "{code}: {failure}");
        assert_next(&failure);
        let why = failure.to_string();
        for part in [&code.to_string(), "the vendor's words", *wanted] {
            assert!(why.contains(part), "{part:?} in {why:?}");
        }
        let kept = failure.reply.expect("a reply");
        assert!(kept.contains(&code.to_string()), "{kept}");
    }
}

fn secret(text: String) -> Secret {
    Secret::new(text)
}

fn wecom_robot(origin: &str, mention: Mention) -> ChannelKind {
    ChannelKind::WecomRobot {
        webhook: secret(format!("{origin}/cgi-bin/webhook/send?key=k3y%2F{MARK}")),
        mention,
    }
}

fn wecom_app(origin: &str) -> ChannelKind {
    ChannelKind::WecomApp(WecomApp {
        corp_id: "ww0001".to_owned(),
        agent_id: 1_000_002,
        secret: secret(format!("corp/{MARK}+=\"")),
        users: vec!["zhang".to_owned(), "li".to_owned()],
        departments: vec![1, 2],
        tags: vec![7],
        base_url: origin.to_owned(),
    })
}

fn dingtalk(origin: &str, mention: Mention) -> ChannelKind {
    ChannelKind::Dingtalk {
        webhook: secret(format!("{origin}/robot/send?access_token=t0ken{MARK}")),
        secret: Some(secret(format!("SEC{MARK}/+="))),
        keyword: Some("告警".to_owned()),
        mention,
    }
}

fn feishu(origin: &str) -> ChannelKind {
    ChannelKind::Feishu {
        webhook: secret(format!("{origin}/open-apis/bot/v2/hook/t0ken-{MARK}")),
        secret: Some(secret(format!("sign{MARK}/+="))),
        keyword: Some("告警".to_owned()),
        mention_all: true,
    }
}

fn slack(origin: &str) -> ChannelKind {
    ChannelKind::Slack {
        webhook: secret(format!("{origin}/services/T{MARK}/B{MARK}/x{MARK}")),
    }
}

fn mention(users: &[&str], mobiles: &[&str], all: bool) -> Mention {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Mention {
        users: owned(users),
        mobiles: owned(mobiles),
        all,
    }
}

/// Whether a request is the POST of JSON to this path and query.
fn is_post(request: &Request, target: &str) -> bool {
    request.line == format!("POST {target} HTTP/1.1")
        && request
            .header("content-type")
            .starts_with("application/json")
}

//! What the daemon does next after each code of notify.md's page: a channel for every one, all told of
//! the same event, each at a vendor of its own that answers with that code first and well after it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::config::model::Subscription;
use crate::notify::tests::rig::Rig;
use crate::state::outbox::{Push, PushState};

/// What becomes of the message.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The receiver has it after so many attempts.
    Delivered(usize),
    /// It is tried again after so many seconds.
    Waits(u64),
    /// Nothing more is sent, and the message says why.
    GivenUp(Class),
}
use Next::{Delivered, GivenUp, Waits};

/// The kind of channel at an origin, the first reply, and what follows.
type Row = (fn(&str) -> ChannelKind, Reply, Next);

fn errcode(code: i64) -> Reply {
    Reply::json(&json!({ "errcode": code, "errmsg": "the vendor's words" }))
}

fn of_wecom() -> Vec<Row> {
    let robot: fn(&str) -> ChannelKind = |origin| wecom_robot(origin, Mention::default());
    let app: fn(&str) -> ChannelKind = wecom_app;
    vec![
        (robot, errcode(0), Delivered(1)),
        (robot, errcode(45009), Waits(60)),
        (robot, errcode(93000), GivenUp(Class::Config)),
        (robot, errcode(40058), GivenUp(Class::Permanent)),
        // Another token, and at once another try.
        (app, errcode(40014), Delivered(1)),
        (app, errcode(42001), Delivered(1)),
        (app, errcode(40001), Delivered(1)),
        (app, errcode(81013), GivenUp(Class::Config)),
        (app, errcode(301_002), GivenUp(Class::Config)),
        (app, errcode(60020), GivenUp(Class::Config)),
    ]
}

fn of_dingtalk() -> Vec<Row> {
    let ding: fn(&str) -> ChannelKind = |origin| dingtalk(origin, Mention::default());
    let mut rows: Vec<Row> = [300_001, 400_101, 400_013, 400_102, 400_106]
        .map(|code| (ding, errcode(code), GivenUp(Class::Permanent)))
        .into();
    let punished = json!({ "status": 1111, "wait": 5, "punish": "deny" });
    rows.extend([
        (ding, errcode(0), Delivered(1)),
        (ding, errcode(-1), Delivered(2)),
        (ding, errcode(130_101), Waits(600)),
        (ding, errcode(410_100), Waits(600)),
        (ding, errcode(310_000), GivenUp(Class::Config)),
        (ding, Reply::json(&punished), Waits(5)),
    ]);
    rows
}

fn of_feishu() -> Vec<Row> {
    let lark: fn(&str) -> ChannelKind = feishu;
    let code = |code| Reply::json(&json!({ "code": code, "msg": "the vendor's words" }));
    vec![
        (lark, code(0), Delivered(1)),
        (lark, code(9499), GivenUp(Class::Permanent)),
        (lark, code(19021), GivenUp(Class::Config)),
        (lark, code(19022), GivenUp(Class::Config)),
        (lark, code(19024), GivenUp(Class::Config)),
        (lark, code(11232), Delivered(2)),
    ]
}

fn by_status() -> Vec<Row> {
    let told = || vec![("Retry-After", "30".to_owned())];
    let chat: fn(&str) -> ChannelKind = slack;
    let hook: fn(&str) -> ChannelKind = |origin| fixture::channel("hook", origin).kind;
    let gone = GivenUp(Class::Permanent);
    vec![
        (chat, Reply::ok(), Delivered(1)),
        (chat, Reply::status("400 Bad Request"), gone),
        (chat, Reply::status("403 Forbidden"), gone),
        (chat, Reply::status("404 Not Found"), gone),
        (chat, Reply::status("410 Gone"), gone),
        (chat, Reply::Status("429 Slow Down", told()), Waits(30)),
        (hook, Reply::ok(), Delivered(1)),
        (hook, Reply::status("202 Accepted"), Delivered(1)),
        (hook, Reply::status("302 Found"), gone),
        (hook, Reply::status("410 Gone"), GivenUp(Class::Gone)),
        (hook, Reply::Status("429 Slow Down", told()), Waits(30)),
        (hook, Reply::Status("503 Busy", told()), Waits(30)),
        (hook, Reply::status("503 Busy"), Delivered(2)),
    ]
}

/// Answers the first POST with `first`, and everything else as each of these vendors says yes.
async fn vendor(first: Reply, posted: Arc<AtomicUsize>) -> Receiver {
    let yes = json!({ "errcode": 0, "code": 0, "access_token": "T-long-enough" });
    Receiver::answering(move |request| {
        if request.line.starts_with("GET") {
            return Reply::json(&yes);
        }
        let is_first = posted.fetch_add(1, Ordering::Relaxed) == 0;
        match request.line.contains("/services/") || !request.line.contains('?') {
            _ if is_first => first.clone(),
            // Slack's and the webhook's yes is a status; 飞书's path has no query either.
            true if !request.line.contains("/open-apis/") => Reply::ok(),
            _ => Reply::json(&yes),
        }
    })
    .await
}

/// Whether there is no more to wait for.
fn is_settled(push: &Push, next: Next) -> bool {
    match next {
        Delivered(_) => push.state == PushState::Delivered,
        Waits(_) => push.next.is_some(),
        GivenUp(_) => push.state == PushState::Failed,
    }
}

fn check(push: &Push, next: Next, posted: usize) {
    let first = push.attempts.first().expect("an attempt");
    let shown = format!("{push:?}");
    match next {
        Delivered(attempts) => {
            assert_eq!(push.state, PushState::Delivered, "{shown}");
            assert_eq!(push.attempts.len(), attempts, "{shown}");
        }
        Waits(seconds) => {
            let class = Class::Throttled(Some(Duration::from_secs(seconds)));
            assert_eq!(
                (push.state, first.class),
                (PushState::Pending, Some(class)),
                "{shown}"
            );
            let wait = push.next.expect("it is settled").duration_since(first.at);
            let wait = wait.as_secs_f64();
            assert!(
                (wait - seconds as f64).abs() < 2.0,
                "{wait} s and not {seconds}: {shown}"
            );
            assert_eq!(posted, 1, "{shown}");
        }
        GivenUp(class) => {
            assert_eq!(
                (push.state, first.class, push.attempts.len()),
                (PushState::Failed, Some(class), 1),
                "{shown}"
            );
            let note = push.note.as_deref().unwrap_or_default();
            assert!(note.starts_with(&format!("{class}: ")), "{shown}");
            assert_eq!((posted, push.next), (1, None), "{shown}");
        }
    }
}

#[tokio::test]
async fn each_code_is_followed_by_what_the_page_says() {
    let rows = [of_wecom(), of_dingtalk(), of_feishu(), by_status()].concat();
    let (mut receivers, mut channels, mut counts) = (vec![], vec![], vec![]);
    for (at, (kind_at, first, _)) in rows.iter().enumerate() {
        let posted = Arc::new(AtomicUsize::new(0));
        let receiver = vendor(first.clone(), Arc::clone(&posted)).await;
        channels.push(Channel {
            name: format!("{at:02}"),
            ..channel(kind_at(&receiver.origin))
        });
        receivers.push(receiver);
        counts.push(posted);
    }
    let all: Vec<usize> = (0..channels.len()).collect();
    let subscription = Subscription {
        events: vec![Kind::AddressDown],
        ..fixture::subscription("night", &all)
    };
    let rig = Rig::start(fixture::config(channels, vec![subscription]));
    rig.raise(fixture::event(Kind::AddressDown, "192.0.2.1"));
    let mut found = BTreeMap::new();
    // A second attempt comes after two seconds at most.
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let pushes = rig.pushes().await.into_iter();
        found = pushes.map(|push| (push.channel.clone(), push)).collect();
        let settled = |(at, row): (usize, &Row)| {
            let push = found.get(&format!("{at:02}"));
            push.is_some_and(|push| is_settled(push, row.2))
        };
        if rows.iter().enumerate().all(settled) {
            break;
        }
    }
    for (at, (_, first, next)) in rows.iter().enumerate() {
        let push = &found[&format!("{at:02}")];
        assert!(is_settled(push, *next), "{first:?} {next:?}: {push:?}");
        check(push, *next, counts[at].load(Ordering::Relaxed));
    }
    rig.drain(Duration::ZERO).await;
}

//! The text of a list of messages and of one message.

use std::time::Duration;

use super::*;
use crate::notify::message::Part;
use crate::notify::retry::Class;
use crate::state::outbox::{Attempt, PushState};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

pub(in crate::command::pushes) fn push(id: &str) -> Push {
    Push {
        subscription: "night".to_owned(),
        template: Some("short".to_owned()),
        title: "192.0.2.1 is down (and 2 more)".to_owned(),
        kinds: vec!["address_down".to_owned(), "pool_down".to_owned()],
        instances: vec!["www".to_owned(), "api".to_owned()],
        count: 3,
        state: PushState::Delivered,
        ..Push::blank(id.to_owned(), at(0), "ops", "webhook", Origin::Alert)
    }
}

fn attempt(second: i64, part: usize, failed: Option<(Class, &str)>, reply: &str) -> Attempt {
    Attempt {
        at: at(second),
        part,
        class: failed.map(|(class, _)| class),
        why: failed.map(|(_, why)| why.to_owned()),
        reply: Some(reply.to_owned()),
    }
}

#[test]
fn a_list_has_a_line_for_each_with_why_it_was_made_and_what_became_of_it() {
    assert_eq!(table(&[]), "no messages");
    let tested = Push {
        channel: "邮件".to_owned(),
        state: PushState::Failed,
        origin: Origin::Test,
        note: Some("config: \u{1b}[2Jno such key".to_owned()),
        ..push("msg_2")
    };
    let replay = Push {
        state: PushState::Pending,
        origin: Origin::Replay,
        note: Some("a replay of msg_1".to_owned()),
        made: at(61),
        ..push("msg_3")
    };
    let expected = "\
2023-11-14 22:13:20Z  msg_1  ops  delivered  192.0.2.1 is down (and 2 more)
2023-11-14 22:13:20Z  msg_2  邮件   failed     (test) 192.0.2.1 is down (and 2 more)  [config: \u{fffd}[2Jno such key]
2023-11-14 22:14:21Z  msg_3  ops  pending    (replay) 192.0.2.1 is down (and 2 more)  [a replay of msg_1]";
    assert_eq!(table(&[push("msg_1"), tested, replay]), expected);
}

#[test]
fn one_message_is_shown_with_all_attempts_replies_and_the_very_content() {
    let whole_one = Push {
        note: Some("a replay of msg_0".to_owned()),
        finished: Some(at(9)),
        next: Some(at(60)),
        attempts: vec![
            attempt(
                1,
                0,
                Some((
                    Class::Throttled(Some(Duration::from_secs(3))),
                    "https://x/… answered 429",
                )),
                "  ",
            ),
            attempt(4, 0, None, "ok"),
            attempt(9, 1, None, "<p>\u{7}\nok\n</p>"),
        ],
        parts: vec![
            Part {
                body: "{\"text\":\"192.0.2.1 is down\"}".to_owned(),
            },
            Part {
                body: "second\n\u{1b}[31mline".to_owned(),
            },
        ],
        ..push("msg_1")
    };
    let expected = "\
msg_1  delivered
  made          2023-11-14 22:13:20Z, alert
  channel       ops (webhook)
  subscription  night
  template      short
  events        3: address_down, pool_down
  instances     www, api
  about         192.0.2.1 is down (and 2 more)
  note          a replay of msg_0
  finished      2023-11-14 22:13:29Z
  next attempt  2023-11-14 22:14:20Z
attempt 1  2023-11-14 22:13:21Z  part 1  failed (throttled): https://x/… answered 429
attempt 2  2023-11-14 22:13:24Z  part 1  taken
  replied: ok
attempt 3  2023-11-14 22:13:29Z  part 2  taken
  replied: <p>\u{fffd}
           ok
           </p>
part 1 of 2, as sent:
{\"text\":\"192.0.2.1 is down\"}
part 2 of 2, as sent:
second
\u{fffd}[31mline";
    assert_eq!(whole(&whole_one), expected);
}

#[test]
fn what_a_message_does_not_have_takes_no_line() {
    let bare = Push {
        subscription: String::new(),
        template: None,
        instances: Vec::new(),
        state: PushState::Suppressed,
        note: Some("the channel is disabled".to_owned()),
        ..push("msg_1")
    };
    let expected = "\
msg_1  suppressed
  made          2023-11-14 22:13:20Z, alert
  channel       ops (webhook)
  events        3: address_down, pool_down
  about         192.0.2.1 is down (and 2 more)
  note          the channel is disabled";
    assert_eq!(whole(&bare), expected);
}

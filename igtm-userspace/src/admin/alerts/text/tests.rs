//! What a terminal is told of mutes, test events and test messages.

use jiff::Timestamp;

use super::*;
use crate::notify::event::{Event, Kind};
use crate::notify::retry::Class;
use crate::notify::routing::Fate;
use crate::notify::told::Mute;
use crate::state::outbox::{Attempt, Origin};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn push(channel: &str, state: PushState, note: Option<&str>) -> Push {
    Push {
        title: "a test".to_owned(),
        kinds: vec!["test".to_owned()],
        count: 1,
        state,
        note: note.map(str::to_owned),
        parts_done: 1,
        finished: Some(at(1)),
        ..Push::blank(
            "msg_1".to_owned(),
            at(0),
            channel,
            "wecom_app",
            Origin::Test,
        )
    }
}

fn attempt(class: Option<Class>, why: Option<&str>, reply: &str) -> Attempt {
    Attempt {
        at: at(1),
        part: 0,
        class,
        why: why.map(str::to_owned),
        reply: Some(reply.to_owned()),
    }
}

#[test]
fn each_message_of_a_group_says_what_came_of_it_and_what_went_wrong_all_the_same() {
    let partly = Push {
        attempts: vec![
            attempt(None, Some("these users do not exist: zhang|li"), "first"),
            attempt(None, None, "{\"errcode\":0}"),
        ],
        ..push("app", PushState::Delivered, None)
    };
    let refused = Push {
        attempts: vec![
            attempt(None, None, "ok"),
            attempt(
                Some(Class::Config),
                Some("the key is wrong"),
                " <h1>\n403\n</h1>\n",
            ),
        ],
        ..push("robot", PushState::Failed, Some("config: the key is wrong"))
    };
    let tested = Tested::new(vec![partly, refused]);
    assert!(!tested.ok, "one of them did not arrive");
    let expected = "\
app (wecom_app): delivered as msg_1
  but: these users do not exist: zhang|li
  the receiver replied: {\"errcode\":0}
robot (wecom_app): NOT delivered: config: the key is wrong
  the receiver replied: <h1>
    403
    </h1>
";
    assert_eq!(tested.to_string(), expected);
    let silent = push("mail", PushState::Failed, None);
    let text = Tested::new(vec![silent]).to_string();
    assert_eq!(text, "mail (wecom_app): NOT delivered: it was not sent\n");
    let disabled = push("old", PushState::Delivered, Some("the channel is disabled"));
    let tested = Tested::new(vec![disabled]);
    assert!(tested.ok);
    let expected = "old (wecom_app): delivered as msg_1\n  but: the channel is disabled\n";
    assert_eq!(tested.to_string(), expected);
}

#[test]
fn nothing_that_a_receiver_says_speaks_to_the_terminal() {
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\nmore\u{9b}31m";
    let evil = Push {
        attempts: vec![
            attempt(None, Some(hostile), hostile),
            attempt(Some(Class::Permanent), Some(hostile), hostile),
        ],
        ..push("ops", PushState::Failed, Some(hostile))
    };
    let text = Tested::new(vec![evil]).to_string();
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(control), "{text:?}");
    assert!(
        text.contains("owned") && text.contains("\n    more"),
        "{text}"
    );
}

#[test]
fn a_mute_says_until_when_by_whom_and_why() {
    let mute = Mute {
        instance: "www".to_owned(),
        who: "root".to_owned(),
        reason: Some("moving".to_owned()),
        since: at(0),
        until: at(3600),
    };
    let muted = Muted {
        instance: "www".to_owned(),
        mute: Some(mute.clone()),
        ended: None,
        unwritten: Some("no space left".to_owned()),
    };
    let expected = "\
www: no alerts until 2023-11-14T23:13:20Z, by root: moving
  note: a restart may forget this: no space left
";
    assert_eq!(muted.to_string(), expected);
    let ended = Muted {
        mute: None,
        ended: Some(mute),
        unwritten: None,
        ..muted
    };
    let expected = "www: alerts again; what still lasts is told now\n";
    assert_eq!(ended.to_string(), expected);
    let never = Muted {
        ended: None,
        ..ended
    };
    assert_eq!(never.to_string(), "www: was not muted\n");
}

#[test]
fn a_test_event_says_who_is_told_and_why_others_are_not() {
    let fate = |subscription: &str, withheld| Fate {
        subscription: subscription.to_owned(),
        channels: vec!["ops".to_owned(), "mail".to_owned()],
        withheld,
    };
    let sent = Sent {
        event: Event {
            title: "TEST, nothing happened: www is only tested".to_owned(),
            ..Event::blank(Kind::Test, "edge-1")
        },
        subscriptions: vec![
            fate("night", None),
            fate("day", Some(Withheld::Quiet)),
            fate("team", Some(Withheld::Muted)),
        ],
    };
    let expected = "\
test: TEST, nothing happened: www is only tested
  night tells ops, mail; see igtm pushes
  day would tell ops, mail, but it is quiet now
  team would tell ops, mail, but the instance is muted
";
    assert_eq!(sent.to_string(), expected);
    let unheard = Sent {
        subscriptions: Vec::new(),
        ..sent
    };
    let expected = "no subscription asks for it: nobody is told\n";
    assert!(unheard.to_string().ends_with(expected));
}

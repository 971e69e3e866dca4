//! The outbox on a real file: a step is kept whole, messages are found by every filter, and what is
//! old goes, but for what is still to be sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::notify::group::{Group, GroupKey, Item, Purpose};
use crate::notify::retry::Class;
use crate::notify::told::{Mute, Open, OpenKey};
use crate::state::StateError;
use crate::state::outbox::{
    Attempt, ChannelRecord, MESSAGES_KEPT, MESSAGES_KEPT_DAYS, Origin, Push, PushFilter, PushState,
    SavedAlerts, Step, Waiting,
};

fn push(id: &str, made: Timestamp, state: PushState) -> Push {
    Push {
        id: id.to_owned(),
        made,
        channel: "ops".to_owned(),
        r#type: "webhook".to_owned(),
        subscription: "night".to_owned(),
        template: None,
        origin: Origin::Alert,
        title: "192.0.2.1 is down".to_owned(),
        kinds: vec!["address_down".to_owned(), "pool_down".to_owned()],
        instances: vec!["www".to_owned()],
        count: 2,
        state,
        note: None,
        parts: vec![crate::notify::message::Part {
            body: "{}".to_owned(),
        }],
        parts_done: 0,
        attempts: vec![Attempt {
            at: made,
            part: 0,
            class: Some(Class::Throttled(Some(Duration::from_secs(7)))),
            why: Some("later".to_owned()),
            reply: None,
        }],
        failures: 1,
        throttled_s: 7,
        rest_of: None,
        beside: Vec::new(),
        next: Some(made),
        finished: None,
        events: vec![Arc::new(event(Kind::AddressDown, None, made))],
        more: 1,
    }
}

fn keys() -> (OpenKey, GroupKey) {
    let open = OpenKey {
        condition: "address first 192.0.2.1".to_owned(),
        subscription: "night".to_owned(),
    };
    let group = GroupKey {
        subscription: "night".to_owned(),
        purpose: Purpose::Repeat,
    };
    (open, group)
}

#[tokio::test]
async fn a_step_is_there_after_a_restart_and_what_it_ends_is_gone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, restored) = open(directory.path());
    assert_eq!(restored.alerts, SavedAlerts::default());
    let now = Timestamp::now();
    let event = Arc::new(event(Kind::AddressDown, None, now));
    let routed = store.add_event(Arc::clone(&event), Vec::new());
    let left = store.add_event(Arc::clone(&event), Vec::new());
    assert!(left > routed);
    let (open_key, group_key) = keys();
    let lasting = Open {
        event: Arc::clone(&event),
        wanted: true,
        channels: vec!["ops".to_owned()],
        listed: true,
        told: Some(now),
        worst: Severity::Critical,
        owed: false,
        over: false,
    };
    let group = Group {
        due: now,
        wait: Duration::from_millis(1500),
        items: vec![Item::new(
            Arc::clone(&event),
            Arc::from(["ops".to_owned()]),
            true,
        )],
        more: BTreeMap::from([("ops".to_owned(), 3)]),
    };
    let mute = Mute {
        instance: "www".to_owned(),
        who: "root".to_owned(),
        reason: None,
        since: now,
        until: now,
    };
    let record = ChannelRecord {
        failing: Some(now),
        class: Some(Class::Config),
        ..ChannelRecord::default()
    };
    let pending = push("msg_1", now, PushState::Pending);
    store.take_step(Step {
        routed: vec![routed],
        open: vec![(open_key.clone(), Some(lasting.clone()))],
        groups: vec![(group_key.clone(), Some(group.clone()))],
        messages: vec![pending.clone(), push("msg_0", at(0), PushState::Failed)],
        mutes: vec![("www".to_owned(), Some(mute.clone()))],
        channels: vec![("ops".to_owned(), Some(record.clone()))],
        ..Step::default()
    });
    store.close(Duration::from_secs(10)).await;
    let saved = reopened(directory.path()).await.alerts;
    let unrouted: Vec<_> = saved.unrouted.iter().map(|one| one.key).collect();
    assert_eq!(unrouted, [left]);
    assert_eq!(saved.unrouted[0].event, event);
    assert_eq!(saved.open, [(open_key.clone(), lasting)]);
    assert_eq!(saved.groups, [(group_key.clone(), group)]);
    assert_eq!(saved.pending, std::slice::from_ref(&pending));
    assert_eq!(saved.mutes, [mute]);
    assert_eq!(saved.channels, [("ops".to_owned(), record)]);

    let (store, _) = open(directory.path());
    store.take_step(Step {
        routed: vec![left],
        open: vec![(open_key, None)],
        groups: vec![(group_key, None)],
        messages: vec![Push {
            state: PushState::Delivered,
            ..pending
        }],
        mutes: vec![("www".to_owned(), None)],
        channels: vec![("ops".to_owned(), None)],
        ..Step::default()
    });
    store.close(Duration::from_secs(10)).await;
    let saved = reopened(directory.path()).await.alerts;
    assert_eq!(saved, SavedAlerts::default());
}

#[tokio::test]
async fn messages_are_found_by_every_filter_newest_first() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    found_by_every_filter(store).await;
}

#[tokio::test]
async fn messages_that_wait_for_a_disk_are_found_as_well() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    // Not even root makes a directory of a file.
    std::fs::write(&path, "a file").expect("written");
    let (store, _) = open(&path);
    let none = store.pushes(PushFilter::default()).await;
    assert!(
        matches!(none, Err(StateError::Unavailable { .. })),
        "{none:?}"
    );
    found_by_every_filter(store).await;
}

async fn found_by_every_filter(store: Store) {
    let now = Timestamp::now();
    let ago = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
    let other = Push {
        channel: "mail".to_owned(),
        template: Some("short".to_owned()),
        kinds: vec!["test".to_owned()],
        instances: Vec::new(),
        ..push("msg_2", ago(5), PushState::Delivered)
    };
    store.take_step(Step {
        messages: vec![
            push("msg_1", ago(9), PushState::Failed),
            other.clone(),
            push("msg_3", ago(1), PushState::Pending),
        ],
        ..Step::default()
    });
    let ids = async |filter: PushFilter| -> Vec<String> {
        // Without a disk an empty list is no answer.
        let found = store.pushes(filter).await.unwrap_or_default();
        assert!(
            found
                .iter()
                .all(|one| one.parts.is_empty() && one.events.is_empty())
        );
        found.into_iter().map(|push| push.id).collect()
    };
    let all = PushFilter::default;
    let names = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    for (filter, expected) in [
        (all(), vec!["msg_3", "msg_2", "msg_1"]),
        (PushFilter { limit: 1, ..all() }, vec!["msg_3"]),
        (
            PushFilter {
                channels: names(&["mail", "x"]),
                ..all()
            },
            vec!["msg_2"],
        ),
        (
            PushFilter {
                templates: names(&["short"]),
                ..all()
            },
            vec!["msg_2"],
        ),
        (
            PushFilter {
                kinds: names(&["pool_down"]),
                ..all()
            },
            vec!["msg_3", "msg_1"],
        ),
        (
            PushFilter {
                kinds: names(&["pool_down", "test"]),
                ..all()
            },
            vec!["msg_3", "msg_2", "msg_1"],
        ),
        (
            PushFilter {
                instance: Some("www".to_owned()),
                ..all()
            },
            vec!["msg_3", "msg_1"],
        ),
        (
            PushFilter {
                since: Some(ago(5)),
                ..all()
            },
            vec!["msg_3", "msg_2"],
        ),
        (
            PushFilter {
                until: Some(ago(5)),
                ..all()
            },
            vec!["msg_1"],
        ),
        (
            PushFilter {
                states: vec![PushState::Failed, PushState::Pending],
                ..all()
            },
            vec!["msg_3", "msg_1"],
        ),
        (
            PushFilter {
                channels: names(&["none"]),
                ..all()
            },
            vec![],
        ),
    ] {
        assert_eq!(ids(filter.clone()).await, expected, "{filter:?}");
    }
    assert_eq!(
        store.push("msg_2".to_owned()).await.expect("read"),
        Some(other)
    );
    let unknown = store.push("msg_9".to_owned()).await;
    assert_eq!(unknown.unwrap_or_default(), None);
    store.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn what_is_old_goes_but_for_what_is_still_to_be_sent() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    let old = Timestamp::now() - jiff::SignedDuration::from_hours(24 * (MESSAGES_KEPT_DAYS + 1));
    store.take_step(Step {
        messages: vec![
            push("msg_1", old, PushState::Delivered),
            push("msg_2", old, PushState::Pending),
            push("msg_3", Timestamp::now(), PushState::Delivered),
        ],
        ..Step::default()
    });
    store.flush().await.expect("written");
    let found = store.pushes(PushFilter::default()).await.expect("read");
    let ids: Vec<_> = found.iter().map(|push| push.id.as_str()).collect();
    assert_eq!(ids, ["msg_3", "msg_2"]);
    store.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn what_waits_is_newer_than_what_is_written() {
    let (one, two) = (
        push("msg_1", at(1), PushState::Pending),
        push("msg_2", at(2), PushState::Pending),
    );
    let mut waiting = Waiting::default();
    waiting.add(Step {
        messages: vec![
            Push {
                state: PushState::Delivered,
                ..one.clone()
            },
            push("msg_3", at(3), PushState::Pending),
        ],
        ..Step::default()
    });
    let pending = PushFilter {
        states: vec![PushState::Pending],
        ..PushFilter::default()
    };
    let found = waiting.with_known(vec![two, one], &pending);
    let ids: Vec<_> = found.iter().map(|push| push.id.as_str()).collect();
    assert_eq!(ids, ["msg_3", "msg_2"]);
}

#[tokio::test]
async fn of_more_than_are_kept_the_newest_stay_and_what_is_still_to_be_sent() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    let start = Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let most = usize::try_from(MESSAGES_KEPT).expect("few");
    let all: Vec<Push> = (0..most + 5)
        .map(|n| {
            let made = start + jiff::SignedDuration::from_millis(n as i64);
            let state = if n == 2 {
                PushState::Pending
            } else {
                PushState::Delivered
            };
            Push {
                events: Vec::new(),
                ..push(&format!("msg_{n}"), made, state)
            }
        })
        .collect();
    // As many at once as wait for a disk.
    for some in all.chunks(crate::state::outbox::MESSAGES_WAITING) {
        store.take_step(Step {
            messages: some.to_vec(),
            ..Step::default()
        });
        store.flush().await.expect("written");
    }
    let every = PushFilter {
        limit: u32::MAX,
        ..PushFilter::default()
    };
    let found = store.pushes(every).await.expect("read");
    assert_eq!(found.len(), most + 1);
    let oldest: Vec<_> = found
        .iter()
        .rev()
        .take(2)
        .map(|push| push.id.as_str())
        .collect();
    assert_eq!(oldest, ["msg_2", "msg_5"]);
    store.close(Duration::from_secs(10)).await;
}

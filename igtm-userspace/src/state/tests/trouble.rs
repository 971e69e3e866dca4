//! No disk to write to: nothing waits, the newest is written when it is possible again. A disk that
//! is really full is tests/netns's.

use std::fs;
use std::time::{Duration, Instant};

use super::*;
use crate::state::model::key_of;
use crate::state::pending::{Change, Changes, Raised};
use crate::state::{EVENTS_WAITING, Filter, StateError};

#[tokio::test]
async fn without_a_directory_it_goes_on_and_writes_once_there_is_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    // Not even root makes a directory of a file.
    fs::write(&path, "a file").expect("written");
    let (store, restored) = open(&path);
    assert_eq!(restored, Restored::default());
    let started = Instant::now();
    for n in 0..1000 {
        store.save_health(saved(n % 2, AddressState::Down, n));
        store.add_event(event(Kind::AddressDown, None, Timestamp::now()), Vec::new());
        store.count_round("web", true, Timestamp::now());
    }
    assert!(started.elapsed() < Duration::from_secs(1), "it never waits");
    let failed = store.flush().await.expect_err("there is no disk");
    assert!(
        matches!(&failed, StateError::Unavailable { why, .. } if why.contains("exists")),
        "{failed}"
    );
    let asked = store.events(Filter::default()).await;
    assert!(matches!(asked, Err(StateError::Unavailable { .. })));

    fs::remove_file(&path).expect("removed");
    let until = Instant::now() + Duration::from_secs(10);
    while store.flush().await.is_err() {
        assert!(Instant::now() < until, "it does not try again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let events = store.events(Filter::default()).await.expect("read");
    assert_eq!(events.len(), 1000);
    assert_eq!(store.events_lost(), 0);
    let rounds = store.rounds(2, Timestamp::now()).await.expect("read");
    assert_eq!(rounds["web"].good, 1000);
    store.close(Duration::from_secs(10)).await;
    let mut health = reopened(&path).await.health;
    health.sort_by_key(|one| one.address.clone());
    let newest = [998, 999].map(|n| saved(n % 2, AddressState::Down, n));
    assert_eq!(health, newest);
}

#[tokio::test]
async fn after_the_end_nothing_is_taken_in() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    let other = store.clone();
    store.close(Duration::from_secs(10)).await;
    other.save_health(saved(1, AddressState::Down, 1));
    assert!(matches!(other.flush().await, Err(StateError::Closed)));
    assert!(matches!(
        other.events(Filter::default()).await,
        Err(StateError::Closed)
    ));
    assert_eq!(reopened(directory.path()).await.health, []);
}

fn raised(second: i64) -> Raised {
    Raised {
        event: event(Kind::AddressDown, None, at(second)).into(),
        cause: Vec::new(),
        unrouted: Some(second),
    }
}

#[test]
fn what_is_put_back_is_older_than_what_came_since() {
    let of = |n: u32| {
        let mut changes = Changes::default();
        let one = saved(1, AddressState::Down, n);
        changes.add(Change::Health(key_of(&one), Some(one)));
        let gone = saved(2 + n, AddressState::Ok, 0);
        changes.add(Change::Health(key_of(&gone), None));
        changes.add(Change::Event(Box::new(raised(i64::from(n)))));
        changes
            .rounds
            .entry("web".to_owned())
            .or_default()
            .insert(7, (1, i64::from(n)));
        changes.serial = 10 + n;
        changes
    };
    let mut newer = of(2);
    newer.put_back(of(1));
    let newest = saved(1, AddressState::Down, 2);
    assert_eq!(newer.health[&key_of(&newest)], Some(newest));
    assert_eq!(newer.health.len(), 3);
    let times: Vec<_> = newer.events.iter().map(|one| one.event.time).collect();
    assert_eq!(times, [at(1), at(2)]);
    assert_eq!(newer.rounds["web"][&7], (2, 3));
    assert_eq!(newer.serial, 12);
}

#[test]
fn events_that_find_no_place_are_counted() {
    let mut changes = Changes::default();
    for n in 0..EVENTS_WAITING as i64 + 3 {
        changes.add(Change::Event(Box::new(raised(n))));
    }
    assert_eq!((changes.events.len(), changes.lost), (EVENTS_WAITING, 3));
    assert_eq!(changes.events[0].event.time, at(3), "the oldest are lost");
}

/// However long the next try is off: at the end there is one more.
#[tokio::test]
async fn the_end_tries_once_more() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    fs::write(&path, "a file").expect("written");
    let hour = Duration::from_secs(3600);
    let slow = Pace {
        retry: hour,
        retry_most: hour,
        ..FAST
    };
    let (store, _) = Store::open_at_pace(&path, slow).expect("nobody else has it");
    store.save_health(saved(1, AddressState::Down, 1));
    assert!(store.flush().await.is_err());
    fs::remove_file(&path).expect("removed");
    assert!(store.flush().await.is_err(), "it is not time yet");
    store.close(Duration::from_secs(10)).await;
    assert_eq!(
        reopened(&path).await.health,
        [saved(1, AddressState::Down, 1)]
    );
}

//! Whatever was saved is there after a restart.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use super::*;
use crate::state::outbox::SavedAlerts;
use crate::state::{
    Filter, ForceKey, ForceMode, FrozenKey, Moved, RESERVE, Rounds, SavedForce, SavedFrozen,
    StateError,
};

#[tokio::test]
async fn the_newest_of_everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    let (store, restored) = open(&path);
    assert_eq!(restored, Restored::default());

    store.save_health(saved(1, AddressState::Warn, 1));
    store.save_health(saved(1, AddressState::Down, 2));
    store.save_health(saved(2, AddressState::Ok, 0));
    store.save_health(saved(3, AddressState::Ok, 0));
    store.forget_health(&saved(3, AddressState::Ok, 0));
    let moved = Moved {
        instance: "www".to_owned(),
        strategy: "default".to_owned(),
        active: "fallback".to_owned(),
        since: at(3),
        left: Some(at(1)),
        believed: Some("tier 1".to_owned()),
    };
    store.save_move(moved.clone());
    store.save_move(Moved {
        strategy: "gone".to_owned(),
        ..moved.clone()
    });
    store.forget_move("www".to_owned(), "gone".to_owned());
    let force_key = |pool: Option<&str>| ForceKey {
        address: "192.0.2.1".to_owned(),
        pool: pool.map(str::to_owned),
    };
    let force = SavedForce {
        mode: ForceMode::Drain,
        reason: "new kernel".to_owned(),
        who: "root".to_owned(),
        since: at(4),
        until: Some(at(3600)),
    };
    for pool in [None, Some("first"), Some("second")] {
        let put = store.put_force(force_key(pool), force.clone()).await;
        put.expect("written");
    }
    let removed = store.remove_force(force_key(Some("second"))).await;
    removed.expect("written");
    let frozen_key = |ipv6| FrozenKey {
        instance: "www".to_owned(),
        strategy: "old".to_owned(),
        line: "telecom".to_owned(),
        ipv6,
    };
    let frozen = SavedFrozen {
        answer: serde_json::json!({"addresses": ["192.0.2.7"], "draw": "rotate"}),
        since: at(5),
    };
    for ipv6 in [false, true] {
        store.put_frozen(frozen_key(ipv6), frozen.clone());
    }
    store.remove_frozen(frozen_key(true));
    store.flush().await.expect("written");
    assert_eq!(store.frozen().await.expect("read").len(), 1);
    assert_eq!(store.forces().await.expect("read").len(), 2);
    store.close(Duration::from_secs(10)).await;

    let mut restored = reopened(&path).await;
    restored.health.sort_by_key(|one| one.address.clone());
    assert_eq!(
        restored,
        Restored {
            health: vec![
                saved(1, AddressState::Down, 2),
                saved(2, AddressState::Ok, 0),
            ],
            moves: vec![moved],
            forces: vec![
                (force_key(None), force.clone()),
                (force_key(Some("first")), force),
            ],
            frozen: vec![(frozen_key(false), frozen)],
            serial: 0,
            alerts: SavedAlerts::default(),
        }
    );
}

#[tokio::test]
async fn events_are_listed_newest_first_as_filtered() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    let now = Timestamp::now();
    let ago = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
    for (kind, instance, hours) in [
        (Kind::AddressDown, None, 30),
        (Kind::TierSwitched, Some("www"), 29),
        (Kind::TierSwitched, Some("api"), 2),
        (Kind::AddressUp, Some("www"), 1),
    ] {
        store.add_event(event(kind, instance, ago(hours)), vec![cause()]);
    }
    let ids = async |filter: Filter| -> Vec<i64> {
        let found = store.events(filter).await.expect("read");
        found.iter().map(|event| event.id).collect()
    };
    let all = Filter::default;
    let kinds = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(ids(all()).await, [4, 3, 2, 1]);
    let wanted = |filter| ids(filter);
    assert_eq!(
        wanted(Filter {
            kinds: kinds(&["tier_switched", "address_up"]),
            ..all()
        })
        .await,
        [4, 3, 2]
    );
    assert_eq!(
        wanted(Filter {
            instance: Some("www".to_owned()),
            ..all()
        })
        .await,
        [4, 2]
    );
    assert_eq!(
        wanted(Filter {
            instance: Some("' OR 1 --".to_owned()),
            ..all()
        })
        .await,
        [0_i64; 0]
    );
    assert_eq!(
        wanted(Filter {
            since: Some(ago(3)),
            ..all()
        })
        .await,
        [4, 3]
    );
    assert_eq!(
        wanted(Filter {
            until: Some(ago(2)),
            ..all()
        })
        .await,
        [2, 1]
    );
    assert_eq!(
        wanted(Filter {
            limit: 2,
            before: Some(4),
            ..all()
        })
        .await,
        [3, 2]
    );
    assert_eq!(
        wanted(Filter {
            address: Some("192.0.2.2".to_owned()),
            ..all()
        })
        .await,
        [0_i64; 0]
    );

    let newest = store
        .events(Filter { limit: 1, ..all() })
        .await
        .expect("read");
    let newest = &newest[0];
    assert_eq!(
        (newest.text("kind"), newest.time()),
        ("address_up", Some(ago(1)))
    );
    assert_eq!(newest.cause, [cause()]);
    // As JSON and back, as the admin socket sends it.
    let text = serde_json::to_string(newest).expect("JSON");
    assert!(text.contains(r#""kind":"address_up""#), "{text}");
    assert_eq!(
        serde_json::from_str::<super::super::StoredEvent>(&text).expect("JSON"),
        *newest
    );
}

#[tokio::test]
async fn what_is_old_or_too_much_is_retired_and_ids_go_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    let now = Timestamp::now();
    let old = now - jiff::SignedDuration::from_hours(24 * 91);
    store.add_event(event(Kind::AddressDown, None, old), Vec::new());
    store.add_event(event(Kind::AddressUp, None, now), Vec::new());
    store.flush().await.expect("written");
    let found = store.events(Filter::default()).await.expect("read");
    let ids: Vec<_> = found.iter().map(|event| event.id).collect();
    assert_eq!(ids, [2]);
}

#[tokio::test]
async fn rounds_are_counted_by_monitor_and_day() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    let day = |days: i64| Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    let now = day(0);
    for (days, good, bad) in [(0, 3, 1), (1, 2, 0), (6, 0, 1), (7, 5, 0), (20, 9, 9)] {
        for n in 0..good + bad {
            store.count_round("web", n < good, day(days));
        }
    }
    store.count_round("other", true, now);
    // Some are written already, some not.
    store.flush().await.expect("written");
    store.count_round("web", true, now);
    let sums = store.rounds(7, now).await.expect("read");
    let sum = |good, bad| Rounds { good, bad };
    let expected = [("web", sum(6, 2)), ("other", sum(1, 0))];
    let expected = expected.map(|(name, sum)| (name.to_owned(), sum));
    assert_eq!(sums, HashMap::from(expected));
    let all = store.rounds(100, now).await.expect("read");
    let kept = sum(11, 2);
    assert_eq!(
        all["web"], kept,
        "what is older than a week and a day is retired"
    );
}

#[tokio::test]
async fn serials_rise_across_restarts_and_the_directory_is_one_daemons() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("state");
    let (store, restored) = open(&path);
    assert_eq!(restored.serial, 0);
    let mut used = 7;
    for _ in 0..3 * RESERVE {
        store.reserve_serials(used);
        // Killed before the next reservation, a restart is above what is answered now.
        used += 1;
    }
    store.flush().await.expect("written");
    assert!(matches!(Store::open(&path), Err(StateError::Locked { .. })));
    store.close(Duration::from_secs(10)).await;
    let kept = reopened(&path).await.serial;
    assert!(kept >= used, "{kept} < {used}");
    // A clock that went back reserves nothing lower.
    let (store, _) = open(&path);
    store.reserve_serials(3);
    store.close(Duration::from_secs(10)).await;
    assert_eq!(reopened(&path).await.serial, kept);
}

#[tokio::test]
async fn the_serial_of_an_igtm_without_a_database_is_taken_over_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("serial");
    fs::write(&file, "1800000000\n").expect("written");
    assert_eq!(reopened(directory.path()).await.serial, 1_800_000_000);
    assert!(!file.exists());
    assert_eq!(reopened(directory.path()).await.serial, 1_800_000_000);
    // Left behind by a downgrade: the larger one counts.
    fs::write(&file, "1700000000\n").expect("written");
    assert_eq!(reopened(directory.path()).await.serial, 1_800_000_000);
}

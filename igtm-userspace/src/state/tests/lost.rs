//! The directory, or what is in it, is taken away while the daemon runs.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use super::*;
use crate::state::{
    Filter, ForceKey, ForceMode, FrozenKey, Moved, SavedForce, SavedFrozen, StateError,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Looks only when it writes.
const BLIND: Pace = Pace {
    look: Duration::from_secs(3600),
    ..FAST
};

fn force() -> (ForceKey, SavedForce) {
    let key = ForceKey {
        address: "192.0.2.1".to_owned(),
        pool: None,
    };
    let force = SavedForce {
        mode: ForceMode::Drain,
        reason: "disk swap".to_owned(),
        who: "root".to_owned(),
        since: at(3),
        until: None,
    };
    (key, force)
}

fn frozen() -> (FrozenKey, SavedFrozen) {
    let key = FrozenKey {
        instance: "www".to_owned(),
        strategy: "south".to_owned(),
        line: "telecom".to_owned(),
        ipv6: false,
    };
    let frozen = SavedFrozen {
        answer: serde_json::json!({ "ttl": 60 }),
        since: at(4),
    };
    (key, frozen)
}

/// Something of everything that is kept.
async fn filled(store: &Store) {
    store.save_health(saved(1, AddressState::Down, 2));
    store.save_move(Moved {
        instance: "www".to_owned(),
        strategy: "south".to_owned(),
        active: "tier 2".to_owned(),
        since: at(5),
        left: None,
        believed: None,
    });
    store.reserve_serials(500);
    store.add_event(
        event(Kind::AddressDown, Some("www"), Timestamp::now()),
        vec![cause()],
    );
    store.count_round("web", false, Timestamp::now());
    store.put_frozen(frozen().0, frozen().1);
    let (key, force) = force();
    store.put_force(key, force).await.expect("written");
}

/// Waits until there is a database again.
async fn made_again(store: &Store, directory: &Path) {
    let until = Instant::now() + PATIENCE;
    while store.condition().made_again.is_none() || !directory.join("igtm.db").exists() {
        assert!(Instant::now() < until, "it is not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// All of [`filled`] is there for the next run, and the history as well.
async fn assert_all(directory: &Path) {
    let (store, restored) = open(directory);
    assert_eq!(restored.health, [saved(1, AddressState::Down, 2)]);
    assert_eq!(restored.forces, [force()]);
    assert_eq!(restored.frozen, [frozen()]);
    assert_eq!(restored.moves.len(), 1);
    assert!(restored.serial >= 500, "{}", restored.serial);
    let events = store.events(Filter::default()).await.expect("read");
    assert_eq!(events.len(), 1, "the history");
    let rounds = store.rounds(2, Timestamp::now()).await.expect("read");
    assert_eq!(rounds["web"].bad, 1);
    store.close(PATIENCE).await;
}

fn is_locked(directory: &Path) -> bool {
    let second = Store::open_at_pace(directory, FAST);
    matches!(second, Err(StateError::Locked { .. }))
}

#[tokio::test]
async fn a_directory_that_is_removed_is_made_again_with_all_it_held() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = place.path().join("state");
    let (store, _) = open(&path);
    filled(&store).await;
    // Nothing is written meanwhile: it is looked for all the same. And it happens twice.
    for _ in 0..2 {
        fs::remove_dir_all(&path).expect("removed");
        let gone = Instant::now();
        while !path.join("igtm.db").exists() {
            assert!(gone.elapsed() < PATIENCE, "it is not noticed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // It answers only when it is done.
        store.events(Filter::default()).await.expect("read");
        assert!(is_locked(&path), "another daemon could have it");
    }
    assert!(store.condition().made_again.is_some());
    assert_eq!(store.condition().trouble, None);
    assert!(store.take_wants_all(), "whoever knows more is asked for it");
    assert!(!store.take_wants_all(), "once");
    store.close(PATIENCE).await;
    assert_all(&path).await;
}

/// Also at the very end, and with what came after it was removed.
#[tokio::test]
async fn what_is_written_next_is_written_to_the_new_one() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = place.path().join("state");
    let (store, _) = Store::open_at_pace(&path, BLIND).expect("nobody has it");
    filled(&store).await;
    fs::remove_dir_all(&path).expect("removed");
    store.save_health(saved(2, AddressState::Ok, 0));
    store.flush().await.expect("written");
    assert!(path.join("igtm.db").exists());
    fs::remove_dir_all(&path).expect("removed");
    store.close(PATIENCE).await;
    let restored = reopened(&path).await;
    assert_eq!(restored.health.len(), 2);
    assert_eq!(restored.forces, [force()]);
}

/// As when the disk that it was to be on is mounted late: what is there stays, aside.
#[tokio::test]
async fn what_stands_in_its_place_is_moved_aside_but_for_its_serials() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (path, other) = (place.path().join("state"), place.path().join("other"));
    let (store, _) = open(&other);
    store.reserve_serials(9000);
    store.save_health(saved(7, AddressState::Ok, 0));
    store.close(PATIENCE).await;
    let (store, _) = Store::open_at_pace(&path, BLIND).expect("nobody has it");
    filled(&store).await;
    fs::rename(&path, place.path().join("former")).expect("moved");
    fs::rename(&other, &path).expect("moved");
    store.flush().await.expect("written");
    assert!(is_locked(&path));
    let names = fs::read_dir(&path).expect("there");
    let names = names.map(|one| one.expect("there").file_name().into_string());
    let aside = names.filter(|name| name.as_ref().is_ok_and(|name| name.contains(".aside-")));
    assert_eq!(aside.count(), 1);
    store.close(PATIENCE).await;
    assert_all(&path).await;
    assert!(reopened(&path).await.serial >= 9000);
}

#[tokio::test]
async fn another_daemons_directory_is_left_to_it() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = place.path().join("state");
    let (store, _) = Store::open_at_pace(&path, BLIND).expect("nobody has it");
    filled(&store).await;
    fs::remove_dir_all(&path).expect("removed");
    let (other, restored) = open(&path);
    assert_eq!(restored, Restored::default());
    other.save_health(saved(3, AddressState::Ok, 0));
    other.flush().await.expect("written");
    store.save_health(saved(2, AddressState::Ok, 0));
    let refused = store.flush().await.expect_err("it is another's");
    assert!(matches!(refused, StateError::Locked { .. }), "{refused}");
    let trouble = store.condition().trouble.expect("said");
    assert!(trouble.contains("in use by another igtm"), "{trouble}");
    // What it knew can still be asked for.
    assert_eq!(
        store.events(Filter::default()).await.expect("read").len(),
        1
    );
    other.flush().await.expect("nobody has touched it");
    // Once that one has gone, it is ours again.
    other.close(PATIENCE).await;
    let until = Instant::now() + PATIENCE;
    while store.flush().await.is_err() {
        assert!(Instant::now() < until, "it does not try again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store.condition().trouble, None);
    store.close(PATIENCE).await;
    // What it knew, and nothing of the other's, which is set aside.
    let kept = reopened(&path).await.health;
    let addresses: BTreeSet<String> = kept.iter().map(|one| one.address.to_string()).collect();
    let own = ["192.0.2.1", "192.0.2.2"].map(str::to_owned);
    assert_eq!(addresses, BTreeSet::from(own));
}

#[tokio::test]
async fn where_none_can_be_made_what_is_open_is_not_given_up() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = place.path().join("state");
    let (store, _) = open(&path);
    filled(&store).await;
    fs::remove_dir_all(&path).expect("removed");
    // Not even root makes a directory of a file.
    fs::write(&path, "a file").expect("written");
    let until = Instant::now() + PATIENCE;
    while store.condition().trouble.is_none() {
        assert!(Instant::now() < until, "it is not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        store.events(Filter::default()).await.expect("read").len(),
        1
    );
    fs::remove_file(&path).expect("removed");
    made_again(&store, &path).await;
    store.close(PATIENCE).await;
    assert_all(&path).await;
}

#[tokio::test]
async fn a_lock_or_a_database_that_is_removed_alone_is_noticed() {
    for file in ["lock", "igtm.db"] {
        let place = tempfile::tempdir().expect("a temporary directory");
        let path = place.path().join("state");
        let (store, _) = Store::open_at_pace(&path, BLIND).expect("nobody has it");
        filled(&store).await;
        fs::remove_file(path.join(file)).expect("removed");
        store.flush().await.expect("written");
        assert!(is_locked(&path), "without its {file}");
        store.close(PATIENCE).await;
        assert_all(&path).await;
    }
}

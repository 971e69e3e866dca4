//! A database that cannot be used is moved aside, and what can be read of it goes on.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::state::Filter;

/// What stands aside, by name.
fn aside(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).expect("there");
    let mut found: Vec<PathBuf> = files
        .map(|file| file.expect("there").path())
        .filter(|path| path.to_string_lossy().contains("igtm.db.aside-"))
        .filter(|path| path.to_string_lossy().ends_with('Z'))
        .collect();
    found.sort();
    found
}

async fn works(directory: &Path) {
    let (store, _) = open(directory);
    store.save_health(saved(9, AddressState::Down, 1));
    store.flush().await.expect("written");
    store.close(Duration::from_secs(10)).await;
    let restored = reopened(directory).await;
    assert!(restored.health.contains(&saved(9, AddressState::Down, 1)));
}

#[tokio::test]
async fn what_is_no_database_is_moved_aside() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("igtm.db");
    for n in 1..=5 {
        fs::write(&path, vec![n; 8192]).expect("written");
        works(directory.path()).await;
        let found = aside(directory.path());
        // So many are left, no more.
        assert_eq!(found.len(), usize::from(n.min(3)), "{found:?}");
        let newest = found.last().expect("one");
        assert_eq!(fs::read(newest).expect("kept"), vec![n; 8192]);
    }
}

#[tokio::test]
async fn a_directory_in_its_place_is_moved_aside() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(directory.path().join("igtm.db")).expect("made");
    works(directory.path()).await;
    assert!(aside(directory.path())[0].is_dir());
}

#[tokio::test]
async fn a_newer_igtms_database_is_moved_aside_and_its_serial_goes_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    store.reserve_serials(1000);
    store.close(Duration::from_secs(10)).await;
    let serial = reopened(directory.path()).await.serial;
    let newer = Connection::open(directory.path().join("igtm.db")).expect("opens");
    newer
        .execute_batch("PRAGMA user_version = 99; ALTER TABLE health ADD COLUMN colour TEXT")
        .expect("written");
    drop(newer);
    assert_eq!(reopened(directory.path()).await.serial, serial);
    assert_eq!(aside(directory.path()).len(), 1);
    // And the new one has it.
    assert_eq!(reopened(directory.path()).await.serial, serial);
}

/// Pages of the history are overwritten while the daemon is down: what answers depend on goes on.
#[tokio::test]
async fn of_a_damaged_database_the_rest_is_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    store.save_health(saved(1, AddressState::Down, 2));
    store.reserve_serials(500);
    for _ in 0..500 {
        store.add_event(
            event(Kind::AddressDown, Some("www"), Timestamp::now()),
            vec![cause()],
        );
    }
    store.close(Duration::from_secs(10)).await;
    let whole = reopened(directory.path()).await;
    let path = directory.path().join("igtm.db");
    let mut bytes = fs::read(&path).expect("there");
    let half = bytes.len() / 2;
    bytes[half..].fill(0xa5);
    fs::write(&path, bytes).expect("written");

    let (store, restored) = open(directory.path());
    assert_eq!(
        (&restored.health, restored.serial),
        (&whole.health, whole.serial)
    );
    // The damage is met when the history is written, and is no reason to lose what comes.
    store.add_event(
        event(Kind::AddressUp, Some("www"), Timestamp::now()),
        Vec::new(),
    );
    store.flush().await.expect("written");
    let events = store
        .events(Filter {
            limit: 1,
            ..Filter::default()
        })
        .await
        .expect("read");
    assert_eq!(events[0].text("kind"), "address_up");
    store.close(Duration::from_secs(10)).await;
    let after = reopened(directory.path()).await;
    assert_eq!((after.health, after.serial), (whole.health, whole.serial));
    assert_eq!(aside(directory.path()).len(), 1);
}

/// Where only reading meets the damage, it is no longer met the next time.
#[tokio::test]
async fn damage_that_a_question_meets_is_moved_aside_as_well() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, _) = open(directory.path());
    store.save_health(saved(1, AddressState::Down, 2));
    store.add_event(
        event(Kind::AddressDown, None, Timestamp::now()),
        vec![cause()],
    );
    store.close(Duration::from_secs(10)).await;
    let path = directory.path().join("igtm.db");
    let connection = Connection::open(&path).expect("opens");
    connection
        .execute("UPDATE events SET event = 'no JSON', unrouted = NULL", [])
        .expect("written");
    drop(connection);

    let (store, _) = open(directory.path());
    assert!(store.events(Filter::default()).await.is_err());
    assert_eq!(
        store.events(Filter::default()).await.expect("a new one"),
        []
    );
    store.close(Duration::from_secs(10)).await;
    assert_eq!(aside(directory.path()).len(), 1);
    let restored = reopened(directory.path()).await;
    assert_eq!(restored.health, [saved(1, AddressState::Down, 2)]);
}

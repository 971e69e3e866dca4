//! kill -9 while writing: all that was acknowledged is there.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::state::Filter;

/// In the environment of the child: where it writes.
const DIRECTORY: &str = "IGTM_TEST_STATE_DIRECTORY";
/// Before the number that the child says is written.
const SAID: &str = "written:";
const KILLS: u64 = 25;

/// The child: writes events, health and serials for ever, and says what is acknowledged. Without
/// a parent that names a directory it has nothing to do.
#[tokio::test]
async fn child_that_writes_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let (store, restored) = open(Path::new(&directory));
    for n in restored.serial.. {
        store.add_event(
            event(Kind::AddressDown, None, Timestamp::now()),
            vec![cause()],
        );
        store.save_health(saved(n % 50, AddressState::Down, n));
        store.reserve_serials(n + 1);
        store.flush().await.expect("written");
        let written = store
            .events(Filter {
                limit: 1,
                ..Filter::default()
            })
            .await;
        println!("{SAID}{}", written.expect("read")[0].id);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut acknowledged = 0;
    let mut serial = 0;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "--nocapture",
                "state::tests::kill::child_that_writes_until_killed",
            ])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test runs");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        let mut said = 0;
        // Killed at another moment of a write each time, after some were acknowledged.
        while said < 3 + round {
            line.clear();
            assert_ne!(
                output.read_line(&mut line).expect("read"),
                0,
                "it ended by itself"
            );
            // The harness says things of its own on the same line.
            if let Some((_, id)) = line.split_once(SAID) {
                acknowledged = id.trim().parse().expect("a number");
                said += 1;
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the child writes meanwhile")]
        std::thread::sleep(Duration::from_micros(round * 137));
        child.kill().expect("it runs");
        assert_eq!(child.wait().expect("it ended").signal(), Some(9));
        for line in output.lines().map_while(Result::ok) {
            if let Some((_, id)) = line.split_once(SAID) {
                acknowledged = id.trim().parse().expect("a number");
            }
        }

        let (store, restored) = open(directory.path());
        let filter = Filter {
            limit: 1_000_000,
            ..Filter::default()
        };
        let events = store.events(filter).await.expect("read");
        let ids: Vec<i64> = events.iter().rev().map(|event| event.id).collect();
        assert!(ids.len() >= acknowledged, "{} of {acknowledged}", ids.len());
        // None missing, none twice.
        assert_eq!(ids, Vec::from_iter(1..=ids.len() as i64));
        assert!(restored.serial > serial, "serials rise");
        serial = restored.serial;
        assert!(!restored.health.is_empty());
        store.close(Duration::from_secs(10)).await;
        reopened(directory.path()).await;
        let files = std::fs::read_dir(directory.path()).expect("there");
        let names: Vec<_> = files.map(|file| file.expect("there").file_name()).collect();
        assert!(
            !names
                .iter()
                .any(|name| name.to_string_lossy().contains("aside")),
            "{names:?}"
        );
    }
}

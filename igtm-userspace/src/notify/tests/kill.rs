//! kill -9 at any moment: every event that is in the history is told, and what comes twice comes
//! under the same id with the same content.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::model::Config;
use crate::notify::event::{Event, Kind};
use crate::notify::fixture::{channel, config, event, subscription};
use crate::notify::group::{Group, GroupKey, Item, Purpose};
use crate::notify::message::Part;
use crate::notify::outgoing::Mint;
use crate::state::Store;
use crate::state::outbox::{Origin, Push, PushState, Step};

use super::receiver::Receiver;
use super::rig;

/// In the environment of the child: where its state is, where its channel, and its first number.
const PLACE: &str = "IGTM_TEST_OUTBOX";
/// Before the number that the child says is in the history.
const SAID: &str = "raised:";
const KILLS: u64 = 20;

fn configured(url: &str) -> Config {
    let mut night = subscription("night", &[0]);
    night.group_wait = Duration::from_millis(15);
    config(vec![channel("ops", url)], vec![night])
}

/// Just now: older ones are let go of by the history.
fn down(address: &str) -> Event {
    Event {
        time: Timestamp::now(),
        ..event(Kind::AddressDown, address)
    }
}

/// The child: raises events for ever, and says which are in the history. Without a parent it has
/// nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_raises_until_killed() {
    let Ok(place) = std::env::var(PLACE) else {
        return;
    };
    let mut parts = place.split('|');
    let mut part = || parts.next().expect("three parts").to_owned();
    let (directory, url) = (part(), part());
    let first: u64 = part().parse().expect("a number");
    let (notifier, store) = rig::start(configured(&url), Path::new(&directory));
    for n in first.. {
        notifier.raise(down(&n.to_string()), Vec::new());
        store.flush().await.expect("written");
        println!("{SAID}{n}");
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_kill_9_and_what_comes_twice_has_the_same_id() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut receiver = Receiver::start(vec![]).await;
    let mut raised: u64 = 0;
    for round in 0..KILLS {
        let place = format!(
            "{}|{}|{raised}",
            directory.path().display(),
            receiver.origin
        );
        let last = tokio::task::spawn_blocking(move || killed_after(&place, round));
        raised = last.await.expect("no panic") + 1;
    }
    // The last start tells what is left.
    let (notifier, store) = rig::start(configured(&receiver.origin), directory.path());
    tokio::time::sleep(Duration::from_millis(100)).await;
    notifier.drain(Duration::from_secs(60)).await;
    store.close(Duration::from_secs(10)).await;

    let mut bodies: HashMap<String, Vec<u8>> = HashMap::new();
    let mut told: BTreeSet<u64> = BTreeSet::new();
    let mut twice = 0;
    while let Some(request) = receiver.came() {
        let data = &request.json()["data"];
        assert!(data["more"].is_null(), "nothing is only counted");
        for event in data["events"].as_array().expect("a list") {
            let number = event["address"].as_str().expect("text").parse();
            told.insert(number.expect("a number"));
        }
        let id = request.header("webhook-id").to_owned();
        if let Some(former) = bodies.insert(id, request.body.clone()) {
            assert_eq!(former, request.body, "another content under the same id");
            twice += 1;
        }
    }
    println!(
        "{raised} events, {} messages, {twice} of them twice, {KILLS} kills",
        bodies.len()
    );
    let missing: Vec<u64> = (0..raised).filter(|n| !told.contains(n)).collect();
    assert!(missing.is_empty(), "never told: {missing:?} of {raised}");
}

/// Runs the child until it has raised some, kills it a little later; gives the last number that is
/// in the history for sure.
fn killed_after(place: &str, round: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "--nocapture",
            "notify::tests::kill::child_that_raises_until_killed",
        ])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test runs");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let (mut line, mut said, mut last) = (String::new(), 0, 0);
    while said < 2 + round % 7 {
        line.clear();
        assert_ne!(output.read_line(&mut line).expect("read"), 0, "it ended");
        if let Some((_, number)) = line.split_once(SAID) {
            last = number.trim().parse().expect("a number");
            said += 1;
        }
    }
    #[expect(clippy::disallowed_methods, reason = "the child goes on meanwhile")]
    std::thread::sleep(Duration::from_micros(round * 1_700));
    child.kill().expect("it runs");
    assert_eq!(child.wait().expect("it ended").signal(), Some(9));
    for line in output.lines().map_while(Result::ok) {
        if let Some((_, number)) = line.split_once(SAID) {
            last = number.trim().parse().expect("a number");
        }
    }
    last
}

/// How far a daemon came before it was killed.
#[derive(Clone, Copy, Debug)]
enum Reached {
    Raised,
    Grouped,
    Recorded,
    Rendered,
    Delivered,
}

fn push(made: Timestamp, event: &Arc<Event>) -> Push {
    Push {
        subscription: "night".to_owned(),
        title: "as it was".to_owned(),
        kinds: vec!["address_down".to_owned()],
        count: 1,
        events: vec![Arc::clone(event)],
        ..Push::blank(Mint::id(), made, "ops", "webhook", Origin::Alert)
    }
}

async fn leave(directory: &Path, reached: Reached) {
    let (store, _) = Store::open(directory).expect("nobody has it");
    let now = Timestamp::now();
    let event = Arc::new(down("192.0.2.1"));
    let key = store.add_event(Arc::clone(&event), Vec::new());
    let routed = vec![key];
    let mut message = push(now, &event);
    let step = match reached {
        Reached::Raised => Step::default(),
        Reached::Grouped => {
            let key = GroupKey {
                subscription: "night".to_owned(),
                purpose: Purpose::News,
            };
            let mut group = Group::new(now, Duration::from_secs(1));
            group.add(Item::new(event, Arc::from(["ops".to_owned()]), false));
            Step {
                routed,
                groups: vec![(key, Some(group))],
                ..Step::default()
            }
        }
        Reached::Recorded | Reached::Rendered | Reached::Delivered => {
            if matches!(reached, Reached::Rendered | Reached::Delivered) {
                message.parts = vec![Part {
                    body: "{\"data\":{\"events\":[{\"address\":\"192.0.2.1\"}]}}".to_owned(),
                }];
            }
            if matches!(reached, Reached::Delivered) {
                message.state = PushState::Delivered;
                message.parts_done = 1;
                message.events = Vec::new();
            }
            Step {
                routed,
                messages: vec![message],
                ..Step::default()
            }
        }
    };
    store.take_step(step);
    store.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn from_every_step_it_goes_on_to_one_message() {
    for reached in [
        Reached::Raised,
        Reached::Grouped,
        Reached::Recorded,
        Reached::Rendered,
        Reached::Delivered,
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        leave(directory.path(), reached).await;
        println!("from {reached:?}");
        let mut receiver = Receiver::start(vec![]).await;
        for run in 0..2 {
            let (notifier, store) = rig::start(configured(&receiver.origin), directory.path());
            if run == 0 && !matches!(reached, Reached::Delivered) {
                let body = receiver.next().await.json();
                let told = &body["data"]["events"][0]["address"];
                assert_eq!(told, "192.0.2.1", "{reached:?}");
            }
            receiver.silent(60).await;
            notifier.drain(Duration::from_secs(10)).await;
            store.close(Duration::from_secs(10)).await;
        }
    }
}

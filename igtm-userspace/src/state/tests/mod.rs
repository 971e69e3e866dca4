//! The state database on real files: what is kept, over restarts, kills and damage.

mod damage;
mod kept;
mod kill;
mod lost;
mod news;
mod outbox;
mod trouble;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::writer::Pace;
use super::{Restored, Store};
use crate::alerts::{Cause, NodeReport};
use crate::health::{AddressState, SavedTarget};
use crate::notify::event::{Event, Kind, NodeReason, Severity};

/// As fast as the cases like it.
const FAST: Pace = Pace {
    gather: Duration::from_millis(2),
    spacing: Duration::from_millis(5),
    rounds: Duration::from_millis(20),
    retry: Duration::from_millis(20),
    retry_most: Duration::from_millis(40),
    retire: Duration::ZERO,
    look: Duration::from_millis(20),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn open(directory: &Path) -> (Store, Restored) {
    Store::open_at_pace(directory, FAST).expect("nobody else has it")
}

/// Opens it, reads what a new run goes on from, and closes it again.
async fn reopened(directory: &Path) -> Restored {
    let (store, restored) = open(directory);
    store.close(Duration::from_secs(10)).await;
    restored
}

/// Target number `n`: its state, and bad rounds so far.
fn saved(n: u32, state: AddressState, bad_run: u32) -> SavedTarget {
    SavedTarget {
        monitor: "web".to_owned(),
        address: format!("192.0.2.{n}").parse().expect("an address"),
        host: (n % 2 == 1).then(|| "www.example.com".to_owned()),
        state,
        since: at(1),
        bad_run,
        good_run: 0,
        reasons: vec![NodeReason {
            node: "local".to_owned(),
            reason: "connection refused".to_owned(),
        }],
        last_round: at(2),
    }
}

fn cause() -> Cause {
    Cause {
        monitor: "web".to_owned(),
        address: "192.0.2.1".to_owned(),
        host: None,
        from: AddressState::Ok,
        to: AddressState::Down,
        rounds: 2,
        at: at(5),
        nodes: vec![NodeReport {
            node: "local".to_owned(),
            reason: Some("connection refused".to_owned()),
        }],
    }
}

fn event(kind: Kind, instance: Option<&str>, time: Timestamp) -> Event {
    Event {
        kind,
        severity: Severity::Warning,
        title: format!("{} at {time}", kind.name()),
        time,
        node: "edge-1".to_owned(),
        instance: instance.map(str::to_owned),
        domain: None,
        lines: vec!["telecom".to_owned()],
        strategy: None,
        tier_from: None,
        tier_to: None,
        pool: Some("first".to_owned()),
        address: Some("192.0.2.1".to_owned()),
        host: None,
        state_from: None,
        state_to: None,
        reason: Vec::new(),
        since: None,
        duration_s: None,
        answers_before: Vec::new(),
        answers_now: Vec::new(),
        gone: false,
        test: false,
    }
}

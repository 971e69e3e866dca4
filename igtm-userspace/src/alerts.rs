//! Which events a change raises (product.md §4). Pure: two snapshots or a transition in, events out.

mod addresses;
mod because;
mod cause;
mod drained;
mod forcing;
mod itself;
mod leftover;
mod place;
mod pools;
mod sample;
mod since;
mod standing;
mod why;

use jiff::Timestamp;

use crate::config::model::Config;
use crate::health::NodeChange;
use crate::notify::event::{Event, Kind, NodeReason, Severity};
pub use addresses::AddressesTold;
pub use because::Because;
pub use cause::{Cause, NodeReport, of_moves};
pub use forcing::{Before, Said};
pub use itself::{of_applied, of_dataplane, of_refused};
pub use leftover::{AfterStart, after_start, is_left_over};
pub use pools::PoolsDown;
pub use sample::{NoInstance, of_test};
pub use since::{News, Since, Stand};

/// The event of a node that has become silent, or is back.
pub fn of_node(config: &Config, change: &NodeChange) -> Event {
    let node = &change.node;
    let (kind, severity, title) = if change.silent {
        let title = format!("the node {node} is silent");
        (Kind::NodeSilent, Severity::Warning, title)
    } else {
        (
            Kind::NodeBack,
            Severity::Info,
            format!("the node {node} is back"),
        )
    };
    let trouble = change.trouble.clone().filter(|_| change.silent);
    let reason = trouble.unwrap_or_else(|| title.clone());
    Event {
        title,
        reason: vec![NodeReason {
            node: node.clone(),
            reason,
        }],
        since: Some(change.since),
        duration_s: Some(seconds(change.since, change.at)),
        ..event(config, kind, severity, change.at)
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

fn event(config: &Config, kind: Kind, severity: Severity, time: Timestamp) -> Event {
    Event {
        severity,
        time,
        ..Event::blank(kind, &config.server.node)
    }
}

#[cfg(test)]
mod tests;

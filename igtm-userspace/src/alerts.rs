//! Which events a change raises (product.md §4). Pure: two snapshots or a transition in, events out.

mod cause;
mod drained;
mod forcing;
mod itself;
mod leftover;
mod pools;
mod sample;
mod since;

use jiff::Timestamp;

use crate::config::model::{Config, Instance};
use crate::health::{AddressState, NodeChange, Target, Transition};
use crate::notify::event::{Event, Kind, NodeReason, Severity};
use crate::snapshot::Ground;
pub use cause::{Cause, NodeReport, of_moves};
pub use drained::{Drained, Said};
pub use forcing::{Forcing, of_drain, of_force};
pub use itself::{of_applied, of_dataplane, of_refused};
pub use leftover::{AfterStart, after_start, is_left_over};
pub use pools::PoolsDown;
pub use sample::{NoInstance, of_test};
pub use since::{News, Since, Stand};

/// The events of a transition: one for each pool that holds the address.
pub fn of_transition(ground: &Ground, transition: &Transition) -> Vec<Event> {
    let config = &*ground.config;
    let (from, to) = (transition.from, transition.to);
    let (kind, severity, word) = match (from, to) {
        (_, AddressState::Down) => (Kind::AddressDown, Severity::Warning, "down"),
        (AddressState::Down, _) => (Kind::AddressUp, Severity::Info, "up again"),
        (_, AddressState::Warn) => (Kind::AddressWarn, Severity::Info, "failing in part"),
        _ => return Vec::new(),
    };
    let user = sole_user(ground, &transition.target);
    let address = transition.target.address.to_string();
    let pools = ground.recipes.pools(&transition.target).iter();
    pools
        .map(|pool| {
            let pool = &config.pool(*pool).name;
            Event {
                title: format!("{address} of pool {pool} is {word}"),
                instance: user.map(|instance| instance.name.clone()),
                domain: user.map(Instance::domain_text),
                pool: Some(pool.clone()),
                address: Some(address.clone()),
                reason: transition.reasons.clone(),
                since: Some(transition.since),
                duration_s: Some(seconds(transition.since, transition.at)),
                ..event(config, kind, severity, transition.at)
            }
        })
        .collect()
}

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

/// The one instance whose answers depend on a target; `None` when there are none or several.
fn sole_user<'a>(ground: &'a Ground, target: &Target) -> Option<&'a Instance> {
    let recipes = ground
        .recipes
        .dependents(&ground.config, target)
        .into_iter();
    let mut users = recipes.flat_map(|recipe| ground.recipes.users(recipe));
    let first = users.next()?;
    let alone = users.all(|user| user.instance == first.instance);
    alone.then(|| ground.strategy(*first).0)
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

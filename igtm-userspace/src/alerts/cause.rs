//! Why an event was raised: which rounds, which nodes, which reasons. Pure.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::{AddressState, Target, Transition};
use crate::notify::event::Event;
use crate::snapshot::Ground;

/// A target whose state changed, by the rounds that said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The monitor's name.
    pub monitor: String,
    /// The address probed.
    pub address: String,
    /// Host header and SNI, where the monitor has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its state before.
    pub from: AddressState,
    /// Its state after.
    pub to: AddressState,
    /// So many rounds in a row said so.
    pub rounds: u32,
    /// When the last of them was reported.
    pub at: Timestamp,
    /// Who took part in the last of them, by name.
    pub nodes: Vec<NodeReport>,
}

/// What a node saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The vantage point.
    pub node: String,
    /// Why it failed; `None`: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cause {
    /// A transition that so many rounds in a row made, the last of them as `nodes` saw it.
    pub fn new(
        ground: &Ground,
        transition: &Transition,
        rounds: u32,
        mut nodes: Vec<NodeReport>,
    ) -> Self {
        let target = &transition.target;
        // Who reported first is no matter.
        nodes.sort_by(|a, b| (&a.node, &a.reason).cmp(&(&b.node, &b.reason)));
        Self {
            monitor: ground.config.monitor(target.monitor).name.clone(),
            address: target.address.to_string(),
            host: target.host.clone(),
            from: transition.from,
            to: transition.to,
            rounds,
            at: transition.at,
            nodes,
        }
    }
}

/// For each event that names a strategy, those of the `step` whose health decides it.
pub fn of_moves(ground: &Ground, step: &[(Target, Cause)], events: &[Event]) -> Vec<Vec<Cause>> {
    let mut causes: HashMap<(&str, &str), Vec<Cause>> = events
        .iter()
        .filter_map(|event| Some((name(event)?, Vec::new())))
        .collect();
    if !causes.is_empty() {
        for (target, cause) in step {
            let recipes = ground.recipes.dependents(&ground.config, target);
            for recipe in recipes.into_iter().collect::<HashSet<_>>() {
                for user in ground.recipes.users(recipe) {
                    let (instance, strategy) = ground.strategy(*user);
                    if let Some(causes) = causes.get_mut(&(&*instance.name, &*strategy.name)) {
                        causes.push(cause.clone());
                    }
                }
            }
        }
    }
    let of = |event| causes.get(&name(event)?).cloned();
    events
        .iter()
        .map(|event| of(event).unwrap_or_default())
        .collect()
}

fn name(event: &Event) -> Option<(&str, &str)> {
    Some((event.instance.as_deref()?, event.strategy.as_deref()?))
}

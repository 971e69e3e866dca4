//! Why an event was raised: which rounds, which nodes, which reasons. Pure.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::{AddressState, Target, Transition};
use crate::notify::event::Event;
use crate::snapshot::{Ground, RecipeId};

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

/// Of a step in which more targets of a strategy changed, the first so many are told.
const MOST: usize = 16;

/// For each event that names a strategy, those of the `step` whose health decides it.
pub fn of_moves(ground: &Ground, step: &[(Target, Cause)], events: &[Event]) -> Vec<Vec<Cause>> {
    let mut recipes: HashMap<(&str, &str), Option<RecipeId>> = events
        .iter()
        .filter_map(|event| Some((name(event)?, None)))
        .collect();
    let mut causes: HashMap<RecipeId, Vec<&Cause>> = HashMap::new();
    if !recipes.is_empty() {
        for (target, cause) in step {
            for recipe in ground.recipes.dependents(&ground.config, target) {
                let causes = causes.entry(recipe).or_default();
                // A recipe may come twice of one target.
                let again = causes.last().is_some_and(|last| std::ptr::eq(*last, cause));
                if !again && causes.len() < MOST {
                    causes.push(cause);
                }
            }
        }
    }
    // Each strategy follows one recipe: however many targets changed, it is looked at once.
    for recipe in causes.keys() {
        for user in ground.recipes.users(*recipe) {
            let (instance, strategy) = ground.strategy(*user);
            if let Some(of) = recipes.get_mut(&(&*instance.name, &*strategy.name)) {
                *of = Some(*recipe);
            }
        }
    }
    let of = |event| {
        let recipe = (*recipes.get(&name(event)?)?)?;
        let causes = causes.get(&recipe)?.iter();
        Some(causes.copied().cloned().collect())
    };
    events
        .iter()
        .map(|event| of(event).unwrap_or_default())
        .collect()
}

fn name(event: &Event) -> Option<(&str, &str)> {
    Some((event.instance.as_deref()?, event.strategy.as_deref()?))
}

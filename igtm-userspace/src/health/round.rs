//! One round of a target as the nodes saw it, and what the ratio makes of it.
//!
//! Must not know former rounds: that is damping's.

use std::sync::Arc;

use super::Target;
use crate::config::model::Monitor;
use crate::notify::event::NodeReason;

/// What one node saw in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeResult {
    /// The vantage point.
    pub node: String,
    /// `Err` says why in words for people: "connection refused", "status 503".
    pub outcome: Result<(), String>,
}

/// One finished round of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// What was probed.
    pub target: Target,
    /// How it was probed. A round that was still under way when the configuration was replaced
    /// is known by its monitor's former definition, and left out.
    pub monitor: Arc<Monitor>,
    /// The nodes that could report. A node that could not probe for reasons of its own (no
    /// permission, no sockets left) is not in it; empty: the last verdict stands.
    pub results: Vec<NodeResult>,
}

impl Round {
    /// Whether the ratio makes it a bad one; `None` when nobody reported.
    pub fn is_bad(&self) -> Option<bool> {
        let verdict = verdict(&self.results, self.monitor.failure_percent)?;
        Some(verdict == Verdict::Bad)
    }
}

/// What a round says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No node failed.
    Good,
    /// Some node failed, but fewer than `failure_percent` of those that reported.
    Doubtful,
    /// failing / reporting ≥ `failure_percent`.
    Bad,
}

/// The verdict over `results`; `None` when nobody reported.
pub(super) fn verdict(results: &[NodeResult], failure_percent: u8) -> Option<Verdict> {
    if results.is_empty() {
        return None;
    }
    let failing = results.iter().filter(|each| each.outcome.is_err()).count();
    Some(if failing == 0 {
        Verdict::Good
    } else if failing * 100 >= usize::from(failure_percent) * results.len() {
        Verdict::Bad
    } else {
        Verdict::Doubtful
    })
}

/// Why nodes failed, by name of node, so that it does not depend on who reported first.
pub(super) fn reasons(results: Vec<NodeResult>) -> Vec<NodeReason> {
    let mut reasons: Vec<NodeReason> = results
        .into_iter()
        .filter_map(|each| {
            let reason = each.outcome.err()?;
            Some(NodeReason {
                node: each.node,
                reason,
            })
        })
        .collect();
    reasons.sort_by(|a, b| (&a.node, &a.reason).cmp(&(&b.node, &b.reason)));
    reasons
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::testing::nodes;

    #[test]
    fn the_ratio() {
        use Verdict::{Bad, Doubtful, Good};
        // failing, reporting, failure_percent, verdict
        let table = [
            (0, 0, 50, None),
            (0, 1, 1, Some(Good)),
            (1, 1, 100, Some(Bad)),
            (1, 2, 50, Some(Bad)),
            (1, 2, 51, Some(Doubtful)),
            (1, 3, 33, Some(Bad)),
            (1, 3, 34, Some(Doubtful)),
            (2, 3, 66, Some(Bad)),
            (2, 3, 67, Some(Doubtful)),
            (99, 100, 100, Some(Doubtful)),
            (100, 100, 100, Some(Bad)),
            (1, 100, 1, Some(Bad)),
        ];
        for (failing, reporting, percent, expected) in table {
            assert_eq!(
                verdict(&nodes(failing, reporting), percent),
                expected,
                "{failing} of {reporting} at {percent} %"
            );
        }
    }

    fn rank(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Good => 0,
            Verdict::Doubtful => 1,
            Verdict::Bad => 2,
        }
    }

    proptest! {
        #[test]
        fn one_more_failing_node_never_betters_it(
            reporting in 1_usize..50, failing in 0_usize..50, percent in 1_u8..=100,
        ) {
            let failing = failing % reporting;
            let fewer = verdict(&nodes(failing, reporting), percent).map(rank);
            let more = verdict(&nodes(failing + 1, reporting), percent).map(rank);
            prop_assert!(fewer <= more);
        }

        #[test]
        fn the_order_of_reports_is_irrelevant(
            outcomes in proptest::collection::vec((0_u8..5, any::<bool>()), 0..12),
            percent in 1_u8..=100,
            rotation in 0_usize..12,
        ) {
            let there: Vec<NodeResult> = outcomes
                .iter()
                .map(|(node, ok)| NodeResult {
                    node: format!("node{node}"),
                    outcome: if *ok { Ok(()) } else { Err("down".to_owned()) },
                })
                .collect();
            let mut elsewhere = there.clone();
            elsewhere.reverse();
            if !elsewhere.is_empty() {
                let middle = rotation % elsewhere.len();
                elsewhere.rotate_left(middle);
            }
            prop_assert_eq!(verdict(&there, percent), verdict(&elsewhere, percent));
            prop_assert_eq!(reasons(there), reasons(elsewhere));
        }
    }
}

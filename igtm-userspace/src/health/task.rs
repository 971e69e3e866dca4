//! What a node is asked to look at, and what it says.
//!
//! Must not judge: one report is one node's word.

use std::sync::Arc;

use super::Target;
use crate::config::model::{Monitor, Node};

/// A probe task: one target, looked at by one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What is probed.
    pub target: Target,
    /// How; without its `nodes`, since a task is one node's whoever else looks.
    pub monitor: Arc<Monitor>,
    /// From where.
    pub node: Arc<Node>,
}

/// What a node saw, or that it could not look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An attempt succeeded.
    Good,
    /// Every attempt failed; the last one's words: "connection refused", "status 503".
    Bad(String),
    /// The node could not look for reasons of its own: no permission, no sockets left, its source
    /// address gone. It says nothing about the target, and counts as no report.
    Unable(String),
}

/// A node's word on its part of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was looked at, as it was defined then: what was still under way when the
    /// configuration was replaced is known by that, and left out.
    pub task: Arc<Task>,
    /// What was seen.
    pub outcome: Outcome,
}

//! What is known of the nodes themselves: who is silent, and whose own network seems to be down.
//!
//! Must not know what the targets are: it counts what a node sees of them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::panel::{SILENT_AFTER, elapsed};
use crate::config::model::Node;

/// With fewer targets than this a node that sees all of them fail is believed.
pub(super) const LEAST_SUSPICIOUS: usize = 10;

/// A node that has become silent, or is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    /// Its name.
    pub node: String,
    /// Whether it is silent now.
    pub silent: bool,
    /// Since when it had been as it was: last heard of, or last silent.
    pub since: Timestamp,
    /// When that was seen.
    pub at: Timestamp,
    /// Why it could not look, where it said so.
    pub trouble: Option<String>,
}

/// A node, and what its targets look like from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeWatch {
    pub(super) node: Arc<Node>,
    /// When it last reported; before that, when it was first asked to.
    heard: Timestamp,
    /// When it became silent, once that is told.
    silent: Option<Timestamp>,
    /// Why it could not look, last time.
    pub(super) trouble: Option<String>,
    /// The shortest interval among its targets; `None` without any.
    pub(super) shortest: Option<Duration>,
    /// Targets that it last saw pass.
    good: usize,
    /// Targets that it last saw fail.
    bad: usize,
    pub(super) suspected: bool,
    /// Whether what it last said, of any target, was that it fails.
    failed_last: bool,
}

impl NodeWatch {
    pub(super) fn new(node: Arc<Node>, now: Timestamp) -> Self {
        Self {
            node,
            heard: now,
            silent: None,
            trouble: None,
            shortest: None,
            good: 0,
            bad: 0,
            suspected: false,
            failed_last: false,
        }
    }

    /// When it last reported; before its first report, since when that is awaited.
    pub(super) fn heard(&self) -> Timestamp {
        self.heard
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.is_some()
    }

    /// Forgets its targets, to be told them anew by [`Self::gains`] and [`Self::counts`].
    pub(super) fn cleared(self, node: Arc<Node>, now: Timestamp) -> Self {
        // Who had nothing to look at was not asked to report.
        let heard = self.shortest.map_or(now, |_| self.heard);
        Self {
            node,
            heard,
            shortest: None,
            good: 0,
            bad: 0,
            ..self
        }
    }

    /// It has one more target.
    pub(super) fn gains(&mut self, interval: Duration) {
        let shortest = self.shortest.map_or(interval, |least| least.min(interval));
        self.shortest = Some(shortest);
    }

    /// It reports.
    pub(super) fn hear(&mut self, now: Timestamp) {
        self.heard = now;
        self.trouble = None;
    }

    /// One target is seen another way (`None`: not seen at all); whether it failed.
    pub(super) fn counts(&mut self, before: Option<bool>, after: Option<bool>) {
        match before {
            Some(true) => self.bad -= 1,
            Some(false) => self.good -= 1,
            None => {}
        }
        match after {
            Some(true) => self.bad += 1,
            Some(false) => self.good += 1,
            None => {}
        }
        self.failed_last = after == Some(true);
        if self.good > 0 {
            self.suspected = false;
        }
    }

    /// Whether it sees enough targets, and all of them fail.
    pub(super) fn sees_nothing_good(&self) -> bool {
        self.good == 0 && self.bad >= LEAST_SUSPICIOUS
    }

    /// Whether it could turn out to see everything fail: it has enough targets, and has seen none
    /// pass since it last saw one fail.
    pub(super) fn is_doubted(&self) -> bool {
        self.failed_last && self.good + self.bad >= LEAST_SUSPICIOUS
    }

    /// Whether it has become silent or is back.
    pub(super) fn change(&mut self, now: Timestamp) -> Option<NodeChange> {
        let Some(shortest) = self.shortest else {
            self.silent = None;
            return None;
        };
        let silent = elapsed(self.heard, now) > shortest * SILENT_AFTER;
        let since = match (self.silent, silent) {
            (None, true) => {
                self.silent = Some(now);
                self.heard
            }
            (Some(since), false) => {
                self.silent = None;
                since
            }
            _ => return None,
        };
        Some(NodeChange {
            node: self.node.name.clone(),
            silent,
            since,
            at: now,
            trouble: self.trouble.clone(),
        })
    }
}

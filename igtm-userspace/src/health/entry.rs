//! What is known of one target.
//!
//! Must not know other targets.

use std::sync::Arc;

use jiff::Timestamp;

use super::damping::Damping;
use super::nodes::NodeWatch;
use super::panel::{Panel, Sight};
use super::round::{Verdict, verdict};
use super::saved::SavedTarget;
use super::status::{NodeSight, TargetStatus};
use super::{AddressState, Target};
use crate::config::model::Monitor;
use crate::notify::event::NodeReason;

/// What came of a round.
pub(super) struct Judged {
    /// The ratio makes it a bad one.
    pub(super) bad: bool,
    /// When it changed the state: what that was, and since when.
    pub(super) changed: Option<(AddressState, Timestamp)>,
}

/// What is known of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// Without its nodes: these are the panel.
    pub(super) monitor: Arc<Monitor>,
    pub(super) panel: Panel,
    damping: Damping,
    since: Timestamp,
    reasons: Vec<NodeReason>,
    last_round: Option<Timestamp>,
    /// Whether a round has finished in this life of the daemon.
    measured: bool,
}

impl TargetHealth {
    pub(super) fn new(monitor: Arc<Monitor>, panel: Panel, now: Timestamp) -> Self {
        Self {
            monitor,
            panel,
            damping: Damping::new(),
            since: now,
            reasons: Vec::new(),
            last_round: None,
            measured: false,
        }
    }

    /// The same by another definition, or by other nodes.
    pub(super) fn redefined(self, monitor: Arc<Monitor>, panel: Panel) -> Self {
        Self {
            monitor,
            panel,
            ..self
        }
    }

    /// The state, never `Unmonitored`.
    pub fn state(&self) -> AddressState {
        self.damping.state()
    }

    /// Since when it has this state.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Why nodes failed in the last round, by name of node; empty when none did.
    pub fn reasons(&self) -> &[NodeReason] {
        &self.reasons
    }

    /// When the last round that a node reported in finished; `None` before the first.
    pub fn last_round(&self) -> Option<Timestamp> {
        self.last_round
    }

    /// Whether the state is one that was known, and fewer than half of the nodes report now.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.state() != AddressState::Unknown && self.panel.is_stale(self.monitor.interval, now)
    }

    pub(super) fn is_measured(&self) -> bool {
        self.measured
    }

    /// Ends the round under way, if nodes have said enough of it.
    pub(super) fn judge(&mut self, nodes: &[NodeWatch], now: Timestamp) -> Option<Judged> {
        let interval = self.monitor.interval;
        if !self.panel.close() || self.panel.is_stale(interval, now) {
            return None;
        }
        let (verdict, reasons) = self.verdict(nodes, now)?;
        let from = self.state();
        let (bad_rounds, good_rounds) = (self.monitor.bad_rounds, self.monitor.good_rounds);
        self.damping = self.damping.after(verdict, bad_rounds, good_rounds);
        self.reasons = reasons;
        self.last_round = Some(now);
        self.measured = true;
        let changed =
            (from != self.state()).then(|| (from, std::mem::replace(&mut self.since, now)));
        Some(Judged {
            bad: verdict == Verdict::Bad,
            changed,
        })
    }

    /// The nodes that count, with what they saw: those that report and are not suspected.
    fn counted<'a>(
        &'a self,
        nodes: &'a [NodeWatch],
        now: Timestamp,
    ) -> impl Iterator<Item = (usize, &'a Sight)> {
        let interval = self.monitor.interval;
        self.panel.seats.iter().filter_map(move |seat| {
            let sight = seat.fresh(interval, now)?;
            let counts = nodes[seat.node].is_counted(sight, &self.monitor);
            counts.then_some((seat.node, sight))
        })
    }

    /// The ratio over the nodes that count.
    fn verdict(&self, nodes: &[NodeWatch], now: Timestamp) -> Option<(Verdict, Vec<NodeReason>)> {
        let mut reporting = 0;
        let mut reasons = Vec::new();
        for (node, sight) in self.counted(nodes, now) {
            reporting += 1;
            if let Some(failure) = &sight.failure {
                reasons.push(NodeReason {
                    node: nodes[node].node.name.clone(),
                    reason: failure.to_string(),
                });
            }
        }
        // Who reported first must not show.
        reasons.sort_by(|a, b| (&a.node, &a.reason).cmp(&(&b.node, &b.reason)));
        let verdict = verdict(reasons.len(), reporting, self.monitor.failure_percent)?;
        Some((verdict, reasons))
    }

    /// The node that a bad verdict would hinge on, though it may be the node that is in trouble.
    pub(super) fn hinge(&self, nodes: &[NodeWatch], now: Timestamp) -> Option<usize> {
        if self.panel.seats.len() < 2 {
            return None;
        }
        let (mut failing, mut reporting, mut doubted) = (0, 0, 0);
        let mut hinge = None;
        for (node, sight) in self.counted(nodes, now) {
            reporting += 1;
            if sight.failure.is_some() {
                failing += 1;
                if nodes[node].is_doubted(&self.monitor, now) {
                    doubted += 1;
                    hinge = hinge.or(Some(node));
                }
            }
        }
        let percent = self.monitor.failure_percent;
        let without = verdict(failing - doubted, reporting - doubted, percent);
        let bad = verdict(failing, reporting, percent) == Some(Verdict::Bad);
        hinge.filter(|_| bad && without.is_some_and(|without| without != Verdict::Bad))
    }

    pub(super) fn status(&self, nodes: &[NodeWatch], now: Timestamp) -> TargetStatus {
        let seats = self.panel.seats.iter().map(|seat| {
            let node = &nodes[seat.node];
            let fresh = seat.fresh(self.monitor.interval, now);
            NodeSight {
                node: node.node.name.clone(),
                at: seat.sight().map(|sight| sight.at),
                failure: seat
                    .sight()
                    .and_then(|sight| Some(sight.failure.as_deref()?.to_owned())),
                counts: fresh.is_some_and(|sight| node.is_counted(sight, &self.monitor)),
            }
        });
        TargetStatus {
            state: self.state(),
            since: self.since,
            stale: self.is_stale(now),
            last_round: self.last_round,
            reasons: self.reasons.clone(),
            nodes: seats.collect(),
        }
    }

    /// What is worth keeping; nothing before the first round.
    pub(super) fn saved(&self, target: &Target) -> Option<SavedTarget> {
        let last_round = self.last_round?;
        let (bad_run, good_run) = self.damping.runs();
        Some(SavedTarget {
            monitor: self.monitor.name.clone(),
            address: target.address.clone(),
            host: target.host.clone(),
            state: self.state(),
            since: self.since,
            bad_run,
            good_run,
            last_round,
            reasons: self.reasons.clone(),
        })
    }

    /// Takes over what was kept, unless it has been measured since.
    pub(super) fn restore(&mut self, saved: SavedTarget) {
        if self.measured || !saved.state.is_measured() {
            return;
        }
        self.damping = Damping::restored(saved.state, saved.bad_run, saved.good_run);
        self.since = saved.since;
        self.last_round = Some(saved.last_round);
        self.reasons = saved.reasons;
    }
}

//! What is known of one target.
//!
//! Must not know other targets.

use std::sync::Arc;

use jiff::Timestamp;

use super::damping::Damping;
use super::nodes::NodeWatch;
use super::panel::Panel;
use super::round::{Verdict, verdict};
use super::saved::SavedTarget;
use super::status::{NodeSight, TargetStatus};
use super::{AddressState, Target};
use crate::config::model::Monitor;
use crate::notify::event::NodeReason;

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

    /// Ends the round under way; when that changed the state, what it was and since when.
    pub(super) fn judge(
        &mut self,
        nodes: &[NodeWatch],
        now: Timestamp,
    ) -> Option<(AddressState, Timestamp)> {
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
        (from != self.state()).then(|| (from, std::mem::replace(&mut self.since, now)))
    }

    /// The ratio over the nodes that report and are not suspected.
    fn verdict(&self, nodes: &[NodeWatch], now: Timestamp) -> Option<(Verdict, Vec<NodeReason>)> {
        let interval = self.monitor.interval;
        let (mut failing, mut reporting) = (0, 0);
        let mut reasons = Vec::new();
        for seat in &self.panel.seats {
            let node = &nodes[seat.node];
            let Some(sight) = seat.fresh(interval, now).filter(|_| !node.suspected) else {
                continue;
            };
            reporting += 1;
            if let Some(failure) = &sight.failure {
                failing += 1;
                reasons.push(NodeReason {
                    node: node.node.name.clone(),
                    reason: failure.to_string(),
                });
            }
        }
        // Who reported first must not show.
        reasons.sort_by(|a, b| (&a.node, &a.reason).cmp(&(&b.node, &b.reason)));
        let verdict = verdict(failing, reporting, self.monitor.failure_percent)?;
        Some((verdict, reasons))
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
                counts: fresh.is_some() && !node.suspected,
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

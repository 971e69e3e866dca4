//! The health of every target that the configuration wants.
//!
//! Must not decide which transitions people hear of: that is notify's.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::{HashMap as SharedMap, HashSet as SharedSet};
use jiff::Timestamp;

use super::force::Forces;
use super::nodes::NodeWatch;
use super::panel::{Seat, Sight};
use super::{
    AddressState, ForcedState, HealthView, NodeChange, NodeStatus, Outcome, Report, SavedTarget,
    Target, TargetHealth, TargetStatus, Task,
};
use crate::config::model::{Address, Config, MonitorId};
use crate::notify::event::NodeReason;

/// A change of a target's state, the first one from `Unknown` included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whose.
    pub target: Target,
    /// Before the round.
    pub from: AddressState,
    /// After it.
    pub to: AddressState,
    /// Since when `from` had lasted.
    pub since: Timestamp,
    /// When the round was over.
    pub at: Timestamp,
    /// Why nodes failed in this round, by name of node; empty when none did.
    pub reasons: Vec<NodeReason>,
}

/// A round that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Of what.
    pub target: Target,
    /// The ratio makes it a bad one.
    pub bad: bool,
    /// What was known before; `None`: nothing.
    pub former: Option<SavedTarget>,
}

/// What only the passing of time brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Of rounds that waited for a node in vain.
    pub transitions: Vec<Transition>,
    /// Nodes that have become silent, or are back.
    pub nodes: Vec<NodeChange>,
}

/// The health of all targets. A clone costs little and stays as it is: readers have one each.
#[derive(Clone, Debug)]
pub struct Health {
    pub(super) table: SharedMap<Target, TargetHealth>,
    /// By position in the configuration.
    pub(super) nodes: Vec<NodeWatch>,
    /// Targets of several nodes whose round is under way.
    pub(super) open: SharedSet<Target>,
    /// Those whose verdict waits to know whether a node is in trouble, by that node.
    pub(super) held: SharedMap<usize, SharedSet<Target>>,
    pub(super) forces: Forces,
    /// Rounds that are over, until somebody asks.
    ended: Vec<Ended>,
}

impl HealthView for Health {
    fn state(&self, target: &Target) -> AddressState {
        self.table
            .get(target)
            .map_or(AddressState::Unknown, TargetHealth::state)
    }

    fn forced(&self, pool: &str, address: &Address) -> Option<ForcedState> {
        self.forces.of(pool, address).map(|forced| forced.state)
    }
}

impl Health {
    /// Every target of `config`, unknown since `now`.
    pub fn new(config: &Config, now: Timestamp) -> Self {
        let mut health = Self {
            table: SharedMap::new(),
            nodes: Vec::new(),
            open: SharedSet::new(),
            held: SharedMap::new(),
            forces: Forces::default(),
            ended: Vec::new(),
        };
        health.reconcile(config, now);
        health
    }

    /// Takes in a node's word; what changed when that ended a round. One about a target that is
    /// gone, or that was defined otherwise, changes nothing.
    pub fn report(&mut self, report: Report, now: Timestamp) -> Vec<Transition> {
        let Report { task, outcome } = report;
        let mut changes = Vec::new();
        let Some(health) = self.table.get_mut(&task.target) else {
            return changes;
        };
        let mut seats = health.panel.seats.iter();
        let seat = seats.position(|seat| self.nodes[seat.node].node == task.node);
        let Some(seat) = seat.filter(|_| health.monitor == task.monitor) else {
            return changes;
        };
        let node = health.panel.seats[seat].node;
        if health.panel.is_done(seat) && health.hinge(&self.nodes, now).is_none() {
            // The next round of this node has begun: nobody is waited for any longer.
            changes.extend(judge(
                health,
                &task.target,
                &self.nodes,
                &mut self.ended,
                now,
            ));
        }
        let good = outcome == Outcome::Good;
        match outcome {
            Outcome::Unable(trouble) => {
                health.panel.abstain(seat, now);
                self.nodes[node].trouble = Some(trouble);
            }
            Outcome::Good => self.see(&task.target, seat, None, now),
            Outcome::Bad(reason) => self.see(&task.target, seat, Some(reason), now),
        }
        changes.extend(self.end_if_over(&task.target, now));
        if good && let Some(held) = self.held.remove(&node) {
            // It is not the node: what it said of those holds.
            for target in held {
                changes.extend(self.end_if_over(&target, now));
            }
        }
        changes
    }

    /// Ends the round of a target when everyone has had a say, or had the time for it. A bad
    /// verdict that hinges on a node that may itself be in trouble waits until that node has seen
    /// anything pass, or is suspected, or has had the time to look at all of its targets.
    fn end_if_over(&mut self, target: &Target, now: Timestamp) -> Option<Transition> {
        let health = self.table.get_mut(target)?;
        let monitor = &health.monitor;
        let over =
            health.panel.is_over(monitor.interval, now) || health.panel.is_overdue(monitor, now);
        let hinge = health.hinge(&self.nodes, now).filter(|_| over);
        if let Some(node) = hinge {
            self.held.entry(node).or_default().insert(target.clone());
        }
        let change = if over && hinge.is_none() {
            judge(health, target, &self.nodes, &mut self.ended, now)
        } else {
            None
        };
        if health.panel.is_open() {
            self.open.insert(target.clone());
        } else {
            self.open.remove(target);
        }
        change
    }

    fn see(&mut self, target: &Target, seat: usize, failure: Option<String>, now: Timestamp) {
        let Some(health) = self.table.get_mut(target) else {
            return;
        };
        let failure = failure.map(String::into_boxed_str);
        let sight = Sight { at: now, failure };
        let interval = health.monitor.interval;
        let before = health.panel.see(seat, sight.clone(), interval);
        let at = health.panel.seats[seat].node;
        let node = &mut self.nodes[at];
        node.hear(now);
        node.counts(before.as_ref(), &sight);
        // Its last good target has just failed: is it the node?
        let lost = sight.failed() && before.is_some_and(|before| !before.failed());
        if lost && node.sees_nothing_good() {
            self.nodes[at].suspected = self.is_contradicted(at, now);
        }
    }

    /// Whether another node sees some target pass that the node at `at` sees fail.
    fn is_contradicted(&self, at: usize, now: Timestamp) -> bool {
        if self
            .nodes
            .iter()
            .filter(|node| node.shortest.is_some())
            .count()
            < 2
        {
            return false;
        }
        self.table.values().any(|health| {
            let interval = health.monitor.interval;
            let seats = &health.panel.seats;
            let passes = |seat: &Seat| {
                let sight = seat.fresh(interval, now);
                sight.is_some_and(|sight| sight.failure.is_none())
            };
            seats.len() > 1 && seats.iter().any(|seat| seat.node == at) && seats.iter().any(passes)
        })
    }

    /// What time alone brings: rounds that waited for a node in vain end, nodes become silent.
    /// To be called about once a second.
    pub fn tick(&mut self, now: Timestamp) -> Tick {
        for at in 0..self.nodes.len() {
            self.nodes[at].suspected =
                self.nodes[at].sees_nothing_good() && self.is_contradicted(at, now);
        }
        let mut tick = Tick::default();
        self.held.clear();
        for target in std::mem::take(&mut self.open) {
            let change = self.end_if_over(&target, now);
            tick.transitions.extend(change);
        }
        tick.transitions.sort_by(|a, b| a.target.cmp(&b.target));
        let nodes = self.nodes.iter_mut();
        tick.nodes = nodes.filter_map(|node| node.change(now)).collect();
        tick
    }

    /// The rounds that are over since this was asked last.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// Whether every target has finished a round that a node reported in, in this life of the
    /// daemon: what was kept over a restart does not count.
    pub fn all_known(&self) -> bool {
        self.table.values().all(TargetHealth::is_measured)
    }

    /// How many targets are known, of how many.
    pub fn progress(&self) -> (usize, usize) {
        let states = self.table.values().map(TargetHealth::state);
        let known = states.filter(|state| *state != AddressState::Unknown);
        (known.count(), self.table.len())
    }

    /// What is known of `target`; `None` when the configuration does not want it.
    pub fn target(&self, target: &Target) -> Option<&TargetHealth> {
        self.table.get(target)
    }

    /// The same, for people.
    pub fn status(&self, target: &Target, now: Timestamp) -> Option<TargetStatus> {
        let health = self.table.get(target)?;
        Some(health.status(&self.nodes, now))
    }

    /// What is known of the nodes, in the order of the file.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        let mut tasks = vec![0; self.nodes.len()];
        for seat in self.table.values().flat_map(|health| &health.panel.seats) {
            tasks[seat.node] += 1;
        }
        let nodes = self.nodes.iter().zip(tasks);
        nodes
            .map(|(watch, tasks)| NodeStatus {
                node: watch.node.name.clone(),
                group: watch.node.group.clone(),
                tasks,
                heard: watch.heard(),
                silent: watch.is_silent(),
                suspected: watch.suspected,
                trouble: watch.trouble.clone(),
            })
            .collect()
    }

    /// What the prober has to look at, in no particular order.
    pub fn tasks(&self) -> Vec<Arc<Task>> {
        let tasks = self.table.iter().flat_map(|(target, health)| {
            health.panel.seats.iter().map(|seat| {
                Arc::new(Task {
                    target: target.clone(),
                    monitor: Arc::clone(&health.monitor),
                    node: Arc::clone(&self.nodes[seat.node].node),
                })
            })
        });
        tasks.collect()
    }

    /// Every target with what is known of it, in no particular order.
    pub fn targets(&self) -> impl Iterator<Item = (&Target, &TargetHealth)> {
        self.table.iter()
    }

    /// What is worth keeping over a restart, in no particular order.
    pub fn export(&self) -> Vec<SavedTarget> {
        let all = self.table.iter();
        all.filter_map(|(target, health)| health.saved(target))
            .collect()
    }

    /// The same of one target.
    pub fn export_one(&self, target: &Target) -> Option<SavedTarget> {
        self.table.get(target)?.saved(target)
    }

    /// Takes over what was kept, of targets that the monitor of that name still probes.
    pub fn restore(&mut self, saved: impl IntoIterator<Item = SavedTarget>) {
        let mut places: HashMap<&str, MonitorId> = HashMap::new();
        for (target, health) in &self.table {
            places.insert(&health.monitor.name, target.monitor);
        }
        let places: HashMap<String, MonitorId> = places
            .into_iter()
            .map(|(name, id)| (name.to_owned(), id))
            .collect();
        for one in saved {
            let Some(monitor) = places.get(&one.monitor) else {
                continue;
            };
            let target = Target {
                monitor: *monitor,
                address: one.address.clone(),
                host: one.host.clone(),
            };
            if let Some(health) = self.table.get_mut(&target) {
                health.restore(one);
            }
        }
    }
}

/// Ends the round of a target; what that changed.
fn judge(
    health: &mut TargetHealth,
    target: &Target,
    nodes: &[NodeWatch],
    ended: &mut Vec<Ended>,
    now: Timestamp,
) -> Option<Transition> {
    let former = health.saved(target);
    let judged = health.judge(nodes, now)?;
    ended.push(Ended {
        target: target.clone(),
        bad: judged.bad,
        former,
    });
    let (from, since) = judged.changed?;
    Some(Transition {
        target: target.clone(),
        from,
        to: health.state(),
        since,
        at: now,
        reasons: health.reasons().to_vec(),
    })
}

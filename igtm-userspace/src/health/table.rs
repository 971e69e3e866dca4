//! The health of every target that the configuration wants.
//!
//! Must not decide which transitions people hear of: that is notify's.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::HashMap as SharedMap;
use jiff::Timestamp;

use super::damping::Damping;
use super::round::{Round, reasons, verdict};
use super::{AddressState, HealthView, SavedTarget, Target, targets};
use crate::config::model::{Config, Monitor, MonitorId};
use crate::notify::event::NodeReason;

/// What is known of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    monitor: Arc<Monitor>,
    damping: Damping,
    since: Timestamp,
    reasons: Vec<NodeReason>,
    last_round: Option<Timestamp>,
    /// A round was reported in this run, not only in a former one.
    probed: bool,
}

impl TargetHealth {
    fn new(monitor: Arc<Monitor>, now: Timestamp) -> Self {
        Self {
            monitor,
            damping: Damping::new(),
            since: now,
            reasons: Vec::new(),
            last_round: None,
            probed: false,
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

    fn saved(&self, target: &Target) -> Option<SavedTarget> {
        let (bad_run, good_run) = self.damping.runs();
        Some(SavedTarget {
            monitor: self.monitor.name.clone(),
            address: target.address.clone(),
            host: target.host.clone(),
            state: self.state(),
            since: self.since,
            bad_run,
            good_run,
            last_round: self.last_round?,
            reasons: self.reasons.clone(),
        })
    }

    fn restore(&mut self, saved: SavedTarget) {
        self.damping = Damping::restored(saved.state, saved.bad_run, saved.good_run);
        self.since = saved.since;
        self.reasons = saved.reasons;
        self.last_round = Some(saved.last_round);
    }

    /// When the last round that a node reported in finished; `None` before the first.
    pub fn last_round(&self) -> Option<Timestamp> {
        self.last_round
    }
}

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
    /// When the round was reported.
    pub at: Timestamp,
    /// Why nodes failed in this round, by name of node; empty when none did.
    pub reasons: Vec<NodeReason>,
}

/// The health of all targets. A clone costs nothing and stays as it is: readers have one each.
#[derive(Clone, Debug)]
pub struct Health {
    table: SharedMap<Target, TargetHealth>,
}

impl HealthView for Health {
    fn state(&self, target: &Target) -> AddressState {
        self.table
            .get(target)
            .map_or(AddressState::Unknown, TargetHealth::state)
    }
}

impl Health {
    /// Every target of `config`, unknown since `now`.
    pub fn new(config: &Config, now: Timestamp) -> Self {
        let mut health = Self {
            table: SharedMap::new(),
        };
        health.reconcile(config, now);
        health
    }

    /// Takes over a configuration: targets that are gone are forgotten, new ones are unknown, and
    /// the others keep their health. The same target is one of the same monitor (by name), address
    /// and host, wherever its monitor now stands in the file. Also where the monitor's definition
    /// has changed: a dead address must not be answered again because someone edits an interval.
    pub fn reconcile(&mut self, config: &Config, now: Timestamp) {
        let mut former: HashMap<(String, Target), TargetHealth> = std::mem::take(&mut self.table)
            .into_iter()
            .map(|(target, health)| ((health.monitor.name.clone(), unplaced(&target)), health))
            .collect();
        let monitors: Vec<Arc<Monitor>> = config.monitors.iter().cloned().map(Arc::new).collect();
        for target in targets(config) {
            let monitor = &monitors[target.monitor.0];
            let health = match former.remove(&(monitor.name.clone(), unplaced(&target))) {
                Some(health) => TargetHealth {
                    monitor: Arc::clone(monitor),
                    ..health
                },
                None => TargetHealth::new(Arc::clone(monitor), now),
            };
            self.table.insert(target, health);
        }
    }

    /// Takes in a finished round; `Some` when it changed the state. A round without results
    /// changes nothing; neither does one of a target that is gone or was redefined meanwhile.
    pub fn report(&mut self, round: Round, now: Timestamp) -> Option<Transition> {
        let health = self.table.get_mut(&round.target)?;
        let monitor = &health.monitor;
        if *monitor != round.monitor {
            return None;
        }
        let verdict = verdict(&round.results, monitor.failure_percent)?;
        let from = health.state();
        health.damping = health
            .damping
            .after(verdict, monitor.bad_rounds, monitor.good_rounds);
        health.reasons = reasons(round.results);
        health.last_round = Some(now);
        health.probed = true;
        let to = health.state();
        (from != to).then(|| Transition {
            target: round.target,
            from,
            to,
            since: std::mem::replace(&mut health.since, now),
            at: now,
            reasons: health.reasons.clone(),
        })
    }

    /// Whether every target has finished a round that a node reported in; what a former run
    /// knew does not count.
    pub fn all_known(&self) -> bool {
        self.table.values().all(|health| health.probed)
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

    /// Takes over what was kept, of targets that the monitor of that name still probes: states
    /// stand until a round says otherwise, and runs of bad and good rounds go on.
    pub fn restore(&mut self, saved: impl IntoIterator<Item = SavedTarget>) {
        let monitors = self.table.iter();
        let monitors: HashMap<String, MonitorId> = monitors
            .map(|(target, health)| (health.monitor.name.clone(), target.monitor))
            .collect();
        for one in saved {
            let Some(monitor) = monitors.get(&one.monitor) else {
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

    /// What the prober has to probe, in no particular order.
    pub fn probes(&self) -> Vec<(Target, Arc<Monitor>)> {
        self.table
            .iter()
            .map(|(target, health)| (target.clone(), Arc::clone(&health.monitor)))
            .collect()
    }
}

/// The target without its monitor's place in the file.
fn unplaced(target: &Target) -> Target {
    Target {
        monitor: MonitorId(usize::MAX),
        ..target.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::testing::{config, monitor, nodes, ping, pool, round};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn two_targets() -> (Config, Target, Target) {
        let config = config(
            vec![monitor("icmp", ping())],
            vec![pool("a", Some(0), &["192.0.2.1", "192.0.2.2"])],
        );
        let mut all = targets(&config).into_iter();
        let (one, two) = (all.next().expect("two"), all.next().expect("two"));
        (config, one, two)
    }

    #[test]
    fn a_transition_says_what_changed_since_when_and_why() {
        let (config, one, _) = two_targets();
        let mut health = Health::new(&config, at(0));
        let good = health.report(round(&config, &one, nodes(0, 1)), at(10));
        assert_eq!(
            good,
            Some(Transition {
                target: one.clone(),
                from: AddressState::Unknown,
                to: AddressState::Ok,
                since: at(0),
                at: at(10),
                reasons: Vec::new(),
            })
        );
        assert_eq!(
            health.report(round(&config, &one, nodes(0, 1)), at(20)),
            None
        );
        let bad = health
            .report(round(&config, &one, nodes(1, 2)), at(30))
            .expect("half of the nodes fail");
        assert_eq!((bad.from, bad.to), (AddressState::Ok, AddressState::Down));
        assert_eq!((bad.since, bad.at), (at(10), at(30)));
        assert_eq!(
            bad.reasons,
            [NodeReason {
                node: "node00".to_owned(),
                reason: "connection refused".to_owned()
            }]
        );
        let known = health.target(&one).expect("wanted");
        assert_eq!(known.state(), AddressState::Down);
        assert_eq!(known.since(), at(30));
        assert_eq!(known.last_round(), Some(at(30)));
        assert_eq!(known.reasons(), bad.reasons);
    }

    #[test]
    fn all_are_known_once_each_has_finished_a_round() {
        let (config, one, two) = two_targets();
        let mut health = Health::new(&config, at(0));
        assert!(!health.all_known());
        health.report(round(&config, &one, nodes(0, 1)), at(1));
        health.report(round(&config, &two, Vec::new()), at(1));
        assert!(!health.all_known(), "nobody reported on the second");
        health.report(round(&config, &two, nodes(1, 1)), at(2));
        assert!(health.all_known());
    }

    #[test]
    fn when_nobody_reports_the_last_verdict_stands() {
        let (config, one, _) = two_targets();
        let mut health = Health::new(&config, at(0));
        health.report(round(&config, &one, nodes(1, 1)), at(1));
        let before = health.target(&one).cloned();
        assert_eq!(health.report(round(&config, &one, Vec::new()), at(2)), None);
        assert_eq!(health.target(&one).cloned(), before);
    }

    #[test]
    fn a_reload_keeps_what_is_unchanged_wherever_its_monitor_now_stands() {
        let (old, one, two) = two_targets();
        let mut health = Health::new(&old, at(0));
        health.report(round(&old, &one, nodes(1, 1)), at(1));
        health.report(round(&old, &two, nodes(1, 1)), at(1));

        let mut new = config(
            vec![monitor("other", ping()), monitor("icmp", ping())],
            vec![
                pool("a", Some(1), &["192.0.2.1", "192.0.2.3"]),
                pool("b", Some(0), &["192.0.2.1"]),
            ],
        );
        health.reconcile(&new, at(5));
        let states: Vec<(usize, String, AddressState)> = targets(&new)
            .into_iter()
            .map(|each| {
                let state = health.state(&each);
                (each.monitor.0, each.address.to_string(), state)
            })
            .collect();
        assert_eq!(
            states,
            [
                (0, "192.0.2.1".to_owned(), AddressState::Unknown),
                (1, "192.0.2.1".to_owned(), AddressState::Down),
                (1, "192.0.2.3".to_owned(), AddressState::Unknown),
            ]
        );
        assert_eq!(health.probes().len(), 3);

        // Under another definition the last state stands until a round of that one.
        new.monitors[1].retries = 3;
        health.reconcile(&new, at(6));
        let moved = Target {
            monitor: MonitorId(1),
            ..one
        };
        assert_eq!(health.state(&moved), AddressState::Down);
        health.report(round(&new, &moved, nodes(0, 1)), at(7));
        assert_eq!(health.state(&moved), AddressState::Ok);
    }

    #[test]
    fn a_round_of_a_former_configuration_is_left_out() {
        let (old, one, two) = two_targets();
        let mut health = Health::new(&old, at(0));
        let mut new = config(
            vec![monitor("other", ping())],
            vec![pool("a", Some(0), &["192.0.2.1"])],
        );
        new.monitors[0].bad_rounds = 2;
        health.reconcile(&new, at(1));
        for target in [one, two] {
            let late = round(&old, &target, nodes(1, 1));
            assert_eq!(health.report(late, at(2)), None);
            assert_eq!(health.state(&target), AddressState::Unknown);
        }
    }

    proptest! {
        #[test]
        fn transitions_chain_without_a_gap(
            rounds in proptest::collection::vec((0_usize..5, 0_usize..5), 1..60),
            bad_rounds in 1_u32..4, good_rounds in 1_u32..4,
        ) {
            let (mut config, one, two) = two_targets();
            config.monitors[0].bad_rounds = bad_rounds;
            config.monitors[0].good_rounds = good_rounds;
            let mut health = Health::new(&config, at(0));
            let mut last = (AddressState::Unknown, at(0));
            for (second, (failing, reporting)) in (1..).zip(rounds) {
                let results = nodes(failing.min(reporting), reporting);
                let before = health.state(&one);
                match health.report(round(&config, &one, results), at(second)) {
                    Some(change) => {
                        prop_assert_ne!(change.from, change.to);
                        prop_assert_eq!((change.from, change.since), last);
                        last = (change.to, change.at);
                    }
                    None => prop_assert_eq!(health.state(&one), before),
                }
                prop_assert_eq!(health.state(&one), last.0);
                prop_assert_eq!(health.state(&two), AddressState::Unknown);
            }
        }
    }
}

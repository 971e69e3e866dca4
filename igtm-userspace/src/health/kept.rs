//! Health over a restart: what of a target is kept, and how a new run goes on from it.
//!
//! Pure: who keeps it, and where, is no matter here.

use std::collections::HashMap;

use jiff::Timestamp;

use super::damping::Damping;
use super::table::{Health, TargetHealth};
use super::{AddressState, Target};
use crate::config::model::Config;
use crate::notify::event::NodeReason;

/// A target by names, which outlive the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeptKey {
    /// The monitor's name.
    pub monitor: String,
    /// The address dialled, as it is written.
    pub address: String,
    /// Host header and SNI, where the monitor has one.
    pub host: Option<String>,
}

impl KeptKey {
    /// Of a target of `config`.
    pub fn of(config: &Config, target: &Target) -> Self {
        Self {
            monitor: config.monitor(target.monitor).name.clone(),
            address: target.address.to_string(),
            host: target.host.clone(),
        }
    }
}

/// What is kept of a target that has had a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its state.
    pub state: AddressState,
    /// Since when.
    pub since: Timestamp,
    /// Rounds in a row, up to the last, that were bad.
    pub bad_run: u32,
    /// Rounds in a row, up to the last, that were not.
    pub good_run: u32,
    /// Why nodes failed in the last round.
    pub reasons: Vec<NodeReason>,
    /// When the round that made it so was reported.
    pub last_round: Timestamp,
}

/// What of a target's health is worth keeping anew: how long a steady state goes on is not, or
/// every round would be a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    state: AddressState,
    /// Rounds towards the next state.
    run: u32,
    reasons: Vec<NodeReason>,
}

impl TargetHealth {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress {
            state: self.state(),
            run: self.run(),
            reasons: self.reasons.clone(),
        }
    }

    /// Rounds in a row that count towards the next state: good ones while down, else bad ones.
    pub fn run(&self) -> u32 {
        let (bad_run, good_run) = self.damping.runs();
        if self.state() == AddressState::Down {
            good_run
        } else {
            bad_run
        }
    }

    /// Rounds in a row, up to the last, that said the same as it.
    pub fn rounds(&self) -> u32 {
        let (bad_run, good_run) = self.damping.runs();
        bad_run.max(good_run)
    }

    /// What to keep of it; `None` before its first round.
    pub fn kept(&self) -> Option<Kept> {
        let (bad_run, good_run) = self.damping.runs();
        Some(Kept {
            state: self.state(),
            since: self.since,
            bad_run,
            good_run,
            reasons: self.reasons.clone(),
            last_round: self.last_round?,
        })
    }
}

impl Health {
    /// Goes on from what a former run kept: its states stand until a round says otherwise, and
    /// runs of bad and good rounds go on. Returns the keys that `config` has no target for.
    pub fn restore(&mut self, config: &Config, kept: Vec<(KeptKey, Kept)>) -> Vec<KeptKey> {
        let mut kept: HashMap<KeptKey, Kept> = kept.into_iter().collect();
        for (target, health) in &mut self.table {
            let Some(kept) = kept.remove(&KeptKey::of(config, target)) else {
                continue;
            };
            health.damping = Damping::resumed(kept.state, kept.bad_run, kept.good_run);
            health.since = kept.since;
            health.reasons = kept.reasons;
            health.last_round = Some(kept.last_round);
        }
        kept.into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::testing::{config, monitor, nodes, ping, pool, round};
    use crate::health::{HealthView, targets};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn one_target() -> (Config, Target) {
        let config = config(
            vec![monitor("icmp", ping())],
            vec![pool("a", Some(0), &["192.0.2.1"])],
        );
        let target = targets(&config).into_iter().next().expect("one");
        (config, target)
    }

    /// What a restart makes of `health`.
    fn restarted(config: &Config, health: &Health, now: Timestamp) -> Health {
        let kept = health
            .table
            .iter()
            .filter_map(|(target, health)| Some((KeptKey::of(config, target), health.kept()?)));
        let mut new = Health::new(config, now);
        let left = new.restore(config, kept.collect());
        assert_eq!(left, []);
        new
    }

    #[test]
    fn a_restored_state_stands_but_is_not_taken_for_a_round() {
        let (config, target) = one_target();
        let mut health = Health::new(&config, at(0));
        health.report(round(&config, &target, nodes(1, 1)), at(5));
        let mut health = restarted(&config, &health, at(100));
        assert_eq!(health.state(&target), AddressState::Down);
        assert!(!health.all_known(), "no round of this run has finished");
        let known = health.target(&target).expect("wanted");
        assert_eq!((known.since(), known.reasons().len()), (at(5), 1));
        // Still down: nothing to tell. Up: told, with since when it was down.
        assert_eq!(
            health.report(round(&config, &target, nodes(1, 1)), at(101)),
            None
        );
        assert!(health.all_known());
        let up = health.report(round(&config, &target, nodes(0, 1)), at(102));
        let up = up.expect("a transition");
        assert_eq!(
            (up.from, up.to, up.since),
            (AddressState::Down, AddressState::Ok, at(5))
        );
    }

    #[test]
    fn what_the_file_no_longer_wants_is_named() {
        let (config, _) = one_target();
        let gone = KeptKey {
            monitor: "icmp".to_owned(),
            address: "192.0.2.9".to_owned(),
            host: None,
        };
        let kept = Kept {
            state: AddressState::Down,
            since: at(1),
            bad_run: 1,
            good_run: 0,
            reasons: Vec::new(),
            last_round: at(1),
        };
        let mut health = Health::new(&config, at(2));
        let before = health.table.clone();
        assert_eq!(health.restore(&config, vec![(gone.clone(), kept)]), [gone]);
        assert_eq!(health.table, before);
    }

    proptest! {
        /// Kept at each change of progress only, a restart at any moment ends where no restart does.
        #[test]
        fn a_restart_changes_no_verdict(
            rounds in proptest::collection::vec((0_usize..3, any::<bool>()), 1..40),
            bad_rounds in 1_u32..4, good_rounds in 1_u32..4,
        ) {
            let (mut config, target) = one_target();
            config.monitors[0].bad_rounds = bad_rounds;
            config.monitors[0].good_rounds = good_rounds;
            let mut steady = Health::new(&config, at(0));
            let mut broken = steady.clone();
            let mut kept: Option<Kept> = None;
            for (second, (failing, restart)) in (1..).zip(rounds) {
                if restart {
                    let key = KeptKey::of(&config, &target);
                    broken = Health::new(&config, at(second));
                    broken.restore(&config, kept.clone().map(|kept| (key, kept)).into_iter().collect());
                }
                let before = broken.target(&target).map(TargetHealth::progress);
                let told = broken.report(round(&config, &target, nodes(failing, 2)), at(second));
                let expected = steady.report(round(&config, &target, nodes(failing, 2)), at(second));
                let known = broken.target(&target);
                if known.map(TargetHealth::progress) != before {
                    kept = known.and_then(TargetHealth::kept);
                }
                // A restart before the first round ever is a later beginning.
                prop_assert_eq!(
                    told.map(|change| (change.from, change.to, change.at)),
                    expected.map(|change| (change.from, change.to, change.at))
                );
                prop_assert_eq!(broken.state(&target), steady.state(&target));
            }
        }
    }
}

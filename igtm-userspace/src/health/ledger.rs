//! How many rounds of each monitor were good and how many not, by the hour, for seven days.
//!
//! Pure. Must not judge: whoever records a round says whether a node failed in it.

use imbl::{HashMap, OrdMap};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::model::Config;

/// Hours that are kept.
const HOURS: i64 = 7 * 24;
const HOUR_S: i64 = 3_600;

/// Rounds by monitor's name and hour. A clone costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    hours: HashMap<String, OrdMap<i64, Rounds>>,
}

/// Rounds that nodes reported in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// In which no node failed.
    pub good: u64,
    /// In which some node failed.
    pub failing: u64,
}

impl Ledger {
    /// Counts a round of a monitor that ended `now`, and in which no node failed, or some did.
    pub fn record(&mut self, monitor: &str, good: bool, now: Timestamp) {
        if !self.hours.contains_key(monitor) {
            self.hours.insert(monitor.to_owned(), OrdMap::new());
        }
        let Some(hours) = self.hours.get_mut(monitor) else {
            return;
        };
        let hour = hour(now);
        let rounds = hours.entry(hour).or_default();
        if good {
            rounds.good += 1;
        } else {
            rounds.failing += 1;
        }
        while let Some((oldest, _)) = hours.get_min()
            && *oldest <= hour - HOURS
        {
            let oldest = *oldest;
            hours.remove(&oldest);
        }
    }

    /// The rounds of the last seven days of a monitor.
    pub fn of(&self, monitor: &str, now: Timestamp) -> Rounds {
        let oldest = hour(now) - HOURS;
        let hours = self.hours.get(monitor).into_iter().flatten();
        let recent = hours.filter(|(hour, _)| **hour > oldest);
        recent.fold(Rounds::default(), |sum, (_, rounds)| Rounds {
            good: sum.good + rounds.good,
            failing: sum.failing + rounds.failing,
        })
    }

    /// Forgets monitors that are gone from the file.
    pub fn reconcile(&mut self, config: &Config) {
        let kept = |name: &String| config.monitors.iter().any(|one| one.name == *name);
        self.hours.retain(|name, _| kept(name));
    }
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(HOUR_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::testing::{config, monitor, ping};

    #[test]
    fn seven_days_are_kept() {
        let mut file = config(vec![monitor("icmp", ping())], Vec::new());
        let at = |hours: i64| Timestamp::from_second(hours * HOUR_S).expect("a time");
        let mut ledger = Ledger::default();
        let rounds = |good, failing| Rounds { good, failing };
        assert_eq!(ledger.of("icmp", at(0)), rounds(0, 0));
        ledger.record("icmp", true, at(0));
        ledger.record("icmp", true, at(1));
        ledger.record("icmp", false, at(1));
        assert_eq!(ledger.of("icmp", at(1)), rounds(2, 1));
        assert_eq!(ledger.of("icmp", at(167)), rounds(2, 1));
        assert_eq!(ledger.of("icmp", at(168)), rounds(1, 1));
        // What is too old goes when something comes.
        ledger.record("icmp", true, at(400));
        assert_eq!(ledger.hours["icmp"].len(), 1);
        file.monitors[0].name = "other".to_owned();
        ledger.reconcile(&file);
        assert_eq!(ledger, Ledger::default());
    }
}

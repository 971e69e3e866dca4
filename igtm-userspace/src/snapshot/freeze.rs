//! What becomes frozen when the configuration changes, and what the new one ends (product.md §3,
//! `keep`).
//!
//! Pure. Must not change what is answered: it says what is to be frozen, and the ground is made so.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use domain::base::iana::Rtype;
use hickory_proto::rr::Name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::frozen::{self, Frozen};
use super::{Snapshot, names, soa};
use crate::config::model::{Config, Instance, LineId};
use crate::state::FrozenKey;

/// Lines of a [`Freezing`]'s text, of each sort; what is beyond is counted.
const MOST_TOLD: usize = 20;

/// Why an answer is not, or no longer, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A strategy answers this line and family now.
    #[error("strategy {strategy} of {instance} claims the line")]
    Claimed {
        /// Its instance.
        instance: String,
        /// The strategy.
        strategy: String,
    },
    /// The file has no such line any more.
    #[error("the line is gone")]
    NoLine,
    /// No zone here holds the name any more.
    #[error("the name is in no zone served here")]
    NotServed,
    /// The name has become a business domain.
    #[error("the name is the domain of {instance} now")]
    Taken {
        /// Whose.
        instance: String,
    },
    /// The zone's file says otherwise: at the name, or above it where it is delegated or a DNAME.
    #[error("the zone's file has {rtype} at {owner}")]
    Static {
        /// Mnemonic of the record's type.
        rtype: String,
        /// Where it stands.
        owner: String,
    },
    /// A later answer of the same strategy at another name, or of another at the same place.
    #[error("a later answer is frozen in its place")]
    Superseded,
}

/// An answer that is not, or no longer, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Whose it was.
    pub key: FrozenKey,
    /// Why.
    pub why: Why,
}

/// What a change of the configuration does to frozen answers. Its `Display` is the text for people;
/// empty when nothing happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freezing {
    /// Frozen from now on.
    pub frozen: Vec<FrozenKey>,
    /// No longer frozen.
    pub released: Vec<Ended>,
    /// To be frozen, but there is nothing to answer them on.
    pub lost: Vec<Ended>,
    /// Why what is frozen would not outlive the daemon now.
    pub unwritten: Option<String>,
}

/// The frozen answers beside a configuration, and what changes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// All that are frozen, each name, line and family once.
    pub frozen: Vec<Frozen>,
    /// What is different.
    pub freezing: Freezing,
}

impl Plan {
    /// What is frozen when `config` takes the place of what `running` answers, `at` this time.
    pub fn of(running: &Snapshot, config: &Config, at: Timestamp) -> Self {
        let ground = &running.ground;
        let instances = ground.config.instances.iter();
        let mut strategies = instances.flat_map(|one| &one.strategies);
        if ground.frozen.is_empty() && !strategies.any(|one| one.keep) {
            return Self::default();
        }
        let wanted = Wanted::of(config);
        let fresh = leaving(running, &wanted, at);
        let mut plan = Self::default();
        let again: HashSet<FrozenKey> = fresh.iter().map(|one| one.key.clone()).collect();
        for standing in &ground.frozen {
            let superseded = again.contains(&standing.key).then_some(Why::Superseded);
            plan.keep(standing, superseded.or_else(|| wanted.ends(standing)));
        }
        for one in fresh {
            let key = one.key.clone();
            match wanted.ends(&one) {
                None => {
                    plan.frozen.push(one);
                    plan.freezing.frozen.push(key);
                }
                // Another strategy has taken over at once: there is nothing to be told.
                Some(Why::Claimed { .. }) => {}
                Some(why) => plan.freezing.lost.push(Ended { key, why }),
            }
        }
        plan
    }

    /// What of `restored` is still frozen beside `config`; of two for one place the later, should
    /// the state database not have taken in that the other had ended.
    pub fn restored(restored: &[Frozen], config: &Config) -> Self {
        let wanted = Wanted::of(config);
        let mut plan = Self::default();
        let mut latest: Vec<&Frozen> = restored.iter().collect();
        latest.sort_by_key(|one| Reverse(one.since));
        let mut places = HashSet::new();
        for one in latest {
            let again = !places.insert((&one.name, &one.key.line, one.key.ipv6));
            let superseded = again.then_some(Why::Superseded);
            plan.keep(one, superseded.or_else(|| wanted.ends(one)));
        }
        plan
    }

    fn keep(&mut self, frozen: &Frozen, ended: Option<Why>) {
        let key = frozen.key.clone();
        match ended {
            None => self.frozen.push(frozen.clone()),
            Some(why) => self.freezing.released.push(Ended { key, why }),
        }
    }
}

/// The last answers of strategies with `keep` that are enabled no more.
fn leaving(running: &Snapshot, wanted: &Wanted<'_>, at: Timestamp) -> Vec<Frozen> {
    let config = &running.ground.config;
    // As exactly as the state database keeps it, or a restart would show another time.
    let since = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    let mut leaving = Vec::new();
    for (instance_at, instance) in config.instances.iter().enumerate() {
        for (strategy_at, strategy) in instance.strategies.iter().enumerate() {
            if !strategy.keep || wanted.has(&instance.name, &strategy.name) {
                continue;
            }
            // One that is disabled already has answered nothing.
            let Some(decision) = running.decision(instance_at, strategy_at) else {
                continue;
            };
            let Some(zone) = config.zone_of(&instance.access_domain) else {
                continue;
            };
            let decision = Arc::new(frozen::last_answer(decision));
            let ttl_s = soa::seconds(config.effective_ttl_in(zone, instance));
            let families = [false, true].into_iter();
            for ipv6 in families.filter(|ipv6| strategy.claims(config, *ipv6)) {
                leaving.extend(strategy.lines.iter().map(|line| Frozen {
                    key: FrozenKey {
                        instance: instance.name.clone(),
                        strategy: strategy.name.clone(),
                        line: config.line(*line).name.clone(),
                        ipv6,
                    },
                    name: instance.access_domain.clone(),
                    ttl_s,
                    max_answers: instance.max_answers,
                    decision: Arc::clone(&decision),
                    since,
                }));
            }
        }
    }
    leaving
}

/// What a configuration says of names, lines and strategies.
struct Wanted<'a> {
    config: &'a Config,
    by_name: HashMap<&'a str, &'a Instance>,
    by_access: HashMap<&'a Name, &'a Instance>,
    by_domain: HashMap<&'a Name, &'a Instance>,
    lines: HashMap<&'a str, LineId>,
}

impl<'a> Wanted<'a> {
    fn of(config: &'a Config) -> Self {
        let instances = || config.instances.iter();
        let elsewhere = instances().filter(|one| one.domain != one.access_domain);
        let lines = config.lines.iter().zip(0..);
        Self {
            config,
            by_name: instances().map(|one| (&*one.name, one)).collect(),
            by_access: instances().map(|one| (&one.access_domain, one)).collect(),
            by_domain: elsewhere.map(|one| (&one.domain, one)).collect(),
            lines: lines.map(|(line, at)| (&*line.name, LineId(at))).collect(),
        }
    }

    /// Whether a strategy is there and enabled.
    fn has(&self, instance: &str, strategy: &str) -> bool {
        let instance = self.by_name.get(instance).filter(|one| one.enabled);
        let mut all = instance.into_iter().flat_map(|one| &one.strategies);
        all.any(|one| one.name == strategy && one.enabled)
    }

    /// Why an answer cannot be frozen beside this configuration.
    fn ends(&self, frozen: &Frozen) -> Option<Why> {
        let Some(zone) = self.config.zone_of(&frozen.name) else {
            return Some(Why::NotServed);
        };
        if let Some(instance) = self.by_domain.get(&frozen.name) {
            let instance = instance.name.clone();
            return Some(Why::Taken { instance });
        }
        if let Some(set) = frozen.displaced_by(zone) {
            return Some(Why::Static {
                rtype: Rtype::from_int(set.rtype).to_string(),
                owner: names::text(&set.owner),
            });
        }
        let Some(line) = self.lines.get(&*frozen.key.line) else {
            return Some(Why::NoLine);
        };
        let instance = self.by_access.get(&frozen.name).filter(|one| one.enabled)?;
        let strategy = instance.strategies.iter().find(|one| {
            one.enabled && one.lines.contains(line) && one.claims(self.config, frozen.key.ipv6)
        })?;
        Some(Why::Claimed {
            instance: instance.name.clone(),
            strategy: strategy.name.clone(),
        })
    }
}

impl Freezing {
    /// Whether nothing happens.
    pub fn is_empty(&self) -> bool {
        self.frozen.is_empty() && self.released.is_empty() && self.lost.is_empty()
    }
}

impl fmt::Display for Freezing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in self.frozen.iter().take(MOST_TOLD) {
            writeln!(f, "frozen: {key}")?;
        }
        for Ended { key, why } in self.released.iter().take(MOST_TOLD) {
            writeln!(f, "no longer frozen: {key}: {why}")?;
        }
        for Ended { key, why } in self.lost.iter().take(MOST_TOLD) {
            writeln!(f, "not frozen although it has `keep`: {key}: {why}")?;
        }
        let all = [self.frozen.len(), self.released.len(), self.lost.len()];
        let more: usize = all.iter().map(|len| len.saturating_sub(MOST_TOLD)).sum();
        if more > 0 {
            writeln!(f, "… and {more} more that are frozen or released")?;
        }
        match &self.unwritten {
            Some(why) => writeln!(f, "what is frozen would not outlive the daemon now: {why}"),
            None => Ok(()),
        }
    }
}

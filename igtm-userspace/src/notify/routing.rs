//! Which subscription tells which channels what, and when.
//!
//! ```text
//!  event ─ wanted? ─ quiet or muted? ─┬─ no ──▶ group ── group_wait is over ──▶ messages
//!             │                       └─ yes ─▶ owed: told when that is over, if it still lasts
//!             └─ no: only the end of what the channels were told of
//! ```
//! Pure: takes events, `now`, the zone and the configuration; does no I/O. What a step changed is
//! collected for whoever keeps it.

mod ends;
mod instead;
mod look;
mod step;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Phase};
use super::event::{Event, Kind, Severity};
use super::group::{Group, GroupKey, Purpose};
use super::matching::Rules;
use super::quiet;
use super::told::{Mute, Open, OpenKey};
use crate::config::model::Subscription;
use ends::is_news_by_itself;
pub use instead::Undelivered;
pub use step::Changed;

/// Conditions that are remembered; the oldest of more are forgotten, whose end is then not told.
pub const OPEN_MOST: usize = 200_000;

/// How things are at a step.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Whose subscriptions.
    pub rules: &'a Rules,
    /// When.
    pub now: Timestamp,
    /// Of quiet hours.
    pub zone: &'a TimeZone,
}

/// What one subscription does with an event that it wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Its name.
    pub subscription: String,
    /// Who is told.
    pub channels: Vec<String>,
    /// Why nobody is told now.
    pub withheld: Option<Withheld>,
}

/// Channels that fail, when one more does.
#[derive(Clone, Debug)]
pub struct Troubled {
    /// The one that is told of.
    pub failed: String,
    /// Those that are known to.
    pub others: Vec<String>,
}

impl Troubled {
    /// Leaves out who fails: a message that will not arrive says of nobody that he fails. One of
    /// them is told where nobody else is, since he may work again.
    fn spare(&self, channels: &mut Vec<String>) {
        channels.retain(|name| *name != self.failed);
        if channels.iter().all(|name| self.others.contains(name)) {
            channels.truncate(1);
        } else {
            channels.retain(|name| !self.others.contains(name));
        }
    }
}

/// Why something is not told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// `subscription.quiet`.
    Quiet,
    /// `igtm mute`.
    Muted,
}

/// What is known of what was told, and what waits.
#[derive(Debug, Default)]
pub struct Router {
    open: BTreeMap<OpenKey, Open>,
    groups: BTreeMap<GroupKey, Group>,
    mutes: BTreeMap<String, Mute>,
    changed: Changed,
    next_look: Option<Timestamp>,
}

impl Router {
    /// Goes on from what was kept.
    pub fn resumed(
        open: impl IntoIterator<Item = (OpenKey, Open)>,
        groups: impl IntoIterator<Item = (GroupKey, Group)>,
        mutes: impl IntoIterator<Item = Mute>,
    ) -> Self {
        let mutes = mutes.into_iter().map(|mute| (mute.instance.clone(), mute));
        Self {
            open: open.into_iter().collect(),
            groups: groups.into_iter().collect(),
            mutes: mutes.collect(),
            next_look: Some(Timestamp::MIN),
            ..Self::default()
        }
    }

    /// Takes in an event; `but` is of whom it tells that they fail.
    pub fn take(
        &mut self,
        event: &Arc<Event>,
        but: Option<&Troubled>,
        moment: Moment<'_>,
    ) -> Vec<Fate> {
        // What is only a test must not leave anything behind.
        let condition = match event.test {
            true => None,
            false => Condition::of(event),
        };
        let rules = moment.rules;
        let mut fates = Vec::new();
        for subscription in rules.config.subscriptions.iter().filter(|one| one.enabled) {
            let fate = match &condition {
                None => self.happened(subscription, event, but, moment),
                Some((Condition(name), phase)) => {
                    let key = OpenKey {
                        condition: name.clone(),
                        subscription: subscription.name.clone(),
                    };
                    match phase {
                        Phase::Lasts => self.lasts(key, subscription, event, moment),
                        Phase::Over => self.over(key, subscription, event, moment),
                    }
                }
            };
            fates.extend(fate);
        }
        if let Some((Condition(name), phase)) = condition
            && event.kind.recovers()
        {
            self.orphaned(&name, phase, event, moment);
        }
        self.bound();
        fates
    }

    /// What is told once, and only now.
    fn happened(
        &mut self,
        subscription: &Subscription,
        event: &Arc<Event>,
        but: Option<&Troubled>,
        moment: Moment<'_>,
    ) -> Option<Fate> {
        if !moment.rules.wants(subscription, event) {
            return None;
        }
        let mut channels = moment.rules.names(&subscription.channels);
        if let Some(but) = but {
            but.spare(&mut channels);
        }
        let withheld = self.withheld(Some(subscription), event, event.severity, moment);
        if withheld.is_none() {
            self.group(
                subscription,
                Purpose::News,
                event,
                &channels,
                false,
                moment.now,
            );
        }
        Some(Fate {
            subscription: subscription.name.clone(),
            channels,
            withheld,
        })
    }

    fn lasts(
        &mut self,
        key: OpenKey,
        subscription: &Subscription,
        event: &Arc<Event>,
        moment: Moment<'_>,
    ) -> Option<Fate> {
        let wanted = moment.rules.wants(subscription, event);
        let known = self.open.get(&key);
        let told = known.is_some_and(|open| !open.channels.is_empty());
        let ends = told && event.kind.recovers();
        if !(wanted || ends) {
            // What was withheld is better now, and nobody ever heard of it.
            if known.is_some() && !told && event.kind.recovers() {
                self.close(&key);
            }
            return None;
        }
        let worst = known.map_or(Severity::Info, |open| open.worst);
        let urgent = match event.kind.recovers() {
            true => event.severity.max(worst),
            false => event.severity,
        };
        let withheld = self.withheld(Some(subscription), event, urgent, moment);
        // Its end may still wait, and go before it is told.
        let listed = || {
            self.news_of(&subscription.name)
                .is_some_and(|it| it.ends(&key.condition))
        };
        let listed = known.map_or_else(listed, |open| open.listed);
        let mut open = self.open.remove(&key).unwrap_or_else(|| Open {
            event: Arc::clone(event),
            wanted,
            channels: Vec::new(),
            listed,
            told: None,
            worst: Severity::Info,
            owed: false,
            over: false,
        });
        open.event = Arc::clone(event);
        (open.wanted, open.over) = (wanted, false);
        let channels = match wanted {
            true => moment.rules.names(&subscription.channels),
            false => open.channels.clone(),
        };
        open.owed = withheld.is_some();
        if withheld.is_none() {
            self.tell(
                subscription,
                Purpose::News,
                &mut open,
                &channels,
                moment.now,
            );
        }
        self.keep(key, open, moment.now);
        Some(Fate {
            subscription: subscription.name.clone(),
            channels,
            withheld,
        })
    }

    fn over(
        &mut self,
        key: OpenKey,
        subscription: &Subscription,
        event: &Arc<Event>,
        moment: Moment<'_>,
    ) -> Option<Fate> {
        let rules = moment.rules;
        let told = self.open.get(&key).filter(|open| !open.channels.is_empty());
        let Some(open) = told else {
            // It began and ended unheard; or its end is news by itself.
            self.close(&key);
            let by_itself =
                rules.wants(subscription, event) && is_news_by_itself(subscription, event);
            return by_itself
                .then(|| self.happened(subscription, event, None, moment))
                .flatten();
        };
        let mut channels = open.channels.clone();
        if rules.wants(subscription, event) && event.kind == Kind::ConfigApplied {
            let all = rules.names(&subscription.channels).into_iter();
            let others: Vec<_> = all.filter(|name| !channels.contains(name)).collect();
            channels.extend(others);
        }
        let urgent = event.severity.max(open.worst);
        let withheld = self.withheld(Some(subscription), event, urgent, moment);
        if withheld.is_some() {
            let mut open = open.clone();
            open.event = Arc::clone(event);
            (open.owed, open.over) = (true, true);
            self.keep(key, open, moment.now);
        } else {
            let listed = open.listed;
            self.group(
                subscription,
                Purpose::News,
                event,
                &channels,
                listed,
                moment.now,
            );
            self.close(&key);
        }
        Some(Fate {
            subscription: subscription.name.clone(),
            channels,
            withheld,
        })
    }

    /// The end of what was told for a subscription that is gone, or disabled: its channels hold an
    /// incident open that nobody else would end.
    fn orphaned(&mut self, condition: &str, phase: Phase, event: &Arc<Event>, moment: Moment<'_>) {
        let known = self.of_condition(condition);
        let gone = known.filter(|key| moment.rules.subscription(&key.subscription).is_none());
        for key in gone.cloned().collect::<Vec<_>>() {
            let Some(open) = self.open.get(&key).cloned() else {
                continue;
            };
            let group = GroupKey {
                subscription: key.subscription.clone(),
                purpose: Purpose::News,
            };
            if !open.channels.is_empty() {
                self.add(
                    group,
                    Group::new(moment.now, Default::default()),
                    event,
                    &open.channels,
                    open.listed,
                );
            }
            if phase == Phase::Over {
                self.close(&key);
            }
        }
    }

    fn of_condition<'a>(&'a self, condition: &'a str) -> impl Iterator<Item = &'a OpenKey> {
        let first = OpenKey {
            condition: condition.to_owned(),
            subscription: String::new(),
        };
        let from = self.open.range(first..).map(|(key, _)| key);
        from.take_while(move |key| key.condition == condition)
    }

    /// Why what is so severe is not told now.
    fn withheld(
        &self,
        subscription: Option<&Subscription>,
        event: &Event,
        severity: Severity,
        moment: Moment<'_>,
    ) -> Option<Withheld> {
        let quiet = subscription.and_then(|one| one.quiet.as_ref());
        if quiet::withholds(quiet, severity, moment.now, moment.zone) {
            return Some(Withheld::Quiet);
        }
        let muted = |name: &str| {
            let mute = self.mutes.get(name);
            mute.is_some_and(|mute| mute.until > moment.now)
        };
        let any = !self.mutes.is_empty();
        (any && moment.rules.concerns_only(event, &muted)).then_some(Withheld::Muted)
    }

    fn keep(&mut self, key: OpenKey, open: Open, now: Timestamp) {
        self.changed.open.insert(key.clone());
        self.open.insert(key, open);
        self.look_by(next_minute(now));
    }

    fn close(&mut self, key: &OpenKey) {
        if self.open.remove(key).is_some() {
            self.changed.open.insert(key.clone());
        }
    }

    fn look_by(&mut self, at: Timestamp) {
        self.next_look = Some(self.next_look.map_or(at, |next| next.min(at)));
    }

    fn bound(&mut self) {
        if self.open.len() <= OPEN_MOST {
            return;
        }
        // Many at once: to find the oldest takes a look at all.
        let open = self.open.iter();
        let mut ages: Vec<_> = open
            .map(|(key, open)| (open.event.time, key.clone()))
            .collect();
        ages.sort_unstable_by_key(|(time, _)| *time);
        for (_, key) in ages.into_iter().take(OPEN_MOST / 16) {
            self.close(&key);
        }
    }
}

fn next_minute(now: Timestamp) -> Timestamp {
    let second = now.as_second().div_euclid(60) * 60 + 60;
    let next = Timestamp::from_second(second);
    next.unwrap_or(now)
}

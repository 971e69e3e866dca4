//! What time, an operator or another file brings, and what is due.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Moment, Router, next_minute};
use crate::notify::event::Event;
use crate::notify::group::{Group, GroupKey, Purpose};
use crate::notify::inventory::Inventory;
use crate::notify::matching::Rules;
use crate::notify::told::{Mute, Open, OpenKey};

impl Router {
    /// What time alone brings: quiet hours and mutes that are over, and repeats.
    pub fn look(&mut self, moment: Moment<'_>) {
        let now = moment.now;
        let ended = self.mutes.values().filter(|mute| mute.until <= now);
        for name in ended.map(|mute| mute.instance.clone()).collect::<Vec<_>>() {
            self.mutes.remove(&name);
            self.changed.mutes.insert(name);
        }
        self.next_look = None;
        let due: Vec<OpenKey> = self
            .open
            .iter()
            .filter_map(|(key, open)| {
                let repeats = || {
                    self.repeat_at(key, open, moment)
                        .is_some_and(|at| at <= now)
                };
                (open.owed || repeats()).then(|| key.clone())
            })
            .collect();
        for key in due {
            self.look_at(key, moment);
        }
        let repeats = self
            .open
            .iter()
            .filter_map(|(key, open)| self.repeat_at(key, open, moment));
        let repeat = repeats.filter(|at| *at > now).min();
        let unmute = self.mutes.values().map(|mute| mute.until).min();
        // The wall clock may begin or end quiet hours with any minute, and may be put.
        let minute = (!self.open.is_empty()).then(|| next_minute(now));
        self.next_look = [repeat, unmute, minute].into_iter().flatten().min();
    }

    fn look_at(&mut self, key: OpenKey, moment: Moment<'_>) {
        let Some(mut open) = self.open.get(&key).cloned() else {
            return;
        };
        let subscription = moment.rules.subscription(&key.subscription);
        let urgent = match open.over || open.event.kind.recovers() {
            true => open.event.severity.max(open.worst),
            false => open.event.severity,
        };
        if self
            .withheld(subscription, &open.event, urgent, moment)
            .is_some()
        {
            return;
        }
        let Some(subscription) = subscription else {
            // Nobody asks any more; whoever was told is told of the end.
            if open.over {
                let group = GroupKey {
                    subscription: key.subscription.clone(),
                    purpose: Purpose::News,
                };
                let empty = Group::new(moment.now, Default::default());
                self.add(group, empty, &open.event, &open.channels, open.listed);
            }
            if open.over || open.channels.is_empty() {
                self.close(&key);
            }
            return;
        };
        let channels = match open.wanted && !open.over {
            true => moment.rules.names(&subscription.channels),
            false => open.channels.clone(),
        };
        let purpose = if open.owed {
            Purpose::News
        } else {
            Purpose::Repeat
        };
        self.tell(subscription, purpose, &mut open, &channels, moment.now);
        if open.over {
            self.close(&key);
        } else {
            self.keep(key, open, moment.now);
        }
    }

    /// When it is told again, if it is.
    fn repeat_at(&self, key: &OpenKey, open: &Open, moment: Moment<'_>) -> Option<Timestamp> {
        let subscription = moment.rules.subscription(&key.subscription)?;
        let every = subscription.repeat_interval;
        let repeats = open.wanted && !open.owed && !open.over && !every.is_zero();
        let told = open.told.filter(|_| repeats)?;
        // A clock that was put back does not keep it from being told.
        told.min(moment.now).checked_add(every).ok()
    }

    /// Forgets what is gone from the file: it can neither last nor end.
    pub fn reconfigure(&mut self, rules: &Rules) {
        let inventory = Inventory::new(&rules.config);
        let gone = self
            .open
            .iter()
            .filter(|(_, open)| !inventory.has(&open.event));
        for key in gone.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.close(&key);
        }
        let instances: BTreeSet<&str> = match self.mutes.is_empty() {
            true => BTreeSet::new(),
            false => rules
                .config
                .instances
                .iter()
                .map(|one| &*one.name)
                .collect(),
        };
        let unknown = self
            .mutes
            .keys()
            .filter(|name| !instances.contains(name.as_str()));
        for name in unknown.cloned().collect::<Vec<_>>() {
            self.mutes.remove(&name);
            self.changed.mutes.insert(name);
        }
        self.look_by(Timestamp::MIN);
    }

    /// No alerts of an instance until then.
    pub fn mute(&mut self, mute: Mute) {
        self.look_by(mute.until);
        self.changed.mutes.insert(mute.instance.clone());
        self.mutes.insert(mute.instance.clone(), mute);
    }

    /// Alerts of an instance again; what held till now.
    pub fn unmute(&mut self, instance: &str) -> Option<Mute> {
        let ended = self.mutes.remove(instance)?;
        self.changed.mutes.insert(instance.to_owned());
        self.look_by(Timestamp::MIN);
        Some(ended)
    }

    /// What is muted.
    pub fn mutes(&self) -> impl Iterator<Item = &Mute> {
        self.mutes.values()
    }

    /// What `channel` was told of and still lasts, by condition.
    pub fn open_at<'a>(&'a self, channel: &'a str) -> impl Iterator<Item = &'a Arc<Event>> {
        let told = self
            .open
            .values()
            .filter(move |open| !open.over && open.channels.iter().any(|name| name == channel));
        told.map(|open| &open.event)
    }

    /// When there is something to do next.
    pub fn next_due(&self) -> Option<Timestamp> {
        let groups = self.groups.values().map(|group| group.due).min();
        [groups, self.next_look].into_iter().flatten().min()
    }

    /// Whether it is time to [`Self::look`].
    pub fn is_time_to_look(&self, now: Timestamp) -> bool {
        self.next_look.is_some_and(|at| at <= now)
    }

    /// Takes the groups whose time has come, in order of it; with `all`, every one.
    pub fn due(&mut self, now: Timestamp, all: bool) -> Vec<(GroupKey, Group)> {
        self.groups
            .values_mut()
            .for_each(|group| group.follow_clock(now));
        let due = self
            .groups
            .iter()
            .filter(|(_, group)| all || group.due <= now);
        // What is told again or instead before what is new: news may be its end.
        let mut keys: Vec<_> = due
            .map(|(key, group)| (group.due, key.purpose == Purpose::News, key.clone()))
            .collect();
        keys.sort();
        let mut taken = Vec::with_capacity(keys.len());
        for (_, _, key) in keys {
            if let Some(group) = self.groups.remove(&key) {
                self.listed(&key, &group);
                self.changed.groups.insert(key.clone());
                taken.push((key, group));
            }
        }
        taken
    }

    /// What `group` tells by name is known by name.
    fn listed(&mut self, key: &GroupKey, group: &Group) {
        let conditions = group.items.iter().filter_map(|item| item.condition.clone());
        for condition in conditions {
            let key = OpenKey {
                condition,
                subscription: key.subscription.clone(),
            };
            if let Some(open) = self.open.get_mut(&key).filter(|open| !open.listed) {
                open.listed = true;
                self.changed.open.insert(key);
            }
        }
    }
}

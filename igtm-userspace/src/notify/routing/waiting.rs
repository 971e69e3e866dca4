//! What waits for company: groups are made and added to.

use std::sync::Arc;

use jiff::Timestamp;

use super::Router;
use crate::config::model::Subscription;
use crate::notify::event::Event;
use crate::notify::group::{Group, GroupKey, Item, Purpose};
use crate::notify::told::Open;

impl Router {
    pub(super) fn tell(
        &mut self,
        subscription: &Subscription,
        purpose: Purpose,
        open: &mut Open,
        channels: &[String],
        now: Timestamp,
    ) {
        let event = Arc::clone(&open.event);
        self.group(subscription, purpose, &event, channels, open.listed, now);
        for name in channels {
            if !open.channels.contains(name) {
                open.channels.push(name.clone());
            }
        }
        open.worst = open.worst.max(open.event.severity);
        open.told = Some(now);
        open.owed = false;
        let every = subscription.repeat_interval;
        if !every.is_zero()
            && let Ok(again) = now.checked_add(every)
        {
            self.look_by(again);
        }
    }

    /// `told`: what it ends, if it does, was told by name.
    pub(super) fn group(
        &mut self,
        subscription: &Subscription,
        purpose: Purpose,
        event: &Arc<Event>,
        channels: &[String],
        told: bool,
        now: Timestamp,
    ) {
        let key = GroupKey {
            subscription: subscription.name.clone(),
            purpose,
        };
        let empty = Group::new(now, subscription.group_wait);
        self.add(key, empty, event, channels, told);
    }

    pub(super) fn add(
        &mut self,
        key: GroupKey,
        empty: Group,
        event: &Arc<Event>,
        channels: &[String],
        told: bool,
    ) {
        if channels.is_empty() {
            return;
        }
        let item = Item::new(Arc::clone(event), channels.into(), told);
        let condition = item.condition.clone();
        self.changed.groups.insert(key.clone());
        let group = self.groups.entry(key.clone()).or_insert(empty);
        group.add(item);
        let due = group.due;
        if let Some(condition) = condition.filter(|_| key.purpose == Purpose::News) {
            self.hasten(&key.subscription, &condition, due);
        }
    }

    /// What is told of a condition again, or instead, leaves no later than the news of it.
    fn hasten(&mut self, subscription: &str, condition: &str, due: Timestamp) {
        for purpose in [Purpose::Repeat, Purpose::OnFailure] {
            let key = GroupKey {
                subscription: subscription.to_owned(),
                purpose,
            };
            if let Some(group) = self.groups.get_mut(&key)
                && group.due > due
                && group.tells_of(condition)
            {
                group.due = due;
                self.changed.groups.insert(key);
            }
        }
    }

    /// The news that wait for a subscription.
    pub(super) fn news_of(&self, subscription: &str) -> Option<&Group> {
        self.groups.get(&GroupKey {
            subscription: subscription.to_owned(),
            purpose: Purpose::News,
        })
    }
}

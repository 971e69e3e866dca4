//! Who is told when a channel could not tell: the channels of `on_failure`.

use std::sync::Arc;

use super::{Moment, Router};
use crate::notify::condition::{Condition, Phase};
use crate::notify::event::Event;
use crate::notify::group::{GroupKey, Purpose};
use crate::notify::told::OpenKey;
use crate::state::outbox::Push;

/// What a channel could not tell.
#[derive(Clone, Copy, Debug)]
pub struct Undelivered<'a> {
    /// The event that says so.
    pub failed: &'a Arc<Event>,
    /// With its events.
    pub push: &'a Push,
    /// The ends that it is still to tell.
    pub later: &'a [Arc<Event>],
}

impl Router {
    /// A channel could not tell what `subscription` wants told: those of `on_failure` are told that,
    /// and what it was, and what ends it.
    pub fn failed(
        &mut self,
        subscription: &str,
        lost: Undelivered<'_>,
        moment: Moment<'_>,
    ) -> Vec<String> {
        let Undelivered {
            failed,
            push:
                Push {
                    channel,
                    events,
                    beside,
                    ..
                },
            later,
        } = lost;
        let Some(subscription) = moment.rules.subscription(subscription) else {
            return Vec::new();
        };
        let mut instead = moment.rules.names(&subscription.on_failure);
        instead.retain(|name| name != channel);
        let mut told: Vec<(Arc<Event>, Vec<String>)> = vec![(Arc::clone(failed), instead.clone())];
        for event in events {
            let mut who = instead.clone();
            let name = match lasting(event) {
                Some((Condition(name), Phase::Lasts)) => {
                    told.push((Arc::clone(event), who));
                    name
                }
                Some((_, Phase::Over)) => {
                    // Who was told of the failure instead is told of its end by name already.
                    who.retain(|name| !beside.contains(name));
                    told.push((Arc::clone(event), who));
                    continue;
                }
                None => {
                    told.push((Arc::clone(event), who));
                    continue;
                }
            };
            let over = |other: &&Arc<Event>| {
                let over = lasting(other).filter(|(_, phase)| *phase == Phase::Over);
                over.is_some_and(|(Condition(of), _)| of == name)
            };
            let key = OpenKey {
                condition: name.clone(),
                subscription: subscription.name.clone(),
            };
            // Whoever hears of it hears of its end.
            if let Some(open) = self.open.get_mut(&key) {
                let known = &mut open.channels;
                let new = instead.iter().filter(|name| !known.contains(name));
                let new: Vec<String> = new.cloned().collect();
                if !new.is_empty() {
                    known.extend(new);
                    self.changed.open.insert(key);
                }
            } else if !events.iter().any(|other| over(&other)) {
                // It is over, and who was to tell of that knows nothing of these.
                let news = self.news_of(&subscription.name).into_iter();
                let waiting = news.flat_map(|group| group.items.iter().map(|item| &item.event));
                let end = later.iter().chain(waiting).find(over).cloned();
                told.extend(end.map(|end| (end, instead.clone())));
            }
        }
        let key = GroupKey {
            subscription: subscription.name.clone(),
            purpose: Purpose::OnFailure,
        };
        for (event, who) in &told {
            // Several channels fail to tell the same: once is enough.
            let group = self.groups.get(&key);
            let known = group.is_some_and(|group| {
                let mut items = group.items.iter();
                items.any(|item| item.event == *event && *item.channels == **who)
            });
            if !known {
                let purpose = Purpose::OnFailure;
                self.group(subscription, purpose, event, who, true, moment.now);
            }
        }
        instead
    }
}

fn lasting(event: &Event) -> Option<(Condition, Phase)> {
    Condition::of(event).filter(|_| !event.test)
}

//! What a former run told to last, and of which this one sees no end by itself.
//!
//! Must not decide what it means: that is [`alerts::after_start`]'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::App;
use crate::alerts::{self, AfterStart};
use crate::notify::condition::{Condition, Phase};
use crate::notify::event::Event;
use crate::state::outbox::SavedAlerts;

/// The newest event of each such condition.
pub(super) fn left_over(saved: &SavedAlerts) -> Vec<Arc<Event>> {
    let open = saved.open.iter().filter(|(_, open)| !open.over);
    let told = open.filter(|(_, open)| alerts::is_left_over(&open.event));
    newest(told.map(|(key, open)| (key.condition.clone(), &open.event)))
        .into_values()
        .collect()
}

/// Of each condition the newest: subscriptions may have been told of different ones.
fn newest<'a>(
    told: impl Iterator<Item = (String, &'a Arc<Event>)>,
) -> BTreeMap<String, Arc<Event>> {
    let mut newest: BTreeMap<String, Arc<Event>> = BTreeMap::new();
    for (condition, event) in told {
        let known = newest.entry(condition).or_insert_with(|| Arc::clone(event));
        if known.time < event.time {
            *known = Arc::clone(event);
        }
    }
    newest
}

/// The newest event of whatever a former run told to last.
pub(super) fn told(saved: &SavedAlerts) -> Vec<Arc<Event>> {
    let open = saved.open.iter().filter(|(_, open)| !open.over);
    let mut told = newest(open.map(|(key, open)| (key.condition.clone(), &open.event)));
    // What nobody was asked about yet is told by this run.
    for one in saved.unrouted.iter().filter(|one| !one.event.test) {
        match Condition::of(&one.event) {
            Some((Condition(name), Phase::Lasts)) => {
                told.insert(name, Arc::clone(&one.event));
            }
            Some((Condition(name), Phase::Over)) => {
                told.remove(&name);
            }
            None => {}
        }
    }
    told.into_values().collect()
}

impl App {
    /// Tells what is over of it.
    pub(super) fn tell_left_over(&mut self) {
        if self.left_over.is_empty() {
            return;
        }
        let nodes = self.health.nodes();
        let degraded = self.trouble.degraded().is_some();
        for told in std::mem::take(&mut self.left_over) {
            let (config, now) = (&self.ground.config, Timestamp::now());
            let after = alerts::after_start(config, &told, &nodes, degraded, self.started, now);
            match after {
                AfterStart::Over(event) => self.raise(*event, Vec::new()),
                AfterStart::Unknown => self.left_over.push(told),
                AfterStart::Ours => {}
            }
        }
    }
}

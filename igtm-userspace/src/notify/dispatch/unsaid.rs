//! What quiet hours and mutes withhold, so that it is recorded: whoever asks why nothing came finds a
//! suppressed message to each channel that would have been told.
//!
//! Pure. Merged as messages are, by `group_wait`; must not decide what is withheld.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::notify::event::Event;
use crate::notify::group::EVENTS_PER_MESSAGE;
use crate::notify::routing::{Fate, Withheld};

/// What one channel would have been told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    /// The subscription's name.
    pub(super) subscription: String,
    /// The channel's name.
    pub(super) channel: String,
    /// Why it was not.
    pub(super) why: &'static str,
    /// The first of it.
    pub(super) events: Vec<Arc<Event>>,
    /// Events beyond those.
    pub(super) more: u64,
    due: Instant,
}

/// What is to be recorded soon.
#[derive(Debug, Default)]
pub(super) struct Unsaid(BTreeMap<(String, String, &'static str), Held>);

impl Unsaid {
    /// Adds an event for the channels that are not told of it; `wait` is a subscription's
    /// `group_wait`.
    pub(super) fn add(
        &mut self,
        event: &Arc<Event>,
        fates: &[Fate],
        wait: impl Fn(&str) -> Duration,
        now: Instant,
    ) {
        for fate in fates {
            let why = match fate.withheld {
                None => continue,
                Some(Withheld::Quiet) => "quiet hours: what still lasts is told when they end",
                Some(Withheld::Muted) => "muted: what still lasts is told when that ends",
            };
            for channel in &fate.channels {
                let key = (fate.subscription.clone(), channel.clone(), why);
                let held = self.0.entry(key).or_insert_with(|| Held {
                    subscription: fate.subscription.clone(),
                    channel: channel.clone(),
                    why,
                    events: Vec::new(),
                    more: 0,
                    due: now + wait(&fate.subscription),
                });
                match held.events.len() < EVENTS_PER_MESSAGE {
                    true => held.events.push(Arc::clone(event)),
                    false => held.more += 1,
                }
            }
        }
    }

    /// How long until something is due.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let first = self.0.values().map(|held| held.due).min()?;
        Some(first.saturating_duration_since(now))
    }

    /// Takes what is due; with `all`, everything.
    pub(super) fn take_due(&mut self, now: Instant, all: bool) -> Vec<Held> {
        let due = self.0.extract_if(.., |_, held| all || held.due <= now);
        due.map(|(_, held)| held).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::event::Kind;
    use crate::notify::fixture;

    fn fate(channels: &[&str], withheld: Option<Withheld>) -> Fate {
        Fate {
            subscription: "night".to_owned(),
            channels: channels.iter().map(|one| (*one).to_owned()).collect(),
            withheld,
        }
    }

    #[test]
    fn a_storm_that_is_withheld_is_one_record_for_each_channel() {
        let (begun, wait) = (Instant::now(), Duration::from_secs(3));
        let mut unsaid = Unsaid::default();
        for n in 0..1000_u64 {
            let address = format!("10.0.{}.{}", n / 256, n % 256);
            let event = Arc::new(fixture::event(Kind::AddressDown, &address));
            let fates = [
                fate(&["ops", "mail"], Some(Withheld::Muted)),
                fate(&["told"], None),
            ];
            unsaid.add(&event, &fates, |_| wait, begun);
        }
        let quiet = [fate(&["ops"], Some(Withheld::Quiet))];
        let event = Arc::new(fixture::event(Kind::AddressUp, "10.0.0.1"));
        unsaid.add(&event, &quiet, |_| wait, begun + Duration::from_secs(1));
        assert_eq!(unsaid.left(begun), Some(wait));
        assert!(unsaid.take_due(begun, false).is_empty());
        let due = unsaid.take_due(begun + wait, false);
        let seen: Vec<_> = due
            .iter()
            .map(|held| (&*held.channel, held.events.len(), held.more))
            .collect();
        let rest = 1000 - EVENTS_PER_MESSAGE as u64;
        assert_eq!(seen, [("mail", 100, rest), ("ops", 100, rest)]);
        assert!(due.iter().all(|held| held.why.starts_with("muted")));
        let last = unsaid.take_due(begun, true);
        assert!(last.len() == 1 && last[0].why.starts_with("quiet hours"));
        assert_eq!(unsaid.left(begun), None);
    }
}

//! Which subscriptions an event goes to, and which events make one message.
//!
//! Pure: takes `now`. Must not send anything nor know what channels speak.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::model::{Config, Subscription};

use super::event::Event;

/// A message holds at most this many events; further ones make the next message. Bounds the
/// body to well under what receivers take.
pub const EVENTS_PER_MESSAGE: usize = 100;

/// The subscriptions that `event` goes to, in the file's order.
pub fn matching<'a>(
    config: &'a Config,
    event: &'a Event,
) -> impl Iterator<Item = &'a Subscription> {
    config.subscriptions.iter().filter(|subscription| {
        subscription.enabled
            && (subscription.events.is_empty() || subscription.events.contains(&event.kind))
    })
}

/// Events of one subscription that make one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The subscription's name.
    pub subscription: String,
    /// Names of the channels it goes to: names, since a reload may move every index.
    pub channels: Vec<String>,
    /// In the order they came, never empty.
    pub events: Vec<Arc<Event>>,
}

/// Events that wait for company.
#[derive(Debug, Default)]
pub struct Grouping {
    /// In order of opening.
    open: Vec<(Instant, Batch)>,
}

impl Grouping {
    /// Puts `event` with those of `subscription` that wait for the same channels; the first
    /// of them makes the message due `wait` later.
    pub fn add(
        &mut self,
        subscription: &str,
        channels: &[String],
        wait: Duration,
        event: Arc<Event>,
        now: Instant,
    ) {
        let joined = self.open.iter_mut().find(|(due, batch)| {
            *due > now
                && batch.subscription == subscription
                && batch.channels == channels
                && batch.events.len() < EVENTS_PER_MESSAGE
        });
        if let Some((due, batch)) = joined {
            batch.events.push(event);
            if batch.events.len() == EVENTS_PER_MESSAGE {
                *due = now;
            }
            return;
        }
        let batch = Batch {
            subscription: subscription.to_owned(),
            channels: channels.to_vec(),
            events: vec![event],
        };
        self.open.push((now + wait, batch));
    }

    /// When [`Self::due`] next has something; `None` when nothing waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.open.iter().map(|(due, _)| *due).min()
    }

    /// Takes the batches whose time has come, in order of opening.
    pub fn due(&mut self, now: Instant) -> Vec<Batch> {
        self.open
            .extract_if(.., |(due, _)| *due <= now)
            .map(|(_, batch)| batch)
            .collect()
    }

    /// Takes every batch, due or not: nobody will wait any longer.
    pub fn flush(&mut self) -> Vec<Batch> {
        self.open.drain(..).map(|(_, batch)| batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::Kind;
    use super::super::fixture::{config, event, subscription};
    use super::*;

    const WAIT: Duration = Duration::from_secs(3);

    #[test]
    fn subscriptions_match_by_kind_unless_disabled() {
        let mut all = subscription("all", &[0]);
        all.events = vec![];
        let mut downs = subscription("downs", &[0]);
        downs.events = vec![Kind::AddressDown, Kind::FallbackEntered];
        let mut off = subscription("off", &[0]);
        off.enabled = false;
        let config = config(vec![], vec![all, downs, off]);
        let names = |kind| -> Vec<String> {
            let event = event(kind, "192.0.2.1");
            matching(&config, &event)
                .map(|subscription| subscription.name.clone())
                .collect()
        };
        assert_eq!(names(Kind::AddressDown), ["all", "downs"]);
        assert_eq!(names(Kind::AddressUp), ["all"]);
        assert_eq!(names(Kind::FallbackEntered), ["all", "downs"]);
    }

    #[test]
    fn company_is_waited_for_from_the_first_event_on() {
        let start = Instant::now();
        let mut grouping = Grouping::default();
        let channels = ["ops".to_owned()];
        let add = |grouping: &mut Grouping, name: &str, after_ms: u64| {
            let event = Arc::new(event(Kind::AddressDown, &after_ms.to_string()));
            let now = start + Duration::from_millis(after_ms);
            grouping.add(name, &channels, WAIT, event, now);
        };
        add(&mut grouping, "night", 0);
        add(&mut grouping, "day", 100);
        add(&mut grouping, "night", 2_999);
        assert_eq!(grouping.next_due(), Some(start + WAIT));
        assert_eq!(grouping.due(start + WAIT - Duration::from_millis(1)), []);
        let due = grouping.due(start + WAIT);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].subscription, "night");
        assert_eq!(due[0].events.len(), 2, "an event does not prolong the wait");
        add(&mut grouping, "night", 3_001);
        let rest = grouping.flush();
        let names: Vec<_> = rest
            .iter()
            .map(|batch| batch.subscription.as_str())
            .collect();
        assert_eq!(names, ["day", "night"]);
        assert_eq!(grouping.next_due(), None);
    }

    #[test]
    fn a_subscription_that_moved_to_other_channels_does_not_mix_them() {
        let now = Instant::now();
        let mut grouping = Grouping::default();
        for channel in ["old", "new"] {
            let event = Arc::new(event(Kind::AddressDown, channel));
            grouping.add("night", &[channel.to_owned()], WAIT, event, now);
        }
        assert_eq!(grouping.flush().len(), 2);
    }

    proptest! {
        #[test]
        fn every_event_leaves_once_in_order_and_in_time(
            steps in prop::collection::vec((0_usize..3, 0_u64..400), 1..600),
            wait_ms in 0_u64..5_000,
        ) {
            let wait = Duration::from_millis(wait_ms);
            let names = ["a", "b", "c"];
            let channels = ["ops".to_owned()];
            let mut grouping = Grouping::default();
            let mut now = Instant::now();
            let mut came: Vec<Vec<(Arc<Event>, Instant)>> = vec![vec![]; 3];
            let mut left: Vec<Vec<Arc<Event>>> = vec![vec![]; 3];
            let mut take = |batches: Vec<Batch>, now: Instant, came: &[Vec<(Arc<Event>, Instant)>]| {
                for batch in batches {
                    let who = names.iter().position(|name| *name == batch.subscription).expect("known");
                    assert!(!batch.events.is_empty() && batch.events.len() <= EVENTS_PER_MESSAGE);
                    for event in batch.events {
                        let (wanted, at) = &came[who][left[who].len()];
                        assert!(Arc::ptr_eq(wanted, &event), "order");
                        assert!(now - *at <= wait, "late");
                        left[who].push(event);
                    }
                }
            };
            for (serial, (who, pause_ms)) in steps.into_iter().enumerate() {
                let next = now + Duration::from_millis(pause_ms);
                while let Some(due) = grouping.next_due().filter(|due| *due <= next) {
                    take(grouping.due(due), due, &came);
                }
                now = next;
                let event = Arc::new(event(Kind::AddressDown, &serial.to_string()));
                came[who].push((Arc::clone(&event), now));
                grouping.add(names[who], &channels, wait, event, now);
                prop_assert!(grouping.next_due().is_some_and(|due| due <= now + wait));
                take(grouping.due(now), now, &came);
            }
            take(grouping.flush(), now, &came);
            for (came, left) in came.iter().zip(&left) {
                prop_assert_eq!(came.len(), left.len());
            }
        }
    }
}

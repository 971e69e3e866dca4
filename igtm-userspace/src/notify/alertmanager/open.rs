//! The alerts that last, to be sent again.
//!
//! Pure. Knows parts and nothing else, so that it is made again after a restart from those that were
//! recorded as taken.

use std::collections::BTreeMap;

use super::alert::{self, Alert, Labels};
use crate::notify::message::Part;

/// Alerts of one part.
const PART: usize = 200;

/// What one channel's Alertmanager has been told lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    open: BTreeMap<Labels, Alert>,
}

impl Alerts {
    /// Follows a part that Alertmanager took, in the order they were taken.
    pub fn taken(&mut self, part: &Part) {
        // A part that is none of ours has never been taken.
        for alert in alert::read(part).unwrap_or_default() {
            match alert.ends_at {
                None => self.open.insert(alert.labels.clone(), alert),
                Some(_) => self.open.remove(&alert.labels),
            };
        }
    }

    /// Everything that lasts: what is to be sent now and every [`super::RESEND`]. Empty when nothing
    /// lasts.
    pub fn parts(&self) -> Vec<Part> {
        let alerts: Vec<&Alert> = self.open.values().collect();
        let chunks = alerts.chunks(PART);
        chunks
            .map(|some| alert::part(some.iter().copied()))
            .collect()
    }

    /// How many last.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing lasts.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::notify::event::{Event, Kind};
    use crate::notify::fixture::event;

    fn told(event: Event) -> Part {
        let said = ("title".to_owned(), "text".to_owned());
        alert::part(&alert::of(&event, &said))
    }

    #[test]
    fn what_lasts_otherwise_than_before_is_one_alert() {
        let mut alerts = Alerts::default();
        let answers = |kind, tier_to: &str| {
            let mut event = event(kind, "192.0.2.1");
            event.instance = Some("shop".to_owned());
            event.strategy = Some("cn".to_owned());
            event.tier_to = Some(tier_to.to_owned());
            told(event)
        };
        for (part, open) in [
            (answers(Kind::TierSwitched, "tier 2"), 1),
            (answers(Kind::FallbackEntered, "fallback"), 1),
            (told(event(Kind::AddressDown, "192.0.2.1")), 2),
            (answers(Kind::FallbackLeft, "tier 1"), 1),
            (told(event(Kind::AddressUp, "192.0.2.9")), 1),
            (told(event(Kind::AddressUp, "192.0.2.1")), 0),
            (told(event(Kind::Test, "192.0.2.1")), 0),
            (told(event(Kind::ChannelFailed, "192.0.2.1")), 0),
        ] {
            alerts.taken(&part);
            assert_eq!(alerts.len(), open, "{}", part.body);
            assert_eq!(alerts.parts().is_empty(), alerts.is_empty());
        }
    }

    #[test]
    fn a_test_neither_lasts_nor_ends_what_is_real() {
        let mut alerts = Alerts::default();
        alerts.taken(&told(event(Kind::AddressDown, "192.0.2.1")));
        for kind in [Kind::AddressDown, Kind::AddressUp] {
            let mut test = event(kind, "192.0.2.1");
            test.test = true;
            alerts.taken(&told(test));
            assert_eq!(alerts.len(), 1, "{kind:?}");
        }
        let garbage = Part {
            body: "{}".to_owned(),
        };
        alerts.taken(&garbage);
        assert_eq!(alerts.len(), 1);
    }

    proptest! {
        #[test]
        fn what_lasts_is_what_failed_last(steps in prop::collection::vec((0..400_u16, any::<bool>()), 0..600)) {
            let (mut alerts, mut down) = (Alerts::default(), BTreeSet::new());
            for (at, is_down) in steps {
                let address = format!("10.0.{}.{}", at / 256, at % 256);
                let kind = if is_down { Kind::AddressDown } else { Kind::AddressUp };
                alerts.taken(&told(event(kind, &address)));
                if is_down { down.insert(address) } else { down.remove(&address) };
            }
            let mut again = Alerts::default();
            let parts = alerts.parts();
            for part in &parts {
                again.taken(part);
            }
            prop_assert_eq!(&again, &alerts);
            prop_assert_eq!(parts.len(), down.len().div_ceil(PART));
            let open: BTreeSet<String> = alerts.open.keys().map(|it| it["address"].clone()).collect();
            prop_assert_eq!(open, down);
        }
    }
}

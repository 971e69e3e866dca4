//! What the kernel has refused last or has lost, and whom that is told to.
//!
//! Must not decide what is answered meanwhile: what was before goes on.

use jiff::Timestamp;

use super::App;
use crate::alerts;

/// What the kernel has refused last.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// A change of the answers.
    pub(super) answers: Option<String>,
    /// A sign of life.
    pub(super) heartbeat: Option<String>,
    /// Interfaces that have not the program: the others are answered on, and the sockets too.
    pub(super) interfaces: Option<String>,
    /// Since when it has been told that something is refused.
    told: Option<Timestamp>,
    /// Since when nothing was, after that.
    well: Option<Timestamp>,
}

impl Trouble {
    /// What is refused at present.
    pub(super) fn refused(&self) -> Option<&String> {
        self.answers.as_ref().or(self.heartbeat.as_ref())
    }

    /// What is refused or lost at present.
    pub(super) fn degraded(&self) -> Option<&String> {
        self.refused().or(self.interfaces.as_ref())
    }

    /// What is to be told now: why it is degraded, or that it is no longer; and since when it had
    /// been otherwise.
    fn news(&mut self, now: Timestamp) -> Option<(Option<String>, Option<Timestamp>)> {
        match (self.degraded().cloned(), self.told) {
            (Some(why), None) => {
                self.told = Some(now);
                Some((Some(why), self.well.take()))
            }
            (None, Some(since)) => {
                self.told = None;
                self.well = Some(now);
                Some((None, Some(since)))
            }
            _ => None,
        }
    }
}

impl App {
    /// Tells when the kernel begins to refuse something, and when it takes everything again.
    pub(super) fn tell_trouble(&mut self) {
        let now = Timestamp::now();
        if let Some((why, since)) = self.trouble.news(now) {
            let config = &self.ground.config;
            let event = alerts::of_dataplane(config, why.as_deref(), since, now);
            self.raise(event, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn the_beginning_and_the_end_are_told_once_each() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.news(at(0)), None);
        trouble.heartbeat = Some("no".to_owned());
        assert_eq!(trouble.news(at(1)), Some((Some("no".to_owned()), None)));
        assert_eq!(trouble.news(at(2)), None);
        // Another reason while there was one already is no news.
        trouble.answers = Some("full".to_owned());
        trouble.heartbeat = None;
        assert_eq!(trouble.news(at(3)), None);
        trouble.answers = None;
        assert_eq!(trouble.news(at(4)), Some((None, Some(at(1)))));
        assert_eq!(trouble.news(at(5)), None);
        trouble.answers = Some("full".to_owned());
        let again = Some((Some("full".to_owned()), Some(at(4))));
        assert_eq!(trouble.news(at(9)), again);
        // An interface that is lost is told too, but nothing is refused then.
        trouble.answers = None;
        assert_eq!(trouble.news(at(10)), Some((None, Some(at(9)))));
        trouble.interfaces = Some("eth1 is gone".to_owned());
        assert_eq!(trouble.refused(), None);
        let lost = Some((Some("eth1 is gone".to_owned()), Some(at(10))));
        assert_eq!(trouble.news(at(11)), lost);
    }
}

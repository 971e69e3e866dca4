//! What is known of the nodes themselves: who is silent, and whose own network seems to be down.
//!
//! Must not know what the targets are: it counts what a node sees of them.
//!
//! A node whose way is cut sees its targets fail one after the other, through an interval: until it
//! has said something of each, or a good word of one, what it alone sees fail is *doubted*. When the
//! way is back, a look that was begun without it may still end after the first good word.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::panel::{SILENT_AFTER, Sight, elapsed, longest_round};
use crate::config::model::{Monitor, Node};

/// With fewer targets than this a node that sees all of them fail is believed.
pub(super) const LEAST_SUSPICIOUS: usize = 10;

/// A node that has become silent, or is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    /// Its name.
    pub node: String,
    /// Whether it is silent now.
    pub silent: bool,
    /// Since when it had been as it was: last heard of, or last silent.
    pub since: Timestamp,
    /// When that was seen.
    pub at: Timestamp,
    /// Why it could not look, where it said so.
    pub trouble: Option<String>,
}

/// A node, and what its targets look like from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeWatch {
    pub(super) node: Arc<Node>,
    /// When it last reported; before that, when it was first asked to.
    heard: Timestamp,
    /// When it became silent, once that is told.
    silent: Option<Timestamp>,
    /// Why it could not look, last time.
    pub(super) trouble: Option<String>,
    /// The shortest interval among its targets; `None` without any.
    pub(super) shortest: Option<Duration>,
    /// What it takes at most until it has said something of each of its targets.
    longest: Duration,
    /// Its targets, seen or not.
    targets: usize,
    /// Targets that it last saw pass.
    good: usize,
    /// Targets that it last saw fail.
    bad: usize,
    pub(super) suspected: bool,
    /// Since when all that it says, of whichever target, is that it fails.
    failing: Option<Timestamp>,
    /// Of how many targets it has said so since then.
    run: usize,
    /// When a good word last ended a suspicion.
    cleared_of_it: Option<Timestamp>,
}

impl NodeWatch {
    pub(super) fn new(node: Arc<Node>, now: Timestamp) -> Self {
        Self {
            node,
            heard: now,
            silent: None,
            trouble: None,
            shortest: None,
            longest: Duration::ZERO,
            targets: 0,
            good: 0,
            bad: 0,
            suspected: false,
            failing: None,
            run: 0,
            cleared_of_it: None,
        }
    }

    /// When it last reported; before its first report, since when that is awaited.
    pub(super) fn heard(&self) -> Timestamp {
        self.heard
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.is_some()
    }

    /// Forgets its targets, to be told them anew by [`Self::gains`].
    pub(super) fn cleared(self, node: Arc<Node>, now: Timestamp) -> Self {
        // Who had nothing to look at was not asked to report.
        let heard = self.shortest.map_or(now, |_| self.heard);
        Self {
            node,
            heard,
            shortest: None,
            longest: Duration::ZERO,
            targets: 0,
            good: 0,
            bad: 0,
            run: 0,
            ..self
        }
    }

    /// It has one more target, probed by `monitor`, which it has last seen as `sight`.
    pub(super) fn gains(&mut self, monitor: &Monitor, sight: Option<&Sight>) {
        let interval = monitor.interval;
        let shortest = self.shortest.map_or(interval, |least| least.min(interval));
        self.shortest = Some(shortest);
        self.longest = self.longest.max(time_for_all(monitor));
        self.targets += 1;
        match sight.map(Sight::failed) {
            Some(true) => self.bad += 1,
            Some(false) => self.good += 1,
            None => {}
        }
        self.run += usize::from(sight.is_some_and(|sight| self.is_of_run(sight)));
    }

    /// It reports.
    pub(super) fn hear(&mut self, now: Timestamp) {
        self.heard = now;
        self.trouble = None;
    }

    /// One target is seen another way than `before` (`None`: it had not been seen).
    pub(super) fn counts(&mut self, before: Option<&Sight>, after: &Sight) {
        match before.map(Sight::failed) {
            Some(true) => self.bad -= 1,
            Some(false) => self.good -= 1,
            None => {}
        }
        if after.failed() {
            self.bad += 1;
            let known = before.is_some_and(|before| self.is_of_run(before));
            self.failing.get_or_insert(after.at);
            self.run += usize::from(!known);
            return;
        }
        self.good += 1;
        (self.failing, self.run) = (None, 0);
        if std::mem::take(&mut self.suspected) {
            self.cleared_of_it = Some(after.at);
        }
    }

    /// Whether it saw this since all that it says is that something fails.
    fn is_of_run(&self, sight: &Sight) -> bool {
        sight.failed() && self.failing.is_some_and(|since| sight.at >= since)
    }

    /// Whether what it saw of a target of `monitor` has a say: not while it is suspected, nor when
    /// the look may have been begun then.
    pub(super) fn is_counted(&self, sight: &Sight, monitor: &Monitor) -> bool {
        let over = self.cleared_of_it.is_none_or(|cleared| {
            sight.at >= cleared && elapsed(cleared, sight.at) >= longest_round(monitor)
        });
        !self.suspected && (over || !sight.failed())
    }

    /// Whether it sees enough targets, and all of them fail.
    pub(super) fn sees_nothing_good(&self) -> bool {
        self.good == 0 && self.bad >= LEAST_SUSPICIOUS
    }

    /// Whether it could turn out to see everything fail: it has enough targets, has seen none pass
    /// since it began to see them fail, and has not yet had the time for all of them.
    ///
    /// As long as these are few it need only have had that of the targets of `monitor`: a single
    /// address that fails must not wait for those that are looked at once a day.
    pub(super) fn is_doubted(&self, monitor: &Monitor, now: Timestamp) -> bool {
        let time = if self.run < LEAST_SUSPICIOUS {
            time_for_all(monitor)
        } else {
            self.longest
        };
        let failing = self.failing.is_some_and(|since| elapsed(since, now) < time);
        failing && self.targets >= LEAST_SUSPICIOUS
    }

    /// Whether it has become silent or is back.
    pub(super) fn change(&mut self, now: Timestamp) -> Option<NodeChange> {
        let Some(shortest) = self.shortest else {
            self.silent = None;
            return None;
        };
        let silent = elapsed(self.heard, now) > shortest * SILENT_AFTER;
        let since = match (self.silent, silent) {
            (None, true) => {
                self.silent = Some(now);
                self.heard
            }
            (Some(since), false) => {
                self.silent = None;
                since
            }
            _ => return None,
        };
        Some(NodeChange {
            node: self.node.name.clone(),
            silent,
            since,
            at: now,
            trouble: self.trouble.clone(),
        })
    }
}

/// Within this a node says something of each target of `monitor`.
fn time_for_all(monitor: &Monitor) -> Duration {
    monitor.interval + longest_round(monitor)
}

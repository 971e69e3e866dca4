//! The nodes that have a say about one target: what each last saw, and when a round of them is over.
//!
//! Must not judge what they saw, nor know what the nodes see of other targets.
//!
//! A round is over when every node that is not silent has reported. It does not wait for ever: one
//! that is late by more than the longest round is left to the next, and so is everyone when a node
//! reports a second time.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::model::Monitor;

/// After so many intervals without a report a node is silent.
pub(super) const SILENT_AFTER: u32 = 3;

/// Nodes begin their parts of a round this share of the interval apart at most, and reports may
/// wait for the clock that asks about them.
const SLACK_SHARE: u32 = 10;
const MOST_SLACK: Duration = Duration::from_secs(2);

/// The time from `from` to `to`; none when the clock went back.
pub(super) fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// The longest that a round of `monitor` can last.
pub(super) fn longest_round(monitor: &Monitor) -> Duration {
    monitor.worst_case() + (monitor.interval / SLACK_SHARE).min(MOST_SLACK)
}

/// What a node last saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// When it said so.
    pub(super) at: Timestamp,
    /// Why it failed; `None` when it did not.
    pub(super) failure: Option<Box<str>>,
}

impl Sight {
    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }
}

/// A node with a say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// Its position among the nodes.
    pub(super) node: usize,
    /// Since when it has had this seat.
    since: Timestamp,
    sight: Option<Sight>,
    /// Whether it has had its say in the round under way.
    done: bool,
}

impl Seat {
    pub(super) fn new(node: usize, now: Timestamp) -> Self {
        Self {
            node,
            since: now,
            sight: None,
            done: false,
        }
    }

    /// The same at another position.
    pub(super) fn moved(self, node: usize) -> Self {
        Self { node, ..self }
    }

    /// What the node last saw, however long ago.
    pub(super) fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// Whether nothing was heard from it for too long.
    pub(super) fn silent(&self, interval: Duration, now: Timestamp) -> bool {
        let heard = self.sight.as_ref().map_or(self.since, |sight| sight.at);
        elapsed(heard, now) > interval * SILENT_AFTER
    }

    /// What counts of it: what it saw, unless that is too old.
    pub(super) fn fresh(&self, interval: Duration, now: Timestamp) -> Option<&Sight> {
        self.sight().filter(|_| !self.silent(interval, now))
    }
}

/// Who has a say about a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Panel {
    /// By node.
    pub(super) seats: Vec<Seat>,
    /// When the first word of the round under way came.
    opened: Option<Timestamp>,
    /// Whether a node has seen something in it.
    seen: bool,
}

impl Panel {
    pub(super) fn of(mut seats: Vec<Seat>) -> Self {
        seats.sort_by_key(|seat| seat.node);
        Self {
            seats,
            opened: None,
            seen: false,
        }
    }

    /// Whether `seat` has had its say in the round under way.
    pub(super) fn is_done(&self, seat: usize) -> bool {
        self.seats[seat].done
    }

    /// Takes in what a node saw; returns what it had seen before.
    ///
    /// One that comes back from silence joins a round that is under way, and begins none while others
    /// do: or rounds would follow each other faster than the interval, and damping count them.
    pub(super) fn see(&mut self, seat: usize, sight: Sight, interval: Duration) -> Option<Sight> {
        let is_heard = |at: usize| !self.seats[at].silent(interval, sight.at);
        if self.opened.is_none() && !is_heard(seat) && (0..self.seats.len()).any(is_heard) {
            return self.seats[seat].sight.replace(sight);
        }
        self.opened.get_or_insert(sight.at);
        self.seen = true;
        let seat = &mut self.seats[seat];
        seat.done = true;
        seat.sight.replace(sight)
    }

    /// A node could not look: the round need not wait for it.
    pub(super) fn abstain(&mut self, seat: usize, now: Timestamp) {
        self.opened.get_or_insert(now);
        self.seats[seat].done = true;
    }

    /// Whether nobody need be waited for.
    pub(super) fn is_over(&self, interval: Duration, now: Timestamp) -> bool {
        let mut seats = self.seats.iter();
        seats.all(|seat| seat.done || seat.silent(interval, now))
    }

    /// Whether the round under way has lasted longer than a round of `monitor` can.
    pub(super) fn is_overdue(&self, monitor: &Monitor, now: Timestamp) -> bool {
        self.opened
            .is_some_and(|opened| elapsed(opened, now) >= longest_round(monitor))
    }

    /// Whether a round is under way.
    pub(super) fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// Ends the round under way; whether anybody saw anything in it.
    pub(super) fn close(&mut self) -> bool {
        self.opened = None;
        for seat in &mut self.seats {
            seat.done = false;
        }
        std::mem::take(&mut self.seen)
    }

    /// Whether fewer than half of the nodes report.
    pub(super) fn is_stale(&self, interval: Duration, now: Timestamp) -> bool {
        let seats = self.seats.iter();
        let reporting = seats.filter(|seat| seat.fresh(interval, now).is_some());
        reporting.count() * 2 < self.seats.len()
    }
}

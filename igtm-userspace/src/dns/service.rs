//! What every socket does with a message: limit, answer, count; and go on when that goes wrong.
//!
//! Must not know sockets, nor decide what a reply says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, Guard};
use igtm_common::rate::Outcome as Rated;
use rand::RngCore as _;
use rand::rngs::ThreadRng;

use super::answer::{self, Circumstances, Replied, Transport};
use super::limit::{self, Limiter};
use super::mishap::Mishaps;
use super::short::shorten;
use super::transfer::{self, Part, Transfer};
use crate::metrics::replies::{Outcome, Replies, Tally, outcome};
use crate::snapshot::Snapshot;

/// What every socket answers from.
pub type Current = Arc<ArcSwap<Snapshot>>;

/// A message and what a reply depends on → the reply, in a buffer.
pub(super) type Answer = fn(&Snapshot, &[u8], Circumstances, &mut Vec<u8>) -> Option<Replied>;

/// What all sockets share.
pub(super) struct Service {
    current: Current,
    replies: Arc<Replies>,
    limiter: Limiter,
    mishaps: Mishaps,
    answer: Answer,
}

impl Service {
    pub(super) fn new(current: Current, replies: Arc<Replies>, limiter: Limiter) -> Self {
        Self::answering(current, replies, limiter, answer::answer)
    }

    /// The same with another way from message to reply.
    pub(super) fn answering(
        current: Current,
        replies: Arc<Replies>,
        limiter: Limiter,
        answer: Answer,
    ) -> Self {
        Self {
            current,
            replies,
            limiter,
            mishaps: Mishaps::default(),
            answer,
        }
    }

    /// What `work` gives, or `None` when it panicked, which is told.
    pub(super) fn survive<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.mishaps.survive(work)
    }

    /// Messages that are answered from one snapshot, as of now.
    pub(super) fn batch(&self) -> Batch<'_> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Batch {
            service: self,
            snapshot: self.current.load(),
            // Modulo 2^32, as cookies count (RFC 9018 §4.3); a clock before 1970 makes them invalid.
            seconds: now.map_or(0, |now| now.as_secs() as u32),
            coarse_ns: limit::coarse_ns(),
            random: rand::rng(),
            tally: Tally::default(),
        }
    }
}

/// What was to answer panicked, which is told and counted.
#[derive(Debug)]
pub(super) struct Panicked;

/// Some messages that came together. What became of them is counted when it goes.
pub(super) struct Batch<'a> {
    service: &'a Service,
    snapshot: Guard<Arc<Snapshot>>,
    seconds: u32,
    coarse_ns: u64,
    random: ThreadRng,
    tally: Tally,
}

impl Batch<'_> {
    /// Writes the reply over UDP into `out`, if there is to be one.
    pub(super) fn udp(
        &mut self,
        message: &[u8],
        client: IpAddr,
        out: &mut Vec<u8>,
    ) -> Option<Replied> {
        let rated = self.rated(message, client);
        if rated == Rated::Drop {
            self.tally.add(Outcome::LimitedDrop);
            return None;
        }
        let (replied, became) = self.reply(message, client, Transport::Udp, out);
        match replied {
            Some(Replied) if rated == Rated::Slip => {
                shorten(out);
                self.tally.add(Outcome::LimitedSlip);
            }
            _ => self.tally.add(became),
        }
        replied
    }

    /// The same over TCP, which shows where the client is: it has no limit.
    pub(super) fn tcp(
        &mut self,
        message: &[u8],
        client: IpAddr,
        out: &mut Vec<u8>,
    ) -> Option<Replied> {
        let (replied, became) = self.reply(message, client, Transport::Tcp, out);
        self.tally.add(became);
        replied
    }

    /// The whole zone that a message asks for over TCP, where its client may have it.
    pub(super) fn transfer(&mut self, message: &[u8], client: IpAddr) -> Option<Transfer> {
        let circumstances = self.circumstances(client, Transport::Tcp);
        let (service, snapshot) = (self.service, &*self.snapshot);
        let begun = service.survive(|| transfer::transfer(snapshot, message, circumstances));
        begun.flatten()
    }

    /// The next of a transfer, if there is one; what it is made of is that of its beginning.
    pub(super) fn next_of(&mut self, transfer: &mut Transfer) -> Result<Option<Part>, Panicked> {
        let next = self.service.survive(|| transfer.next());
        match &next {
            Some(Some(Part::Message(message))) => self.tally.add(outcome(message)),
            Some(Some(Part::Pause) | None) => {}
            None => self.tally.add(Outcome::Panicked),
        }
        next.ok_or(Panicked)
    }

    /// A message was not looked at because it had waited for too long.
    pub(super) fn shed(&mut self) {
        self.tally.add(Outcome::Shed);
    }

    fn rated(&self, message: &[u8], client: IpAddr) -> Rated {
        let limits = &self.snapshot.ground.config.limits;
        if limits.responses_per_second == 0
            || !answer::is_query(message)
            || limit::is_known(&self.snapshot.cookies, message, client, self.seconds)
        {
            return Rated::Pass;
        }
        let limiter = &self.service.limiter;
        limiter.take(limits, client, self.coarse_ns)
    }

    fn circumstances(&mut self, client: IpAddr, transport: Transport) -> Circumstances {
        Circumstances {
            client,
            transport,
            random: self.random.next_u32(),
            now: self.seconds,
        }
    }

    /// Writes the reply, if there is to be one; and what it says.
    fn reply(
        &mut self,
        message: &[u8],
        client: IpAddr,
        transport: Transport,
        out: &mut Vec<u8>,
    ) -> (Option<Replied>, Outcome) {
        let circumstances = self.circumstances(client, transport);
        let (answer, snapshot) = (self.service.answer, &**self.snapshot);
        let service = self.service;
        match service.survive(|| answer(snapshot, message, circumstances, out)) {
            Some(Some(Replied)) => (Some(Replied), outcome(out)),
            Some(None) => (None, Outcome::Dropped),
            None => (None, Outcome::Panicked),
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.service.replies.add(&self.tally);
    }
}

//! One row of the table: a frame in some state of the world, and what must become of it.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use igtm_common::counter::Counter;

use super::frame::datagram;
use super::message::{Data, Query, Reply};

/// What the maps hold when the frame comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Every address is well; epoch 0.
    Healthy,
    /// After that, the first address of `www` failed; epoch 1.
    Failed,
    /// And it came back; epoch 0 again.
    Recovered,
    /// A daemon that has no first answer yet.
    NotReady,
    /// `stale_after` is set and the daemon was heard of just now.
    Fresh,
    /// `stale_after` is set and the daemon was not heard of for longer.
    Stale,
}

/// What the kernel must do.
#[derive(Clone, Debug)]
pub enum Expected {
    /// XDP_TX with this reply, which userspace gives too.
    Reply(Reply),
    /// XDP_PASS, the frame unchanged, one of these counters raised.
    Pass(&'static [Counter], Userspace),
}

/// What userspace must say to a message that the kernel passes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Userspace {
    /// The message never gets there, or what it gets is another test's business.
    Anything,
    /// A reply with this code.
    Code(ResponseCode),
    /// FORMERR or nothing.
    Refusal,
    /// Nothing.
    Silence,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows.
    pub what: String,
    /// What the maps hold.
    pub state: State,
    /// The frame as it comes in.
    pub frame: Vec<u8>,
    /// The program's random number.
    pub random: u32,
    /// What must become of it.
    pub expected: Expected,
}

impl Case {
    /// A query that is answered with `records`; an OPT with its DO where the query has one.
    pub fn answered(
        what: impl Into<String>,
        client: IpAddr,
        query: &Query,
        records: &[Data],
    ) -> Self {
        let opt = (query.counts[3] > 0).then_some(false);
        let expected = Expected::Reply(Reply {
            records: records.to_vec(),
            truncated: false,
            opt,
        });
        Self::of(what, datagram(client, &query.octets()), expected)
    }

    /// A query that is answered with TC.
    pub fn truncated(what: impl Into<String>, client: IpAddr, query: &Query) -> Self {
        Self::answered(what, client, query, &[]).edit_reply(|reply| reply.truncated = true)
    }

    /// A message that the kernel passes up.
    pub fn passed(
        what: impl Into<String>,
        client: IpAddr,
        message: &[u8],
        counters: &'static [Counter],
        userspace: Userspace,
    ) -> Self {
        let frame = datagram(client, message);
        Self::of(what, frame, Expected::Pass(counters, userspace))
    }

    /// A frame that the kernel passes on for what stands before its message.
    pub fn passed_frame(
        what: impl Into<String>,
        frame: Vec<u8>,
        counters: &'static [Counter],
    ) -> Self {
        Self::of(what, frame, Expected::Pass(counters, Userspace::Anything))
    }

    fn of(what: impl Into<String>, frame: Vec<u8>, expected: Expected) -> Self {
        Self {
            what: what.into(),
            state: State::Healthy,
            frame,
            random: 0,
            expected,
        }
    }

    /// In another state.
    pub fn in_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// With another random number.
    pub fn random(mut self, random: u32) -> Self {
        self.random = random;
        self
    }

    /// With octets of the frame changed.
    pub fn edit_frame(mut self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        change(&mut self.frame);
        self
    }

    /// With another reply than the usual one.
    pub fn edit_reply(mut self, change: impl FnOnce(&mut Reply)) -> Self {
        match &mut self.expected {
            Expected::Reply(reply) => change(reply),
            Expected::Pass(..) => panic!("{}: it has no reply", self.what),
        }
        self
    }
}

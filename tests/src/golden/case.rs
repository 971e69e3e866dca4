//! One row of the table: a frame in some state of the world, and what must become of it.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use igtm_common::counter::Counter;

use super::frame::datagram;
use super::message::Query;
use super::reply::{Data, NXDOMAIN, Reply, Zone};

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
    /// `ecs = false`.
    NoSubnet,
    /// `udp_size = 600`.
    Narrow,
    /// With an instance of 127 labels.
    Deep,
    /// Five replies a second to a prefix, every third limited one slips; a second lasts an hour.
    /// The cases of this state share the prefixes' accounts, in their order.
    Limited,
    /// A thousand replies a second to a prefix, none slips.
    RealRate,
}

impl State {
    /// SOA serial of the answers.
    pub fn serial(self) -> u32 {
        match self {
            Self::Failed => 0x8100_00f2,
            Self::Recovered => 0x8100_00f3,
            _ => 0x8100_00f1,
        }
    }

    /// `server.udp_size`.
    pub fn udp_size(self) -> u16 {
        match self {
            Self::Narrow => 600,
            _ => 1232,
        }
    }
}

/// What the kernel must do.
#[derive(Clone, Debug)]
pub enum Expected {
    /// XDP_TX with this reply, which userspace gives too.
    Reply(Reply),
    /// XDP_TX with this reply, because the prefix is over its rate; userspace knows no rates.
    Slip(Reply),
    /// XDP_DROP, because the prefix is over its rate.
    Drop,
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

/// When most cases are: that of RFC 9018, Appendix A.1.
pub const NOW: u32 = 1_559_731_985;

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
    /// The time, seconds since 1970.
    pub now: u32,
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
            code: 0,
            records: records.to_vec(),
            authority: None,
            truncated: false,
            opt,
            options: Vec::new(),
        });
        Self::of(what, datagram(client, &query.octets()), expected)
    }

    /// A query for a type that the name does not have.
    pub fn nodata(what: impl Into<String>, client: IpAddr, query: &Query, zone: Zone) -> Self {
        Self::answered(what, client, query, &[]).edit_reply(|reply| reply.authority = Some(zone))
    }

    /// A query for a name that does not exist.
    pub fn nxdomain(what: impl Into<String>, client: IpAddr, query: &Query, zone: Zone) -> Self {
        Self::nodata(what, client, query, zone).edit_reply(|reply| reply.code = NXDOMAIN)
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
            now: NOW,
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

    /// At another time.
    pub fn at(mut self, now: u32) -> Self {
        self.now = now;
        self
    }

    /// With these options in the reply, headers included.
    pub fn with_options(self, options: &[Vec<u8>]) -> Self {
        let options = options.concat();
        self.edit_reply(|reply| reply.options = options)
    }

    /// Answered with TC instead, since the prefix is over its rate.
    pub fn slipped(mut self) -> Self {
        if let Expected::Reply(reply) = self.expected {
            self.expected = Expected::Slip(Reply {
                code: 0,
                records: Vec::new(),
                authority: None,
                truncated: true,
                ..reply
            });
        }
        self
    }

    /// Not answered, since the prefix is over its rate.
    pub fn dropped(mut self) -> Self {
        self.expected = Expected::Drop;
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
            Expected::Reply(reply) | Expected::Slip(reply) => change(reply),
            Expected::Pass(..) | Expected::Drop => panic!("{}: it has no reply", self.what),
        }
        self
    }
}

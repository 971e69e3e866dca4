//! What the XDP program counts: one counter for every way a frame can leave it.

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident $variant:ident,)+) => {
        /// Which counter; its number is the field's position in [`Counters`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Counter {
            $($(#[$doc])* $variant,)+
        }

        impl Counter {
            /// Every counter with its name.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, stringify!($field)),)+];

            /// The counter with this number.
            #[inline(always)]
            pub const fn numbered(number: u32) -> Option<Self> {
                if number >= Self::ALL.len() as u32 {
                    return None;
                }
                // SAFETY: repr(u32) with a variant for each number below.
                Some(unsafe { core::mem::transmute::<u32, Self>(number) })
            }
        }

        /// The value of the map `COUNTERS`, one a CPU; frames since the maps were made.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $field: u64,)+
        }

        impl Counters {
            /// One counter's value.
            pub const fn value(&self, counter: Counter) -> u64 {
                match counter {
                    $(Counter::$variant => self.$field,)+
                }
            }
        }
    };
}

counters! {
    /// Replied with an answer.
    reply_answer ReplyAnswer,
    /// Replied that the name has no record of the type (NODATA).
    reply_nodata ReplyNodata,
    /// Replied that the name does not exist (NXDOMAIN).
    reply_nxdomain ReplyNxdomain,
    /// Replied with TC=1, the answer being too large.
    reply_truncated ReplyTruncated,
    /// Replied with TC=1 instead of the answer: the source's prefix is over its rate.
    limited_slip LimitedSlip,
    /// Dropped: the source's prefix is over its rate.
    limited_drop LimitedDrop,
    /// Passed: neither IPv4 nor IPv6, or behind more than two VLAN tags.
    pass_not_ip PassNotIp,
    /// Passed: not to this interface's own unicast address.
    pass_wrong_mac PassWrongMac,
    /// Passed: IPv4 options, or an IPv6 extension header.
    pass_ip_options PassIpOptions,
    /// Passed: a fragment.
    pass_fragment PassFragment,
    /// Passed: not UDP.
    pass_not_udp PassNotUdp,
    /// Passed: lengths that do not fit each other.
    pass_bad_length PassBadLength,
    /// Passed: a bad IPv4 header checksum, or IPv6 without a UDP checksum (RFC 8200 §8.1). A UDP
    /// checksum that is there is not verified: with offloading it may be only half done.
    pass_bad_checksum PassBadChecksum,
    /// Passed: not to the configured port.
    pass_wrong_port PassWrongPort,
    /// Passed: not to an address of `server.listen`.
    pass_wrong_address PassWrongAddress,
    /// Passed: a source that cannot be answered (multicast, loopback, unspecified, port 0).
    pass_bad_source PassBadSource,
    /// Passed: a reply, another opcode, or a truncated query.
    pass_not_query PassNotQuery,
    /// Passed: not exactly one question, or records where a query has none.
    pass_sections PassSections,
    /// Passed: a name that does not end inside the message.
    pass_bad_name PassBadName,
    /// Passed: a class other than IN.
    pass_class PassClass,
    /// Passed: an OPT that is malformed or not of version 0.
    pass_bad_opt PassBadOpt,
    /// Passed: an EDNS option that the kernel does not serve (NSID, say), a malformed one, or too many.
    pass_edns_option PassEdnsOption,
    /// Passed: a name in no zone of the maps.
    pass_no_zone PassNoZone,
    /// Passed: a name or type that only userspace knows.
    pass_userspace PassUserspace,
    /// Passed: the maps do not hold a first answer yet.
    pass_not_ready PassNotReady,
    /// Passed: the daemon's heartbeat is older than `stale_after`.
    pass_stale PassStale,
    /// Passed: the driver had no room for the reply.
    pass_no_room PassNoRoom,
    /// Dropped: a write failed after the frame had been resized. Never seen; named so that it would be.
    drop_broken DropBroken,
}

const _: () = assert!(size_of::<Counters>() == Counter::ALL.len() * 8);

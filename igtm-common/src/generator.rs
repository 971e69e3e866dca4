//! What the benchmark's generator of live frames and its program in the kernel agree on. Read by
//! nothing else.

/// How many queries a run is drawn from; a power of two.
pub const TEMPLATES: usize = 256;
/// Octets of the longest query's frame.
pub const TEMPLATE_OCTETS: usize = 120;
/// Octets of the frame that each run begins with: longer than any query, since the kernel takes a
/// recycled frame's new length from the context only when the program has changed it there.
pub const FRAME_OCTETS: usize = 128;
/// First octet of every IPv4 source: replies to it are counted and dropped, others passed.
pub const SOURCE_NET: u8 = 20;

/// A query's frame, Ethernet to the last octet, without what each run fills in: source address,
/// source port and id are zero, and so are both checksums.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Octets of the frame, at most [`TEMPLATE_OCTETS`].
    pub len: u32,
    /// Sum of the IPv4 header's words, not folded.
    pub ip_sum: u32,
    /// Sum of the words of pseudo header, UDP header and message, not folded.
    pub udp_sum: u32,
    /// Explicit padding.
    pub pad: u32,
    /// The frame, then zeros.
    pub octets: [u8; TEMPLATE_OCTETS],
}

/// What to send, and how fast.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Frames a nanosecond, 32.32 fixed point; 0: as fast as it goes.
    pub rate: u64,
    /// Where frames go out.
    pub ifindex: u32,
    /// Sources are drawn from so many addresses from [`SOURCE_NET`].0.0.0 on; at most 2²⁴.
    pub sources: u32,
}

/// Of one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// State of the random numbers; never 0.
    pub random: u64,
    /// Frames of the schedule that are behind us: sent, or forgiven.
    pub scheduled: u64,
    /// Frames of the schedule that may be sent now.
    pub due: u64,
    /// Frames handed to the interface.
    pub sent: u64,
    /// When the schedule began, `CLOCK_MONOTONIC` nanoseconds.
    pub first_ns: u64,
    /// When the clock was last read.
    pub last_ns: u64,
}

/// What came back, on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// NOERROR with an answer.
    pub answered: u64,
    /// Every other reply.
    pub other: u64,
}

// SAFETY: repr(C) of integers without padding, valid for any octets.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Template {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Plan {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Progress {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Replies {}

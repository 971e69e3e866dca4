//! What a measurement of the XDP program puts back before each run. Read by nothing else.

/// How many saved queries a run is drawn from.
pub const QUERIES: usize = 1024;

/// Octets of the longest.
pub const QUERY_OCTETS: usize = 252;

/// A whole frame as it came from a client.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Octets of the frame.
    pub len: u32,
    /// The frame, then zeros.
    pub octets: [u8; QUERY_OCTETS],
}

// SAFETY: repr(C) of integers without padding, valid for any octets.
#[cfg(feature = "user")]
unsafe impl aya::Pod for SavedQuery {}

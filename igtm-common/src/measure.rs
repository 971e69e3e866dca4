//! What a measurement of the XDP program puts back before each run. Read by nothing else.

/// Octets of the longest saved query.
pub const QUERY_OCTETS: usize = 124;

/// A whole frame as it came from a client: two cache lines.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Octets of the frame.
    pub len: u32,
    /// The frame, then zeros.
    pub octets: [u8; QUERY_OCTETS],
}

/// Loads of one run round the circle.
pub const CIRCLE_STEPS: u32 = 16;

/// One cache line that says which one comes next.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its position.
    pub next: u32,
    /// To a whole line.
    pub pad: [u32; 15],
}

// SAFETY: repr(C) of integers without padding, valid for any octets.
#[cfg(feature = "user")]
unsafe impl aya::Pod for SavedQuery {}
// SAFETY: as above.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Cell {}

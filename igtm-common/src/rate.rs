//! placeholder, replaced by branch edns
/// Bucket.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Bucket {
    /// Tag.
    pub tag: u32,
    /// Count.
    pub limited: u32,
    /// Due.
    pub due_ns: u64,
}

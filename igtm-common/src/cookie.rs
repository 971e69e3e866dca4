//! placeholder, replaced by branch edns
/// Key.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Secret(pub [u64; 2]);
/// Keys.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Secrets {
    /// Now.
    pub current: Secret,
    /// Before.
    pub previous: Secret,
}

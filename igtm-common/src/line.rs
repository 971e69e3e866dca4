//! placeholder, replaced by branch lines
/// An address, left-aligned: IPv4 in the upper 32 bits of `high`, numbers in host order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Upper half.
    pub high: u64,
    /// Lower half.
    pub low: u64,
}
/// Entries of one unit.
pub const UNIT: usize = 16;
/// A unit.
pub type Unit = [u32; UNIT];
/// An entry.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(pub u32);
/// None.
pub const NO_SLOT: u16 = u16::MAX;
/// A leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Slot.
    pub slot: u16,
    /// Scope.
    pub scope: u8,
}
/// Finds.
#[inline(always)]
pub fn look_up<'a>(root: Entry, mut address: Address, unit: impl Fn(u32) -> Option<&'a Unit>) -> Option<Place> {
    let mut entry = root.0;
    for _ in 0..33 {
        let kind = entry >> 30;
        if kind == 0 {
            return Some(Place { slot: (entry & 0xffff) as u16, scope: (entry >> 16) as u8 });
        }
        let stride = 2 << kind;
        let chunk = (address.high >> (64 - stride)) as u32;
        address.high = (address.high << stride) | (address.low >> (64 - stride));
        address.low <<= stride;
        let found = unit((entry & 0x3fff_ffff) + (chunk >> 4))?;
        entry = found[(chunk & 15) as usize];
    }
    None
}

//! Client address → slot of the line it is on, and the client-subnet scope of that answer.
//!
//! A multi-bit tree, one for IPv4 and IPv6: each node takes 4, 8 or 16 bits off the top of the
//! address, so a lookup costs about the same at ten prefixes and at a million. The kernel and
//! userspace both call [`look_up`]; the trees are made by [`build`]. Nothing here may panic,
//! recurse or run longer than an address is long: the BPF verifier reads the lookup.
//!
//! ```text
//! entry   kind 2 | 6 zero bits | scope 8 | slot 16        kind 0: a leaf
//!         kind 2 | first unit 30                          kind 1, 2, 3: a node of 4, 8, 16 bits
//! node    2^stride entries, entry c in unit first + c / 16, at position c % 16
//! ```

#[cfg(any(test, feature = "user"))]
extern crate alloc;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(any(test, feature = "user"))]
pub mod build;
#[cfg(any(test, feature = "user"))]
mod index;
#[cfg(test)]
mod tests;

/// Entries in one unit: 64 octets, a cache line.
pub const UNIT: usize = 16;

/// What a tree's nodes are made of: the value of a map.
pub type Unit = [u32; UNIT];

/// Slot of a leaf whose addresses are on none of the lines that count.
pub const NO_SLOT: u16 = u16::MAX;

/// Units that an [`Entry`] can number.
pub const UNITS_LIMIT: usize = 1 << FIRST_BITS;

/// Bits of an entry that hold a node's first unit.
const FIRST_BITS: u32 = 30;

/// Steps after which the longest address is used up: 128 bits by 4.
const STEPS: u32 = 32;

/// An address, left-aligned: IPv4 in the upper 32 bits of `high`, numbers in host order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The first 64 bits.
    pub high: u64,
    /// The last 64 bits; zero for IPv4.
    pub low: u64,
}

impl Address {
    /// An IPv4 address, host order.
    #[inline(always)]
    pub const fn v4(bits: u32) -> Self {
        Self {
            high: (bits as u64) << 32,
            low: 0,
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::v4(address.to_bits())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(address: Ipv6Addr) -> Self {
        let [a, b, c, d, e, f, g, h] = address.segments();
        let word = |parts: [u16; 4]| parts.iter().fold(0, |word, part| word << 16 | *part as u64);
        Self {
            high: word([a, b, c, d]),
            low: word([e, f, g, h]),
        }
    }
}

/// IPv4-mapped IPv6 is IPv6 like any other.
impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line's position among those that count, or [`NO_SLOT`].
    pub slot: u16,
    /// Length of the shortest prefix around the address that is all in this slot, bits of the
    /// family's own width: the scope of RFC 7871, section 7.2.1.
    pub scope: u8,
}

/// One position of a node, or a tree's root: a leaf, or the node that goes on.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry(pub u32);

impl Entry {
    /// The end of a lookup.
    #[inline(always)]
    pub const fn leaf(place: Place) -> Self {
        Self((place.scope as u32) << 16 | place.slot as u32)
    }

    /// Bits that the node takes off the address: 4, 8 or 16; none of a leaf.
    #[inline(always)]
    pub const fn stride(self) -> Option<u32> {
        match self.0 >> FIRST_BITS {
            0 => None,
            kind => Some(2 << kind),
        }
    }

    /// Of a node: its first unit. Without meaning for a leaf.
    #[inline(always)]
    pub const fn first(self) -> u32 {
        self.0 & (UNITS_LIMIT as u32 - 1)
    }

    /// Of a leaf: what it says. Without meaning for a node.
    #[inline(always)]
    pub const fn place(self) -> Place {
        Place {
            slot: self.0 as u16,
            scope: (self.0 >> 16) as u8,
        }
    }
}

/// Follows `address` down from `root`. `unit` is the store; `None` only when the table is broken:
/// a unit is missing, or the tree goes on where the address has ended.
#[inline(always)]
pub fn look_up<'a>(
    root: Entry,
    address: Address,
    unit: impl Fn(u32) -> Option<&'a Unit>,
) -> Option<Place> {
    let Address { mut high, mut low } = address;
    let mut entry = root;
    // The last step finds the leaf behind a tree of the full depth.
    for _ in 0..=STEPS {
        let Some(stride) = entry.stride() else {
            return Some(entry.place());
        };
        let rest = 64 - stride;
        let chunk = (high >> rest) as u32;
        high = high << stride | low >> rest;
        low <<= stride;
        let unit = unit(entry.first().wrapping_add(chunk >> 4))?;
        entry = Entry(unit[(chunk & 15) as usize]);
    }
    None
}

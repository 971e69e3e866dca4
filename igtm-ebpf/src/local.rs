//! What is this host's own: the interfaces' addresses and those that are answered.
//!
//! Both maps are arrays whose places the daemon has chosen so that one look finds what is there.

use igtm_common::layout::{self, Settings};

use crate::maps;

/// Whether a frame to `destination` came in by the interface whose address that is.
#[inline(always)]
pub(crate) fn is_own_mac(settings: &Settings, index: u32, destination: [u16; 3]) -> bool {
    let slot = layout::interface_slot(settings.interface_seed, index);
    let Some(interface) = maps::INTERFACES.get(slot) else {
        return false;
    };
    let mac = interface.mac;
    let own = |at: usize| u16::from_ne_bytes([mac[at], mac[at + 1]]);
    let [a, b, c] = destination;
    interface.index == index && (a, b, c) == (own(0), own(2), own(4))
}

/// Whether queries to this address, in memory order, are answered.
#[inline(always)]
pub(crate) fn is_answered(settings: &Settings, address: [u64; 2]) -> bool {
    let bucket = layout::listen_bucket(settings.listen_seed, address[0], address[1]);
    let Some(listen) = maps::LISTEN.get(bucket) else {
        return false;
    };
    listen.addresses.iter().any(|answered| {
        // SAFETY: sixteen octets are two words; LISTEN's values are aligned to eight.
        let answered = unsafe { answered.as_ptr().cast::<[u64; 2]>().read() };
        answered == address
    })
}

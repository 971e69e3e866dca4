//! What is this host's own: the addresses that are answered and the interfaces' MACs.
//!
//! Read again with every heartbeat, so a wildcard `listen` follows the host. While LISTEN or
//! INTERFACES is laid out anew, a frame that does not find itself there is passed up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use igtm_common::layout::{
    INTERFACE_SLOTS, INTERFACES, Interface, LISTEN, LISTEN_BUCKETS, Listen, interface_slot,
    listen_bucket, text,
};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

use super::error::wrong;
use super::{DataplaneError, Writer};
use crate::config::model::Server;
use crate::snapshot::CapacityError;

/// What LISTEN and INTERFACES hold.
#[derive(Default)]
pub struct Local {
    listen: Option<BTreeSet<[u8; 16]>>,
    interfaces: Option<BTreeMap<u32, Interface>>,
}

impl Local {
    /// Brings both maps up to date.
    pub fn refresh(&mut self, writer: &mut Writer, server: &Server) -> Result<(), DataplaneError> {
        let host = host()?;
        let answered = server.answered(&host.addresses);
        self.set_listen(writer, answered.into_iter().map(octets).collect())?;
        let interfaces = server.interfaces.iter().filter_map(|name| {
            let index = if_nametoindex(name.as_str()).ok()?;
            let mac = *host.macs.get(name)?;
            Some(interface(index, mac, name))
        });
        self.set_interfaces(writer, interfaces.collect())
    }

    fn set_listen(
        &mut self,
        writer: &mut Writer,
        wanted: BTreeSet<[u8; 16]>,
    ) -> Result<(), DataplaneError> {
        if self.listen.as_ref() == Some(&wanted) {
            return Ok(());
        }
        capacity("addresses to listen on", wanted.len(), LISTEN)?;
        let (seed, buckets) = lay_out_listen(writer.settings().listen_seed, &wanted);
        for (bucket, at) in buckets.iter().zip(0..) {
            let listen = &mut writer.maps_mut().listen;
            listen.set(at, *bucket, 0).map_err(wrong("LISTEN"))?;
        }
        writer.change_settings(|settings| settings.listen_seed = seed)?;
        self.listen = Some(wanted);
        Ok(())
    }

    /// Makes INTERFACES hold these; for tests, whose frames come in by no interface of their own.
    pub fn set_interfaces(
        &mut self,
        writer: &mut Writer,
        wanted: Vec<Interface>,
    ) -> Result<(), DataplaneError> {
        let wanted: BTreeMap<u32, Interface> = wanted
            .into_iter()
            .map(|interface| (interface.index, interface))
            .collect();
        if self.interfaces.as_ref() == Some(&wanted) {
            return Ok(());
        }
        capacity("interfaces", wanted.len(), INTERFACES)?;
        let (seed, slots) = lay_out_interfaces(writer.settings().interface_seed, &wanted);
        for (interface, at) in slots.iter().zip(0..) {
            let interfaces = &mut writer.maps_mut().interfaces;
            interfaces
                .set(at, *interface, 0)
                .map_err(wrong("INTERFACES"))?;
        }
        writer.change_settings(|settings| settings.interface_seed = seed)?;
        self.interfaces = Some(wanted);
        Ok(())
    }
}

/// An element of INTERFACES.
pub fn interface(index: u32, mac: [u8; 6], name: &str) -> Interface {
    Interface {
        index,
        mac,
        pad: [0; 2],
        name: text(name),
    }
}

fn capacity(what: &'static str, needed: usize, most: usize) -> Result<(), CapacityError> {
    if needed > most {
        return Err(CapacityError { what, needed, most });
    }
    Ok(())
}

/// A seed by which every address finds room, `seed` itself when it will do, and the buckets.
/// With the most addresses there can be, every third seed does.
fn lay_out_listen(seed: u64, addresses: &BTreeSet<[u8; 16]>) -> (u64, Vec<Listen>) {
    seeds(seed, rand::random)
        .find_map(|seed| Some((seed, listen_by(seed, addresses)?)))
        .expect("seeds do not end")
}

fn listen_by(seed: u64, addresses: &BTreeSet<[u8; 16]>) -> Option<Vec<Listen>> {
    let mut buckets = vec![Listen::default(); LISTEN_BUCKETS as usize];
    for address in addresses {
        let (high, low) = address.split_at(8);
        let word = |octets: &[u8]| u64::from_ne_bytes(octets.try_into().expect("eight octets"));
        let bucket = &mut buckets[listen_bucket(seed, word(high), word(low)) as usize];
        // An address of zeros is never answered, so it marks what is free.
        let free = bucket.addresses.iter_mut().find(|one| **one == [0; 16])?;
        *free = *address;
    }
    Some(buckets)
}

fn lay_out_interfaces(seed: u32, interfaces: &BTreeMap<u32, Interface>) -> (u32, Vec<Interface>) {
    seeds(seed, rand::random)
        .find_map(|seed| Some((seed, interfaces_by(seed, interfaces)?)))
        .expect("seeds do not end")
}

fn interfaces_by(seed: u32, interfaces: &BTreeMap<u32, Interface>) -> Option<Vec<Interface>> {
    let mut slots = vec![Interface::default(); INTERFACE_SLOTS as usize];
    for (index, interface) in interfaces {
        let slot = &mut slots[interface_slot(seed, *index) as usize];
        if slot.index != 0 {
            return None;
        }
        *slot = *interface;
    }
    Some(slots)
}

/// The present seed, unless it is that of fresh maps, and then random odd ones.
fn seeds<T>(present: T, random: impl Fn() -> T) -> impl Iterator<Item = T>
where
    T: Copy + PartialEq + Default + std::ops::BitOr<Output = T> + From<u8>,
{
    let present = Some(present).filter(|seed| *seed != T::default());
    present
        .into_iter()
        .chain(std::iter::repeat_with(move || random() | T::from(1)))
}

struct Host {
    addresses: Vec<IpAddr>,
    macs: BTreeMap<String, [u8; 6]>,
}

fn host() -> Result<Host, DataplaneError> {
    let mut host = Host {
        addresses: Vec::new(),
        macs: BTreeMap::new(),
    };
    let interfaces = getifaddrs().map_err(|error| DataplaneError::Addresses {
        error: error.to_string(),
    })?;
    for interface in interfaces {
        let Some(address) = interface.address else {
            continue;
        };
        if let Some(v4) = address.as_sockaddr_in() {
            host.addresses.push(v4.ip().into());
        } else if let Some(v6) = address.as_sockaddr_in6() {
            host.addresses.push(v6.ip().into());
        } else if let Some(mac) = address.as_link_addr().and_then(|link| link.addr()) {
            host.macs.insert(interface.interface_name, mac);
        }
    }
    Ok(host)
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_finds_room() {
        for count in [0, 1, 64, LISTEN] {
            let addresses: BTreeSet<[u8; 16]> = (0..count as u32)
                .map(|at| octets(IpAddr::V4((0xc633_6400 + at).into())))
                .collect();
            let (seed, buckets) = lay_out_listen(0, &addresses);
            let laid = buckets.iter().flat_map(|bucket| bucket.addresses);
            let laid: BTreeSet<_> = laid.filter(|one| *one != [0; 16]).collect();
            assert_eq!(laid, addresses);
            // What fits is left as it is.
            assert_eq!(lay_out_listen(seed, &addresses).0, seed);
        }
    }

    #[test]
    fn no_two_interfaces_meet() {
        let interfaces: BTreeMap<u32, Interface> = (1..=INTERFACES as u32)
            .map(|index| (index * 16, interface(index * 16, [2; 6], "eth")))
            .collect();
        let (seed, slots) = lay_out_interfaces(0, &interfaces);
        for (index, interface) in &interfaces {
            assert_eq!(slots[interface_slot(seed, *index) as usize], *interface);
        }
    }
}

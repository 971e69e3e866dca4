//! What is this host's own: the addresses that are answered and the interfaces' MACs.
//!
//! Read again with every heartbeat, so a wildcard `listen` follows the host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use igtm_common::layout::{self, Interface, ListenKey, text};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

use super::DataplaneError;
use super::error::wrong;
use super::maps::Maps;
use crate::config::model::Server;
use crate::snapshot::CapacityError;

/// What LISTEN and INTERFACES hold.
#[derive(Default)]
pub struct Local {
    listen: Option<BTreeSet<[u8; 16]>>,
    interfaces: Option<BTreeMap<u32, ([u8; 6], String)>>,
}

impl Local {
    /// Brings both maps up to date.
    pub fn refresh(&mut self, maps: &mut Maps, server: &Server) -> Result<(), DataplaneError> {
        let host = host()?;
        let answered = server.answered(&host.addresses);
        self.refresh_listen(maps, answered.into_iter().map(octets).collect())?;
        let interfaces = server
            .interfaces
            .iter()
            .filter_map(|name| {
                let index = if_nametoindex(name.as_str()).ok()?;
                Some((index, (*host.macs.get(name)?, name.clone())))
            })
            .collect();
        self.refresh_interfaces(maps, interfaces)
    }

    fn refresh_listen(
        &mut self,
        maps: &mut Maps,
        wanted: BTreeSet<[u8; 16]>,
    ) -> Result<(), DataplaneError> {
        if self.listen.as_ref() == Some(&wanted) {
            return Ok(());
        }
        if wanted.len() > layout::LISTEN {
            return Err(CapacityError {
                what: "addresses to listen on",
                needed: wanted.len(),
                most: layout::LISTEN,
            }
            .into());
        }
        for address in &wanted {
            let key = ListenKey { address: *address };
            maps.listen.insert(key, 1, 0).map_err(wrong("LISTEN"))?;
        }
        let present: Vec<ListenKey> = maps.listen.keys().filter_map(Result::ok).collect();
        for key in present {
            if !wanted.contains(&key.address) {
                maps.listen.remove(&key).map_err(wrong("LISTEN"))?;
            }
        }
        self.listen = Some(wanted);
        Ok(())
    }

    fn refresh_interfaces(
        &mut self,
        maps: &mut Maps,
        wanted: BTreeMap<u32, ([u8; 6], String)>,
    ) -> Result<(), DataplaneError> {
        if self.interfaces.as_ref() == Some(&wanted) {
            return Ok(());
        }
        for (index, (mac, name)) in &wanted {
            let interface = Interface {
                mac: *mac,
                pad: [0; 2],
                name: text(name),
            };
            maps.interfaces
                .insert(index, interface, 0)
                .map_err(wrong("INTERFACES"))?;
        }
        let present: Vec<u32> = maps.interfaces.keys().filter_map(Result::ok).collect();
        for index in present {
            if !wanted.contains_key(&index) {
                maps.interfaces
                    .remove(&index)
                    .map_err(wrong("INTERFACES"))?;
            }
        }
        self.interfaces = Some(wanted);
        Ok(())
    }
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

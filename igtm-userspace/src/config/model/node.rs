//! `[[node]]`: from where addresses are probed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Address, Monitor, NodeId};

/// A vantage point on this host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Unique, and no group's.
    pub name: String,
    /// isp, bgp, overseas, ipv6 or a name of the user's.
    pub group: Option<String>,
    /// What IPv4 probes are sent from; `None`: as routing says.
    pub source_v4: Option<Ipv4Addr>,
    /// As `source_v4`, of IPv6.
    pub source_v6: Option<Ipv6Addr>,
    /// What every probe leaves by (SO_BINDTODEVICE); `None`: as routing says.
    pub interface: Option<String>,
}

impl Node {
    /// The name of the node that always exists.
    pub const LOCAL: &'static str = "local";

    /// This host as routing says.
    pub fn local() -> Self {
        Self {
            name: Self::LOCAL.to_owned(),
            group: None,
            source_v4: None,
            source_v6: None,
            interface: None,
        }
    }

    /// Whether it can send to `ip` at all: with a source of one family only, the other is out of
    /// its reach.
    pub fn reaches(&self, ip: IpAddr) -> bool {
        self.reaches_family(ip.is_ipv6())
    }

    /// As [`Node::reaches`], for a family.
    pub fn reaches_family(&self, ipv6: bool) -> bool {
        let (own, other) = if ipv6 {
            (self.source_v6.is_some(), self.source_v4.is_some())
        } else {
            (self.source_v4.is_some(), self.source_v6.is_some())
        };
        own || !other
    }

    /// Whether it may have something to say of `address`. Which families a domain has is known
    /// only when it is resolved.
    pub fn may_probe(&self, address: &Address) -> bool {
        match address {
            Address::Ip(ip) => self.reaches(*ip),
            Address::Domain(_) => true,
        }
    }

    /// What it sends from to `ip`.
    pub fn source(&self, ip: IpAddr) -> Option<IpAddr> {
        if ip.is_ipv6() {
            self.source_v6.map(IpAddr::V6)
        } else {
            self.source_v4.map(IpAddr::V4)
        }
    }
}

impl Monitor {
    /// The nodes that have a say about `address`.
    pub fn nodes_of<'a>(
        &'a self,
        nodes: &'a [Node],
        address: &'a Address,
    ) -> impl Iterator<Item = NodeId> + 'a {
        let own = self.nodes.iter().copied();
        own.filter(|id| nodes[id.0].may_probe(address))
    }
}

//! `[server]` and `[[zone]]`: the daemon itself, and what it is authoritative for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;
use ipnet::IpNet;

use super::Records;

/// TTL of SOA and NS of a zone whose file does not have them, seconds.
pub const APEX_TTL: u32 = 3600;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// This host's name in events and logs.
    pub node: String,
    /// Addresses answered; an unspecified one means all of the host's of that family.
    pub listen: Vec<IpAddr>,
    /// UDP and TCP port.
    pub port: u16,
    /// Interfaces XDP attaches to; empty: userspace only.
    pub interfaces: Vec<String>,
    /// How XDP attaches.
    pub xdp: XdpMode,
    /// What was observed lives here.
    pub state_dir: PathBuf,
    /// The directory on a bpffs under which `v{ABI}/` holds the pins.
    pub bpffs: PathBuf,
    /// Largest UDP reply, octets.
    pub udp_size: u16,
    /// Whether EDNS client subnet chooses the line.
    pub ecs: bool,
    /// What is told of this server to who asks.
    pub says: Says,
    /// How long the first answer waits for the first round.
    pub start_wait: Duration,
    /// How long the kernel answers without a daemon; zero: for ever.
    pub stale_after: Duration,
}

impl Server {
    /// The addresses that are answered, by kernel and userspace alike, on a host that has
    /// `host`: an unspecified one of `listen` stands for all of its family, without IPv6
    /// link-local ones, which mean nothing without their interface (RFC 4007 §6).
    pub fn answered(&self, host: &[IpAddr]) -> BTreeSet<IpAddr> {
        let mut answered = BTreeSet::new();
        for listen in &self.listen {
            if listen.is_unspecified() {
                let family = host.iter().filter(|own| own.is_ipv4() == listen.is_ipv4());
                answered.extend(family.filter(|own| !is_link_local(own)));
            } else {
                answered.insert(*listen);
            }
        }
        answered
    }
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// What this server says of itself in DNS; where it is empty, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// The identifier in an OPT that asks for it (RFC 5001).
    pub nsid: String,
    /// `id.server` and `hostname.bind`, class CH (RFC 4892).
    pub identity: String,
    /// `version.server` and `version.bind`, class CH.
    pub version: String,
}

/// `server.xdp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// Native, else generic, else userspace only.
    Auto,
    /// In the driver, or fail.
    Native,
    /// In the stack, or fail.
    Generic,
    /// Userspace only.
    Off,
}

/// `[[zone]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Apex, lower case, fully qualified.
    pub origin: Name,
    /// Name servers, lower case, fully qualified, never empty.
    pub ns: Vec<Name>,
    /// SOA RNAME, as a domain name.
    pub contact: Name,
    /// The lowest TTL of an instance's answer.
    pub min_ttl: Duration,
    /// The TTL of negative answers.
    pub negative_ttl: Duration,
    /// Who may have the whole zone (RFC 5936).
    pub transfer: Vec<IpNet>,
    /// What else its SOA says.
    pub soa: Soa,
    /// Its static records, the NS of the apex among them.
    pub records: Arc<Records>,
}

/// What an SOA says besides contact and serial (RFC 1035 §3.3.13); times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// MNAME.
    pub primary: Name,
    /// REFRESH.
    pub refresh: u32,
    /// RETRY.
    pub retry: u32,
    /// EXPIRE.
    pub expire: u32,
    /// MINIMUM.
    pub minimum: u32,
    /// TTL of the record itself; in negative answers it is the zone's `negative_ttl`.
    pub ttl: u32,
}

impl Soa {
    /// That of a zone whose file has none: timers for secondaries as RIPE-203 advises.
    pub fn of(primary: Name, minimum: u32) -> Self {
        Self {
            primary,
            refresh: 86_400,
            retry: 7_200,
            expire: 3_600_000,
            minimum,
            ttl: APEX_TTL,
        }
    }
}

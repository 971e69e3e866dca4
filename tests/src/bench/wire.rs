//! One veth pair between two namespaces: a client's end and a server's end, receiving on a CPU each.
//!
//! Made anew for each server, so that nothing that one leaves behind (knotd 3.2.6 leaves its XDP
//! program attached) meets the next.

use std::net::Ipv4Addr;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cpu::{self, Priority};
use super::query::{CLIENT_MAC, SERVER_MAC};
use crate::netns::{self, Netns};
use crate::wait;

/// Where servers answer.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 53);
/// The client's own address; generated queries come from elsewhere behind it.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// How long a kernel thread may take to appear.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pair and its namespaces, deleted on drop.
#[derive(Debug)]
pub struct Wire {
    client: Netns,
    server: Netns,
}

impl Wire {
    /// Makes and connects both ends.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("igtm-{}-bench-{number}", process::id());
        let wire = Self {
            client: Netns::create(&format!("{prefix}-client"))?,
            server: Netns::create(&format!("{prefix}-server"))?,
        };
        wire.connect()?;
        Ok(wire)
    }

    /// The generator's side.
    pub fn client(&self) -> &Netns {
        &self.client
    }

    /// The servers' side.
    pub fn server(&self) -> &Netns {
        &self.server
    }

    /// The client's interface. Unique on this host, for its kernel thread is named after it.
    pub fn client_interface() -> String {
        format!("igc{}", process::id())
    }

    /// The server's interface.
    pub fn server_interface() -> String {
        format!("igs{}", process::id())
    }

    fn connect(&self) -> Result<()> {
        let (client, server) = (Self::client_interface(), Self::server_interface());
        for netns in [&self.client, &self.server] {
            netns.sysctl("ipv6/conf/default/disable_ipv6", "1")?;
        }
        netns::ip_batch(
            &[],
            &format!(
                "link add {client} netns {} numrxqueues 1 numtxqueues 1 address {} type veth \
                 peer name {server} netns {} numrxqueues 1 numtxqueues 1 address {}\n",
                self.client.name(),
                mac(CLIENT_MAC),
                self.server.name(),
                mac(SERVER_MAC),
            ),
        )?;
        self.client.ip_batch(&format!(
            "link set {client} up\naddr add {CLIENT}/24 dev {client}\n\
             neigh replace {SERVER} lladdr {} dev {client}\n",
            mac(SERVER_MAC)
        ))?;
        self.server.ip_batch(&format!(
            "link set {server} up\naddr add {SERVER}/24 dev {server}\n\
             neigh replace {CLIENT} lladdr {} dev {server}\n\
             route add default via {CLIENT}\n",
            mac(CLIENT_MAC)
        ))?;
        // XDP sees the packet as it is: a checksum left to the hardware would be wrong.
        self.client.ethtool(&["-K", &client, "tx", "off"])?;
        self.server.ethtool(&["-K", &server, "tx", "off"])
    }

    /// Receives at the server's end by a kernel thread on the server's CPU, whose id is returned;
    /// an XDP program must be attached. The client's end receives where the reply is sent from: a
    /// thread there would have the server wake another CPU for every few replies.
    pub fn pin_server(&self) -> Result<u32> {
        let thread = receiver(&self.server, &Self::server_interface())?;
        cpu::pin(thread, cpu::SERVER, Priority::Urgent)?;
        Ok(thread)
    }
}

/// The one thread that receives for `interface`, from now on. A veth has no NAPI, threaded or
/// other, until an XDP program is attached.
fn receiver(netns: &Netns, interface: &str) -> Result<u32> {
    // /sys shows the network namespace that mounted it; `ip netns exec` mounts it anew.
    let path = format!("/sys/class/net/{interface}/threaded");
    netns::ip(&[
        "netns",
        "exec",
        netns.name(),
        "sh",
        "-c",
        "echo 1 > \"$0\"",
        &path,
    ])
    .context("threaded NAPI")?;
    wait::until("a thread for NAPI", PATIENCE, || {
        let threads = cpu::napi_threads(interface)?;
        ensure!(
            threads.len() < 2,
            "{} threads: one queue only",
            threads.len()
        );
        Ok(threads.first().copied())
    })
}

fn mac(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

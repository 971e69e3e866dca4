//! ICMP echo (RFC 792, RFC 4443) over one raw socket a family.
//!
//! Must not give two packets in flight the same number: replies are told apart by it.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use socket2::Type;
use surge_ping::{Client, Config, ICMP, PingIdentifier, PingSequence, SurgeError};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::failure::Failure;
use crate::config::model::Node;

/// Packets never follow one another more slowly: what a target is like now is asked, not what
/// it is like over hours.
const MAX_GAP: Duration = Duration::from_millis(200);

/// The timer's grain.
const MIN_GAP: Duration = Duration::from_millis(1);

/// As much as ping(8) sends.
const PAYLOAD: [u8; 56] = [0x69; 56];

/// The time from one packet to the next: half the interval is shared by all attempts of a round,
/// so that timeouts fit the other half.
pub(super) fn gap(interval: Duration, retries: u32, packets: u32) -> Duration {
    (interval / 2 / (1 + retries) / packets.max(1)).clamp(MIN_GAP, MAX_GAP)
}

/// What one attempt sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Salvo {
    /// How many.
    pub(super) packets: u32,
    /// It fails when lost / sent ≥ this, percent.
    pub(super) loss_percent: u8,
    /// From one to the next.
    pub(super) gap: Duration,
    /// Of each.
    pub(super) timeout: Duration,
}

/// The sockets of a node, opened when first needed.
pub(super) struct Echo {
    node: Arc<Node>,
    v4: Mutex<Option<Client>>,
    v6: Mutex<Option<Client>>,
    /// Identifier in the upper half, sequence number in the lower: no two packets within 2^32
    /// share both, and none within 2^16 share the sequence number, which is all there is on a
    /// datagram socket.
    number: AtomicU32,
}

impl Echo {
    /// Starts at a random number: replies to another run must not count.
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            v4: Mutex::new(None),
            v6: Mutex::new(None),
            number: AtomicU32::new(rand::random()),
        }
    }

    /// The client of `address`' family: a raw socket where this process may have one (CAP_NET_RAW),
    /// else a datagram one (net.ipv4.ping_group_range).
    fn client(&self, address: IpAddr) -> Result<Client, Failure> {
        let mut slot = self.slot(address);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let client = open(&self.node, address, Type::RAW)?;
        *slot = Some(client.clone());
        Ok(client)
    }

    /// Closes the socket of `address`' family: what it was bound to may be another now.
    fn forget(&self, address: IpAddr) {
        *self.slot(address) = None;
    }

    fn slot(&self, address: IpAddr) -> MutexGuard<'_, Option<Client>> {
        let slot = match address {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        slot.lock().expect("nobody panics while holding it")
    }

    fn next(&self) -> (PingIdentifier, PingSequence) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let [a, b, c, d] = number.to_be_bytes();
        let identifier = PingIdentifier(u16::from_be_bytes([a, b]));
        (identifier, PingSequence(u16::from_be_bytes([c, d])))
    }
}

/// A socket to `address`' family that sends as `node` does; `kind` is tried first.
fn open(node: &Node, address: IpAddr, kind: Type) -> Result<Client, Failure> {
    let family = match address {
        IpAddr::V4(_) => ICMP::V4,
        IpAddr::V6(_) => ICMP::V6,
    };
    let mut config = Config::builder().kind(family).sock_type_hint(kind);
    let source = node.source(address);
    if let Some(source) = source {
        config = config.bind((source, 0).into());
    }
    if let Some(interface) = &node.interface {
        config = config.interface(interface);
    }
    Client::new(&config.build()).map_err(|error| {
        if source.is_some() || node.interface.is_some() {
            Failure::origin(node, address, error)
        } else {
            Failure::NoIcmp(error)
        }
    })
}

/// Sends `salvo` to `address` and waits for the last reply or timeout.
pub(super) async fn attempt(echo: &Echo, address: IpAddr, salvo: Salvo) -> Result<(), Failure> {
    let client = echo.client(address)?;
    let mut packets = JoinSet::new();
    let mut pace = interval(salvo.gap);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..salvo.packets {
        pace.tick().await;
        let (identifier, sequence) = echo.next();
        let client = client.clone();
        packets.spawn(async move {
            let mut pinger = client.pinger(address, identifier).await;
            pinger.timeout(salvo.timeout);
            pinger.ping(sequence, &PAYLOAD).await.map(drop)
        });
    }
    let replies = packets.join_all().await;
    let lost = replies.iter().filter(|reply| reply.is_err()).count();
    let lost = u32::try_from(lost).unwrap_or(u32::MAX);
    if u64::from(lost) * 100 < u64::from(salvo.loss_percent) * u64::from(salvo.packets) {
        return Ok(());
    }
    let failure = Failure::Loss {
        lost,
        sent: salvo.packets,
        error: replies.into_iter().filter_map(unsent).next_back(),
    };
    if failure.is_local() {
        echo.forget(address);
    }
    Err(failure)
}

fn unsent(reply: Result<(), SurgeError>) -> Option<io::Error> {
    match reply {
        Err(SurgeError::IOError(error)) => Some(error),
        _ => None,
    }
}

impl std::fmt::Debug for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Echo")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

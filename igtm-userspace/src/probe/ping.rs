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
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn packets_are_spaced_over_at_most_half_the_interval() {
        let seconds = Duration::from_secs;
        // interval, retries, packets, gap in ms
        let table = [
            (seconds(60), 1, 20, 200),
            (seconds(15), 1, 20, 187),
            (seconds(15), 0, 100, 75),
            (seconds(15), 1, 100, 37),
            (seconds(1), 5, 100, 1),
            (seconds(86_400), 0, 1, 200),
        ];
        for (interval, retries, packets, expected_ms) in table {
            let gap = gap(interval, retries, packets);
            assert_eq!(gap.as_millis(), expected_ms, "{interval:?} {packets}");
            if gap > MIN_GAP {
                assert!(gap * packets * (1 + retries) <= interval / 2);
            }
        }
    }

    fn quick(loss_percent: u8) -> Salvo {
        Salvo {
            packets: 5,
            loss_percent,
            gap: Duration::from_millis(5),
            timeout: Duration::from_millis(300),
        }
    }

    /// `None`, saying so, where this user may not ping; root must be able to.
    fn echo() -> Option<Arc<Echo>> {
        let echo = Echo::new(Arc::new(Node::local()));
        if let Err(denied) = echo.client(IpAddr::from([127, 0, 0, 1])) {
            assert!(
                !nix::unistd::geteuid().is_root(),
                "root cannot ping: {denied}"
            );
            #[expect(clippy::print_stderr, reason = "a skip says why")]
            {
                eprintln!("skipped: {denied} (needs root or CAP_NET_RAW)");
            }
            return None;
        }
        Some(Arc::new(echo))
    }

    #[tokio::test]
    async fn loopback_replies_on_both_families() {
        let Some(echo) = echo() else { return };
        for address in ["127.0.0.1", "::1"] {
            let address = address.parse().expect("an address");
            // A single lost packet would fail it.
            attempt(&echo, address, quick(1)).await.expect("a reply");
        }
    }

    #[tokio::test]
    async fn many_at_once_do_not_take_each_others_replies() {
        let Some(echo) = echo() else { return };
        let mut salvos = JoinSet::new();
        for number in 0..40_u8 {
            let echo = Arc::clone(&echo);
            let address = IpAddr::from([127, 0, 0, number % 4 + 1]);
            salvos.spawn(async move { attempt(&echo, address, quick(1)).await });
        }
        for seen in salvos.join_all().await {
            seen.expect("every packet has its own reply");
        }
    }

    /// Work in a network namespace of its own, after `prepare`. A thread of its own too: with one
    /// test thread, libtest runs tests on the main one.
    fn in_a_namespace<T: Send + 'static>(
        prepare: fn(),
        work: impl AsyncFnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if !nix::unistd::geteuid().is_root() {
            #[expect(clippy::print_stderr, reason = "a skip says why")]
            {
                eprintln!("skipped: a network namespace needs root");
            }
            return None;
        }
        let there = std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root may");
            prepare();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(work())
        });
        Some(there.join().expect("it does not panic"))
    }

    /// Why 127.0.0.1 fails there.
    fn failing_in_a_namespace(prepare: fn()) -> Option<String> {
        let failure = in_a_namespace(prepare, async || {
            let echo = Echo::new(Arc::new(Node::local()));
            attempt(&echo, IpAddr::from([127, 0, 0, 1]), quick(100)).await
        })?;
        let failure = failure.expect_err("nobody replies here");
        assert!(!failure.is_local(), "{failure:?}");
        Some(failure.to_string())
    }

    fn loopback_up() {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.expect("iproute2 is installed").success());
    }

    #[test]
    fn nobody_replies() {
        let words = failing_in_a_namespace(|| {
            loopback_up();
            std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").expect("root may");
        });
        if let Some(words) = words {
            assert_eq!(words, "5 of 5 packets lost");
        }
    }

    #[test]
    fn no_way_there() {
        if let Some(words) = failing_in_a_namespace(|| {}) {
            assert_eq!(words, "5 of 5 packets lost (network unreachable)");
        }
    }

    #[test]
    fn without_cap_net_raw_a_datagram_socket_will_do() {
        let prepare = || {
            loopback_up();
            std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").expect("root may");
        };
        let replies = in_a_namespace(prepare, async || {
            let echo = Echo::new(Arc::new(Node::local()));
            let mut replies = Vec::new();
            for address in ["127.0.0.1", "::1"] {
                let address = address.parse().expect("an address");
                let client = open(&Node::local(), address, Type::DGRAM).expect("the group may");
                assert_eq!(client.get_socket().get_type(), Type::DGRAM);
                *echo.slot(address) = Some(client);
                replies.push(attempt(&echo, address, quick(1)).await);
            }
            replies
        });
        for reply in replies.into_iter().flatten() {
            reply.expect("a reply");
        }
    }

    #[test]
    fn loss_is_counted_over_the_packets_of_a_round() {
        // Half way through the round the kernel stops replying.
        let replies = in_a_namespace(loopback_up, async || {
            let address = IpAddr::from([127, 0, 0, 1]);
            let half = |loss_percent| Salvo {
                packets: 10,
                loss_percent,
                gap: Duration::from_millis(40),
                timeout: Duration::from_millis(300),
            };
            let mut seen = Vec::new();
            for loss_percent in [90, 20] {
                let echo = Echo::new(Arc::new(Node::local()));
                let ignore = |value: &'static str| {
                    let path = "/proc/sys/net/ipv4/icmp_echo_ignore_all";
                    std::fs::write(path, value).expect("root may");
                };
                ignore("0");
                let later = async {
                    tokio::time::sleep(Duration::from_millis(180)).await;
                    ignore("1");
                };
                let (reply, ()) = tokio::join!(attempt(&echo, address, half(loss_percent)), later);
                seen.push(reply.map_err(|failure| failure.to_string()));
            }
            seen
        });
        let Some(seen) = replies else { return };
        assert_eq!(seen[0], Ok(()), "fewer than 90 % are lost");
        let words = seen[1].as_ref().expect_err("more than 20 % are lost");
        assert!(words.ends_with(" of 10 packets lost"), "{words}");
    }

    #[tokio::test]
    async fn packets_leave_from_the_nodes_source() {
        if echo().is_none() {
            return;
        }
        let from = |source: &str| {
            let node = Node {
                source_v4: source.parse().ok(),
                ..Node::local()
            };
            Echo::new(Arc::new(node))
        };
        let address = IpAddr::from([127, 0, 0, 1]);
        attempt(&from("127.0.0.9"), address, quick(1))
            .await
            .expect("a reply to 127.0.0.9");
        let failure = attempt(&from("192.0.2.9"), address, quick(1))
            .await
            .expect_err("a documentation address");
        assert!(failure.is_local(), "{failure:?}");
        assert_eq!(
            failure.to_string(),
            "cannot send from 192.0.2.9: this host does not have the address"
        );
    }
}

//! Real sockets on loopback, in namespaces where loopback is to behave otherwise.

use std::mem::MaybeUninit;
use std::process::Command;

use socket2::{Domain, Protocol, Socket};

use super::*;
use crate::probe::testing::in_a_namespace;

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

/// Answers echo requests on loopback, each so long after it came, until nothing comes for a while.
fn reply_late(socket: &Socket, delay: Duration) {
    let mut buffer = [MaybeUninit::<u8>::uninit(); 256];
    while let Ok(length) = socket.recv(&mut buffer) {
        // SAFETY: `recv` has written the first `length` octets.
        let packet = unsafe { buffer[..length].assume_init_ref() };
        let header = usize::from(packet[0] & 0x0f) * 4;
        let mut message = packet[header..].to_vec();
        if message[0] != 8 {
            continue; // a reply, as this socket sees them too
        }
        message[..4].fill(0); // type 0, echo reply; the checksum
        let words = message.chunks(2);
        let sum: u32 = words
            .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
            .sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        message[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
        let sender = socket.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "a thread of its own, no worker")]
            std::thread::sleep(delay);
            let to = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
            // The namespace may be gone by then.
            let _gone = sender.send_to(&message, &to.into());
        });
    }
}

/// The replies to the first packets come while later ones are sent: no packet has one of its own
/// in time.
#[test]
fn a_reply_after_its_packets_timeout_is_none() {
    let prepare = || {
        loopback_up();
        std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").expect("root may");
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4));
        let socket = socket.expect("root may");
        let quiet = Some(Duration::from_secs(3));
        socket.set_read_timeout(quiet).expect("an option");
        std::thread::spawn(move || reply_late(&socket, Duration::from_millis(700)));
    };
    let seen = in_a_namespace(prepare, async || {
        let echo = Echo::new(Arc::new(Node::local()));
        let salvo = |timeout_ms| Salvo {
            packets: 12,
            loss_percent: 100,
            gap: Duration::from_millis(100),
            timeout: Duration::from_millis(timeout_ms),
        };
        let address = IpAddr::from([127, 0, 0, 1]);
        let late = attempt(&echo, address, salvo(200)).await;
        // The responder does reply: with more patience every packet has its own.
        let patient = Salvo {
            loss_percent: 1,
            ..salvo(20_000)
        };
        (late, attempt(&echo, address, patient).await)
    });
    let Some((late, patient)) = seen else { return };
    let failure = late.expect_err("each came too late");
    assert_eq!(failure.to_string(), "12 of 12 packets lost");
    patient.expect("every packet has a reply");
}

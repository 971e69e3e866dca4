//! Cases that the kernel passes for what stands before the message, or for its own state.

use std::net::IpAddr;

use igtm_common::counter::Counter::{
    self, PassBadChecksum, PassBadLength, PassBadSource, PassFragment, PassIpOptions, PassNotIp,
    PassNotReady, PassNotUdp, PassStale, PassWrongAddress, PassWrongMac, PassWrongPort,
};

use super::answers::{ANYBODY, ANYBODY_V6};
use super::case::{Case, State};
use super::frame::{
    ETHERNET, IPV4, IPV6, SERVER_V4, SERVER_V6, datagram, datagram_to, fix_ipv4_checksum, packet,
};
use super::message::{A, query};

/// A query that is answered when nothing is wrong around it.
fn message() -> Vec<u8> {
    query("www.gtm.test", A).opt(1232).octets()
}

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = ethernet();
    cases.extend(ipv4());
    cases.extend(ipv6());
    cases.extend(udp());
    cases.extend(addresses());
    cases.extend(states());
    cases
}

/// A good query over IPv4, edited.
fn spoiled(what: &str, counters: &'static [Counter], change: impl FnOnce(&mut Vec<u8>)) -> Case {
    Case::passed_frame(what, datagram(ANYBODY, &message()), counters).edit_frame(change)
}

/// As [`spoiled`], the IPv4 header checksum made right again.
fn spoiled_v4(what: &str, counters: &'static [Counter], change: impl FnOnce(&mut Vec<u8>)) -> Case {
    spoiled(what, counters, change).edit_frame(|frame| fix_ipv4_checksum(frame))
}

/// A good query over IPv6, edited.
fn spoiled_v6(what: &str, counters: &'static [Counter], change: impl FnOnce(&mut Vec<u8>)) -> Case {
    Case::passed_frame(what, datagram(ANYBODY_V6, &message()), counters).edit_frame(change)
}

fn ethernet() -> Vec<Case> {
    let to_mac = |what: &str, mac: [u8; 6]| {
        spoiled(what, &[PassWrongMac], |frame| {
            frame[0..6].copy_from_slice(&mac);
        })
    };
    vec![
        to_mac("to everybody", [0xff; 6]),
        to_mac("to a multicast address", [0x01, 0, 0x5e, 0, 0, 1]),
        to_mac(
            "to another host, first octets alike",
            [0x02, 0, 0, 0, 0, 0x54],
        ),
        to_mac(
            "to another host, last octets alike",
            [0x06, 0, 0, 0, 0, 0x53],
        ),
        to_mac("to another host, between", [0x02, 0, 1, 0, 0, 0x53]),
        spoiled("ARP", &[PassNotIp], |frame| {
            frame[12..14].copy_from_slice(&[0x08, 0x06])
        }),
        spoiled(
            "a length instead of a type (802.3)",
            &[PassNotIp],
            |frame| {
                frame[12..14].copy_from_slice(&[0, 60]);
            },
        ),
        spoiled("IPv6 announced, IPv4 inside", &[PassNotIp], |frame| {
            frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        }),
        spoiled_v6("IPv4 announced, IPv6 inside", &[PassNotIp], |frame| {
            frame[12..14].copy_from_slice(&[0x08, 0x00]);
        }),
    ]
}

fn ipv4() -> Vec<Case> {
    let fragment = |what: &str, field: u16| {
        spoiled_v4(what, &[PassFragment], |frame| {
            frame[20..22].copy_from_slice(&field.to_be_bytes());
        })
    };
    let total = |what: &str, change: i16| {
        spoiled_v4(what, &[PassBadLength], |frame| add(frame, 16, change))
    };
    vec![
        fragment("the first fragment", 0x2000),
        fragment("a middle fragment", 0x2010),
        fragment("the last fragment", 0x0010),
        fragment("the furthest fragment", 0x1fff),
        spoiled_v4("an IPv4 option", &[PassIpOptions], |frame| {
            frame.splice(34..34, [0x94, 0x04, 0, 0]);
            frame[14] = 0x46;
            add(frame, 16, 4);
        }),
        spoiled("a header length below 20", &[PassIpOptions], |frame| {
            frame[14] = 0x44
        }),
        spoiled("IPv4 version 5", &[PassNotIp], |frame| frame[14] = 0x55),
        spoiled("a bad IPv4 header checksum", &[PassBadChecksum], |frame| {
            frame[24] ^= 0x01
        }),
        spoiled("no IPv4 header checksum", &[PassBadChecksum], |frame| {
            frame[24..26].fill(0)
        }),
        spoiled("a TTL changed on the way", &[PassBadChecksum], |frame| {
            frame[22] -= 1
        }),
        total("an IPv4 total length that is too short", -1),
        total("an IPv4 total length that is too long", 1),
        spoiled_v4("an IPv4 total length of 19", &[PassBadLength], |frame| {
            frame[16..18].copy_from_slice(&19_u16.to_be_bytes());
        }),
        spoiled_v4(
            "both lengths longer than the frame",
            &[PassBadLength],
            |frame| {
                add(frame, 16, 2);
                add(frame, 38, 2);
            },
        ),
        other_protocol("TCP", ANYBODY, 6),
        other_protocol("ICMP", ANYBODY, 1),
        other_protocol("UDP-Lite", ANYBODY, 136),
    ]
}

fn other_protocol(what: &str, client: IpAddr, protocol: u8) -> Case {
    let server = if client.is_ipv4() {
        SERVER_V4.into()
    } else {
        SERVER_V6.into()
    };
    let frame = packet(client, server, protocol, &[0; 48]);
    Case::passed_frame(what, frame, &[PassNotUdp])
}

fn ipv6() -> Vec<Case> {
    let extended = |what: &str, next: u8, header: &[u8], counters| {
        spoiled_v6(what, counters, |frame| {
            frame[20] = next;
            add(frame, 18, header.len() as i16);
            frame.splice(54..54, header.iter().copied());
        })
    };
    let options = [17, 0, 1, 4, 0, 0, 0, 0];
    let length = |what: &str, change: i16| {
        spoiled_v6(what, &[PassBadLength], |frame| add(frame, 18, change))
    };
    vec![
        spoiled_v6("no UDP checksum", &[PassBadChecksum], |frame| {
            frame[60..62].fill(0)
        }),
        extended("hop-by-hop options", 0, &options, &[PassIpOptions]),
        extended("destination options", 60, &options, &[PassIpOptions]),
        extended(
            "a routing header",
            43,
            &[17, 0, 4, 0, 0, 0, 0, 0],
            &[PassIpOptions],
        ),
        extended(
            "an authentication header",
            51,
            &[17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
            &[PassIpOptions],
        ),
        extended(
            "the first IPv6 fragment",
            44,
            &[17, 0, 0, 1, 0, 0, 0, 9],
            &[PassFragment],
        ),
        extended(
            "a middle IPv6 fragment",
            44,
            &[17, 0, 0, 0x11, 0, 0, 0, 9],
            &[PassFragment],
        ),
        extended(
            "the last IPv6 fragment",
            44,
            &[17, 0, 0, 0x10, 0, 0, 0, 9],
            &[PassFragment],
        ),
        extended(
            "an atomic IPv6 fragment",
            44,
            &[17, 0, 0, 0, 0, 0, 0, 9],
            &[PassFragment],
        ),
        spoiled_v6("no next header", &[PassNotUdp], |frame| frame[20] = 59),
        spoiled_v6("IPv6 version 4", &[PassNotIp], |frame| frame[14] = 0x40),
        length("an IPv6 payload length that is too short", -1),
        length("an IPv6 payload length that is too long", 1),
        length("a jumbogram's payload length", -(UDP_PAYLOAD as i16)),
        other_protocol("TCP over IPv6", ANYBODY_V6, 6),
        other_protocol("ICMPv6", ANYBODY_V6, 58),
    ]
}

/// Octets of UDP header and [`message`].
const UDP_PAYLOAD: usize = 8 + 12 + 18 + 11;

fn udp() -> Vec<Case> {
    let at = ETHERNET + IPV4;
    let at_v6 = ETHERNET + IPV6;
    let length = |what: &str, change: i16| {
        spoiled(what, &[PassBadLength], |frame| add(frame, at + 4, change))
    };
    vec![
        spoiled("to another port", &[PassWrongPort], |frame| {
            frame[at + 3] = 54
        }),
        spoiled(
            "to port 53 in the other byte order",
            &[PassWrongPort],
            |frame| {
                frame[at + 2..at + 4].copy_from_slice(&[53, 0]);
            },
        ),
        spoiled_v6("to another port over IPv6", &[PassWrongPort], |frame| {
            frame[at_v6 + 2..at_v6 + 4].copy_from_slice(&5353_u16.to_be_bytes());
        }),
        spoiled("from port 0", &[PassBadSource], |frame| {
            frame[at..at + 2].fill(0)
        }),
        spoiled_v6("from port 0 over IPv6", &[PassBadSource], |frame| {
            frame[at_v6..at_v6 + 2].fill(0);
        }),
        length("a UDP length that is too short", -1),
        length("a UDP length that is too long", 1),
        length("a UDP length of 0", -(UDP_PAYLOAD as i16)),
        spoiled_v6(
            "a UDP length that is too long, over IPv6",
            &[PassBadLength],
            |frame| {
                add(frame, at_v6 + 4, 1);
            },
        ),
        spoiled_v6(
            "a UDP length that leaves an octet, over IPv6",
            &[PassBadLength],
            |frame| {
                frame.push(0);
                add(frame, 18, 1);
            },
        ),
    ]
}

fn addresses() -> Vec<Case> {
    let from = |text: &str| {
        let client: IpAddr = text.parse().expect("an address");
        let frame = datagram(client, &message());
        Case::passed_frame(format!("from {text}"), frame, &[PassBadSource])
    };
    let to = |text: &str| {
        let server: IpAddr = text.parse().expect("an address");
        let client = if server.is_ipv4() {
            ANYBODY
        } else {
            ANYBODY_V6
        };
        let frame = datagram_to(client, server, &message());
        Case::passed_frame(format!("to {text}"), frame, &[PassWrongAddress])
    };
    let mut cases: Vec<Case> = [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "ff0e::53",
        "::ffff:203.0.113.7",
    ]
    .map(from)
    .into();
    cases.extend(
        [
            "198.18.0.54",
            "198.18.0.255",
            "224.0.0.251",
            "2001:db8:5e::54",
            "ff02::fb",
            "::ffff:198.18.0.53",
        ]
        .map(to),
    );
    cases
}

fn states() -> Vec<Case> {
    let good = |what: &str, client, state, counters| {
        Case::passed_frame(what, datagram(client, &message()), counters).in_state(state)
    };
    vec![
        good(
            "no first answer yet",
            ANYBODY,
            State::NotReady,
            &[PassNotReady],
        ),
        good(
            "no first answer yet, over IPv6",
            ANYBODY_V6,
            State::NotReady,
            &[PassNotReady],
        ),
        good(
            "not heard of within stale_after",
            ANYBODY,
            State::Stale,
            &[PassStale],
        ),
        good(
            "not heard of within stale_after, over IPv6",
            ANYBODY_V6,
            State::Stale,
            &[PassStale],
        ),
    ]
}

/// Changes the 16-bit field at `at`.
fn add(frame: &mut [u8], at: usize, change: i16) {
    let field = u16::from_be_bytes([frame[at], frame[at + 1]]);
    let field = field.wrapping_add_signed(change);
    frame[at..at + 2].copy_from_slice(&field.to_be_bytes());
}

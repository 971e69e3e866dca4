//! From a frame to a DNS message: Ethernet with up to two VLAN tags, IPv4 or IPv6, UDP, each checked
//! in full.
//!
//! Where the IP header and the message begin is known at run time only: one piece of code, verified
//! once, serves both families, tagged or not.

use aya_ebpf::programs::XdpContext;
use igtm_common::{checksum, counter::Counter, layout::Settings, line::Address};

use crate::{local, packet::Packet};

/// Destination, source, type.
pub(crate) const ETHERNET: usize = 14;
pub(crate) const IPV4: usize = 20;
pub(crate) const IPV6: usize = 40;
pub(crate) const UDP: usize = 8;
/// The longest headers: two tags and IPv6.
pub(crate) const HEADERS: usize = ETHERNET + TAGS * TAG + IPV6 + UDP;

const ETHERTYPE_IPV4: u16 = 0x0800_u16.to_be();
const ETHERTYPE_IPV6: u16 = 0x86dd_u16.to_be();
/// IEEE 802.1Q and 802.1ad: a tag follows, then another type.
const ETHERTYPE_VLAN: u16 = 0x8100_u16.to_be();
const ETHERTYPE_QINQ: u16 = 0x88a8_u16.to_be();
/// Octets of a tag.
const TAG: usize = 4;
/// Most tags.
const TAGS: usize = 2;

const PROTOCOL_UDP: u8 = 17;
/// More fragments, and any offset; reserved and DF are let through (RFC 791 §3.1).
const FRAGMENT: u32 = u32::from_ne_bytes([0, 0, 0x3f, 0xff]);
/// IPv6 extension headers (RFC 8200 §4, RFC 4302, RFC 4303).
const EXTENSIONS: [u8; 6] = [0, 43, 50, 51, 60, 135];
const FRAGMENT_HEADER: u8 = 44;
/// Header and the shortest question: root, type, class.
const SHORTEST_MESSAGE: usize = 12 + 5;

/// Ethernet II header.
#[repr(C)]
pub struct Ethernet {
    pub(crate) destination: [u16; 3],
    source: [u16; 3],
    ethertype: u16,
}

impl Ethernet {
    /// Sends the frame back to where it came from.
    #[inline(always)]
    pub fn turn_round(&mut self) {
        (self.destination, self.source) = (self.source, self.destination);
    }
}

/// IPv4 header without options, in words of memory order (RFC 791 §3.1).
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub(crate) struct Ipv4 {
    pub(crate) words: [u32; 5],
}

/// IPv6 header (RFC 8200 §3).
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub(crate) struct Ipv6 {
    pub(crate) version_class_flow: u32,
    pub(crate) payload_length: u16,
    pub(crate) next_header: u8,
    pub(crate) hop_limit: u8,
    pub(crate) source: [u64; 2],
    pub(crate) destination: [u64; 2],
}

/// UDP header (RFC 768).
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub(crate) struct Udp {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) length: u16,
    pub(crate) checksum: u16,
}

/// What is left of a frame's headers once they are checked: all a reply needs.
pub(crate) struct Frame {
    /// Where the IP header begins.
    pub(crate) ip_at: usize,
    /// Where the DNS message begins.
    pub(crate) message_at: usize,
    /// Octets of the DNS message.
    pub(crate) message: usize,
    /// Source address.
    pub(crate) source: Address,
    /// Whether it is an IPv6 one.
    pub(crate) v6: bool,
    /// Checksum part of both addresses.
    pub(crate) addresses_sum: u64,
    /// Network order.
    pub(crate) client_port: u16,
}

/// What an IP header says.
struct Ip {
    octets: usize,
    v6: bool,
    payload: usize,
    source: Address,
    /// In memory order, IPv4 as ::ffff:a.b.c.d.
    local: [u64; 2],
    addresses_sum: u64,
}

/// The Ethernet header.
#[inline(always)]
pub fn ethernet<'a>(packet: &Packet) -> Option<&'a mut Ethernet> {
    // SAFETY: inside the frame; a frame begins at an even address.
    packet
        .at::<Ethernet>(0)
        .map(|header| unsafe { &mut *header })
}

impl Frame {
    /// Checks every header up to the DNS message.
    #[inline(always)]
    pub(crate) fn check(
        ctx: &XdpContext,
        packet: &Packet,
        settings: &Settings,
    ) -> Result<Self, Counter> {
        let (ip_at, ethertype) = network(packet)?;
        let rest = packet.from(ip_at).ok_or(Counter::PassBadLength)?;
        let ip = match ethertype {
            ETHERTYPE_IPV4 => ipv4(&rest)?,
            ETHERTYPE_IPV6 => ipv6(&rest)?,
            _ => return Err(Counter::PassNotIp),
        };
        // From here on both families are one to the verifier.
        let ip_octets = packet.forget(ip.octets);
        let v6 = packet.forget(ip.v6.into()) != 0;
        if ip_octets > IPV6 {
            return Err(Counter::PassBadLength);
        }
        let rest = packet
            .from(ip_at + ip_octets)
            .ok_or(Counter::PassBadLength)?;
        let udp = rest.at::<Udp>(0).ok_or(Counter::PassBadLength)?;
        // SAFETY: inside the frame; the type is packed.
        let udp = unsafe { *udp };
        if udp.destination != settings.port {
            return Err(Counter::PassWrongPort);
        }
        let length = usize::from(u16::from_be(udp.length));
        if length != ip.payload || length < UDP + SHORTEST_MESSAGE || rest.octets() < length {
            return Err(Counter::PassBadLength);
        }
        if v6 && udp.checksum == 0 {
            return Err(Counter::PassBadChecksum);
        }
        if udp.source == 0 {
            return Err(Counter::PassBadSource);
        }
        let destination = ethernet(packet).ok_or(Counter::PassWrongMac)?.destination;
        if !local::is_own_mac(settings, ctx.ingress_ifindex() as u32, destination) {
            return Err(Counter::PassWrongMac);
        }
        if !local::is_answered(settings, ip.local) {
            return Err(Counter::PassWrongAddress);
        }
        Ok(Self {
            ip_at,
            message_at: ip_at + ip_octets + UDP,
            message: length - UDP,
            source: ip.source,
            v6,
            addresses_sum: ip.addresses_sum,
            client_port: udp.source,
        })
    }
}

/// Where the network header begins behind the tags, and its type.
#[inline(always)]
fn network(packet: &Packet) -> Result<(usize, u16), Counter> {
    let mut ethertype = ethernet(packet).ok_or(Counter::PassNotIp)?.ethertype;
    let mut at = ETHERNET;
    for _ in 0..TAGS {
        if ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_QINQ {
            break;
        }
        let tag = packet.at::<[u16; 2]>(at).ok_or(Counter::PassNotIp)?;
        // SAFETY: inside the frame, at an even offset.
        [_, ethertype] = unsafe { *tag };
        at += TAG;
    }
    let at = packet.forget(at);
    if at > ETHERNET + TAGS * TAG {
        return Err(Counter::PassNotIp);
    }
    Ok((at, ethertype))
}

#[inline(always)]
fn ipv4(packet: &Packet) -> Result<Ip, Counter> {
    let header = packet.at::<Ipv4>(0).ok_or(Counter::PassBadLength)?;
    // SAFETY: inside the frame; the type is packed.
    let words = unsafe { (*header).words };
    let [version, _tos, total_high, total_low] = words[0].to_ne_bytes();
    if version >> 4 != 4 {
        return Err(Counter::PassNotIp);
    }
    if version != 0x45 {
        return Err(Counter::PassIpOptions);
    }
    let [_ttl, protocol, ..] = words[2].to_ne_bytes();
    if protocol != PROTOCOL_UDP {
        return Err(Counter::PassNotUdp);
    }
    if words[1] & FRAGMENT != 0 {
        return Err(Counter::PassFragment);
    }
    let [_, _, _, source, local] = words.map(u64::from);
    let addresses_sum = source + local;
    let sum = u64::from(words[0]) + u64::from(words[1]) + u64::from(words[2]) + addresses_sum;
    let total = usize::from(u16::from_be_bytes([total_high, total_low]));
    if checksum::fold(sum) != 0xffff {
        return Err(Counter::PassBadChecksum);
    }
    if total < IPV4 {
        return Err(Counter::PassBadLength);
    }
    let source = u32::from_be(words[3]);
    // 0/8 is "this network" (RFC 1122 §3.2.1.3), 224/3 multicast, reserved and broadcast.
    let first = source >> 24;
    if first == 0 || first == 127 || first >= 224 {
        return Err(Counter::PassBadSource);
    }
    Ok(Ip {
        octets: IPV4,
        v6: false,
        payload: total - IPV4,
        source: Address::v4(source),
        local: [0, mapped(words[4])],
        addresses_sum,
    })
}

/// The lower half of ::ffff:a.b.c.d in memory order.
#[inline(always)]
fn mapped(address: u32) -> u64 {
    let [a, b, c, d] = address.to_ne_bytes();
    u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])
}

#[inline(always)]
fn ipv6(packet: &Packet) -> Result<Ip, Counter> {
    let header = packet.at::<Ipv6>(0).ok_or(Counter::PassBadLength)?;
    // SAFETY: inside the frame; the type is packed.
    let header = unsafe { *header };
    if u32::from_be(header.version_class_flow) >> 28 != 6 {
        return Err(Counter::PassNotIp);
    }
    match header.next_header {
        PROTOCOL_UDP => {}
        FRAGMENT_HEADER => return Err(Counter::PassFragment),
        other if EXTENSIONS.contains(&other) => return Err(Counter::PassIpOptions),
        _ => return Err(Counter::PassNotUdp),
    }
    let (source, local) = (header.source, header.destination);
    let (high, low) = (u64::from_be(source[0]), u64::from_be(source[1]));
    // ff00::/8, :: and ::1 (RFC 4291 §2.4), ::ffff:a.b.c.d, which is never on a wire.
    if high >> 56 == 0xff || (high == 0 && (low <= 1 || low >> 32 == 0xffff)) {
        return Err(Counter::PassBadSource);
    }
    // In LISTEN it stands for an IPv4 address.
    if local[0] == 0 && u64::from_be(local[1]) >> 32 == 0xffff {
        return Err(Counter::PassWrongAddress);
    }
    let sum = |address: [u64; 2]| checksum::of_word(address[0]) + checksum::of_word(address[1]);
    Ok(Ip {
        octets: IPV6,
        v6: true,
        payload: usize::from(u16::from_be(header.payload_length)),
        source: Address { high, low },
        local,
        addresses_sum: sum(source) + sum(local),
    })
}

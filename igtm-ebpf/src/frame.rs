//! From a frame to a DNS message: Ethernet, IPv4 or IPv6, UDP, each checked in full.
//!
//! `L3` is the length of the IP header, 20 or 40: a constant makes every offset one.

use core::hint::black_box;

use aya_ebpf::programs::XdpContext;
use igtm_common::{
    checksum,
    counter::Counter,
    layout::{ListenKey, Settings},
};

use crate::maps;

pub(crate) const ETHERNET: usize = 14;
pub(crate) const IPV4: usize = 20;
pub(crate) const IPV6: usize = 40;
pub(crate) const UDP: usize = 8;

const ETHERTYPE_IPV4: u16 = 0x0800_u16.to_be();
const ETHERTYPE_IPV6: u16 = 0x86dd_u16.to_be();
const PROTOCOL_UDP: u8 = 17;
/// More fragments, and any offset; reserved and DF are let through (RFC 791 §3.1).
const FRAGMENT: u16 = 0x3fff;
/// IPv6 extension headers (RFC 8200 §4, RFC 4302, RFC 4303).
const EXTENSIONS: [u8; 6] = [0, 43, 50, 51, 60, 135];
const FRAGMENT_HEADER: u8 = 44;
/// Header and the shortest question: root, type, class.
const SHORTEST_MESSAGE: usize = 12 + 5;
/// Nothing in a query is further behind; the verifier follows bounded offsets only.
const FURTHEST: usize = 4096;

/// The octets of a frame as they are now; taken anew after a resize.
#[derive(Clone, Copy)]
pub struct Packet {
    start: usize,
    end: usize,
}

impl Packet {
    /// The frame of a context.
    #[inline(always)]
    pub fn of(ctx: &XdpContext) -> Self {
        // Behind black boxes, or the compiler, which knows both to be 32-bit fields, does
        // 32-bit arithmetic on what the verifier says are pointers.
        Self {
            start: black_box(ctx.data()),
            end: black_box(ctx.data_end()),
        }
    }

    /// How many there are.
    #[inline(always)]
    pub fn octets(&self) -> usize {
        black_box(self.end - self.start)
    }

    /// The `T` at a constant `offset`, when it lies inside.
    #[inline(always)]
    pub(crate) fn at<T>(&self, offset: usize) -> Option<*mut T> {
        let start = self.start + offset;
        if start + size_of::<T>() > self.end {
            return None;
        }
        Some(start as *mut T)
    }

    /// [`Self::at`] for an offset that is read from the frame. The black boxes keep the compiler
    /// from checking and reading by numbers computed apart, which the verifier cannot join.
    #[inline(always)]
    pub(crate) fn at_variable<T>(&self, offset: usize) -> Option<*mut T> {
        let offset = black_box(offset);
        if offset > FURTHEST {
            return None;
        }
        let start = black_box(self.start + offset);
        if start + size_of::<T>() > self.end {
            return None;
        }
        Some(start as *mut T)
    }
}

/// Ethernet II header.
#[repr(C)]
pub struct Ethernet {
    destination: [u16; 3],
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

/// IPv4 header without options, in 16-bit words (RFC 791 §3.1).
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub(crate) struct Ipv4 {
    pub(crate) words: [u16; 10],
}

/// IPv6 header (RFC 8200 §3).
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub(crate) struct Ipv6 {
    pub(crate) version_class_flow: u32,
    pub(crate) payload_length: u16,
    pub(crate) next_header: u8,
    pub(crate) hop_limit: u8,
    pub(crate) source: [u16; 8],
    pub(crate) destination: [u16; 8],
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
pub struct Frame {
    /// Source address; IPv4 in the first four octets.
    pub(crate) source: [u16; 8],
    /// Octets of the DNS message.
    pub(crate) message: usize,
    /// Checksum part of both addresses.
    pub(crate) addresses_sum: u64,
    /// Network order.
    pub(crate) client_port: u16,
    /// Network order.
    pub(crate) server_port: u16,
}

impl Frame {
    /// The Ethernet header.
    #[inline(always)]
    pub fn ethernet<'a>(packet: &Packet) -> Option<&'a mut Ethernet> {
        // SAFETY: inside the frame; a frame begins at an even address.
        packet
            .at::<Ethernet>(0)
            .map(|header| unsafe { &mut *header })
    }

    /// The length of the IP header that the frame's type promises.
    #[inline(always)]
    pub(crate) fn ip_header(packet: &Packet) -> Result<usize, Counter> {
        let ethernet = Self::ethernet(packet).ok_or(Counter::PassNotIp)?;
        match ethernet.ethertype {
            ETHERTYPE_IPV4 => Ok(IPV4),
            ETHERTYPE_IPV6 => Ok(IPV6),
            _ => Err(Counter::PassNotIp),
        }
    }

    /// Checks every header up to the DNS message.
    #[inline(always)]
    pub(crate) fn check<const L3: usize>(
        ctx: &XdpContext,
        packet: &Packet,
        settings: &Settings,
    ) -> Result<Self, Counter> {
        let mut source = [0; 8];
        let mut local = [0; 8];
        let (addresses_sum, payload) = if L3 == IPV4 {
            ipv4(packet, &mut source, &mut local)?
        } else {
            ipv6(packet, &mut source, &mut local)?
        };
        let udp = packet
            .at::<Udp>(ETHERNET + L3)
            .ok_or(Counter::PassBadLength)?;
        // SAFETY: inside the frame; the type is packed.
        let udp = unsafe { *udp };
        if u16::from_be(udp.destination) != settings.port {
            return Err(Counter::PassWrongPort);
        }
        let length = usize::from(u16::from_be(udp.length));
        if length != payload
            || length < UDP + SHORTEST_MESSAGE
            || packet.octets() < ETHERNET + L3 + length
        {
            return Err(Counter::PassBadLength);
        }
        if L3 == IPV6 && udp.checksum == 0 {
            return Err(Counter::PassBadChecksum);
        }
        if udp.source == 0 {
            return Err(Counter::PassBadSource);
        }
        Self::own_mac(ctx, packet)?;
        // SAFETY: eight words are sixteen octets.
        let address = unsafe { core::mem::transmute::<[u16; 8], [u8; 16]>(local) };
        if maps::LISTEN.get_ptr(ListenKey { address }).is_none() {
            return Err(Counter::PassWrongAddress);
        }
        Ok(Self {
            source,
            message: length - UDP,
            addresses_sum,
            client_port: udp.source,
            server_port: udp.destination,
        })
    }

    #[inline(always)]
    fn own_mac(ctx: &XdpContext, packet: &Packet) -> Result<(), Counter> {
        let ethernet = Self::ethernet(packet).ok_or(Counter::PassWrongMac)?;
        let interface = maps::INTERFACES
            .get_ptr(ctx.ingress_ifindex() as u32)
            .ok_or(Counter::PassWrongMac)?;
        // SAFETY: entries of INTERFACES are written by the daemon and only read here.
        let mac = unsafe { (*interface).mac };
        let [a, b, c] = ethernet.destination;
        let own = |at: usize| u16::from_ne_bytes([mac[at], mac[at + 1]]);
        if (a, b, c) != (own(0), own(2), own(4)) {
            return Err(Counter::PassWrongMac);
        }
        Ok(())
    }
}

/// Both addresses' sum and the payload's length.
#[inline(always)]
fn ipv4(
    packet: &Packet,
    source: &mut [u16; 8],
    local: &mut [u16; 8],
) -> Result<(u64, usize), Counter> {
    let header = packet.at::<Ipv4>(ETHERNET).ok_or(Counter::PassBadLength)?;
    // SAFETY: inside the frame; the type is packed.
    let words = unsafe { (*header).words };
    let [version, _tos] = words[0].to_ne_bytes();
    if version >> 4 != 4 {
        return Err(Counter::PassNotIp);
    }
    if version != 0x45 {
        return Err(Counter::PassIpOptions);
    }
    let [_ttl, protocol] = words[4].to_ne_bytes();
    if protocol != PROTOCOL_UDP {
        return Err(Counter::PassNotUdp);
    }
    if u16::from_be(words[3]) & FRAGMENT != 0 {
        return Err(Counter::PassFragment);
    }
    let addresses =
        u64::from(words[6]) + u64::from(words[7]) + u64::from(words[8]) + u64::from(words[9]);
    let sum = words[..6].iter().map(|word| u64::from(*word)).sum::<u64>() + addresses;
    let total = usize::from(u16::from_be(words[1]));
    if checksum::fold(sum) != 0xffff {
        return Err(Counter::PassBadChecksum);
    }
    if total < IPV4 {
        return Err(Counter::PassBadLength);
    }
    let [first, _] = words[6].to_ne_bytes();
    // 0/8 is "this network" (RFC 1122 §3.2.1.3), 224/3 multicast, reserved and broadcast.
    if first == 0 || first == 127 || first >= 224 {
        return Err(Counter::PassBadSource);
    }
    source[0] = words[6];
    source[1] = words[7];
    // ::ffff:a.b.c.d, as in LISTEN.
    local[5] = 0xffff;
    local[6] = words[8];
    local[7] = words[9];
    Ok((addresses, total - IPV4))
}

/// Both addresses' sum and the payload's length.
#[inline(always)]
fn ipv6(
    packet: &Packet,
    source: &mut [u16; 8],
    local: &mut [u16; 8],
) -> Result<(u64, usize), Counter> {
    let header = packet.at::<Ipv6>(ETHERNET).ok_or(Counter::PassBadLength)?;
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
    *source = header.source;
    *local = header.destination;
    let [first, _] = source[0].to_ne_bytes();
    let high =
        u64::from(source[0]) | u64::from(source[1]) | u64::from(source[2]) | u64::from(source[3]);
    let middle = high | u64::from(source[4]) | u64::from(source[5]) | u64::from(source[6]);
    // ff00::/8, :: and ::1 (RFC 4291 §2.4).
    if first == 0xff || (middle == 0 && u16::from_be(source[7]) <= 1) {
        return Err(Counter::PassBadSource);
    }
    // ::ffff:a.b.c.d is never on a wire; in LISTEN it stands for an IPv4 address.
    if is_mapped(source) {
        return Err(Counter::PassBadSource);
    }
    if is_mapped(local) {
        return Err(Counter::PassWrongAddress);
    }
    let sum = |address: &[u16; 8]| address.iter().map(|word| u64::from(*word)).sum::<u64>();
    let payload = usize::from(u16::from_be(header.payload_length));
    Ok((sum(source) + sum(local), payload))
}

/// Whether it stands for an IPv4 address (RFC 4291 §2.5.5.2).
#[inline(always)]
fn is_mapped(address: &[u16; 8]) -> bool {
    let [a, b, c, d, e, marks, ..] = *address;
    (a | b | c | d | e, marks) == (0, 0xffff)
}

//! Turns a query's headers into those of its reply.

use igtm_common::{checksum, counter::Counter, layout::Settings, reply::HEADER_OCTETS};

use crate::{
    frame::{self, Frame, IPV4, IPV6, Ipv4, Ipv6, UDP, Udp},
    packet::Packet,
};

/// TTL and hop limit of a reply.
const HOPS: u8 = 64;

/// UDP header and the beginning of a message.
#[repr(C, packed)]
struct UdpMessage {
    udp: Udp,
    header: [u16; HEADER_OCTETS / 2],
}

/// Turns Ethernet, IP and UDP round and puts the DNS header in.
#[inline(always)]
pub(super) fn write(
    packet: &Packet,
    frame: &Frame,
    settings: &Settings,
    udp_length: u16,
    checksum: u16,
    header: [u16; HEADER_OCTETS / 2],
) -> Result<(), Counter> {
    let ethernet = frame::ethernet(packet).ok_or(Counter::DropBroken)?;
    let ip = packet.from(frame.ip_at).ok_or(Counter::DropBroken)?;
    let udp = packet
        .at_variable::<UdpMessage>(frame.message_at - UDP)
        .ok_or(Counter::DropBroken)?;
    ethernet.turn_round();
    if frame.v6 {
        turn_ipv6_round(&ip, udp_length)?;
    } else {
        turn_ipv4_round(&ip, udp_length)?;
    }
    // SAFETY: inside the frame; the type is packed.
    unsafe {
        *udp = UdpMessage {
            udp: Udp {
                source: settings.port,
                destination: frame.client_port,
                length: udp_length,
                checksum,
            },
            header,
        };
    }
    Ok(())
}

#[inline(always)]
fn turn_ipv4_round(ip: &Packet, udp_length: u16) -> Result<(), Counter> {
    let header = ip.at::<Ipv4>(0).ok_or(Counter::DropBroken)?;
    // SAFETY: inside the frame; the type is packed.
    let [_, _, _, source, destination] = unsafe { (*header).words };
    let [total_high, total_low] = (u16::from_be(udp_length) + IPV4 as u16).to_be_bytes();
    // An atomic datagram (RFC 6864 §4.1): DF, and the identification does not matter.
    let length = u32::from_ne_bytes([0x45, 0, total_high, total_low]);
    let fragment = u32::from_ne_bytes([0, 0, 0x40, 0]);
    let protocol = u32::from_ne_bytes([HOPS, 17, 0, 0]);
    let fixed = u64::from(length) + u64::from(fragment) + u64::from(protocol);
    let sum = fixed + u64::from(source) + u64::from(destination);
    let [high, low] = (!checksum::fold(sum)).to_ne_bytes();
    let checksum = u32::from_ne_bytes([0, 0, high, low]);
    // SAFETY: as above.
    unsafe { (*header).words = [length, fragment, protocol | checksum, destination, source] };
    Ok(())
}

#[inline(always)]
fn turn_ipv6_round(ip: &Packet, udp_length: u16) -> Result<(), Counter> {
    const { assert!(size_of::<Ipv6>() == IPV6) };
    let header = ip.at::<Ipv6>(0).ok_or(Counter::DropBroken)?;
    // SAFETY: inside the frame; the type is packed.
    unsafe {
        let old = *header;
        *header = Ipv6 {
            version_class_flow: 0x6000_0000_u32.to_be(),
            payload_length: udp_length,
            next_header: 17,
            hop_limit: HOPS,
            source: old.destination,
            destination: old.source,
        };
    }
    Ok(())
}

//! Ethernet, IPv4, IPv6 and UDP by hand: frames of queries, and what is right about a reply's.
//!
//! Shares no code with the product, checksums included.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, ensure};

/// The server's own unicast address.
pub const SERVER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x53];
/// The client's.
pub const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0xc1];
/// `listen`, IPv4.
pub const SERVER_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 53);
/// `listen`, IPv6.
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x5e, 0, 0, 0, 0, 0x53);
/// Where queries come from.
pub const CLIENT_PORT: u16 = 40_000;
/// Where they go.
pub const SERVER_PORT: u16 = 53;

/// Octets of an Ethernet header.
pub const ETHERNET: usize = 14;
/// Octets of an IPv4 header without options.
pub const IPV4: usize = 20;
/// Octets of an IPv6 header.
pub const IPV6: usize = 40;
/// Octets of a UDP header.
pub const UDP: usize = 8;

/// A datagram of `message` from `client` to the server's address of that family, in a frame.
pub fn datagram(client: IpAddr, message: &[u8]) -> Vec<u8> {
    let server = match client {
        IpAddr::V4(_) => SERVER_V4.into(),
        IpAddr::V6(_) => SERVER_V6.into(),
    };
    datagram_to(client, server, message)
}

/// As [`datagram`], to another address of the client's family.
pub fn datagram_to(client: IpAddr, server: IpAddr, message: &[u8]) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend(CLIENT_PORT.to_be_bytes());
    udp.extend(SERVER_PORT.to_be_bytes());
    udp.extend(((UDP + message.len()) as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(message);
    let checksum = match !ones_sum(&[&pseudo_header(client, server, udp.len()), &udp]) {
        0 => 0xffff,
        checksum => checksum,
    };
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    packet(client, server, 17, &udp)
}

/// A packet of `protocol` with `payload`, in a frame.
pub fn packet(client: IpAddr, server: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(SERVER_MAC);
    frame.extend(CLIENT_MAC);
    match (client, server) {
        (IpAddr::V4(client), IpAddr::V4(server)) => {
            frame.extend([0x08, 0x00]);
            frame.extend([0x45, 0x10]);
            frame.extend(((IPV4 + payload.len()) as u16).to_be_bytes());
            // An identification and no DF, a TTL on its way: none of it may come back.
            frame.extend([0xbe, 0xef, 0, 0, 51, protocol, 0, 0]);
            frame.extend(client.octets());
            frame.extend(server.octets());
            fix_ipv4_checksum(&mut frame);
        }
        (IpAddr::V6(client), IpAddr::V6(server)) => {
            frame.extend([0x86, 0xdd]);
            frame.extend([0x61, 0x0f, 0xed, 0xcb]);
            frame.extend((payload.len() as u16).to_be_bytes());
            frame.extend([protocol, 51]);
            frame.extend(client.octets());
            frame.extend(server.octets());
        }
        _ => panic!("{client} and {server} are of two families"),
    }
    frame.extend(payload);
    frame
}

/// Makes the IPv4 header checksum right again after an edit; options included.
pub fn fix_ipv4_checksum(frame: &mut [u8]) {
    let end = ETHERNET + 4 * usize::from(frame[ETHERNET] & 0x0f);
    frame[ETHERNET + 10..ETHERNET + 12].fill(0);
    let checksum = !ones_sum(&[&frame[ETHERNET..end]]);
    frame[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&checksum.to_be_bytes());
}

/// The same frame behind these tags (type and value), the outermost first.
pub fn tagged(frame: &[u8], tags: &[[u16; 2]]) -> Vec<u8> {
    let tags = tags.iter().flatten().flat_map(|part| part.to_be_bytes());
    let mut tagged = frame[..12].to_vec();
    tagged.extend(tags);
    tagged.extend(&frame[12..]);
    tagged
}

/// Where the network header begins, behind up to two tags.
pub fn network_at(frame: &[u8]) -> usize {
    let mut at = ETHERNET;
    for _ in 0..2 {
        if !matches!(frame.get(at - 2..at), Some([0x81, 0x00] | [0x88, 0xa8])) {
            break;
        }
        at += 4;
    }
    at
}

/// Where the UDP header of a frame without options and extension headers begins.
pub fn udp_at(frame: &[u8]) -> usize {
    let at = network_at(frame);
    match frame.get(at - 2..at) {
        Some([0x86, 0xdd]) => at + IPV6,
        _ => at + IPV4,
    }
}

/// The client and the message that a socket would hand over, as far as there are any.
pub fn received(frame: &[u8]) -> Option<(IpAddr, &[u8])> {
    let at = udp_at(frame);
    let ip = frame.get(network_at(frame)..)?;
    let ethertype = frame.get(network_at(frame) - 2..network_at(frame))?;
    let client = match ethertype {
        [0x08, 0x00] => IpAddr::V4(<[u8; 4]>::try_from(ip.get(12..16)?).ok()?.into()),
        [0x86, 0xdd] => IpAddr::V6(<[u8; 16]>::try_from(ip.get(8..24)?).ok()?.into()),
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes([
        *frame.get(at + 4)?,
        *frame.get(at + 5)?,
    ]));
    let end = (at + length).min(frame.len());
    Some((client, frame.get(at + UDP..end)?))
}

/// The message of `reply`, when its frame is the right one to answer `query` with: everything turned
/// round, tags kept, lengths and checksums right, TTL fresh.
pub fn checked_reply<'a>(query: &[u8], reply: &'a [u8]) -> Result<&'a [u8]> {
    let (ip, at) = (network_at(query), udp_at(query));
    ensure!(reply.len() >= at + UDP, "{} octets", reply.len());
    ensure!(reply[0..6] == query[6..12], "Ethernet destination");
    ensure!(reply[6..12] == query[0..6], "Ethernet source");
    ensure!(reply[12..ip] == query[12..ip], "tags or Ethernet type");
    let (client, server) = match at - ip {
        IPV4 => checked_ipv4(&query[ip..], &reply[ip..])?,
        _ => checked_ipv6(&query[ip..], &reply[ip..])?,
    };
    let (length, udp) = (reply.len() - at, &reply[at..]);
    ensure!(udp[0..2] == query[at + 2..at + 4], "UDP source port");
    ensure!(udp[2..4] == query[at..at + 2], "UDP destination port");
    let stated = u16::from_be_bytes([udp[4], udp[5]]);
    ensure!(usize::from(stated) == length, "UDP length {stated}");
    ensure!(udp[6..8] != [0, 0], "no UDP checksum");
    let sum = ones_sum(&[&pseudo_header(server, client, length), udp]);
    ensure!(sum == 0xffff, "UDP checksum: the sum is {sum:#06x}");
    Ok(&udp[UDP..])
}

/// Both from their IP headers on; the addresses of client and server.
fn checked_ipv4(query: &[u8], reply: &[u8]) -> Result<(IpAddr, IpAddr)> {
    let header = &reply[..IPV4];
    let total = (reply.len() as u16).to_be_bytes();
    ensure!(header[0..2] == [0x45, 0], "IPv4 version or TOS");
    ensure!(header[2..4] == total, "IPv4 total length");
    let fixed = [0, 0, 0x40, 0, 64, 17];
    ensure!(
        header[4..10] == fixed,
        "IPv4 identification, flags, TTL or protocol"
    );
    ensure!(header[12..16] == query[16..20], "IPv4 source");
    ensure!(header[16..20] == query[12..16], "IPv4 destination");
    let sum = ones_sum(&[header]);
    ensure!(sum == 0xffff, "IPv4 checksum: the sum is {sum:#06x}");
    let address = |at: usize| -> Result<IpAddr> {
        let octets: [u8; 4] = query[at..at + 4].try_into().context("four octets")?;
        Ok(octets.into())
    };
    Ok((address(12)?, address(16)?))
}

/// As [`checked_ipv4`].
fn checked_ipv6(query: &[u8], reply: &[u8]) -> Result<(IpAddr, IpAddr)> {
    let header = &reply[..IPV6];
    let payload = ((reply.len() - IPV6) as u16).to_be_bytes();
    ensure!(
        header[0..4] == [0x60, 0, 0, 0],
        "IPv6 version, class or flow"
    );
    ensure!(header[4..6] == payload, "IPv6 payload length");
    ensure!(header[6..8] == [17, 64], "IPv6 next header or hop limit");
    ensure!(header[8..24] == query[24..40], "IPv6 source");
    ensure!(header[24..40] == query[8..24], "IPv6 destination");
    let address = |at: usize| -> Result<IpAddr> {
        let octets: [u8; 16] = query[at..at + 16].try_into().context("sixteen octets")?;
        Ok(octets.into())
    };
    Ok((address(8)?, address(24)?))
}

/// RFC 768 and RFC 8200 §8.1: the latter's longer fields sum to the same.
fn pseudo_header(source: IpAddr, destination: IpAddr, length: usize) -> Vec<u8> {
    let mut header = Vec::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(v4) => header.extend(v4.octets()),
            IpAddr::V6(v6) => header.extend(v6.octets()),
        }
    }
    header.extend((length as u32).to_be_bytes());
    header.extend([0, 0, 0, 17]);
    header
}

/// The ones' complement sum of the parts' words, big-endian; each part but the last is even.
fn ones_sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8;
            sum += pair.get(1).map_or(0, |octet| u32::from(*octet));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_rfc_1071() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(ones_sum(&[&octets]), 0xddf2);
    }

    #[test]
    fn a_wrong_reply_is_seen() {
        let query = datagram([192, 0, 2, 1].into(), b"question");
        let mut reply = datagram_to(SERVER_V4.into(), [192, 0, 2, 1].into(), b"answer");
        reply[0..6].copy_from_slice(&CLIENT_MAC);
        reply[6..12].copy_from_slice(&SERVER_MAC);
        reply[14..24].copy_from_slice(&[0x45, 0, 0, 34, 0, 0, 0x40, 0, 64, 17]);
        reply[34..38].copy_from_slice(&[0, 53, 0x9c, 0x40]);
        fix_ipv4_checksum(&mut reply);
        assert_eq!(
            checked_reply(&query, &reply).expect("all is right"),
            b"answer"
        );
        for at in 0..reply.len() {
            let mut wrong = reply.clone();
            wrong[at] ^= 0x04;
            assert!(checked_reply(&query, &wrong).is_err(), "octet {at}");
        }
    }
}

//! What is asked: names, their answers, and the frames of queries for them.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_common::generator::{TEMPLATE_OCTETS, TEMPLATES, Template};

use super::wire;
use crate::dns;

/// The one zone.
pub const ZONE: &str = "bench.example";
/// What every name answers.
pub const ANSWER: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
/// Of the server's end.
pub const SERVER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x53];
/// Of the client's end.
pub const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0xc1];
/// Sources are drawn from so many addresses from 20.0.0.0 on.
pub const SOURCES: u32 = 512 * PREFIXES;
/// Prefixes of igtm's line: every other /24 of the sources.
pub const PREFIXES: u32 = 10_000;

/// Name `number` of [`TEMPLATES`]; all are equally long.
pub fn name(number: usize) -> String {
    format!("www{number:03}.{ZONE}")
}

/// The zone as a master file (RFC 1035 §5), without `$INCLUDE` or anything else not all servers know.
pub fn zone_file() -> String {
    let mut text = format!(
        "$ORIGIN {ZONE}.\n$TTL 60\n\
         @ SOA ns1.example.net. hostmaster.example.net. 1 7200 1800 259200 60\n\
         @ NS ns1.example.net.\n"
    );
    for number in 0..TEMPLATES {
        for address in ANSWER {
            text += &format!("www{number:03} A {address}\n");
        }
    }
    text
}

/// A query for A of every name, with an OPT of 1232 octets.
pub fn templates() -> Result<Vec<Template>> {
    (0..TEMPLATES)
        .map(|number| template(&name(number)))
        .collect()
}

fn template(name: &str) -> Result<Template> {
    let mut query = dns::query(name, RecordType::A, true)?;
    query.metadata.id = 0;
    let message = query.to_vec()?;
    let udp_len = u16::try_from(8 + message.len())?.to_be_bytes();
    let ip_len = u16::try_from(28 + message.len())?.to_be_bytes();

    let mut ip = vec![0x45, 0, ip_len[0], ip_len[1], 0, 0, 0x40, 0, 64, 17, 0, 0];
    ip.extend([0; 4]);
    ip.extend(wire::SERVER.octets());
    let mut udp = vec![0, 0, 0, 53, udp_len[0], udp_len[1], 0, 0];
    udp.extend(&message);

    let pseudo = 17 + u32::from(u16::from_be_bytes(udp_len)) + sum(&wire::SERVER.octets());
    let frame = [&SERVER_MAC[..], &CLIENT_MAC, &[8, 0], &ip, &udp].concat();
    ensure!(frame.len() <= TEMPLATE_OCTETS, "{} octets", frame.len());
    let mut octets = [0; TEMPLATE_OCTETS];
    octets[..frame.len()].copy_from_slice(&frame);
    Ok(Template {
        len: frame.len() as u32,
        ip_sum: sum(&ip),
        udp_sum: pseudo + sum(&udp),
        pad: 0,
        octets,
    })
}

/// Of 16-bit words, the last one filled up with a zero octet (RFC 1071); far below 2³².
fn sum(octets: &[u8]) -> u32 {
    let words = octets.chunks(2);
    words
        .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)))
        .sum()
}

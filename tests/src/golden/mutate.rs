//! Changes a message or a frame at random: for what neither the table nor the generator thinks of.

use super::dice::Dice;
use super::frame::{ETHERNET, IPV6, UDP, network_at, tagged, udp_at};

/// More than a frame of any Ethernet has octets.
const MOST: usize = 2000;

/// Changes, takes out or puts in a few octets.
pub fn spoil(dice: &mut Dice, octets: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(3) {
        if octets.is_empty() {
            return;
        }
        let at = dice.below(octets.len());
        match dice.below(8) {
            0 => octets[at] = dice.octet(),
            1 | 2 => octets[at] ^= 1 << dice.below(8),
            3 => octets[at] = *dice.pick(&[0, 1, 62, 63, 64, 0x7f, 0x80, 0xc0, 0xff]),
            4 => octets.truncate(at),
            5 => {
                octets.remove(at);
            }
            6 => {
                let from = dice.below(octets.len());
                let piece = octets[from..(from + 1 + dice.below(12)).min(octets.len())].to_vec();
                octets.splice(at..at, piece);
            }
            _ => octets.insert(at, dice.octet()),
        }
    }
    octets.truncate(MOST);
}

/// Puts tags before the network header; whether there are few enough.
pub fn tag(dice: &mut Dice, frame: &mut Vec<u8>) -> bool {
    let count = *dice.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3]);
    let tags: Vec<[u16; 2]> = (0..count)
        .map(|_| [*dice.pick(&[0x8100, 0x88a8]), dice.word() as u16])
        .collect();
    *frame = tagged(frame, &tags);
    count <= 2
}

/// Makes lengths and header checksum right for what the frame has become.
pub fn refit(frame: &mut [u8]) {
    let (ip, udp) = (network_at(frame), udp_at(frame));
    if frame.len() < udp + UDP {
        return;
    }
    let length = |from: usize| ((frame.len() - from) as u16).to_be_bytes();
    let (total, payload) = (length(ip), length(udp));
    if udp - ip == IPV6 {
        frame[ip + 4..ip + 6].copy_from_slice(&payload);
    } else {
        frame[ip + 2..ip + 4].copy_from_slice(&total);
        fix_checksum(&mut frame[ip..udp]);
    }
    frame[udp + 4..udp + 6].copy_from_slice(&payload);
}

/// One bit before the message.
pub fn flip_in_headers(dice: &mut Dice, frame: &mut [u8]) {
    let end = (udp_at(frame) + UDP).min(frame.len());
    let bit = dice.below(8 * end);
    frame[bit / 8] ^= 1 << (bit % 8);
    let (ip, udp) = (network_at(frame), udp_at(frame));
    if dice.one_in(2) && udp - ip != IPV6 && frame.len() >= udp {
        fix_checksum(&mut frame[ip..udp]);
    }
}

/// What an Ethernet adds behind short frames.
pub fn pad(dice: &mut Dice, frame: &mut Vec<u8>) {
    let padding = dice.below(40);
    frame.extend(dice.octets(padding).iter().map(|octet| octet & 0x11));
}

/// No shorter than what TEST_RUN takes.
pub fn at_least_ethernet(frame: &mut Vec<u8>) {
    frame.truncate(MOST);
    frame.resize(frame.len().max(ETHERNET), 0);
}

fn fix_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let words = header.chunks_exact(2);
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    header[10..12].copy_from_slice(&(!sum as u16).to_be_bytes());
}

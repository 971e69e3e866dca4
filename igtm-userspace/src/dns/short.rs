//! A reply → the same with TC=1, its question and its OPT: what is sent in place of a limited one.
//!
//! The same octets as the kernel's (`Kind::Truncated` of `igtm_common::reply`).

use igtm_common::reply::HEADER_OCTETS;

const TC: u8 = 0x02;
const RCODE: u8 = 0x0f;
const NXDOMAIN: u8 = 3;
const TYPE_OPT: u16 = 41;
/// Type, class, TTL and length of a record (RFC 1035 §4.1.3).
const FIXED: usize = 10;

/// Cuts `reply`, which is well formed: it is ours.
pub(super) fn shorten(reply: &mut Vec<u8>) {
    if reply.len() < HEADER_OCTETS {
        return;
    }
    let question = questions_end(reply).unwrap_or(HEADER_OCTETS);
    let opt = opt(reply, question).map(<[u8]>::to_vec);
    reply.truncate(question);
    reply[2] |= TC;
    // Whether the name exists is for the answer by TCP to say; other codes are of the message.
    if reply[3] & RCODE == NXDOMAIN {
        reply[3] &= !RCODE;
    }
    reply[6..12].copy_from_slice(&[0, 0, 0, 0, 0, u8::from(opt.is_some())]);
    if question == HEADER_OCTETS {
        reply[4..6].fill(0);
    }
    reply.extend(opt.unwrap_or_default());
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..at + 2)?;
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}

fn questions_end(message: &[u8]) -> Option<usize> {
    let mut at = HEADER_OCTETS;
    for _ in 0..word(message, 4)? {
        at = name_end(message, at)? + 4;
    }
    (at <= message.len()).then_some(at)
}

/// Where the name at `at` ends: with the root or a pointer (RFC 1035 §4.1.4).
fn name_end(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return Some(at + 2),
        }
    }
}

/// The OPT record behind the question.
fn opt(message: &[u8], mut at: usize) -> Option<&[u8]> {
    while at < message.len() {
        let fixed = name_end(message, at)?;
        let end = fixed + FIXED + usize::from(word(message, fixed + 8)?);
        if word(message, fixed)? == TYPE_OPT {
            return message.get(at..end);
        }
        at = end;
    }
    None
}

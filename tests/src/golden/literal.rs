//! Two whole exchanges, octet by octet as they are on the wire, read and summed by a person: what
//! holds when everything else here is wrong.

use std::net::IpAddr;

use anyhow::{Result, ensure};

use super::answers::{ANYBODY_V6, TELECOM};
use super::case::{NOW, State};
use super::check::userspace;
use super::fixture::Stage;
use super::kernel::{Run, XDP_TX};

/// A query and its reply, and the random number between them.
struct Exchange {
    client: IpAddr,
    random: u32,
    query: &'static [&'static str],
    reply: &'static [&'static str],
}

/// From telecom: `dig +dnssec wWw.gtm.test`, with its cookie. The hash in ours, and the checksums, were
/// computed by a few lines of Python that gave the hash of RFC 9018, Appendix A.1, too.
const OVER_IPV4: Exchange = Exchange {
    client: TELECOM,
    random: 0,
    query: &[
        "020000000053 0200000000c1 0800",
        "4510 0051 beef 0000 3311 d820 c6336401 c6120035",
        "9c40 0035 003d 4b08",
        "1a2b 0100 0001 0000 0000 0001",
        "03 775777 03 67746d 04 74657374 00 0001 0001",
        "00 0029 1000 0000 8000 000c 000a 0008 0102030405060708",
    ],
    reply: &[
        "0200000000c1 020000000053 0800",
        "4500 0071 0000 4000 4011 4a00 c6120035 c6336401",
        "0035 9c40 005d b92a",
        "1a2b 8500 0001 0001 0000 0001",
        "03 775777 03 67746d 04 74657374 00 0001 0001",
        "c00c 0001 0001 0000003c 0004 c0000233",
        "00 0029 04d0 0000 8000 001c 000a 0018 0102030405060708 010000005cf79f11 d2dd4f4f9e5a670a",
    ],
};

/// On no line: AAAA without OPT, rotated by one.
const OVER_IPV6: Exchange = Exchange {
    client: ANYBODY_V6,
    random: 1,
    query: &[
        "020000000053 0200000000c1 86dd",
        "610fedcb 0026 11 33 20010db800aa00000000000000000007 20010db8005e00000000000000000053",
        "9c40 0035 0026 1a65",
        "1a2b 0100 0001 0000 0000 0000",
        "03 777777 03 67746d 04 74657374 00 001c 0001",
    ],
    reply: &[
        "0200000000c1 020000000053 86dd",
        "60000000 005e 11 40 20010db8005e00000000000000000053 20010db800aa00000000000000000007",
        "0035 9c40 005e b991",
        "1a2b 8500 0001 0002 0000 0000",
        "03 777777 03 67746d 04 74657374 00 001c 0001",
        "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000002",
        "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000001",
    ],
};

/// Runs both through the kernel and through userspace.
pub fn check() -> Result<()> {
    let stage = Stage::new(State::Healthy)?;
    for exchange in [OVER_IPV4, OVER_IPV6] {
        let (query, reply) = (octets(exchange.query), octets(exchange.reply));
        let client = exchange.client;
        let run = stage.kernel.run(&query, exchange.random, NOW)?;
        let expected = Run {
            verdict: XDP_TX,
            frame: reply,
        };
        ensure!(run == expected, "{client}: {run:02x?}");
        let headers = exchange.reply[..3].iter().map(|part| octets(&[part]).len());
        let message = &expected.frame[headers.sum()..];
        let answered = userspace(&stage.snapshot, &query, exchange.random, NOW);
        ensure!(
            answered.as_deref() == Some(message),
            "{client}: {answered:02x?}"
        );
    }
    Ok(())
}

fn octets(parts: &[&str]) -> Vec<u8> {
    let digits: Vec<u32> = parts
        .iter()
        .flat_map(|part| part.chars().filter_map(|digit| digit.to_digit(16)))
        .collect();
    let octet = |pair: &[u32]| (16 * pair[0] + pair[1]) as u8;
    digits.chunks_exact(2).map(octet).collect()
}

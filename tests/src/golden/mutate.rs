//! Frames made at random out of the golden table's parts, good or spoiled: for what the table does
//! not think of.
//!
//! Whatever the kernel answers, userspace must answer with the same octets; whatever it passes must
//! come out as it went in. Seeded, so that a failure can be run again.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use anyhow::{Context, Result, bail, ensure};
use igtm_common::counter::Counter;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM, TELECOM_V6, long_name};
use super::case::State;
use super::check::userspace;
use super::fixture::Stage;
use super::frame::{ETHERNET, checked_reply, datagram, fix_ipv4_checksum, udp_at};
use super::kernel::{XDP_PASS, XDP_TX};
use super::message::{A, AAAA, CNAME, Opt, Query, query};

/// How often each counter was raised.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Counter, u64>);

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(counter, times)| format!("{counter:?} {times}"))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// Sends `frames` random frames through both; fails at the first on which they differ.
pub fn differ(seed: u64, frames: usize) -> Result<Tally> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::new(State::Healthy)?;
    let mut tally = Tally::default();
    for at in 0..frames {
        let frame = frame(&mut random);
        let draw = random.next_u32();
        let counter = run(&mut stage, &frame, draw)
            .with_context(|| format!("frame {at} with {draw:#x}: {frame:02x?}"))?;
        *tally.0.entry(counter).or_default() += 1;
    }
    // A generator that only makes rubbish would prove nothing.
    for counter in [Counter::ReplyAnswer, Counter::ReplyTruncated] {
        let seen = tally.0.get(&counter).copied().unwrap_or(0);
        ensure!(seen > frames as u64 / 100, "{counter:?} only {seen} times");
    }
    Ok(tally)
}

fn run(stage: &mut Stage, frame: &[u8], draw: u32) -> Result<Counter> {
    let (run, counted) = stage.kernel.counted(|kernel| kernel.run(frame, draw))?;
    let [(counter, 1)] = counted[..] else {
        bail!("counted {counted:?}");
    };
    let answered = matches!(counter, Counter::ReplyAnswer | Counter::ReplyTruncated);
    let reply = userspace(&stage.snapshot, frame, draw);
    match run.verdict {
        XDP_TX if answered => {
            let message = checked_reply(frame, &run.frame)?;
            ensure!(
                reply.as_deref() == Some(message),
                "{counter:?}: the kernel replied\n  {message:02x?}\nuserspace\n  {reply:02x?}"
            );
        }
        XDP_PASS if !answered => ensure!(run.frame == frame, "{counter:?}, but changed"),
        verdict => bail!("verdict {verdict} with {counter:?}"),
    }
    Ok(counter)
}

/// A frame: mostly a good query, then spoiled at each level with some chance.
fn frame(random: &mut StdRng) -> Vec<u8> {
    let mut message = message(random).octets();
    if random.random_ratio(1, 4) {
        spoil(random, &mut message);
    }
    let mut frame = datagram(client(random), &message);
    if random.random_ratio(1, 8) {
        // The datagram's octets, its lengths left as they are.
        let at = udp_at(&frame);
        let mut rest = frame.split_off(at.min(frame.len()));
        spoil(random, &mut rest);
        frame.extend(rest);
    }
    if random.random_ratio(1, 8) {
        let bit = random.random_range(0..8 * udp_at(&frame).min(frame.len()));
        frame[bit / 8] ^= 1 << (bit % 8);
        if random.random() && frame[12..14] == [0x08, 0x00] && frame[14] & 0x0f == 5 {
            fix_ipv4_checksum(&mut frame);
        }
    }
    if random.random_ratio(1, 4) {
        let padding = random.random_range(0..40);
        frame.extend((0..padding).map(|_| random.random::<u8>() & 0x11));
    }
    frame.resize(frame.len().max(ETHERNET), 0);
    frame
}

fn client(random: &mut StdRng) -> IpAddr {
    match random.random_range(0..6) {
        0 => ANYBODY,
        1 => ANYBODY_V6,
        2 => TELECOM,
        3 => TELECOM_V6,
        4 => [198, 51, random.random_range(99..102), random.random()].into(),
        _ => {
            let mut address = [
                0x20, 0x01, 0x0d, 0xb8, 0, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ];
            random.fill_bytes(&mut address[6..]);
            address.into()
        }
    }
}

fn message(random: &mut StdRng) -> Query {
    let long = long_name();
    let names = [
        "www.gtm.test",
        "window.gtm.test",
        "weighted.gtm.test",
        "many.gtm.test",
        "cdn.gtm.test",
        "onelabel",
        "www.gtm.test",
        "many.gtm.test",
        "many.gtm.test",
        "cdn.gtm.test",
        "gtm.test",
        "nothing.gtm.test",
        &long,
    ];
    let name = names.choose(random).expect("not empty");
    let name: String = name
        .chars()
        .map(|letter| match random.random() {
            true => letter.to_ascii_uppercase(),
            false => letter,
        })
        .collect();
    let qtype = *[A, AAAA, A, AAAA, CNAME, random.random_range(0..300)]
        .choose(random)
        .expect("not empty");
    let mut query = query(&name, qtype);
    query.id = random.random();
    if random.random_ratio(1, 4) {
        // RD, AA and everything that a query does not mean.
        query.flags = [random.random::<u8>() & 0x05, random.random()];
    }
    match random.random_range(0..16) {
        0..7 => query,
        7..15 => query.with(&opt(random)),
        _ => query.with(&opt(random)).edit(|query| {
            query.counts[random.random_range(0..4)] = random.random_range(0..3);
        }),
    }
}

fn opt(random: &mut StdRng) -> Opt {
    let sizes = [0, 512, 600, 1232, 4096, random.random()];
    let mut opt = Opt::sized(*sizes.choose(random).expect("not empty"));
    opt.dnssec_ok = random.random();
    for _ in 0..*[0, 0, 1, 1, 2, 4, 5].choose(random).expect("not empty") {
        // Every code that has a meaning is below 21; most of them are served by nobody here.
        let code = match random.random_range(0..8) {
            0 => random.random(),
            _ => random.random_range(0..21),
        };
        let length = *[0, 1, 4, 7, 8, 16, 24, 100]
            .choose(random)
            .expect("not empty");
        let mut data = vec![0; length];
        random.fill_bytes(&mut data);
        opt = opt.option(code, &data);
    }
    if random.random_ratio(1, 10) {
        opt.version = random.random_range(0..3);
    }
    if random.random_ratio(1, 10) {
        opt.excess = random.random_range(-4..5);
    }
    opt
}

/// Changes, takes out or puts in a few octets.
fn spoil(random: &mut StdRng, octets: &mut Vec<u8>) {
    for _ in 0..random.random_range(1..4) {
        if octets.is_empty() {
            return;
        }
        let at = random.random_range(0..octets.len());
        match random.random_range(0..6) {
            0 => octets[at] = random.random(),
            1 => octets[at] ^= 1 << random.random_range(0..8),
            2 => {
                octets[at] = *[0, 1, 63, 64, 0xc0, 0xff]
                    .choose(random)
                    .expect("not empty")
            }
            3 => octets.truncate(at),
            4 => {
                octets.remove(at);
            }
            _ => octets.insert(at, random.random()),
        }
    }
}

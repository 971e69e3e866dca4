//! Cases that the kernel answers: a window of records out of few or many, and what fits a reply.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::answers::{ANYBODY, ANYBODY_V6, a};
use super::case::{Case, State};
use super::message::{A, AAAA, Opt, query};
use super::reply::{Data, z};

/// 203.0.113.x.
fn full(last: u8) -> Data {
    Data::A(Ipv4Addr::new(203, 0, 113, last))
}

/// 2001:db8:f::x, the decimal digits of `last` read as hexadecimal ones.
fn full_v6(last: u16) -> Data {
    let last = u16::from_str_radix(&last.to_string(), 16).expect("decimal digits");
    Data::Aaaa(Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, last))
}

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = turned();
    cases.extend(drawn());
    cases.extend(limits());
    cases
}

/// `count` of `records` from the first on, and again from the beginning.
fn window<T: Clone>(records: &[T], first: usize, count: usize) -> Vec<T> {
    let twice = records.iter().chain(records);
    twice.skip(first).take(count).cloned().collect()
}

fn turned() -> Vec<Case> {
    let seven: Vec<Data> = (61..=67).map(a).collect();
    let eight: Vec<Data> = (71..=78).map(a).collect();
    let many: Vec<Data> = (101..=132).map(a).collect();
    let full: Vec<Data> = (1..=127).map(full).collect();
    let full_v6: Vec<Data> = (1..=127).map(full_v6).collect();
    let mut cases = Vec::new();
    for (name, qtype, records, most) in [
        ("seven.gtm.test", A, &seven, 7),
        ("eight.gtm.test", A, &eight, 8),
        ("many.gtm.test", A, &many, 20),
        ("full.gtm.test", A, &full, 20),
        ("full.gtm.test", AAAA, &full_v6, 20),
    ] {
        let query = query(name, qtype).opt(1232);
        let len = records.len();
        let firsts = [0, 1, len / 2, len - most, (len - most + 1) % len, len - 1];
        for (turn, first) in firsts.into_iter().enumerate() {
            // Beyond the number of records, too.
            let random = (first + turn * len) as u32;
            let client = if turn % 2 == 0 { ANYBODY } else { ANYBODY_V6 };
            let records = window(records, first, most);
            let what = format!("{most} of {len} in {name} from {first}, type {qtype}");
            cases.push(Case::answered(what, client, &query, &records).random(random));
        }
    }
    cases
}

/// 127 of equal weight: each has its 127th of the random numbers.
fn drawn() -> Vec<Case> {
    let query = query("full-weighted.gtm.test", A);
    let begin = |at: u64| ((at << 32).div_ceil(127)) as u32;
    let mut cases = Vec::new();
    for at in [0, 1, 6, 7, 8, 63, 64, 125, 126] {
        let last = if at == 126 {
            u32::MAX
        } else {
            begin(at + 1) - 1
        };
        for random in [begin(at), last] {
            let what = format!("number {at} of 127 by weight with {random:#x}");
            let drawn = [full(101 + at as u8)];
            cases.push(Case::answered(what, ANYBODY, &query, &drawn).random(random));
        }
    }
    cases
}

/// Replies as large as each limit, and one octet larger.
fn limits() -> Vec<Case> {
    let twenty: Vec<Data> = (101..=120).map(a).collect();
    let name = |octets: usize| {
        let label = |letter: &str, octets| letter.repeat(octets);
        let labels = [label("a", 63), label("b", 63), label("c", octets)];
        format!("{}.gtm.test", labels.join("."))
    };
    let (fits, over) = (query(&name(37), A), query(&name(38), A));
    let mut cases = vec![
        Case::answered("512 octets without OPT", ANYBODY, &fits, &twenty),
        Case::truncated("513 octets without OPT", ANYBODY, &over),
        Case::truncated(
            "512 octets and an OPT of 512",
            ANYBODY_V6,
            &fits.clone().opt(512),
        ),
        Case::answered(
            "512 octets and an OPT of 523",
            ANYBODY_V6,
            &fits.clone().opt(523),
            &twenty,
        ),
        Case::truncated(
            "512 octets and an OPT of 522",
            ANYBODY,
            &fits.clone().opt(522),
        ),
    ];
    // The SOA of `z` has 542 octets: with a name of n octets, 558 + n.
    for (state, limit) in [(State::Healthy, 1232), (State::Narrow, 600)] {
        for size in [512, 600, 601, 700, 4096] {
            for octets in [20, 30, 31, 32, 42, 43, 120, 131, 132, 250] {
                let label = "y".repeat(octets - 3);
                let label: Vec<&str> = (0..label.len())
                    .step_by(64)
                    .map(|at| &label[at..(at + 63).min(label.len())])
                    .collect();
                let name = format!("{}.z", label.join("."));
                let asked = query(&name, A).with(&Opt::sized(size));
                let taken = 12 + asked.question().len() + 542 + 11;
                let most = usize::from(size.max(512).min(limit));
                let what = format!("an NXDOMAIN of {taken} octets, of at most {most}");
                let case = Case::nxdomain(what, ANYBODY, &asked, z());
                let case = case.edit_reply(|reply| {
                    if taken > most {
                        (reply.truncated, reply.code, reply.authority) = (true, 0, None);
                    }
                });
                cases.push(case.in_state(state));
            }
        }
    }
    cases.push(Case::truncated(
        "an SOA that is larger than 512 octets, without OPT",
        ANYBODY,
        &query("y.z", A),
    ));
    cases.push(Case::nodata(
        "an SOA that is larger than 512 octets at its apex",
        ANYBODY_V6,
        &query("z", AAAA).opt(1232),
        z(),
    ));
    cases
}

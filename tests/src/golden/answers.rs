//! Cases that the kernel answers: what is chosen and how it is laid out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::case::Case;
use super::frame::fix_ipv4_checksum;
use super::message::{A, AAAA, Opt, query};
use super::reply::Data;

/// On no line.
pub const ANYBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
/// On no line.
pub const ANYBODY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xaa, 0, 0, 0, 0, 7));
/// On the line `telecom`.
pub const TELECOM: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
/// On the line `telecom`.
pub const TELECOM_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 1));

/// The name of 255 octets.
pub fn long_name() -> String {
    let labels = [("a", 63), ("b", 63), ("c", 63), ("d", 52)];
    let labels = labels.map(|(letter, octets)| letter.repeat(octets));
    format!("{}.gtm.test", labels.join("."))
}

/// The one address of the pool `cdn-long`.
fn longest_target() -> String {
    let labels = [("c", 63), ("d", 63), ("n", 63), ("x", 53)];
    let labels = labels.map(|(letter, octets)| letter.repeat(octets));
    format!("{}.example", labels.join("."))
}

/// 192.0.2.x.
pub fn a(last: u8) -> Data {
    Data::A(Ipv4Addr::new(192, 0, 2, last))
}

/// 2001:db8::x.
pub fn aaaa(last: u16) -> Data {
    Data::Aaaa(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = layout();
    cases.extend(rotation());
    cases.extend(weight());
    cases.extend(sizes());
    cases.extend(options());
    cases.extend(flattened());
    cases
}

/// Domains at an apex: ordinary answers, of what they are resolved to.
fn flattened() -> Vec<Case> {
    let asked = query("flat.test", A);
    let asked_v6 = query("flat.test", AAAA).opt(1232);
    let mut cases = vec![
        Case::answered(
            "a flattened domain, AAAA",
            ANYBODY,
            &asked_v6,
            &[aaaa(0x61)],
        ),
        // The other domain of the line has no IPv6 address.
        Case::answered(
            "two flattened domains, AAAA",
            TELECOM,
            &asked_v6,
            &[aaaa(0x61)],
        ),
    ];
    for (random, order) in [(0, [61, 62, 63]), (1, [62, 63, 61]), (2, [63, 61, 62])] {
        let what = format!("a flattened domain, number {random}");
        cases.push(Case::answered(what, ANYBODY, &asked, &order.map(a)).random(random));
    }
    // A quarter each: 75 % in three addresses, and 25 % in one.
    for (quarter, last) in [61, 62, 63, 64].into_iter().enumerate() {
        let what = format!("two flattened domains, quarter {quarter}");
        let first = (quarter as u32) << 30;
        for random in [first, first | 0x3fff_ffff] {
            let case = Case::answered(what.as_str(), TELECOM, &asked, &[a(last)]);
            cases.push(case.random(random));
        }
    }
    cases
}

fn layout() -> Vec<Case> {
    let www = [a(1), a(2), a(3)];
    let www_v6 = [aaaa(1), aaaa(2)];
    let plain = query("www.gtm.test", A);
    let dnssec = Opt::sized(1232).edit(|opt| opt.dnssec_ok = true);
    let answered = Case::answered;
    vec![
        answered("A over IPv4", ANYBODY, &plain, &www),
        answered("A over IPv6", ANYBODY_V6, &plain, &www),
        answered(
            "AAAA over IPv4",
            ANYBODY,
            &query("www.gtm.test", AAAA),
            &www_v6,
        ),
        answered(
            "AAAA over IPv6",
            ANYBODY_V6,
            &query("www.gtm.test", AAAA),
            &www_v6,
        ),
        answered("A with OPT", ANYBODY, &plain.clone().opt(1232), &www),
        answered(
            "AAAA over IPv6 with OPT",
            ANYBODY_V6,
            &query("www.gtm.test", AAAA).opt(1232),
            &www_v6,
        ),
        answered("DO is copied", ANYBODY, &plain.clone().with(&dnssec), &www)
            .edit_reply(|reply| reply.opt = Some(true)),
        answered(
            "0x20 is kept",
            ANYBODY,
            &query("wWw.GtM.tESt", A).opt(1232),
            &www,
        ),
        answered(
            "capitals over IPv6",
            ANYBODY_V6,
            &query("WWW.GTM.TEST", AAAA),
            &www_v6,
        ),
        answered(
            "without RD",
            ANYBODY,
            &plain.clone().edit(|query| query.flags = [0, 0]),
            &www,
        ),
        answered(
            "AD and CD of the query stay with it",
            ANYBODY,
            &plain.clone().edit(|query| query.flags = [1, 0x30]),
            &www,
        ),
        answered(
            "AA, RA, Z and RCODE of the query stay with it",
            ANYBODY,
            &plain.clone().edit(|query| query.flags = [5, 0xcf]),
            &www,
        ),
        answered(
            "id 0",
            ANYBODY,
            &plain.clone().edit(|query| query.id = 0),
            &www,
        ),
        answered(
            "id 0xffff",
            ANYBODY,
            &plain.clone().edit(|query| query.id = 0xffff),
            &www,
        ),
        answered(
            "a name of one label",
            ANYBODY,
            &query("onelabel", A).opt(1232),
            &[a(51)],
        ),
        answered(
            "CNAME of a domain pool, asked for A",
            ANYBODY,
            &query("cdn.gtm.test", A),
            &[Data::cname("www.example.net")],
        ),
        answered(
            "CNAME of a domain pool, asked for AAAA",
            ANYBODY,
            &query("cdn.gtm.test", AAAA).opt(512),
            &[Data::cname("www.example.net")],
        ),
        answered(
            "one of several domains only",
            ANYBODY,
            &query("cdn.gtm.test", A).opt(1232),
            &[Data::cname("cdn.example.org")],
        )
        .random(1),
        answered(
            "CNAME to a name of 255 octets",
            ANYBODY,
            &query("cdn-long.gtm.test", A).opt(1232),
            &[Data::Cname(longest_target())],
        ),
        answered(
            "CNAME to a name of 255 octets, without OPT over IPv6",
            ANYBODY_V6,
            &query("cdn-long.gtm.test", AAAA),
            &[Data::Cname(longest_target())],
        ),
        answered("Ethernet padding", ANYBODY, &plain, &www)
            .edit_frame(|frame| frame.extend([0; 18])),
        answered(
            "Ethernet padding that is not zero, behind an OPT",
            ANYBODY_V6,
            &plain.clone().opt(1232),
            &www,
        )
        .edit_frame(|frame| frame.extend([0xff; 7])),
        answered("DF and the reserved flag", ANYBODY, &plain, &www).edit_frame(|frame| {
            frame[20] = 0xc0;
            fix_ipv4_checksum(frame);
        }),
        answered("no UDP checksum, which IPv4 allows", ANYBODY, &plain, &www)
            .edit_frame(|frame| frame[40..42].fill(0)),
    ]
}

fn rotation() -> Vec<Case> {
    let plain = query("www.gtm.test", A);
    let window = query("window.gtm.test", A).opt(1232);
    let mut cases = Vec::new();
    for (random, records) in [
        (0, [a(1), a(2), a(3)]),
        (1, [a(2), a(3), a(1)]),
        (2, [a(3), a(1), a(2)]),
        (3, [a(1), a(2), a(3)]),
        (u32::MAX, [a(1), a(2), a(3)]),
        (u32::MAX - 1, [a(3), a(1), a(2)]),
    ] {
        let what = format!("rotation by {random}");
        cases.push(Case::answered(what, ANYBODY, &plain, &records).random(random));
    }
    for (random, records) in [(0, [a(1), a(2)]), (1, [a(2), a(3)]), (2, [a(3), a(1)])] {
        let what = format!("max_answers = 2 of three, rotated by {random}");
        cases.push(Case::answered(what, ANYBODY, &window, &records).random(random));
    }
    let two = query("www.gtm.test", AAAA);
    let turned = [aaaa(2), aaaa(1)];
    cases.push(Case::answered("AAAA rotated", ANYBODY, &two, &turned).random(7));
    cases
}

/// Weights 80, 15 and 5: where each address's share of the random numbers begins and ends.
fn weight() -> Vec<Case> {
    let query = query("weighted.gtm.test", A).opt(1232);
    let boundary = |percent: u64| u32::try_from((percent << 32).div_ceil(100)).expect("below 100");
    [
        (0, 11),
        (boundary(80) - 1, 11),
        (boundary(80), 12),
        (boundary(95) - 1, 12),
        (boundary(95), 13),
        (u32::MAX, 13),
    ]
    .into_iter()
    .map(|(random, last)| {
        let what = format!("by weight with {random:#x}");
        Case::answered(what, ANYBODY, &query, &[a(last)]).random(random)
    })
    .collect()
}

fn sizes() -> Vec<Case> {
    let www = [a(1), a(2), a(3)];
    let twenty: Vec<Data> = (1..=20).map(|at| a(100 + at)).collect();
    let twenty_v6: Vec<Data> = (0..10)
        .map(|at| aaaa(0x101 + at))
        .take(9)
        .chain((0x110..=0x119).map(aaaa))
        .chain([aaaa(0x120)])
        .collect();
    let mut cases = Vec::new();
    for size in [0, 511, 512, 1232, 4096, u16::MAX] {
        let small = query("www.gtm.test", A).opt(size);
        let what = format!("a payload size of {size}");
        cases.push(Case::answered(what, ANYBODY, &small, &www));
        let large = query("many.gtm.test", AAAA).opt(size);
        let what = format!("20 AAAA records to a client that takes {size}");
        cases.push(if size < 600 {
            Case::truncated(what, ANYBODY, &large)
        } else {
            Case::answered(what, ANYBODY_V6, &large, &twenty_v6)
        });
    }
    let large = query("many.gtm.test", AAAA);
    // Header, question and OPT take 12 + 19 + 11, the records 560: 602.
    let fits = large.clone().opt(602);
    let one_less = large.clone().opt(601);
    let long = query(&long_name(), A);
    cases.extend([
        Case::truncated("20 AAAA records without OPT", ANYBODY, &large),
        Case::truncated("20 AAAA records without OPT, over IPv6", ANYBODY_V6, &large),
        Case::answered("as large as the client takes", ANYBODY, &fits, &twenty_v6),
        Case::truncated("one octet more than the client takes", ANYBODY, &one_less),
        Case::answered(
            "20 A records in 512 octets",
            ANYBODY,
            &query("many.gtm.test", A),
            &twenty,
        ),
        Case::truncated("a name of 255 octets beside 20 records", ANYBODY, &long),
        Case::answered(
            "a name of 255 octets with OPT",
            ANYBODY,
            &long.clone().opt(1232),
            &twenty,
        ),
        Case::answered(
            "a name of 255 octets over IPv6",
            ANYBODY_V6,
            &long.opt(4096),
            &twenty,
        ),
    ]);
    cases
}

fn options() -> Vec<Case> {
    let www = [a(1), a(2), a(3)];
    let answered = |what: &str, opt: Opt| {
        Case::answered(what, ANYBODY, &query("www.gtm.test", A).with(&opt), &www)
    };
    let opt = Opt::sized(1232);
    let four = (0..4).fold(opt.clone(), |opt, at| opt.option(65_001 + at, &[7; 3]));
    vec![
        answered(
            "an unknown option is ignored",
            opt.clone().option(65_001, b"whatever"),
        ),
        answered(
            "an empty unknown option is ignored",
            opt.clone().option(65_001, b""),
        ),
        answered("an option of code 0", opt.clone().option(0, b"x")),
        answered("keepalive is ignored over UDP", opt.clone().option(11, b"")),
        answered("padding is ignored", opt.clone().option(12, &[0; 128])),
        answered(
            "long padding is ignored",
            opt.clone().option(12, &[0; 1100]),
        ),
        answered("four unknown options", four),
    ]
}

//! Cases with a cookie (RFC 7873, RFC 9018): which server cookie comes back, and what is malformed.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode::FormErr;
use igtm_common::counter::Counter::PassEdnsOption;

use super::answers::{ANYBODY, ANYBODY_V6, a};
use super::case::{Case, NOW, State, Userspace};
use super::cookie::{CLIENT, cookie, forged, fresh};
use super::fixture::{CURRENT, PREVIOUS};
use super::message::{A, AAAA, COOKIE, Opt, SUBNET, TXT, option, query};
use super::reply::gtm;

/// Version 1, nothing reserved.
const VERSION: u32 = 0x0100_0000;
const FORGED: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = vectors();
    cases.extend(ages());
    cases.extend(false_ones());
    cases.extend(lengths());
    cases.extend(among_options());
    cases.extend(other_replies());
    cases
}

/// A query with this cookie and its answer with that one, both with the client's part.
fn exchanged(what: impl Into<String>, client: IpAddr, sent: &[u8], replied: &[u8]) -> Case {
    let asked = query("window.gtm.test", A).with(&Opt::sized(1232).option(COOKIE, sent));
    Case::answered(what, client, &asked, &[a(1), a(2)]).with_options(&[option(COOKIE, replied)])
}

/// RFC 9018, Appendix A: octets as they are printed there.
fn vectors() -> Vec<Case> {
    let exchange = |what: &str, client: &str, now, sent: &[u8], replied: u128, part: u64| {
        let client = client.parse().expect("an address");
        let replied = [&part.to_be_bytes()[..], &replied.to_be_bytes()].concat();
        exchanged(what, client, sent, &replied).at(now)
    };
    let with = |part: u64, server: u128| [&part.to_be_bytes()[..], &server.to_be_bytes()].concat();
    let first = 0x0100_0000_5cf7_9f11_1f81_30c3_eee2_9480;
    vec![
        exchange(
            "RFC 9018, A.1: a new server cookie",
            "198.51.100.100",
            1_559_731_985,
            &CLIENT.to_be_bytes(),
            first,
            CLIENT,
        ),
        exchange(
            "RFC 9018, A.2: 40 minutes later",
            "198.51.100.100",
            1_559_734_385,
            &with(CLIENT, first),
            0x0100_0000_5cf7_a871_d4a5_64a1_442a_ca77,
            CLIENT,
        ),
        exchange(
            "RFC 9018, A.3: another client, reserved octets",
            "203.0.113.203",
            1_559_734_700,
            &with(
                0xfc93_fc62_807d_db86,
                0x01ab_cdef_5cf7_8f71_a314_227b_6679_ebf5,
            ),
            0x0100_0000_5cf7_a9ac_f73a_7810_aca2_381e,
            0xfc93_fc62_807d_db86,
        ),
    ]
}

/// Of each age: what stays, what is renewed. All of these show the client to be known.
fn ages() -> Vec<Case> {
    let mut cases = Vec::new();
    for client in [ANYBODY, ANYBODY_V6] {
        for (age, kept) in [
            (0, true),
            (1, true),
            (1800, true),
            (1801, false),
            (3600, false),
            (3601, false),
            (100_000, false),
            (-1, true),
            (-300, true),
            (-301, false),
            (-100_000, false),
            (i32::MAX, false),
            (i32::MIN, false),
        ] {
            let sent = cookie(CLIENT, client, NOW.wrapping_sub(age as u32));
            let replied = if kept {
                sent.clone()
            } else {
                cookie(CLIENT, client, NOW)
            };
            let what = format!("a cookie {age} seconds old from {client}");
            cases.push(exchanged(what, client, &sent, &replied));
        }
        // Serial arithmetic: the clock has just gone over.
        let sent = cookie(CLIENT, client, u32::MAX - 10);
        let what = format!("a cookie from before the seconds wrapped, from {client}");
        cases.push(exchanged(what, client, &sent, &sent).at(20));
        let sent = forged(PREVIOUS, CLIENT, VERSION, client, NOW - 60);
        let what = format!("a cookie by the previous secret from {client}");
        cases.push(exchanged(what, client, &sent, &cookie(CLIENT, client, NOW)));
        let sent = forged(CURRENT, CLIENT, 0x01de_adbe, client, NOW - 60);
        let what = format!("a cookie with reserved octets from {client}");
        cases.push(exchanged(what, client, &sent, &sent));
    }
    cases
}

/// Each is answered with a fresh one.
fn false_ones() -> Vec<Case> {
    let neighbour = IpAddr::from([203, 0, 113, 8]);
    let of = |client, part| cookie(part, client, NOW);
    let turned = |at: usize| {
        let mut octets = of(ANYBODY, CLIENT);
        octets[at] ^= 1;
        octets
    };
    let mut cases = Vec::new();
    for (what, sent) in [
        ("another client's", of(neighbour, CLIENT)),
        ("an IPv6 client's", of(ANYBODY_V6, CLIENT)),
        (
            "of a mapped address",
            of("::ffff:203.0.113.7".parse().expect("it is one"), CLIENT),
        ),
        ("forged", forged(FORGED, CLIENT, VERSION, ANYBODY, NOW)),
        (
            "of version 2",
            forged(CURRENT, CLIENT, 0x0200_0000, ANYBODY, NOW),
        ),
        ("of version 0", forged(CURRENT, CLIENT, 0, ANYBODY, NOW)),
        ("with another time", turned(15)),
        ("with another hash", turned(23)),
        ("with reserved octets changed", turned(9)),
        (
            "of zeros",
            [of(ANYBODY, CLIENT)[..8].to_vec(), vec![0; 16]].concat(),
        ),
    ] {
        let what = format!("a cookie {what}");
        let replied = of(ANYBODY, CLIENT);
        cases.push(exchanged(what, ANYBODY, &sent, &replied));
    }
    // The client's part is hashed, too.
    let sent = turned(0);
    let part = CLIENT ^ (1 << 56);
    cases.push(exchanged(
        "a cookie for another client's part",
        ANYBODY,
        &sent,
        &of(ANYBODY, part),
    ));
    cases.push(exchanged(
        "a client's part of zeros",
        ANYBODY_V6,
        &[0; 8],
        &of(ANYBODY_V6, 0),
    ));
    cases
}

/// RFC 7873 §5.2.2: 8, or 16 to 40 octets.
fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for octets in 0..=60 {
        let mut sent = CLIENT.to_be_bytes().to_vec();
        sent.resize(octets, 0x5a);
        let what = format!("a cookie of {octets} octets");
        let well_formed = octets == 8 || (16..=40).contains(&octets);
        cases.push(if well_formed {
            exchanged(what, ANYBODY, &sent, &cookie(CLIENT, ANYBODY, NOW))
        } else {
            let opt = Opt::sized(1232).option(COOKIE, &sent);
            let query = query("window.gtm.test", A).with(&opt).octets();
            let userspace = Userspace::Code(FormErr);
            Case::passed(what, ANYBODY, &query, &[PassEdnsOption], userspace)
        });
    }
    cases
}

/// Cookie first, subnet second, whatever order they came in; nothing else.
fn among_options() -> Vec<Case> {
    let sent = cookie(CLIENT, ANYBODY, NOW - 5);
    let subnet = [0, 1, 24, 0, 198, 51, 100];
    let scoped = option(SUBNET, &[0, 1, 24, 25, 198, 51, 100]);
    let kept = option(COOKIE, &sent);
    let opt = || Opt::sized(1232);
    let www = query("www.gtm.test", A);
    let both = [kept.clone(), scoped];
    let answered = |what: &str, opt: &Opt, options: &[Vec<u8>], telecom: bool| {
        let three = [a(1), a(2), a(3)];
        let records = if telecom { &[a(51)][..] } else { &three };
        Case::answered(what, ANYBODY, &www.clone().with(opt), records).with_options(options)
    };
    let cookie_first = opt().option(COOKIE, &sent).option(SUBNET, &subnet);
    let subnet_first = opt().option(SUBNET, &subnet).option(COOKIE, &sent);
    let scattered = opt()
        .option(65_001, b"x")
        .option(SUBNET, &subnet)
        .option(12, &[0; 33])
        .option(COOKIE, &sent);
    let kdig = opt().option(COOKIE, &sent).option(12, &[0; 31]);
    let twice = opt().option(COOKIE, &sent).option(COOKIE, &sent);
    let twice = www.clone().with(&twice).octets();
    let mut cases = vec![
        answered("a cookie before a subnet", &cookie_first, &both, true),
        answered("a cookie behind a subnet", &subnet_first, &both, true),
        answered(
            "a cookie and a subnet among others",
            &scattered,
            &both,
            true,
        ),
        answered(
            "a cookie before padding, as kdig sends them",
            &kdig,
            &[kept.clone()],
            false,
        ),
        answered(
            "a cookie where no subnet is served",
            &subnet_first,
            &[kept],
            false,
        )
        .in_state(State::NoSubnet),
        Case::passed(
            "two cookies",
            ANYBODY,
            &twice,
            &[PassEdnsOption],
            Userspace::Anything,
        ),
        answered(
            "DO beside a cookie",
            &kdig.edit(|opt| opt.dnssec_ok = true),
            &[option(COOKIE, &sent)],
            false,
        )
        .edit_reply(|reply| reply.opt = Some(true)),
    ];
    // At each place in a word: options of every length before it.
    for length in 0..16 {
        let shifted = opt().option(65_001, &vec![9; length]).option(COOKIE, &sent);
        let what = format!("a cookie behind an option of {length} octets");
        cases.push(answered(&what, &shifted, &[option(COOKIE, &sent)], false));
    }
    cases
}

fn other_replies() -> Vec<Case> {
    let opt = Opt::sized(1232).option(COOKIE, &CLIENT.to_be_bytes());
    let fresh = |client| [fresh(CLIENT, client, NOW)];
    let with = |name, qtype| query(name, qtype).with(&opt);
    vec![
        Case::nodata(
            "NODATA with a cookie",
            ANYBODY,
            &with("www.gtm.test", TXT),
            gtm(),
        )
        .with_options(&fresh(ANYBODY)),
        Case::nxdomain(
            "NXDOMAIN with a cookie",
            ANYBODY_V6,
            &with("nothing.gtm.test", AAAA),
            gtm(),
        )
        .with_options(&fresh(ANYBODY_V6)),
        Case::truncated(
            "TC with a cookie",
            ANYBODY,
            &query("many.gtm.test", AAAA).with(&opt.clone().edit(|opt| opt.size = 512)),
        )
        .with_options(&fresh(ANYBODY)),
        // 602 octets without the cookie's 28.
        Case::truncated(
            "TC for the cookie alone",
            ANYBODY,
            &query("many.gtm.test", AAAA).with(&opt.clone().edit(|opt| opt.size = 629)),
        )
        .with_options(&fresh(ANYBODY)),
    ]
}

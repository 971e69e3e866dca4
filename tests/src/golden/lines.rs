//! Cases that the kernel answers: who is asking, and what the maps hold just then.

use std::net::IpAddr;

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM, TELECOM_V6, a, aaaa};
use super::case::{Case, State};
use super::message::{A, AAAA, query};
use super::reply::Data;

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = lines();
    cases.extend(states());
    cases
}

fn lines() -> Vec<Case> {
    let plain = query("www.gtm.test", A);
    let six = query("www.gtm.test", AAAA).opt(1232);
    let v4 = |address: [u8; 4]| IpAddr::from(address);
    let v6 = |text: &str| text.parse::<IpAddr>().expect("an address");
    let www = [a(1), a(2), a(3)];
    let www_v6 = [aaaa(1), aaaa(2)];
    vec![
        Case::answered("on telecom", TELECOM, &plain, &[a(51)]),
        Case::answered(
            "the first of telecom",
            v4([198, 51, 100, 0]),
            &plain,
            &[a(51)],
        ),
        Case::answered(
            "before the first of telecom",
            v4([198, 51, 99, 255]),
            &plain,
            &www,
        ),
        Case::answered(
            "behind the last of telecom",
            v4([198, 51, 101, 0]),
            &plain,
            &www,
        ),
        Case::answered(
            "telecom-gd claims no A: telecom, its parent",
            v4([198, 51, 100, 130]),
            &plain,
            &[a(51)],
        ),
        Case::answered(
            "office before telecom-gd",
            v4([198, 51, 100, 200]),
            &plain,
            &[a(99)],
        ),
        Case::answered("telecom claims no AAAA: default", TELECOM, &six, &www_v6),
        Case::answered(
            "telecom-gd claims AAAA",
            v4([198, 51, 100, 130]),
            &six,
            &[aaaa(0x51)],
        ),
        Case::answered(
            "office claims no AAAA: telecom-gd",
            v4([198, 51, 100, 200]),
            &six,
            &[aaaa(0x51)],
        ),
        Case::answered("on telecom over IPv6", TELECOM_V6, &plain, &[a(51)]),
        Case::answered(
            "telecom-gd over IPv6",
            v6("2001:db8:51:8000::1"),
            &six,
            &[aaaa(0x51)],
        ),
        Case::answered(
            "the last of telecom over IPv6",
            v6("2001:db8:51:7fff:ffff:ffff:ffff:ffff"),
            &six,
            &www_v6,
        ),
        Case::answered(
            "behind the last of telecom over IPv6",
            v6("2001:db8:52::"),
            &plain,
            &www,
        ),
        Case::answered(
            "a name without that line: default",
            TELECOM,
            &query("window.gtm.test", A),
            &[a(1), a(2)],
        ),
        Case::answered(
            "telecom has addresses where others have a CNAME",
            TELECOM,
            &query("cdn.gtm.test", A),
            &[a(51)],
        ),
        Case::answered(
            "and no AAAA of its own: the CNAME",
            TELECOM,
            &query("cdn.gtm.test", AAAA),
            &[Data::cname("www.example.net")],
        ),
    ]
}

fn states() -> Vec<Case> {
    let plain = query("www.gtm.test", A).opt(1232);
    let www = [a(1), a(2), a(3)];
    let telecom = |state| {
        let what = format!("a line in {state:?}");
        Case::answered(what, TELECOM_V6, &plain, &[a(51)]).in_state(state)
    };
    vec![
        Case::answered("without the failed address", ANYBODY, &plain, &[a(2), a(3)])
            .in_state(State::Failed),
        Case::answered("rotated without it", ANYBODY_V6, &plain, &[a(3), a(2)])
            .in_state(State::Failed)
            .random(1),
        telecom(State::Failed),
        Case::answered("with it again", ANYBODY, &plain, &www).in_state(State::Recovered),
        telecom(State::Recovered),
        Case::answered("heard of within stale_after", ANYBODY, &plain, &www).in_state(State::Fresh),
    ]
}

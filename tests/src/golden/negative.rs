//! Cases of NODATA and NXDOMAIN (RFC 2308 §2): which names exist, and whose SOA says so.

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM, a, long_name};
use super::case::{Case, State};
use super::fixture::deep_name;
use super::message::{A, AAAA, CNAME, Opt, TXT, query};
use super::reply::{Zone, child, gtm, onelabel, z};

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = types();
    cases.extend(names());
    cases.extend(between_zones());
    cases.extend(extremes());
    cases.extend(deep());
    cases.extend(replies());
    cases
}

fn nodata(name: &str, qtype: u16, zone: Zone) -> Case {
    let what = format!("{name:?} has no type {qtype}");
    Case::nodata(what, ANYBODY, &query(name, qtype).opt(1232), zone)
}

fn nxdomain(name: &str, qtype: u16, zone: Zone) -> Case {
    let what = format!("there is no {name:?}, type {qtype}");
    Case::nxdomain(what, ANYBODY_V6, &query(name, qtype).opt(1232), zone)
}

/// Types that a name does not have.
fn types() -> Vec<Case> {
    // SOA, PTR, MX, SRV, NAPTR, DS, NSEC, DNSKEY, SVCB, HTTPS, the last below the meta types, the
    // first and others above, and CAA.
    let others = [
        2,
        CNAME,
        6,
        12,
        15,
        TXT,
        33,
        35,
        40,
        42,
        43,
        47,
        48,
        64,
        65,
        99,
        127,
        256,
        257,
        65_280,
        u16::MAX,
    ];
    let mut cases: Vec<Case> = others
        .into_iter()
        .map(|qtype| nodata("www.gtm.test", qtype, gtm()))
        .collect();
    cases.extend([
        nodata("window.gtm.test", AAAA, gtm()),
        nodata("weighted.gtm.test", AAAA, gtm()),
        nodata("onelabel", AAAA, onelabel()),
        nodata("gtm.test", A, gtm()),
        nodata("gtm.test", AAAA, gtm()),
        nodata("GTM.TEST", A, gtm()),
        nodata("child.between.gtm.test", A, child()),
        nodata("www.child.between.gtm.test", AAAA, child()),
        // The access domain of a business domain.
        nodata("shop-access.gtm.test", AAAA, gtm()),
        nodata("shop-access.gtm.test", TXT, gtm()),
        Case::nodata(
            "no AAAA for a line",
            TELECOM,
            &query("window.gtm.test", AAAA),
            gtm(),
        ),
    ]);
    cases
}

fn names() -> Vec<Case> {
    let mut cases = vec![
        nxdomain("nothing.gtm.test", A, gtm()),
        nxdomain("nothing.gtm.test", AAAA, gtm()),
        nxdomain("nothing.gtm.test", TXT, gtm()),
        nxdomain("nothing.gtm.test", 6, gtm()),
        nxdomain("nOtHiNg.GtM.tEsT", A, gtm()),
        nxdomain("ww.gtm.test", A, gtm()),
        nxdomain("wwww.gtm.test", A, gtm()),
        nxdomain("a.b.c.d.e.f.g.gtm.test", A, gtm()),
        // Below an instance, below one that has a CNAME, below a business domain.
        nxdomain("below.www.gtm.test", A, gtm()),
        nxdomain("far.below.www.gtm.test", A, gtm()),
        nxdomain("below.cdn.gtm.test", A, gtm()),
        nxdomain("below.shop.gtm.test", A, gtm()),
        nxdomain("below.onelabel", A, onelabel()),
        nxdomain("gtm.test.onelabel", A, onelabel()),
        nxdomain("*.gtm.test", A, gtm()),
        nxdomain("_.gtm.test", A, gtm()),
        // Empty non-terminals, and what is below them, beside what is there.
        nodata("empty.gtm.test", A, gtm()),
        nodata("under.empty.gtm.test", AAAA, gtm()),
        nodata("uNdEr.eMpTy.gtm.test", TXT, gtm()),
        nxdomain("other.empty.gtm.test", A, gtm()),
        nxdomain("other.under.empty.gtm.test", A, gtm()),
        nxdomain("below.deep.under.empty.gtm.test", A, gtm()),
        nxdomain("under.gtm.test", A, gtm()),
        nxdomain("deep.gtm.test", A, gtm()),
    ];
    // Octets that are no letters, lower case of which would be others.
    for octet in [0x01, b'-', b'@', b'[', b'`', b'{', 0x7f, 0x80, 0xc1, 0xff] {
        let asked = query("nothing.gtm.test", A).edit(|query| query.name[1] = octet);
        let what = format!("a name with the octet {octet:#04x}");
        cases.push(Case::nxdomain(what, ANYBODY, &asked, gtm()));
    }
    // The name of an answer whose letter was moved by 32.
    let asked = query("www.gtm.test", A).edit(|query| query.name[1] = b'w' ^ 0x80);
    cases.push(Case::nxdomain(
        "a name with a bit set",
        ANYBODY,
        &asked,
        gtm(),
    ));
    cases
}

fn between_zones() -> Vec<Case> {
    vec![
        nxdomain("nothing.child.between.gtm.test", A, child()),
        nxdomain("below.www.child.between.gtm.test", A, child()),
        nxdomain("a.b.child.between.gtm.test", TXT, child()),
        // It has a zone below it, so it exists.
        nodata("between.gtm.test", A, gtm()),
        nodata("between.gtm.test", TXT, gtm()),
        nxdomain("other.between.gtm.test", A, gtm()),
        nxdomain("child.gtm.test", A, gtm()),
        nxdomain("xchild.between.gtm.test", A, gtm()),
        nxdomain("child.between.gtm.test.gtm.test", A, gtm()),
    ]
}

/// Names as long, and of as many labels, as there can be.
fn extremes() -> Vec<Case> {
    let labels = |count: usize, zone: &str| "x.".repeat(count) + zone;
    let mut long = long_name();
    long.replace_range(0..1, "x");
    let mut cases = vec![
        nxdomain(&labels(122, "gtm.test"), A, gtm()),
        nxdomain(&labels(121, "gtm.test"), TXT, gtm()),
        nxdomain(&labels(126, "z"), A, z()),
        nxdomain(&labels(125, "z"), AAAA, z()),
        nxdomain(&long, A, gtm()),
        nodata(&long_name(), TXT, gtm()),
        nodata(&long_name().to_ascii_uppercase(), AAAA, gtm()),
        // Above the longest: an empty non-terminal.
        nodata(&long_name()[64..], A, gtm()),
    ];
    // One label of each length: the name ends at each place in a word.
    for octets in 1..=63 {
        let name = format!("{}.gtm.test", "q".repeat(octets));
        cases.push(nxdomain(&name, A, gtm()));
        let name = format!("{}.www.gtm.test", "q".repeat(octets));
        cases.push(nxdomain(&name, AAAA, gtm()));
    }
    for count in 1..=30 {
        cases.push(nxdomain(&labels(4 * count, "gtm.test"), A, gtm()));
    }
    cases
}

/// With a name of 127 labels, and so 125 empty non-terminals.
fn deep() -> Vec<Case> {
    let name = deep_name();
    let mut cases = vec![
        Case::answered(
            "a name of 127 labels",
            ANYBODY,
            &query(&name, A).opt(1232),
            &[a(99)],
        ),
        nodata(&name, AAAA, z()),
        nxdomain(&format!("x{}", &name[1..]), A, z()),
        nxdomain("nothing.gtm.test", A, gtm()),
        nxdomain(&("x.".repeat(122) + "gtm.test"), A, gtm()),
    ];
    for labels in [1, 2, 63, 64, 124, 125] {
        let parent = "d.".repeat(labels) + "z";
        cases.push(nodata(&parent, A, z()));
        cases.push(nxdomain(&format!("x.{parent}"), A, z()));
        cases.push(nxdomain(&("x.".repeat(126 - labels) + &parent), TXT, z()));
    }
    let state = |case: Case| case.in_state(State::Deep);
    cases.into_iter().map(state).collect()
}

/// With and without OPT, DO, RD; and the serial of the answers.
fn replies() -> Vec<Case> {
    let plain = query("nothing.gtm.test", A);
    let dnssec = Opt::sized(512).edit(|opt| opt.dnssec_ok = true);
    let mut cases = vec![
        Case::nxdomain("NXDOMAIN without OPT", ANYBODY, &plain, gtm()),
        Case::nxdomain("NXDOMAIN over IPv6", ANYBODY_V6, &plain, gtm()),
        Case::nodata(
            "NODATA without OPT",
            ANYBODY,
            &query("www.gtm.test", TXT),
            gtm(),
        ),
        Case::nodata(
            "NODATA over IPv6",
            ANYBODY_V6,
            &query("www.gtm.test", TXT),
            gtm(),
        ),
        Case::nxdomain(
            "NXDOMAIN with DO",
            ANYBODY,
            &plain.clone().with(&dnssec),
            gtm(),
        )
        .edit_reply(|reply| reply.opt = Some(true)),
        Case::nxdomain(
            "NXDOMAIN with padding",
            ANYBODY_V6,
            &plain.clone().with(&dnssec.option(12, &[0; 400])),
            gtm(),
        )
        .edit_reply(|reply| reply.opt = Some(true)),
        Case::nxdomain(
            "NXDOMAIN without RD, all else set",
            ANYBODY,
            &plain.clone().edit(|query| query.flags = [4, 0xff]),
            gtm(),
        ),
        Case::nxdomain("NXDOMAIN and Ethernet padding", ANYBODY, &plain, gtm())
            .edit_frame(|frame| frame.extend([0x55; 23])),
    ];
    for state in [
        State::Failed,
        State::Recovered,
        State::NoSubnet,
        State::Narrow,
    ] {
        let what = format!("NXDOMAIN in {state:?}");
        let case = Case::nxdomain(what, ANYBODY, &plain.clone().opt(1232), gtm());
        cases.push(case.in_state(state));
    }
    cases
}

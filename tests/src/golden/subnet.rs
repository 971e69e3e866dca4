//! Cases with a client subnet (RFC 7871): whose line it chooses, the scope of the reply, and what is
//! malformed.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode::{self, FormErr, NoError};
use igtm_common::counter::Counter::PassEdnsOption;

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM, a, aaaa};
use super::case::{Case, State, Userspace};
use super::message::{A, AAAA, Opt, Query, SUBNET, TXT, option, query};
use super::reply::{Data, gtm};

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = scopes();
    cases.extend(every_length());
    cases.extend(no_subnet());
    cases.extend(negative());
    cases.extend(malformed(FormErr));
    cases.extend(not_served());
    cases
}

/// The option's data for `ADDRESS/SOURCE`.
fn data(prefix: &str, scope: u8) -> Vec<u8> {
    let (address, source) = prefix.split_once('/').expect("a prefix");
    let source: u8 = source.parse().expect("a length");
    let (family, address) = match address.parse().expect("an address") {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let mut octets = vec![0, family, source, scope];
    octets.extend(&address[..usize::from(source).div_ceil(8)]);
    octets
}

fn with(query: &Query, data: &[u8]) -> Query {
    query.clone().with(&Opt::sized(1232).option(SUBNET, data))
}

/// A query with a subnet from `client`, answered with `records` and the subnet with `scope`.
fn answered(client: IpAddr, query: &Query, prefix: &str, scope: u8, records: &[Data]) -> Case {
    let what = format!("type {} for {prefix} from {client}", query.qtype);
    Case::answered(what, client, &with(query, &data(prefix, 0)), records)
        .with_options(&[option(SUBNET, &data(prefix, scope))])
}

fn scopes() -> Vec<Case> {
    let www = query("www.gtm.test", A);
    let www_v6 = query("www.gtm.test", AAAA);
    let some = query("subnets.gtm.test", A);
    let some_v6 = query("subnets.gtm.test", AAAA);
    let three = [a(1), a(2), a(3)];
    let two = [aaaa(1), aaaa(2)];
    let by = |query: &Query, prefix, scope, records: &[Data]| {
        answered(ANYBODY, query, prefix, scope, records)
    };
    let mut cases = vec![
        // www claims, for A: default, telecom 198.51.100.0/24 but for office 198.51.100.192/26.
        by(&www, "198.51.100.0/24", 25, &[a(51)]),
        by(&www, "198.51.100.0/25", 25, &[a(51)]),
        by(&www, "198.51.100.1/32", 25, &[a(51)]),
        by(&www, "198.51.100.128/25", 26, &[a(51)]),
        by(&www, "198.51.100.191/32", 26, &[a(51)]),
        by(&www, "198.51.100.192/26", 26, &[a(99)]),
        by(&www, "198.51.100.192/32", 26, &[a(99)]),
        by(&www, "198.51.100.255/32", 26, &[a(99)]),
        by(&www, "198.51.99.0/24", 22, &three),
        by(&www, "198.51.101.0/24", 24, &three),
        by(&www, "198.51.96.0/21", 22, &three),
        by(&www, "198.51.102.0/23", 23, &three),
        by(&www, "0.0.0.0/8", 1, &three),
        by(&www, "0.0.0.0/32", 1, &three),
        by(&www, "203.0.113.0/24", 5, &three),
        by(&www, "255.255.255.255/32", 3, &three),
        // For AAAA: telecom-gd 2001:db8:51:8000::/49 only, and its IPv4 half of telecom's.
        by(&www_v6, "198.51.100.0/24", 25, &two),
        by(&www_v6, "198.51.100.128/25", 25, &[aaaa(0x51)]),
        by(&www_v6, "198.51.100.200/32", 25, &[aaaa(0x51)]),
        by(&www_v6, "2001:db8:51::/48", 49, &two),
        by(&www_v6, "2001:db8:51:8000::/49", 49, &[aaaa(0x51)]),
        by(&www_v6, "2001:db8:51:ffff::/64", 49, &[aaaa(0x51)]),
        by(&www_v6, "2001:db8:52::/48", 47, &two),
        by(&www_v6, "2001:db8:50::/48", 48, &two),
        by(&www_v6, "::/1", 3, &two),
        by(&www_v6, "8000::/1", 1, &two),
        // One address in the middle of a prefix: scopes longer than sources, and shorter.
        by(&some, "100.80.1.1/32", 32, &[a(99)]),
        by(&some, "100.80.1.0/32", 32, &[a(51)]),
        by(&some, "100.80.1.0/24", 32, &[a(51)]),
        by(&some, "100.80.1.2/32", 31, &[a(51)]),
        by(&some, "100.80.2.0/24", 23, &[a(51)]),
        by(&some, "100.80.0.0/16", 24, &[a(51)]),
        by(&some, "100.64.0.0/10", 12, &[a(51)]),
        by(&some, "100.127.255.255/32", 11, &[a(51)]),
        by(&some, "100.128.0.0/10", 9, &three),
        by(&some, "100.0.0.0/10", 10, &three),
        by(&some, "2001:db8:8000::1/128", 128, &[a(99)]),
        by(&some, "2001:db8:8000::/128", 128, &[a(51)]),
        by(&some, "2001:db8:8000::/33", 128, &[a(51)]),
        by(&some, "2001:db8:8000::2/127", 127, &[a(51)]),
        by(&some, "2001:db8:8000:0:1::/80", 80, &[a(51)]),
        by(&some, "2001:db8:8000:0:8000::/65", 65, &[a(51)]),
        by(&some, "2001:db8:8000:1::/64", 64, &[a(51)]),
        by(&some, "2001:db8:8001::/48", 48, &[a(51)]),
        by(&some, "2001:db8:c000::/34", 34, &[a(51)]),
        by(&some, "2001:db8::/33", 33, &three),
        by(&some_v6, "2001:db8:8000::1/128", 33, &[aaaa(0x51)]),
        by(&some_v6, "2001:db8:8000::/33", 33, &[aaaa(0x51)]),
        by(&some_v6, "100.80.1.1/32", 10, &[aaaa(0x51)]),
    ];
    // No line is claimed but default: right for everybody.
    for prefix in ["198.51.100.0/24", "2001:db8:51::/48"] {
        let window = query("window.gtm.test", A);
        cases.push(answered(TELECOM, &window, prefix, 0, &[a(1), a(2)]));
    }
    // Of the other family than the sender.
    cases.push(answered(ANYBODY_V6, &www, "198.51.100.0/24", 25, &[a(51)]));
    cases.push(answered(TELECOM, &www, "2001:db8:aa::/48", 41, &three));
    // The line is the subnet's, not the sender's.
    cases.push(answered(TELECOM, &www, "203.0.113.0/24", 5, &three));
    // A CNAME for some and addresses for others.
    let cdn = query("cdn.gtm.test", A);
    let target = [Data::cname("www.example.net")];
    cases.push(by(&cdn, "198.51.100.0/24", 24, &[a(51)]));
    cases.push(by(&cdn, "203.0.113.0/24", 5, &target));
    // A reply that is too large keeps the option, with the scope of the answer.
    let large = with(&query("many.gtm.test", AAAA), &data("198.51.100.0/24", 0));
    let large = large.edit(|query| query.rest[3..5].copy_from_slice(&512_u16.to_be_bytes()));
    cases.push(
        Case::truncated("TC with a subnet", ANYBODY, &large)
            .with_options(&[option(SUBNET, &data("198.51.100.0/24", 24))]),
    );
    cases
}

/// Every source prefix length there is, of both families.
fn every_length() -> Vec<Case> {
    let window = query("window.gtm.test", A);
    let two = [a(1), a(2)];
    let mut cases = Vec::new();
    for source in 1..=32 {
        let bits = u32::MAX << (32 - source) & 0xc633_6455;
        let prefix = format!("{}/{source}", std::net::Ipv4Addr::from_bits(bits));
        cases.push(answered(ANYBODY, &window, &prefix, 0, &two));
    }
    for source in 1..=128 {
        let bits = u128::MAX << (128 - source) & 0x2001_0db8_0051_8777_6666_5555_4444_3333;
        let prefix = format!("{}/{source}", std::net::Ipv6Addr::from_bits(bits));
        cases.push(answered(ANYBODY_V6, &window, &prefix, 0, &two));
    }
    cases
}

/// A source prefix length of 0: the sender's line, and nothing said of it.
fn no_subnet() -> Vec<Case> {
    let www = query("www.gtm.test", A);
    let mut cases = Vec::new();
    for (client, records) in [
        (ANYBODY, &[a(1), a(2), a(3)][..]),
        (ANYBODY_V6, &[a(1), a(2), a(3)]),
        (TELECOM, &[a(51)]),
    ] {
        for family in [0, 1, 2] {
            let data = [0, family, 0, 0];
            let what = format!("family {family}, source 0, from {client}");
            let case = Case::answered(what, client, &with(&www, &data), records);
            cases.push(case.with_options(&[option(SUBNET, &data)]));
        }
    }
    cases
}

/// Negative replies have scope 0.
fn negative() -> Vec<Case> {
    let mut cases = Vec::new();
    for prefix in ["198.51.100.0/24", "2001:db8:8000::1/128", "0.0.0.0/1"] {
        let echoed = [option(SUBNET, &data(prefix, 0))];
        let asked = |name, qtype| with(&query(name, qtype), &data(prefix, 0));
        let what = |what: &str| format!("{what} for {prefix}");
        cases.extend([
            Case::nodata(
                what("another type"),
                ANYBODY,
                &asked("www.gtm.test", TXT),
                gtm(),
            )
            .with_options(&echoed),
            Case::nodata(
                what("no AAAA"),
                ANYBODY,
                &asked("window.gtm.test", AAAA),
                gtm(),
            )
            .with_options(&echoed),
            Case::nxdomain(
                what("no name"),
                ANYBODY_V6,
                &asked("nothing.gtm.test", A),
                gtm(),
            )
            .with_options(&echoed),
        ]);
    }
    cases
}

/// What is malformed, and why.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let mut octets_17 = vec![0, 2, 128, 0];
    octets_17.extend([1; 17]);
    vec![
        ("no data", vec![]),
        ("one octet", vec![0]),
        ("no source", vec![0, 1]),
        ("no scope", vec![0, 1, 0]),
        ("family 3", vec![0, 3, 8, 0, 1]),
        ("family 3 without an address", vec![0, 3, 0, 0]),
        ("family 256", vec![1, 0, 0, 0]),
        ("family 0 with an address", vec![0, 0, 8, 0, 1]),
        ("family 0 with a source", vec![0, 0, 8, 0]),
        ("a source of 33", vec![0, 1, 33, 0, 1, 2, 3, 4, 0]),
        (
            "a source of 33 in four octets",
            vec![0, 1, 33, 0, 1, 2, 3, 4],
        ),
        ("a source of 255", vec![0, 1, 255, 0, 1, 2, 3, 4]),
        ("an IPv6 source of 129", octets_17.clone()),
        ("seventeen octets", octets_17),
        ("a scope", vec![0, 1, 24, 24, 192, 0, 2]),
        ("a scope without a source", vec![0, 1, 0, 1]),
        ("an octet too few", vec![0, 1, 24, 0, 192, 0]),
        ("an octet too many", vec![0, 1, 24, 0, 192, 0, 2, 0]),
        ("an octet without a source", vec![0, 1, 0, 0, 0]),
        (
            "all octets with a source of 24",
            vec![0, 1, 24, 0, 192, 0, 2, 0],
        ),
        ("a stray bit", vec![0, 1, 20, 0, 192, 0, 0x28]),
        ("the last stray bit", vec![0, 1, 1, 0, 0x81]),
        (
            "a stray bit of IPv6",
            vec![0, 2, 33, 0, 0x20, 1, 0x0d, 0xb8, 0xc0],
        ),
        (
            "a hundred octets",
            [vec![0, 1, 24, 0], vec![0; 96]].concat(),
        ),
    ]
}

/// The kernel passes them all; userspace answers them with `code`.
fn malformed(code: ResponseCode) -> Vec<Case> {
    let good = data("198.51.100.0/24", 0);
    let passed = |what: String, opt: Opt| {
        let query = query("www.gtm.test", A).with(&opt);
        let userspace = Userspace::Code(code);
        Case::passed(what, ANYBODY, &query.octets(), &[PassEdnsOption], userspace)
    };
    let mut cases = Vec::new();
    for (why, data) in bad() {
        let opt = || Opt::sized(1232);
        cases.extend([
            passed(format!("a subnet with {why}"), opt().option(SUBNET, &data)),
            passed(
                format!("a subnet with {why}, behind a cookie"),
                opt().option(10, &[7; 8]).option(SUBNET, &data),
            ),
            passed(
                format!("a subnet with {why}, before padding"),
                opt().option(SUBNET, &data).option(12, &[0; 20]),
            ),
        ]);
    }
    let twice = Opt::sized(1232).option(SUBNET, &good).option(SUBNET, &good);
    cases.push(passed("two subnets".to_owned(), twice));
    cases
}

/// `ecs = false`: the option chooses nothing and is not repeated, whatever is in it (RFC 7871 §7.2.1).
fn not_served() -> Vec<Case> {
    let www = query("www.gtm.test", A);
    let options = vec![
        ("nothing wrong", data("198.51.100.0/24", 0)),
        ("a source of 0", vec![0, 1, 0, 0]),
        ("IPv6", data("2001:db8:51::/48", 0)),
    ];
    let ignored = |(why, data): (&str, Vec<u8>)| {
        let what = format!("an ignored subnet with {why}");
        let three = [a(1), a(2), a(3)];
        Case::answered(what, ANYBODY, &with(&www, &data), &three).in_state(State::NoSubnet)
    };
    let mut cases: Vec<Case> = options.into_iter().map(ignored).collect();
    for case in malformed(NoError) {
        cases.push(case.in_state(State::NoSubnet));
    }
    let other = with(&www, &data("203.0.113.0/24", 0));
    cases.push(
        Case::answered(
            "the sender's line, not the ignored subnet's",
            TELECOM,
            &other,
            &[a(51)],
        )
        .in_state(State::NoSubnet),
    );
    cases
}

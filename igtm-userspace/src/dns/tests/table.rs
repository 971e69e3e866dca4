//! Code, records and SOA by name, type and client.

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType::{
    self, A, AAAA, ANY, AXFR, CNAME, HTTPS, MX, NS, SOA as SOA_TYPE, TXT,
};

use super::{OTHER, TELECOM, answer, by, octets, parsed, query, well, words};
use crate::dns::answer::Transport;

/// The SOA of a negative answer in each zone.
const SOA: &str = "| example.com. 30 SOA 7 30";
const SOA_ORG: &str = "| gtm.example.org. 60 SOA 7 60";

#[track_caller]
fn expect(cases: &[(&str, &str, RecordType, &str)]) {
    let snapshot = well();
    for (client, name, r#type, expected) in cases {
        let expected = expected.replace("$SOA_ORG", SOA_ORG).replace("$SOA", SOA);
        for edns in [false, true] {
            let asked = octets(&query(name, *r#type, edns));
            let udp = parsed(&snapshot, client, &asked);
            assert_eq!(words(&udp), expected, "{client} {name} {type}, OPT: {edns}");
            assert_eq!(udp.edns.is_some(), edns, "{name} {type}");
            assert_eq!(udp.queries, query(name, *r#type, edns).queries);
            // TCP says the same: nothing here is too large.
            let tcp = answer(&snapshot, &asked, by(client, Transport::Tcp)).expect("a reply");
            assert_eq!(Message::from_vec(&tcp).expect("well formed"), udp);
        }
    }
}

#[test]
fn instances() {
    expect(&[
        (
            TELECOM,
            "www.example.com",
            A,
            "NoError aa www.example.com. 60 A 10.0.0.1",
        ),
        (
            OTHER,
            "www.example.com",
            A,
            "NoError aa www.example.com. 60 A 10.0.0.2 www.example.com. 60 A 10.0.0.3",
        ),
        (
            "2001:db8:a::7",
            "www.example.com",
            A,
            "NoError aa www.example.com. 60 A 10.0.0.1",
        ),
        // Nobody claims telecom for AAAA: the default line's.
        (
            TELECOM,
            "www.example.com",
            AAAA,
            "NoError aa www.example.com. 60 AAAA 2001:db8::1",
        ),
        // RFC 8482 §4.1.
        (
            TELECOM,
            "www.example.com",
            ANY,
            "NoError aa www.example.com. 60 A 10.0.0.1",
        ),
        (TELECOM, "www.example.com", TXT, "NoError aa $SOA"),
        (TELECOM, "www.example.com", CNAME, "NoError aa $SOA"),
        (TELECOM, "www.example.com", NS, "NoError aa $SOA"),
        (TELECOM, "www.example.com", SOA_TYPE, "NoError aa $SOA"),
        (TELECOM, "off.example.com", A, "NoError aa $SOA"),
        (TELECOM, "many.example.com", A, "NoError aa $SOA"),
    ]);
}

#[test]
fn an_answer_that_is_a_cname_answers_every_type() {
    let cname = "NoError aa cdn.gtm.example.org. 60 CNAME a.cdn.example.net.";
    let chain = "NoError aa cdn.example.com. 60 CNAME cdn.gtm.example.org. \
                 cdn.gtm.example.org. 60 CNAME a.cdn.example.net.";
    for r#type in [A, AAAA, CNAME, TXT, MX, HTTPS, ANY] {
        expect(&[(OTHER, "cdn.gtm.example.org", r#type, cname)]);
        if !matches!(r#type, CNAME | ANY) {
            expect(&[(OTHER, "cdn.example.com", r#type, chain)]);
        }
    }
}

#[test]
fn a_business_domain_leads_to_its_access_domain() {
    // 2 s: min_ttl is the access domain's zone's, which has none.
    let cname = "shop.example.com. 2 CNAME shop.x.gtm.example.org.";
    let whole = format!("NoError aa {cname} shop.x.gtm.example.org. 2 A 10.0.0.1");
    let nodata = format!("NoError aa {cname} {SOA_ORG}");
    expect(&[
        (OTHER, "shop.example.com", A, &whole),
        (
            OTHER,
            "shop.example.com",
            CNAME,
            &format!("NoError aa {cname}"),
        ),
        (OTHER, "shop.example.com", AAAA, &nodata),
        (OTHER, "shop.example.com", TXT, &nodata),
        (
            OTHER,
            "shop.x.gtm.example.org",
            A,
            "NoError aa shop.x.gtm.example.org. 2 A 10.0.0.1",
        ),
    ]);
}

#[test]
fn zones() {
    let soa = "NoError aa example.com. 3600 SOA ns1.example.net. 7 30";
    expect(&[
        (OTHER, "example.com", SOA_TYPE, soa),
        (OTHER, "example.com", ANY, soa),
        (
            OTHER,
            "example.com",
            NS,
            "NoError aa example.com. 3600 NS ns1.example.net. example.com. 3600 NS ns2.example.net.",
        ),
        (OTHER, "example.com", A, "NoError aa $SOA"),
        (OTHER, "absent.example.com", A, "NXDomain aa $SOA"),
        (OTHER, "absent.example.com", SOA_TYPE, "NXDomain aa $SOA"),
        (OTHER, "below.www.example.com", A, "NXDomain aa $SOA"),
        // x has something below it, so it exists (RFC 8020).
        (OTHER, "x.gtm.example.org", A, "NoError aa $SOA_ORG"),
        (OTHER, "y.gtm.example.org", A, "NXDomain aa $SOA_ORG"),
        (OTHER, "example.org", A, "Refused"),
        (OTHER, "xexample.com", A, "Refused"),
        (OTHER, "com", NS, "Refused"),
        (OTHER, ".", NS, "Refused"),
        (OTHER, "example.com", AXFR, "Refused"),
    ]);
}

#[test]
fn case_is_ignored_and_kept() {
    let snapshot = well();
    for name in ["wWw.ExAmPlE.cOm", "aBsEnT.example.com", "ShOp.example.com"] {
        let asked = octets(&query(name, A, true));
        let reply = super::reply(&snapshot, OTHER, &asked).expect("a reply");
        let end = 12 + name.len() + 2 + 4;
        assert_eq!(reply[12..end], asked[12..end], "{name}");
    }
    let asked = octets(&query("WWW.EXAMPLE.COM", A, false));
    let reply = parsed(&snapshot, TELECOM, &asked);
    assert_eq!(words(&reply), "NoError aa WWW.EXAMPLE.COM. 60 A 10.0.0.1");
}

#[test]
fn health_reaches_userspace_as_it_reaches_the_kernel() {
    let file = super::FILE.replace(
        "name    = \"telecom\"\ntype    = \"ipv4\"\n",
        "name    = \"telecom\"\ntype    = \"ipv4\"\nmonitor = \"tcp\"\n",
    ) + "\n[[monitor]]\nname = \"tcp\"\nprotocol = \"tcp\"\n";
    let file = file.replace(
        "tier     = [{ pools = [\"telecom\"] }]",
        "tier     = [{ pools = [\"telecom\"] }, { pools = [\"default\"] }]",
    );
    let ground = crate::snapshot::fixture::ground(&file);
    let asked = octets(&query("www.example.com", A, false));
    for (down, expected) in [
        (&[][..], "NoError aa www.example.com. 60 A 10.0.0.1"),
        (
            &["10.0.0.1"],
            "NoError aa www.example.com. 60 A 10.0.0.2 www.example.com. 60 A 10.0.0.3",
        ),
    ] {
        let snapshot = crate::snapshot::fixture::snapshot(&ground, down, 1);
        assert_eq!(words(&parsed(&snapshot, TELECOM, &asked)), expected);
    }
}

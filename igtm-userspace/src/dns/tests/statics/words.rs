//! The main cases in words, some octet by octet.

use std::sync::{Arc, LazyLock};

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record, RecordType};

use super::{DNAME, POOL, instance, parsed, snapshot, zones};
use crate::dns::answer::Transport;
use crate::dns::tests::edns::{subnet, with_subnet};
use crate::dns::tests::{OTHER, TELECOM, answer, by, octets, query};
use crate::snapshot::Ground;

const FILE: &str = r#"
$TTL 1h
@        SOA ns1 hostmaster 2026112201 1d 2h 4w 5m
         NS ns1
         NS ns.other.net.
         MX 10 mail
twice    MX 1 mail
         MX 2 MAIL
ns1      A 192.0.2.53
         AAAA 2001:db8::53
mail     300 A 192.0.2.25
*.wild   CNAME www
alias    CNAME www
out      CNAME www.other.net.
sub      NS ns1.sub
         NS ns.other.net.
ns1.sub  A 192.0.2.99
old      DNAME gtm
_s._tcp  SRV 1 2 5060 mail
web      HTTPS 1 . alpn=h2
         A 192.0.2.44
svc      SVCB 1 mail
a.b.c    TXT "deep"
*.w      TXT "wild"
www.gtm  TXT "beside"
child    NS ns.child
ns.child A 192.0.2.77
child    DS 1 13 2 00
loop     CNAME pool
pool     CNAME loop
big      NS a.big
         NS b.big
a.big    AAAA 2001:db8::a1
b.big    AAAA 2001:db8::b1
"#;

const CHILD: &str =
    "$TTL 60\n@ SOA ns h.other. 1 2 3 4 5\n@ NS ns\nns A 192.0.2.77\nx CNAME alias.example.com.\n";

/// The lines and the instance by line of the tests beside.
const LINE: &str =
    "[[line]]\nname = \"telecom\"\nkind = \"operator\"\nprefixes = [\"203.0.113.0/24\"]\n";
const STRATEGY: &str = "[[pool]]\nname = \"t\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.81\" }]\n\
    [[instance]]\nname = \"www\"\ndomain = \"www.example.com\"\naccess_domain = \"www.gtm.example.com\"\n\
    strategy = [\n\
    { name = \"t\", lines = [\"telecom\"], fallback = \"t\", tier = [{ pools = [\"t\"] }] },\n\
    { name = \"d\", lines = [\"default\"], fallback = \"p\", tier = [{ pools = [\"p\"] }] } ]\n";

static GROUND: LazyLock<Arc<Ground>> = LazyLock::new(|| {
    let more = format!(
        "{LINE}{POOL}{STRATEGY}{}",
        instance("alone.example.com", "alone.example.com")
    );
    zones(
        &[("example.com", FILE), ("child.example.com", CHILD)],
        &more,
    )
});

fn one(record: &Record) -> String {
    let data = match &record.data {
        RData::SOA(soa) => format!("{} {} {}", soa.mname, soa.serial, soa.minimum),
        RData::Unknown { .. } => "…".to_owned(),
        data => data.to_string(),
    };
    let rtype = match record.record_type() {
        RecordType::Unknown(DNAME) => "DNAME".to_owned(),
        other => other.to_string(),
    };
    format!("{} {} {rtype} {data}", record.name, record.ttl)
}

/// Code, AA, TC; sections behind `|`, records behind `,`.
fn words(message: &Message) -> String {
    let meta = &message.metadata;
    let mut words = format!("{:?}", meta.response_code);
    words += if meta.authoritative { " aa" } else { "" };
    words += if meta.truncation { " tc" } else { "" };
    for section in [&message.answers, &message.authorities, &message.additionals] {
        let records: Vec<String> = section.iter().map(one).collect();
        words += &format!(" | {}", records.join(", "));
    }
    words.trim_end_matches([' ', '|']).to_owned()
}

fn asked(client: &str, name: &str, qtype: RecordType, transport: Transport) -> Message {
    let asked = octets(&query(name, qtype, true));
    let reply = answer(&snapshot(&GROUND), &asked, by(client, transport)).expect("a reply");
    parsed(reply)
}

const SOA: &str = "example.com. 300 SOA ns1.example.com. 7 300";
const WWW: &str = "www.example.com. 60 CNAME www.gtm.example.com., www.gtm.example.com. 60 A";

#[test]
fn what_is_answered() {
    use RecordType::{A, AAAA, ANY, CNAME, DS, HTTPS, MX, NS, SOA as SOA_TYPE, SRV, SVCB, TXT};
    let addresses = "ns1.example.com. 3600 A 192.0.2.53, ns1.example.com. 3600 AAAA 2001:db8::53";
    let referral = "NoError |  | sub.example.com. 3600 NS ns1.sub.example.com., sub.example.com. 3600 NS ns.other.net. | ns1.sub.example.com. 3600 A 192.0.2.99";
    let mail = "mail.example.com. 300 A 192.0.2.25";
    for (name, qtype, expected) in [
        ("ns1", A, "NoError aa | ns1.example.com. 3600 A 192.0.2.53".to_owned()),
        ("ns1", TXT, format!("NoError aa |  | {SOA}")),
        ("NS1.Example.COM", AAAA, "NoError aa | NS1.Example.COM. 3600 AAAA 2001:db8::53".to_owned()),
        ("", SOA_TYPE, "NoError aa | example.com. 3600 SOA ns1.example.com. 7 300".to_owned()),
        ("", ANY, "NoError aa | example.com. 3600 SOA ns1.example.com. 7 300".to_owned()),
        ("", NS, format!("NoError aa | example.com. 3600 NS ns1.example.com., example.com. 3600 NS ns.other.net. |  | {addresses}")),
        ("", MX, format!("NoError aa | example.com. 3600 MX 10 mail.example.com. |  | {mail}")),
        ("", A, format!("NoError aa |  | {SOA}")),
        ("twice", MX, format!("NoError aa | twice.example.com. 3600 MX 1 mail.example.com., twice.example.com. 3600 MX 2 mail.example.com. |  | {mail}")),
        ("_s._tcp", SRV, format!("NoError aa | _s._tcp.example.com. 3600 SRV 1 2 5060 mail.example.com. |  | {mail}")),
        ("svc", SVCB, format!("NoError aa | svc.example.com. 3600 SVCB 1 mail.example.com. |  | {mail}")),
        ("web", HTTPS, "NoError aa | web.example.com. 3600 HTTPS 1 . alpn=h2, |  | web.example.com. 3600 A 192.0.2.44".to_owned()),
        ("web", ANY, "NoError aa | web.example.com. 3600 A 192.0.2.44".to_owned()),
        // On to an instance, from a business domain, a CNAME, a wildcard and a DNAME.
        ("www", A, format!("NoError aa | {WWW} 192.0.2.80")),
        ("alias", A, format!("NoError aa | alias.example.com. 3600 CNAME www.example.com., {WWW} 192.0.2.80")),
        ("alias", CNAME, "NoError aa | alias.example.com. 3600 CNAME www.example.com.".to_owned()),
        ("alias", ANY, "NoError aa | alias.example.com. 3600 CNAME www.example.com.".to_owned()),
        ("any.wild", A, format!("NoError aa | any.wild.example.com. 3600 CNAME www.example.com., {WWW} 192.0.2.80")),
        ("www.old", A, "NoError aa | old.example.com. 3600 DNAME …, www.old.example.com. 3600 CNAME www.gtm.example.com., www.gtm.example.com. 60 A 192.0.2.80".to_owned()),
        ("no.old", A, format!("NXDomain aa | old.example.com. 3600 DNAME …, no.old.example.com. 3600 CNAME no.gtm.example.com. | {SOA}")),
        ("old", A, format!("NoError aa |  | {SOA}")),
        ("out", A, "NoError aa | out.example.com. 3600 CNAME www.other.net.".to_owned()),
        ("loop", A, "ServFail".to_owned()),
        // Beside an instance.
        ("www.gtm", TXT, "NoError aa | www.gtm.example.com. 3600 TXT beside".to_owned()),
        ("www.gtm", A, "NoError aa | www.gtm.example.com. 60 A 192.0.2.80".to_owned()),
        ("www.gtm", MX, format!("NoError aa |  | {SOA}")),
        ("www.gtm", AAAA, format!("NoError aa |  | {SOA}")),
        // Delegations.
        ("sub", A, referral.to_owned()),
        ("ns1.sub", A, referral.to_owned()),
        ("x.y.sub", NS, referral.to_owned()),
        ("sub", DS, format!("NoError aa |  | {SOA}")),
        ("x.sub", DS, referral.to_owned()),
        // A child zone served here too.
        ("child", DS, "NoError aa | child.example.com. 3600 DS …".to_owned()),
        ("child", NS, "NoError aa | child.example.com. 60 NS ns.child.example.com. |  | ns.child.example.com. 60 A 192.0.2.77".to_owned()),
        ("x.child", A, format!("NoError aa | x.child.example.com. 60 CNAME alias.example.com., alias.example.com. 3600 CNAME www.example.com., {WWW} 192.0.2.80")),
        ("no.child", A, "NXDomain aa |  | child.example.com. 5 SOA ns.child.example.com. 7 5".to_owned()),
        // Names between, wildcards, and nothing.
        ("b.c", A, format!("NoError aa |  | {SOA}")),
        ("a.b.c", TXT, "NoError aa | a.b.c.example.com. 3600 TXT deep".to_owned()),
        ("x.b.c", A, format!("NXDomain aa |  | {SOA}")),
        ("x.y.w", TXT, "NoError aa | x.y.w.example.com. 3600 TXT wild".to_owned()),
        ("x.w", A, format!("NoError aa |  | {SOA}")),
        ("w", TXT, format!("NoError aa |  | {SOA}")),
        ("*.w", TXT, "NoError aa | *.w.example.com. 3600 TXT wild".to_owned()),
        ("no", A, format!("NXDomain aa |  | {SOA}")),
    ] {
        let full = match name {
            "" => "example.com".to_owned(),
            whole if whole.ends_with("COM") => whole.to_owned(),
            name => format!("{name}.example.com"),
        };
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = asked(OTHER, &full, qtype, transport);
            assert_eq!(words(&reply), expected, "{full} {qtype} {transport:?}");
        }
    }
}

#[test]
fn a_way_to_an_instance_has_the_client_s_line_and_scope() {
    let reply = asked(TELECOM, "alias.example.com", RecordType::A, Transport::Udp);
    assert!(
        words(&reply).ends_with("www.gtm.example.com. 60 A 192.0.2.81"),
        "{reply}"
    );
    let asked = with_subnet("alias.example.com", &[0, 1, 32, 0, 203, 0, 113, 9]);
    let octets = answer(&snapshot(&GROUND), &asked, by(OTHER, Transport::Udp)).expect("a reply");
    let reply = parsed(octets);
    assert_eq!(subnet(&reply), Some((32, 24)));
    let asked = with_subnet("mail.example.com", &[0, 1, 32, 0, 203, 0, 113, 9]);
    let octets = answer(&snapshot(&GROUND), &asked, by(OTHER, Transport::Udp)).expect("a reply");
    let reply = parsed(octets);
    assert_eq!(subnet(&reply), Some((32, 0)));
}

#[test]
fn replies_octet_by_octet() {
    let reply = |name, qtype| {
        let asked = octets(&query(name, qtype, false));
        answer(&snapshot(&GROUND), &asked, by(OTHER, Transport::Udp)).expect("a reply")
    };
    let mut expected =
        b"\x00\x01\x84\x00\x00\x01\x00\x01\x00\x00\x00\x01\x07example\x03com\x00\x00\x0f\x00\x01"
            .to_vec();
    expected.extend(b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x0e\x10\x00\x09\x00\x0a\x04mail\xc0\x0c");
    expected.extend(b"\xc0\x2b\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xc0\x00\x02\x19");
    assert_eq!(reply("example.com", RecordType::MX), expected);
    let mut expected = b"\x00\x01\x80\x00\x00\x01\x00\x00\x00\x02\x00\x01\x01x\x03sub\x07example\x03com\x00\x00\x01\x00\x01".to_vec();
    expected.extend(b"\xc0\x0e\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x06\x03ns1\xc0\x0e");
    expected.extend(b"\xc0\x0e\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x0e\x02ns\x05other\x03net\x00");
    expected.extend(b"\xc0\x2f\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x63");
    assert_eq!(reply("x.sub.example.com", RecordType::A), expected);
}

#[test]
fn only_glue_that_is_needed_truncates() {
    let text = "@ 60 SOA ns.other. h.other. 1 2 3 4 5\n@ 60 NS ns.other.\n";
    let mut records = text.to_owned();
    for at in 0..20 {
        records += &format!("cut 60 NS n{at}.cut\nn{at}.cut 60 AAAA 2001:db8::{at}\n");
        records += &format!("sib 60 NS h{at}\nh{at} 60 AAAA 2001:db8::{at}\n");
        records += &format!("@ 60 MX {at} h{at}\n");
    }
    let ground = zones(&[("z.test", &records)], "");
    let reply = |name, qtype| {
        let asked = octets(&query(name, qtype, false));
        let reply = answer(&snapshot(&ground), &asked, by(OTHER, Transport::Udp)).expect("a reply");
        assert!(reply.len() <= 512);
        parsed(reply)
    };
    let needed = reply("x.cut.z.test", RecordType::A);
    assert!(
        needed.metadata.truncation
            && !needed.metadata.authoritative
            && needed.authorities.is_empty(),
        "{needed}"
    );
    for (name, qtype) in [("x.sib.z.test", RecordType::A), ("z.test", RecordType::MX)] {
        let reply = reply(name, qtype);
        assert!(!reply.metadata.truncation, "{reply}");
        assert_eq!(reply.answers.len() + reply.authorities.len(), 20);
        assert!(
            !reply.additionals.is_empty() && reply.additionals.len() < 20,
            "{reply}"
        );
    }
}

//! Zone transfers: who may, what is in them, how they are cut into messages.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};

use super::wire::{AA, DO, IN, PLAIN, QR, RD, SOA, Section, Wire, owner};
use super::{FILE, OTHER, TELECOM, answer, by, well, words};
use crate::dns::answer::Transport::{self, Tcp, Udp};
use crate::dns::transfer::{Part, transfer};
use crate::snapshot::Snapshot;
use crate::snapshot::fixture::{ground, snapshot};

const IXFR: u16 = 251;
const AXFR: u16 = 252;
const SERIAL: u32 = super::SERIAL;
const SOA_SAYS: &str = "example.com. 3600 SOA ns1.example.net. 7 30";

/// 192.0.2.0/24, and a network and a host of telecom, may have example.com; `more` is in the file.
fn open(more: &str) -> Arc<Snapshot> {
    let line = "negative_ttl = \"30s\"\ntransfer = [\"192.0.2.0/24\", \"2001:db8:a::/64\", \"203.0.113.99/32\"]\n";
    let file = FILE.replace("negative_ttl = \"30s\"\n", line) + more;
    assert!(file.contains(line), "it is there");
    Arc::new(snapshot(&ground(&file), &[], SERIAL))
}

fn message(part: Part) -> Option<Vec<u8>> {
    match part {
        Part::Message(message) => Some(message),
        Part::Pause => None,
    }
}

fn axfr() -> Wire {
    Wire::new(0).question("example.com", AXFR)
}

/// Of a client that has this serial.
fn ixfr(serial: u32) -> Wire {
    let names = [owner("ns.example.com"), vec![0xc0, 12]].concat();
    let soa = [&names[..], &serial.to_be_bytes(), &[0; 16]].concat();
    let asked = Wire::new(0).question("example.com", IXFR);
    asked.record_of(Section::Authority, &[0xc0, 12], SOA, [IN, 0, 0], &soa)
}

fn messages(snapshot: &Arc<Snapshot>, client: &str, asked: &Wire) -> Option<Vec<Vec<u8>>> {
    let parts = transfer(snapshot, &asked.octets(), by(client, Tcp))?;
    Some(parts.filter_map(message).collect())
}

/// Of one message.
fn alone(snapshot: &Snapshot, client: &str, asked: &Wire, transport: Transport) -> String {
    let reply = answer(snapshot, &asked.octets(), by(client, transport)).expect("a reply");
    words(&Message::from_vec(&reply).expect("well formed"))
}

fn record(record: &Record) -> String {
    match &record.data {
        RData::SOA(soa) => format!(
            "{} {} SOA {} {} {}",
            record.name, record.ttl, soa.mname, soa.serial, soa.minimum
        ),
        data => format!(
            "{} {} {} {data}",
            record.name,
            record.ttl,
            record.record_type()
        ),
    }
}

/// All of all messages.
fn records(messages: &[Vec<u8>]) -> Vec<String> {
    let parsed = messages
        .iter()
        .map(|octets| Message::from_vec(octets).expect("well formed"));
    parsed
        .flat_map(|message| message.answers)
        .map(|one| record(&one))
        .collect()
}

#[test]
fn it_is_refused_to_whom_it_is_not_allowed() {
    let (open, closed) = (open(""), Arc::new(well()));
    for asked in [axfr(), ixfr(1)] {
        for (snapshot, client) in [
            (&open, TELECOM),
            (&open, "192.0.3.1"),
            (&open, "2001:db8:b::1"),
            (&closed, OTHER),
        ] {
            assert_eq!(messages(snapshot, client, &asked), None, "{client}");
            for transport in [Udp, Tcp] {
                assert_eq!(
                    alone(snapshot, client, &asked, transport),
                    "Refused",
                    "{client}"
                );
            }
        }
    }
    // The other zone is nobody's.
    let other = Wire::new(0).question("gtm.example.org", AXFR);
    assert_eq!(messages(&open, OTHER, &other), None);
    assert_eq!(alone(&open, OTHER, &other, Tcp), "Refused");
    // What is no apex is no zone (RFC 5936 §2.2.1).
    for name in ["www.example.com", "absent.example.com", "example.net", "."] {
        let asked = Wire::new(0).question(name, AXFR);
        assert_eq!(messages(&open, OTHER, &asked), None, "{name}");
        assert_eq!(alone(&open, OTHER, &asked, Tcp), "NotAuth", "{name}");
        // Who may have none is not told.
        assert_eq!(alone(&open, TELECOM, &asked, Tcp), "Refused", "{name}");
    }
}

#[test]
fn it_holds_what_its_client_is_answered() {
    let snapshot = open(NESTED);
    let anybodys = [
        "www.example.com. 60 A 10.0.0.2",
        "www.example.com. 60 A 10.0.0.3",
    ];
    let telecoms = ["www.example.com. 60 A 10.0.0.1"];
    for (client, own) in [
        (OTHER, &anybodys[..]),
        ("203.0.113.99", &telecoms),
        ("2001:db8:a::9", &telecoms),
    ] {
        let messages = messages(&snapshot, client, &axfr()).expect("it is allowed");
        let found = records(&messages);
        assert_eq!(found.first().map(String::as_str), Some(SOA_SAYS));
        assert_eq!(found.last().map(String::as_str), Some(SOA_SAYS));
        assert_eq!(found.iter().filter(|one| *one == SOA_SAYS).count(), 2);
        let mut expected: BTreeSet<String> = [
            SOA_SAYS,
            "example.com. 3600 NS ns1.example.net.",
            "example.com. 3600 NS ns2.example.net.",
            "www.example.com. 60 AAAA 2001:db8::1",
            "shop.example.com. 2 CNAME shop.x.gtm.example.org.",
            "cdn.example.com. 60 CNAME cdn.gtm.example.org.",
            "one.example.com. 60 CNAME a.cdn.example.net.",
        ]
        .map(str::to_owned)
        .into();
        expected.extend(own.iter().copied().map(str::to_owned));
        expected.extend((1..=18).map(|n| format!("many.example.com. 60 AAAA 2001:db8::{n:x}")));
        assert_eq!(BTreeSet::from_iter(found.iter().cloned()), expected);
        assert_eq!(found.len(), expected.len() + 1, "nothing twice");
    }
}

/// A zone inside the zone, which is not part of it; and an access domain of one CNAME for both types.
const NESTED: &str = "[[zone]]\norigin = \"sub.example.com\"\nns = [\"ns.example.net\"]\n\
     contact = \"ops.example.net\"\n[[instance]]\nname = \"below\"\ndomain = \"below.sub.example.com\"\n\
     [[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"telecom\"\n\
     tier = [{ pools = [\"telecom\"] }]\n[[instance]]\nname = \"one\"\ndomain = \"one.example.com\"\n\
     [[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"cdn\"\n\
     tier = [{ pools = [\"cdn\"] }]\n";

/// Static records, with what of them is elsewhere's: glue, a delegation, a wildcard; beside them the
/// instances, one of them at a name of both.
#[test]
fn of_a_zone_with_a_file_nothing_stands_twice() {
    let records = "@ 60 SOA ns1.example.com. h.example.com. 1 2 3 4 5\n@ 60 NS ns1\n@ 60 NS ns.cut\n\
                   ns1 60 A 192.0.2.53\ncut 60 NS ns.cut\nns.cut 60 A 192.0.2.54\n*.wild 60 A 192.0.2.1\n\
                   www 60 TXT beside\nwww 60 TXT beside\nwww 60 MX 10 www\n\
                   sub 60 NS ns.example.net.\nns.sub 60 A 192.0.2.55\n";
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("zone");
    std::fs::write(&path, records).expect("written");
    let zone = "origin       = \"example.com\"\n";
    let file = FILE
        .replace(
            "ns           = [\"ns1.example.net\", \"ns2.example.net\"]\ncontact      = \"hostmaster.example.com\"\nnegative_ttl = \"30s\"\n",
            &format!("file = {path:?}\ntransfer = [\"192.0.2.0/24\"]\n"),
        )
        + NESTED;
    assert!(file.contains(zone) && file.contains("transfer"), "{file}");
    let snapshot = Arc::new(snapshot(&ground(&file), &[], SERIAL));
    let messages = messages(&snapshot, OTHER, &axfr()).expect("it is allowed");
    let mut found = self::records(&messages);
    assert_eq!(found.pop().as_ref(), found.first(), "the SOA ends it");
    let instances = 2 + 1 + 18 + 1 + 1 + 1;
    let statics = 1 + 2 + 1 + 2 + 1 + 2 + 2;
    assert_eq!(found.len(), statics + instances, "{found:#?}");
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "{found:#?}");
}

#[test]
fn a_name_is_taken_in_any_case() {
    let snapshot = open("");
    let lower = messages(&snapshot, OTHER, &axfr()).expect("it is allowed");
    let asked = Wire::new(0).question("ExAmPlE.CoM", AXFR);
    let upper = messages(&snapshot, OTHER, &asked).expect("it is allowed");
    assert_eq!(upper.len(), lower.len());
    assert!(upper[0][12..].starts_with(b"\x07ExAmPlE\x03CoM\0"));
}

/// So many instances of one record in a zone.
fn instances(count: usize, zone: &str) -> String {
    let mut more = String::new();
    for n in 0..count {
        let _ = write!(
            more,
            "[[instance]]\nname = \"n{n}\"\ndomain = \"n{n}.{zone}\"\n[[instance.strategy]]\n\
             name = \"s\"\nlines = [\"default\"]\nfallback = \"telecom\"\ntier = [{{ pools = [\"telecom\"] }}]\n"
        );
    }
    more
}

/// However many instances have no part in it, no look at them takes long.
#[test]
fn names_elsewhere_are_gone_over_in_parts() {
    let small = messages(&open(""), OTHER, &axfr()).expect("it is allowed");
    let snapshot = open(&instances(3500, "gtm.example.org"));
    let parts = transfer(&snapshot, &axfr().octets(), by(OTHER, Tcp)).expect("it is allowed");
    let parts: Vec<Part> = parts.collect();
    let pauses = parts.iter().filter(|part| matches!(part, Part::Pause));
    assert_eq!(pauses.count(), 3);
    let messages: Vec<_> = parts.into_iter().filter_map(message).collect();
    assert_eq!(records(&messages), records(&small));
}

#[test]
fn it_is_cut_into_messages() {
    let snapshot = open(&instances(2000, "example.com"));
    let asked = Wire::new(RD)
        .question("example.com", AXFR)
        .opt(DO, &[(10, &[7; 8]), (3, &[])]);
    let messages = messages(&snapshot, OTHER, &asked).expect("it is allowed");
    assert!(messages.len() > 2, "{} messages", messages.len());
    for (at, message) in messages.iter().enumerate() {
        assert!(message.len() <= 16_384, "{} octets", message.len());
        assert_eq!(
            message[..4],
            [&[0, 1][..], &(QR | AA | RD).to_be_bytes()].concat()
        );
        // The OPT stands in the first.
        let counts = [message[5], message[11]];
        assert_eq!(counts, [1, u8::from(at == 0)]);
        let parsed = Message::from_vec(message).expect("well formed");
        assert_eq!(parsed.edns.is_some(), at == 0);
    }
    let found = records(&messages);
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(distinct.len() + 1, found.len(), "nothing twice but the SOA");
    let theirs = found.iter().filter(|one| one.ends_with(" A 10.0.0.1"));
    assert_eq!(theirs.count(), 2000);
}

/// RFC 1995: all of it, or the SOA where there is nothing newer.
#[test]
fn an_incremental_one_is_whole_or_nothing() {
    let snapshot = open("");
    let whole = records(&messages(&snapshot, OTHER, &axfr()).expect("it is allowed"));
    for (serial, newer) in [
        (SERIAL - 1, true),
        (0, true),
        (SERIAL.wrapping_sub(1 << 31).wrapping_add(1), true),
        (SERIAL, false),
        (SERIAL + 1, false),
        (SERIAL + (1 << 30), false),
    ] {
        let asked = ixfr(serial);
        let found = messages(&snapshot, OTHER, &asked);
        assert_eq!(
            found.map(|it| records(&it)),
            newer.then(|| whole.clone()),
            "{serial}"
        );
        if !newer {
            let soa = format!("NoError aa {SOA_SAYS}");
            assert_eq!(alone(&snapshot, OTHER, &asked, Tcp), soa);
        }
    }
}

#[test]
fn over_udp_there_is_none() {
    let snapshot = open("");
    assert_eq!(alone(&snapshot, OTHER, &axfr(), Udp), "FormErr");
    // RFC 1995 §2: the SOA, whose client then asks by TCP.
    for serial in [1, SERIAL] {
        let soa = format!("NoError aa {SOA_SAYS}");
        assert_eq!(alone(&snapshot, OTHER, &ixfr(serial), Udp), soa);
        assert_eq!(
            alone(&snapshot, OTHER, &ixfr(serial).opt(PLAIN, &[]), Udp),
            soa
        );
    }
}

#[test]
fn over_udp_a_soa_that_does_not_fit_is_truncated() {
    let label = |octet: &str| octet.repeat(60);
    let origin = format!("{}.{}.{}", label("a"), label("b"), label("c"));
    let contact = format!(
        "{}.{}.{}.{}",
        label("d"),
        label("e"),
        label("f"),
        label("g")
    );
    let snapshot = snapshot(
        &ground(&format!(
            "[[zone]]\norigin = \"{origin}\"\nns = [\"{}.{}.{}\"]\ncontact = \"{contact}\"\n\
             transfer = [\"192.0.2.0/24\"]\n",
            label("h"),
            label("i"),
            label("j"),
        )),
        &[],
        SERIAL,
    );
    let soa = [&[0, 0][..], &SERIAL.to_be_bytes(), &[0; 16]].concat();
    let asked = Wire::new(0).question(&origin, IXFR);
    let asked = asked.record_of(Section::Authority, &[0xc0, 12], SOA, [IN, 0, 0], &soa);
    let small = super::wire::Says { size: 512, ..PLAIN };
    for (asked, limit) in [
        (asked.clone(), 512),
        (asked.clone().opt(small, &[(3, &[])]), 512),
        (asked.opt(PLAIN, &[]), 1232),
    ] {
        let asked = asked.octets();
        let reply = answer(&snapshot, &asked, by(OTHER, Udp)).expect("a reply");
        assert!(reply.len() <= limit, "{} octets", reply.len());
        let message = Message::from_vec(&reply).expect("well formed");
        assert_eq!(message.edns.is_some(), asked[11] == 1);
        assert_eq!(message.metadata.truncation, limit == 512);
        assert_eq!(message.answers.len(), usize::from(limit > 512));
        // By TCP it is there.
        let reply = answer(&snapshot, &asked, by(OTHER, Tcp)).expect("a reply");
        let message = Message::from_vec(&reply).expect("well formed");
        assert_eq!(
            (message.metadata.truncation, message.answers.len()),
            (false, 1)
        );
    }
}

#[test]
fn what_asks_wrongly_is_a_formerr() {
    let snapshot = open("");
    let no_soa = Wire::new(0).question("example.com", IXFR);
    for (why, asked) in [
        ("an IXFR without SOA", no_soa.clone()),
        (
            "with another record",
            no_soa
                .clone()
                .record(Section::Authority, "example.com", 1, &[0; 4]),
        ),
        (
            "with half a SOA",
            no_soa.record(Section::Authority, "example.com", SOA, &[0, 0, 1, 2]),
        ),
        (
            "an AXFR with one",
            axfr().record(Section::Authority, "example.com", SOA, &[0; 22]),
        ),
    ] {
        assert_eq!(messages(&snapshot, OTHER, &asked), None, "{why}");
        for transport in [Udp, Tcp] {
            assert_eq!(
                alone(&snapshot, OTHER, &asked, transport),
                "FormErr",
                "{why}"
            );
        }
    }
}

//! What is asked of the server and not of a zone: classes, CHAOS, NSID; and extended errors.

use super::wire::{A, AA, ANY, CH, DO, IN, PLAIN, QR, RD, SOA, Section, TXT, Wire};
use super::{FILE, OTHER, answer, by, reply, well};
use crate::dns::answer::Transport;
use crate::snapshot::Snapshot;
use crate::snapshot::fixture::{ground, snapshot};

const REFUSED: u16 = 5;
const NSID: u16 = 3;
const ERROR: u16 = 15;
const POINTER: [u8; 2] = [0xc0, 12];

/// With these lines in `[server]`.
fn saying(lines: &str) -> Snapshot {
    let file = FILE.replace("[server]", &format!("[server]\nnode = \"edge-1\"\n{lines}"));
    snapshot(&ground(&file), &[], super::SERIAL)
}

fn string(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// A CHAOS reply, octet for octet; without a text REFUSED.
#[track_caller]
fn expect(snapshot: &Snapshot, name: &str, qtype: u16, text: Option<&str>) {
    for transport in [Transport::Udp, Transport::Tcp] {
        let said =
            |asked: &Wire| answer(snapshot, &asked.octets(), by(OTHER, transport)).expect(name);
        let plain = Wire::new(RD).question_of(name, qtype, CH);
        let expected = |error| match text {
            Some(text) => Wire::new(QR | AA | RD)
                .question_of(name, qtype, CH)
                .record_of(Section::Answer, &POINTER, TXT, [CH, 0, 0], &string(text))
                .opt(DO, &[]),
            None => Wire::new(QR | RD | REFUSED)
                .question_of(name, qtype, CH)
                .opt(DO, error),
        };
        let whole = expected(&[(ERROR, &[0, 18])]).octets();
        assert_eq!(said(&plain.clone().opt(DO, &[])), whole, "{name} {qtype}");
        // And without an OPT, none.
        let bare = expected(&[]).octets();
        let mut without = bare[..bare.len() - 11].to_vec();
        without[11] = 0;
        assert_eq!(said(&plain), without, "{name} {qtype}");
    }
}

#[test]
fn chaos_says_who_and_what_is_here() {
    let snapshot = saying("");
    for (name, qtype, text) in [
        ("id.server", TXT, Some("edge-1")),
        ("hostname.bind", TXT, Some("edge-1")),
        ("HostName.BIND", TXT, Some("edge-1")),
        ("id.server", ANY, Some("edge-1")),
        ("version.server", TXT, Some("igtm")),
        ("version.bind", TXT, Some("igtm")),
        ("id.server", A, None),
        ("id.server", SOA, None),
        ("authors.bind", TXT, None),
        ("server", TXT, None),
        ("x.id.server", TXT, None),
        // A name of ours, in another class.
        ("www.example.com", A, None),
        (".", TXT, None),
    ] {
        expect(&snapshot, name, qtype, text);
    }
}

#[test]
fn chaos_says_what_the_file_says() {
    let snapshot = saying("identity = \"站点 7\"\nversion = \"guess\"");
    expect(&snapshot, "id.server", TXT, Some("站点 7"));
    expect(&snapshot, "version.bind", TXT, Some("guess"));
    let silent = saying("identity = \"\"\nversion = \"\"");
    for name in [
        "id.server",
        "hostname.bind",
        "version.server",
        "version.bind",
    ] {
        expect(&silent, name, TXT, None);
    }
}

#[test]
fn other_classes_are_refused() {
    let snapshot = well();
    // None, HS, CS, NONE, ANY, and one that nobody has given a meaning.
    for class in [0, 4, 2, 254, 255, 777] {
        for (name, qtype) in [
            ("www.example.com", A),
            ("example.com", SOA),
            ("example.com", ANY),
        ] {
            let asked = Wire::new(0).question_of(name, qtype, class);
            let said = |asked: &Wire| reply(&snapshot, OTHER, &asked.octets()).expect("a reply");
            let refused = Wire::new(QR | REFUSED).question_of(name, qtype, class);
            assert_eq!(said(&asked), refused.octets(), "{class}");
            let refused = refused.opt(PLAIN, &[(ERROR, &[0, 21])]).octets();
            assert_eq!(said(&asked.opt(PLAIN, &[])), refused, "{class}");
        }
    }
}

/// In replies of every kind, behind what the kernel would send too.
#[test]
fn nsid_is_told_to_who_asks() {
    let with = |snapshot: &Snapshot, name: &str, options: &[(u16, &[u8])]| {
        let asked = Wire::new(0).question(name, A).opt(PLAIN, options);
        reply(snapshot, OTHER, &asked.octets()).expect("a reply")
    };
    let subnet: &[u8] = &[0, 1, 24, 0, 198, 51, 100];
    let named = saying("");
    for name in [
        "www.example.com",
        "many.example.com",
        "shop.example.com",
        "absent.example.com",
        "example.com",
        "example.net",
    ] {
        let plain = with(&named, name, &[]);
        let reply = with(&named, name, &[(8, subnet), (NSID, &[])]);
        let tail = [&[0, 3, 0, 6], &b"edge-1"[..]].concat();
        let tail = match name {
            "example.net" => [&tail[..], &[0, 15, 0, 2, 0, 20]].concat(),
            _ => tail,
        };
        assert!(reply.ends_with(&tail), "{name}: {reply:x?}");
        assert_eq!(reply.len(), plain.len() + 11 + 4 + 6, "{name}");
        // Nobody is told who does not ask, and nobody where the file says so.
        assert!(!plain.windows(6).any(|octets| octets == b"edge-1"));
        let silent = saying("nsid = \"\"");
        assert_eq!(with(&silent, name, &[(NSID, &[])]), plain, "{name}");
    }
    let other = saying("nsid = \"a\"");
    assert!(with(&other, "www.example.com", &[(NSID, &[])]).ends_with(&[0, 3, 0, 1, b'a']));
    let asked = Wire::new(0)
        .question_of("id.server", TXT, CH)
        .opt(PLAIN, &[(NSID, &[])]);
    let reply = reply(&other, OTHER, &asked.octets()).expect("a reply");
    assert!(reply.ends_with(&[0, 3, 0, 1, b'a']));
}

/// The longest name, identifier and text: what can go goes, and 512 octets are never exceeded.
#[test]
fn what_does_not_fit_is_left_out() {
    let long = "n".repeat(255);
    let snapshot = saying(&format!(
        "nsid = \"{long}\"\nidentity = \"{long}\"\nversion = \"{long}\""
    ));
    let label = "x".repeat(63);
    let name = format!("{label}.{label}.{label}.{}.example.com", "y".repeat(49));
    let subnet: &[u8] = &[
        0, 2, 128, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ];
    let options: &[(u16, &[u8])] = &[(NSID, &[]), (8, subnet), (10, &[7; 8])];
    for (name, class) in [
        (&name[..], IN),
        (&name[..], 4),
        ("id.server", CH),
        ("example.net", IN),
        ("shop.example.com", IN),
    ] {
        for qtype in [A, TXT] {
            let asked = Wire::new(0)
                .question_of(name, qtype, class)
                .opt(super::wire::Says { size: 512, ..PLAIN }, options);
            let udp = reply(&snapshot, OTHER, &asked.octets()).expect("a reply");
            assert!(udp.len() <= 512, "{name}: {} octets", udp.len());
            assert!(hickory_proto::op::Message::from_vec(&udp).is_ok(), "{name}");
            // By TCP all of it.
            let tcp =
                answer(&snapshot, &asked.octets(), by(OTHER, Transport::Tcp)).expect("a reply");
            assert!(
                tcp.windows(255).any(|octets| octets == long.as_bytes()),
                "{name}"
            );
        }
    }
}

/// RFC 7828: over TCP who asks is told how long a connection may be silent, in tenths of a second.
#[test]
fn keepalive_is_told_over_tcp() {
    let snapshot = well();
    let idle: &[u8] = &[0, 11, 0, 2, 0, 100];
    for name in ["www.example.com", "shop.example.com", "absent.example.com"] {
        let of = |options: &[(u16, &[u8])], transport| {
            let asked = Wire::new(0).question(name, A).opt(PLAIN, options);
            answer(&snapshot, &asked.octets(), by(OTHER, transport)).expect("a reply")
        };
        let plain = of(&[], Transport::Tcp);
        let told = of(&[(11, &[])], Transport::Tcp);
        assert_eq!(told.len(), plain.len() + idle.len(), "{name}");
        assert!(told.ends_with(idle), "{name}");
        // A client has no time to tell.
        for wrong in [&[0, 100][..], &[0], &[0; 3]] {
            let refused = Wire::new(QR | 1).question(name, A).opt(PLAIN, &[]);
            assert_eq!(of(&[(11, wrong)], Transport::Tcp), refused.octets());
            assert_eq!(of(&[(11, wrong)], Transport::Udp), of(&[], Transport::Udp));
        }
        assert_eq!(of(&[(11, &[])], Transport::Udp), of(&[], Transport::Udp));
    }
}

/// Why, where a code does not say it (RFC 8914); not to who has no OPT.
#[test]
fn extended_errors() {
    let snapshot = well();
    for (name, qtype, code, error) in [
        ("example.net", A, REFUSED, Some(20)),
        ("com", SOA, REFUSED, Some(20)),
        ("example.com", 252, REFUSED, Some(18)),
        ("example.com", 251, REFUSED, Some(18)),
        ("www.example.com", 252, REFUSED, Some(18)),
        ("example.net", 252, REFUSED, Some(18)),
        // MAILA and MAILB; TSIG, TKEY and OPT, which are no questions.
        ("www.example.com", 254, 4, Some(21)),
        ("www.example.com", 253, 4, Some(21)),
        ("www.example.com", 250, 1, None),
        ("www.example.com", 249, 1, None),
        ("www.example.com", 41, 1, None),
    ] {
        let asked = Wire::new(0).question(name, qtype);
        let said = |asked: &Wire| reply(&snapshot, OTHER, &asked.octets()).expect("a reply");
        let expected = Wire::new(QR | code).question(name, qtype);
        assert_eq!(said(&asked), expected.octets(), "{name} {qtype}");
        let number = error.map(|error| [0, error]);
        let options: Vec<(u16, &[u8])> = number.iter().map(|it| (ERROR, &it[..])).collect();
        let expected = expected.opt(PLAIN, &options);
        assert_eq!(
            said(&asked.opt(PLAIN, &[])),
            expected.octets(),
            "{name} {qtype}"
        );
    }
}

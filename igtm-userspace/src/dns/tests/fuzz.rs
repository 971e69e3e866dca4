//! Any octets as a message, and any options in one: what holds of every reply, over UDP and TCP and in
//! transfers, from zones with all that there is.

use std::fs;
use std::sync::{Arc, LazyLock};

use hickory_proto::op::Message;

use super::wire::{A as A_TYPE, ANY, IN, PLAIN, SOA, Section, Wire, owner};
use super::{FILE, OTHER, SERIAL, TELECOM, answer, by, malformed};
use crate::dns::answer::Transport::{self, Tcp, Udp};
use crate::dns::transfer::{Part, transfer};
use crate::fuzz::{Target, way};
use crate::snapshot::Snapshot;
use crate::snapshot::fixture::{ground, snapshot};

const ZONE: &str = include_str!("fuzz/zone");
/// Questions are about these: what each of them meets is another thing.
const NAMES: [&str; 24] = [
    "z.test",
    "ns.z.test",
    "a.wild.z.test",
    "x.y.wild.z.test",
    "y.wild.z.test",
    "non.terminal.z.test",
    "alias.z.test",
    "out.z.test",
    "loop.z.test",
    "a.old.z.test",
    "a.old2.z.test",
    "a.b.away.z.test",
    "sub.z.test",
    "ns.sub.z.test",
    "_sip._tcp.z.test",
    "big.z.test",
    "absent.z.test",
    "example.com",
    "www.example.com",
    "shop.example.com",
    "cdn.example.com",
    "many.example.com",
    "off.example.com",
    "elsewhere.test",
];
const TYPES: [u16; 14] = [A_TYPE, 2, 5, SOA, 15, 16, 28, 33, 39, 43, 65, 251, 252, ANY];
/// What a message may be made of.
const WORDS: [&[u8]; 14] = [
    &[0xc0, 12],
    &[0xc0, 0],
    b"\x04test\0",
    b"\x01z\x04test\0",
    b"\x03www\x07example\x03com\0",
    b"\x01*",
    b"\x03old",
    &[0, 252, 0, 1],
    &[0, 251, 0, 1],
    // An OPT; in it a subnet, a cookie, an NSID.
    &[0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 0],
    &[0, 8, 0, 7, 0, 1, 24, 0, 203, 0, 113],
    &[0, 8, 0, 11, 0, 2, 56, 0, 0x20, 1, 0x0d, 0xb8, 0, 0x0a, 0],
    &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
    &[0, 3, 0, 0],
];
const MOST_MESSAGES: usize = 100;

static ALL: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let strings = format!("\"{}\" ", "s".repeat(250)).repeat(90);
    // One record that fills a message of a transfer, and sets that fill a reply.
    let many: String = (0..200)
        .map(|number| format!("many A 10.0.{number}.1\n"))
        .collect();
    let zone = format!("{ZONE}big TXT {strings}\n{many}");
    let open = "transfer = [\"192.0.2.0/24\"]\n";
    let tables = FILE.replace("negative_ttl = \"30s\"\n", open);
    assert!(tables.contains(open), "it is there");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("zone");
    fs::write(&path, zone).expect("written");
    let path = path.display();
    let own = format!("[[zone]]\norigin = \"z.test\"\nfile = \"{path}\"\n{open}");
    let ground = ground(&format!("{tables}{own}"));
    Arc::new(snapshot(&ground, &[], SERIAL))
});

/// The name at `at`, and where what follows it begins; pointers lead backwards only.
fn skip_name(message: &[u8], mut at: usize) -> usize {
    let (mut behind, mut octets) = (None, 0);
    loop {
        let length = usize::from(message[at]);
        match length {
            0 => return behind.unwrap_or(at + 1),
            0xc0.. => {
                let to = (length & 0x3f) << 8 | usize::from(message[at + 1]);
                assert!(to < at, "a pointer from {at} to {to}");
                behind = behind.or(Some(at + 2));
                at = to;
            }
            0x40.. => panic!("a label of {length}"),
            _ => {
                octets += 1 + length;
                assert!(octets < 255, "a name of more than 255 octets");
                at += 1 + length;
            }
        }
    }
}

fn word(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

/// Reads all of a reply; panics where it is none to `message`. Whether it has an OPT.
fn well_formed(message: &[u8], reply: &[u8]) -> bool {
    assert_eq!(reply[..2], message[..2], "the id");
    assert_eq!(reply[2] & 0xf9, 0x80 | message[2] & 0x79, "QR, opcode, RD");
    assert_eq!(reply[3] & 0xf0, 0, "RA, Z, AD, CD");
    let questions = word(reply, 4);
    assert!(questions <= 1);
    let mut at = 12;
    if questions == 1 {
        at = skip_name(reply, 12) + 4;
        assert_eq!(reply[12..at], message[12..at], "the question");
    }
    let [answers, authorities, more] = [6, 8, 10].map(|at| usize::from(word(reply, at)));
    let mut opts = 0;
    for number in 0..answers + authorities + more {
        let root = reply[at] == 0;
        at = skip_name(reply, at);
        if word(reply, at) == 41 {
            assert!(root && number >= answers + authorities, "an OPT");
            opts += 1;
        }
        at += 10 + usize::from(word(reply, at + 8));
    }
    assert_eq!(at, reply.len(), "nothing stands behind the records");
    assert!(opts <= 1);
    opts == 1
}

/// One reply, with all that must hold of it; what kind it is of.
fn replied(message: &[u8], client: &str, transport: Transport) -> Option<u64> {
    let reply = answer(&ALL, message, by(client, transport));
    let due = message.len() >= 12 && message[2] & 0x80 == 0;
    assert_eq!(reply.is_some(), due, "whether there is a reply");
    let reply = reply?;
    let edns = well_formed(message, &reply);
    // DNAME is none that hickory knows; all else it reads as well.
    let read = Message::from_vec(&reply);
    assert!(
        read.is_ok() || reply.windows(4).any(|four| four == [0, 39, 0, 1]),
        "{read:?}"
    );
    let limit = match transport {
        Udp if word(message, 10) == 0 || !edns => 512,
        Udp => 1232,
        Tcp => 65_535,
    };
    assert!(reply.len() <= limit, "{} octets of {limit}", reply.len());
    assert!(transport == Udp || reply[2] & 2 == 0, "TC over TCP");
    Some(way((
        reply[2] & 6,
        reply[3],
        &reply[4..12],
        edns,
        reply.len() / 32,
    )))
}

/// All messages of the transfer that is asked for, if one is.
fn transferred(message: &[u8]) -> Option<usize> {
    let messages = transfer(&ALL, message, by(OTHER, Tcp))?;
    let messages = messages.filter_map(|part| match part {
        Part::Message(message) => Some(message),
        Part::Pause => None,
    });
    let messages: Vec<Vec<u8>> = messages.take(MOST_MESSAGES).collect();
    assert!((1..MOST_MESSAGES).contains(&messages.len()));
    for octets in &messages {
        well_formed(message, octets);
        assert!(octets.len() <= 65_535 && octets[3] & 0x0f == 0);
        assert!(
            word(octets, 6) > 0,
            "a message of a transfer without records"
        );
    }
    Some(messages.len())
}

fn check(message: &[u8]) -> u64 {
    let clients = [OTHER, TELECOM, "2001:db8:a::1"];
    let ways =
        clients.map(|client| [Udp, Tcp].map(|transport| replied(message, client, transport)));
    way((ways, transferred(message)))
}

fn questions() -> impl Iterator<Item = Wire> {
    let all = NAMES
        .iter()
        .flat_map(|name| TYPES.map(|rtype| (name, rtype)));
    all.map(|(name, rtype)| Wire::new(0x0100).question(name, rtype))
}

#[test]
fn wire() {
    let ixfr = [&owner("ns.z.test")[..], &[0xc0, 12], &[0; 20]].concat();
    let mut seeds = malformed::samples();
    seeds.extend(questions().map(|wire| wire.octets()));
    seeds.extend(questions().map(|wire| wire.opt(PLAIN, &[]).octets()));
    let ixfr = Wire::new(0).question("z.test", 251).record_of(
        Section::Authority,
        &[0xc0, 12],
        SOA,
        [IN, 0, 0],
        &ixfr,
    );
    seeds.push(ixfr.octets());
    let target = Target {
        name: "wire",
        seeds,
        words: &WORDS,
    };
    target.run(check);
}

/// The octets are those of an OPT's RDATA; the first two, what is asked.
#[test]
fn options() {
    let option = |octets: &[u8]| [&[0, 0][..], octets].concat();
    let mut seeds: Vec<Vec<u8>> = WORDS[10..].iter().map(|word| option(word)).collect();
    seeds.push(option(&WORDS[10..].concat()));
    // Padding, keepalive, chain, an expired cookie, a key tag.
    for (code, length) in [
        (12, 468),
        (11, 2),
        (13, 1),
        (10, 24),
        (14, 4),
        (9, 0),
        (15, 2),
    ] {
        let octets = [
            &[0, code, (length >> 8) as u8, length as u8][..],
            &vec![1; length],
        ];
        seeds.push(option(&octets.concat()));
    }
    let target = Target {
        name: "options",
        seeds,
        words: &WORDS[10..],
    };
    target.run(|octets| {
        let (asked, options) = octets.split_at_checked(2).unwrap_or((&[0, 0], octets));
        let name = NAMES[usize::from(asked[0]) % NAMES.len()];
        let rtype = TYPES[usize::from(asked[1]) % TYPES.len()];
        let words = [word(&[asked[1], asked[0]], 0), 0, 0x8000];
        let wire = Wire::new(0).question(name, rtype);
        let message = wire.record_of(Section::Additional, &[0], 41, words, options);
        check(&message.octets())
    });
}

#[test]
fn a_label_that_is_none_is_seen() {
    let of = |message: &[u8]| {
        let message = message.to_vec();
        std::panic::catch_unwind(move || skip_name(&message, 0)).is_err()
    };
    assert!(of(&[0xc0, 0]) && of(&[0x40, 0]) && of(&[3, b'a']));
    assert!(!of(&[1, b'a', 0]));
}

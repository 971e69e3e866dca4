//! The tests of RFC 8906 §8 and of the EDNS compliance tester (ednscomp.isc.org), by its names.

use hickory_proto::op::Message;

use super::wire::{A, AA, DO, PLAIN, QR, SOA, Says, Wire};
use super::{OTHER, answer, by, reply, well, words};
use crate::dns::answer::Transport;

const ZONE: &str = "example.com";
const DNSKEY: u16 = 48;
const UNKNOWN_TYPE: u16 = 1000;
const CD: u16 = 0x0010;
const AD: u16 = 0x0020;
const Z: u16 = 0x0040;
const SOA_SAYS: &str = "NoError aa example.com. 3600 SOA ns1.example.net. 7 30";
const NODATA: &str = "NoError aa | example.com. 30 SOA 7 30";
/// An OPT without options, behind everything: ours is of version 0 and this size.
const OPT: [u8; 11] = [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
const OPT_DO: [u8; 11] = [0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 0];
const BADVERS: [u8; 11] = [0, 0, 41, 4, 0xd0, 1, 0, 0, 0, 0, 0];
const BADVERS_DO: [u8; 11] = [0, 0, 41, 4, 0xd0, 1, 0, 0x80, 0, 0, 0];

fn version_1(flags: u16) -> Says {
    Says {
        version: 1,
        flags,
        ..PLAIN
    }
}

fn flags(flags: u16) -> Says {
    Says { flags, ..PLAIN }
}

fn soa(flags: u16) -> Wire {
    Wire::new(flags).question(ZONE, SOA)
}

/// Basic tests: answered as if nothing odd had been asked, and no bit comes back.
#[test]
fn basic() {
    let snapshot = well();
    for (test, asked, expected) in [
        ("dns", soa(0), SOA_SAYS),
        ("aa", soa(AA), SOA_SAYS),
        ("ad", soa(AD), SOA_SAYS),
        ("cd", soa(CD), SOA_SAYS),
        ("ra", soa(0x0080), SOA_SAYS),
        ("tc", soa(0x0200), SOA_SAYS),
        ("zflag", soa(Z), SOA_SAYS),
        (
            "unknown type",
            Wire::new(0).question(ZONE, UNKNOWN_TYPE),
            NODATA,
        ),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = answer(&snapshot, &asked.octets(), by(OTHER, transport)).expect(test);
            assert_eq!(reply[2..4], (QR | AA).to_be_bytes(), "{test}");
            let message = Message::from_vec(&reply).expect("well formed");
            assert_eq!(words(&message), expected, "{test}");
            assert!(message.edns.is_none(), "{test}");
        }
    }
    // RD is the one that does (RFC 1035 §4.1.1).
    let reply = reply(&snapshot, OTHER, &soa(0x01ff & !0x0f).octets()).expect("a reply");
    assert_eq!(reply[2..4], [0x85, 0]);
}

#[test]
fn opcodes() {
    let snapshot = well();
    for opcode in 1..16 {
        let shifted = opcode << 11;
        let notimp = QR | shifted | 4;
        for (test, asked, expected) in [
            // RFC 8906 §8.1.4: nothing but a header.
            ("opcode", Wire::new(shifted), Wire::new(notimp)),
            // All bits but QR, RD; the code's too.
            ("opcodeflg", Wire::new(shifted | 0x06ff), Wire::new(notimp)),
            (
                "with a question",
                Wire::new(shifted).question(ZONE, SOA),
                Wire::new(notimp).question(ZONE, SOA),
            ),
            (
                "with an OPT",
                Wire::new(shifted)
                    .question(ZONE, SOA)
                    .opt(DO, &[(100, b"x")]),
                Wire::new(notimp)
                    .question(ZONE, SOA)
                    .opt(DO, &[(15, &[0, 21])]),
            ),
            (
                "what may be no question at all",
                Wire::new(shifted).count(2, 1).then(&[0xff; 30]),
                Wire::new(notimp),
            ),
        ] {
            let reply = reply(&snapshot, OTHER, &asked.octets()).expect("a reply");
            assert_eq!(reply, expected.octets(), "{test} {opcode}");
        }
    }
}

/// Extended tests: what of the OPT comes back, and that all else is as without it.
#[test]
fn extended() {
    let snapshot = well();
    let unknown: &[(u16, &[u8])] = &[(100, &[])];
    for (test, asked, expected, opt) in [
        ("edns", soa(0).opt(PLAIN, &[]), SOA_SAYS, OPT),
        ("ednsflags", soa(0).opt(flags(0x40), &[]), SOA_SAYS, OPT),
        (
            "every flag but DO",
            soa(0).opt(flags(0x7fff), &[]),
            SOA_SAYS,
            OPT,
        ),
        ("ednsopt", soa(0).opt(PLAIN, unknown), SOA_SAYS, OPT),
        ("do", soa(0).opt(DO, &[]), SOA_SAYS, OPT_DO),
        (
            "do and flags",
            soa(0).opt(flags(0xffff), &[]),
            SOA_SAYS,
            OPT_DO,
        ),
        // DNSKEY: none, since nothing is signed.
        (
            "signed",
            Wire::new(0).question(ZONE, DNSKEY).opt(DO, &[]),
            NODATA,
            OPT_DO,
        ),
        (
            "edns512tcp",
            Wire::new(0)
                .question(ZONE, DNSKEY)
                .opt(Says { size: 512, ..DO }, &[]),
            NODATA,
            OPT_DO,
        ),
        (
            "a code in the query",
            soa(0).opt(Says { code: 9, ..PLAIN }, &[]),
            SOA_SAYS,
            OPT,
        ),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = answer(&snapshot, &asked.octets(), by(OTHER, transport)).expect(test);
            assert_eq!(reply[2..4], (QR | AA).to_be_bytes(), "{test}");
            assert!(reply.ends_with(&opt), "{test}: {reply:x?}");
            assert_eq!(
                words(&Message::from_vec(&reply).expect("well formed")),
                expected,
                "{test}"
            );
        }
    }
}

#[test]
fn versions() {
    let snapshot = well();
    let unknown: &[(u16, &[u8])] = &[(100, &[])];
    for (test, says, options, opt) in [
        ("edns1", version_1(0), &[][..], BADVERS),
        ("edns1flags", version_1(0x40), &[], BADVERS),
        ("edns1opt", version_1(0), unknown, BADVERS),
        ("edns1do", version_1(0x8000), &[], BADVERS_DO),
        // Whatever options may look like there.
        (
            "an option of another version",
            version_1(0),
            &[(8, &[9])],
            BADVERS,
        ),
        (
            "a cookie of another version",
            version_1(0),
            &[(10, &[9; 8])],
            BADVERS,
        ),
        (
            "edns100",
            Says {
                version: 100,
                ..PLAIN
            },
            unknown,
            BADVERS,
        ),
        ("edns255", Says { version: 255, ..DO }, unknown, BADVERS_DO),
    ] {
        for (name, qtype) in [
            (ZONE, SOA),
            ("www.example.com", A),
            ("absent.example.com", A),
            ("example.net", A),
        ] {
            let asked = Wire::new(0).question(name, qtype).opt(says, options);
            let reply = reply(&snapshot, OTHER, &asked.octets()).expect(test);
            let expected = [&Wire::new(QR).count(5, 1).octets()[..], &opt].concat();
            // The question between them.
            let question = Wire::new(0).question(name, qtype).octets();
            let mut with_question = expected[..12].to_vec();
            with_question[5] = 1;
            with_question.extend_from_slice(&question[12..]);
            with_question.extend_from_slice(&expected[12..]);
            assert_eq!(reply, with_question, "{test} {name}");
        }
    }
}

/// docookie and optlist: what is known comes back, what is not does not.
#[test]
fn several_options() {
    let snapshot = well();
    let subnet: &[u8] = &[0, 1, 0, 0];
    let cookie: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
    for (test, says, options, expected) in [
        ("docookie", DO, &[(10, cookie)][..], &[10_u16][..]),
        (
            "optlist",
            PLAIN,
            &[(3, &[]), (8, subnet), (9, &[]), (10, cookie)],
            &[10, 8, 3],
        ),
        (
            "nsid and what is not asked",
            PLAIN,
            &[(3, b"ignored"), (12, &[0; 40]), (65_001, &[])],
            &[3],
        ),
    ] {
        let asked = soa(0).opt(says, options).octets();
        let reply = reply(&snapshot, OTHER, &asked).expect(test);
        let message = Message::from_vec(&reply).expect("well formed");
        assert_eq!(words(&message), SOA_SAYS, "{test}");
        let edns = message.edns.expect("an OPT");
        assert_eq!(edns.flags().dnssec_ok, says.flags != 0, "{test}");
        let at = reply
            .windows(5)
            .rposition(|window| window == &OPT[..5])
            .expect("an OPT");
        let mut rest = &reply[at + 11..];
        let mut codes = Vec::new();
        while let [high, low, 0, length, behind @ ..] = rest {
            codes.push(u16::from_be_bytes([*high, *low]));
            rest = &behind[usize::from(*length)..];
        }
        assert_eq!(codes, expected, "{test}");
    }
}

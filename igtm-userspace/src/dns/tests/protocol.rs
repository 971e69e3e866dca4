//! Where things stand in a message: questions, sections, the OPT among other records.

use hickory_proto::op::Message;

use super::wire::{A, CH, DO, OPT, PLAIN, QR, SOA, Section, TSIG, Wire, owner};
use super::{OTHER, TELECOM, reply, well, words};

const WWW: &str = "www.example.com";
const ANSWERED: &str = "NoError aa www.example.com. 60 A 10.0.0.1";
const FORMERR: u16 = QR | 1;

fn www() -> Wire {
    Wire::new(0).question(WWW, A)
}

fn said(asked: &Wire) -> Vec<u8> {
    reply(&well(), TELECOM, &asked.octets()).expect("a reply")
}

/// Something behind it, and before it, that says nothing to us.
#[test]
fn an_opt_counts_wherever_it_stands_among_additional_records() {
    let tsig: &[u8] = &[0; 16];
    let other = |wire: Wire| wire.record(Section::Additional, "a.key", TSIG, tsig);
    // A pointer for its owner, to the question.
    let pointed = |wire: Wire| {
        wire.record_of(
            Section::Additional,
            &[0xc0, 12],
            A,
            [1, 0, 0],
            &[192, 0, 2, 1],
        )
    };
    let plain = said(&www().opt(DO, &[]));
    for (why, asked) in [
        ("alone", www().opt(DO, &[])),
        ("before a signature", other(www().opt(DO, &[]))),
        ("behind another record", pointed(www()).opt(DO, &[])),
        (
            "between others",
            other(pointed(pointed(www())).opt(DO, &[])),
        ),
    ] {
        assert_eq!(said(&asked), plain, "{why}");
        let message = Message::from_vec(&said(&asked)).expect("well formed");
        assert_eq!(words(&message), ANSWERED, "{why}");
        assert!(
            message.edns.is_some_and(|edns| edns.flags().dnssec_ok),
            "{why}"
        );
    }
    // Without an OPT there is none in the reply.
    for asked in [other(www()), pointed(other(www()))] {
        assert_eq!(said(&asked), said(&www()));
    }
    // A version, and options, count there as well.
    let late = pointed(www()).opt(PLAIN, &[(10, &[9; 8])]);
    assert!(said(&late).len() > said(&www().opt(PLAIN, &[])).len());
    let version_1 = super::wire::Says {
        version: 1,
        ..PLAIN
    };
    let badvers = Wire::new(QR)
        .question(WWW, A)
        .opt(super::wire::Says { code: 1, ..PLAIN }, &[]);
    assert_eq!(said(&other(www().opt(version_1, &[]))), badvers.octets());
}

#[test]
fn sections_that_no_query_has_are_formerrs() {
    let with = |section: Section| www().record(section, WWW, A, &[192, 0, 2, 1]);
    let none = Wire::new(FORMERR);
    let echoed = || Wire::new(FORMERR).question(WWW, A);
    let ours = || echoed().opt(PLAIN, &[]);
    let opt_of =
        |octets: &[u8]| www().record_of(Section::Additional, octets, OPT, [1232, 0, 0], &[]);
    let in_section = |section| www().record_of(section, &[0], OPT, [1232, 0, 0], &[]);
    for (why, asked, expected) in [
        ("no question", Wire::new(0), none.clone()),
        (
            "no question but an OPT",
            Wire::new(0).opt(PLAIN, &[]),
            none.clone().opt(PLAIN, &[]),
        ),
        // RFC 9619.
        ("two questions", www().question(WWW, A), none.clone()),
        (
            "two different ones",
            www().question("example.com", SOA),
            none.clone(),
        ),
        (
            "far more than there are",
            www().count(2, u16::MAX),
            none.clone(),
        ),
        ("an answer", with(Section::Answer), echoed()),
        ("authority", with(Section::Authority), echoed()),
        (
            "an answer, and an OPT",
            with(Section::Answer).opt(PLAIN, &[]),
            ours(),
        ),
        ("two OPTs", www().opt(PLAIN, &[]).opt(PLAIN, &[]), ours()),
        (
            "two with a record between them",
            with(Section::Additional)
                .opt(PLAIN, &[])
                .record(Section::Additional, WWW, A, &[])
                .opt(DO, &[]),
            ours(),
        ),
        ("an OPT of a name", opt_of(&owner("x")), echoed()),
        ("an OPT of a pointer", opt_of(&[0xc0, 12]), echoed()),
        (
            "an OPT in the answer",
            in_section(Section::Answer),
            echoed(),
        ),
        (
            "an OPT in the authority",
            in_section(Section::Authority),
            echoed(),
        ),
        ("more counted than there is", www().count(5, 1), echoed()),
        (
            "more behind an OPT",
            www().opt(PLAIN, &[]).count(5, 2),
            ours(),
        ),
        (
            "less counted than there is",
            www().opt(PLAIN, &[]).count(5, 0),
            echoed(),
        ),
        ("something behind it", www().then(&[0]), echoed()),
        (
            "something behind an OPT",
            www().opt(PLAIN, &[]).then(&[0; 3]),
            ours(),
        ),
        (
            "in another class too",
            Wire::new(0).question_of(WWW, A, CH).then(&[0]),
            Wire::new(FORMERR).question_of(WWW, A, CH),
        ),
    ] {
        assert_eq!(said(&asked), expected.octets(), "{why}");
    }
}

#[test]
fn options_that_cannot_be_read_are_formerrs() {
    let ours = Wire::new(FORMERR).question(WWW, A).opt(PLAIN, &[]).octets();
    let cookie: &[u8] = &[9; 8];
    for (why, data) in [
        ("half a code", &[0][..]),
        ("no length", &[0, 3]),
        ("half a length", &[0, 3, 0]),
        ("longer than it is", &[0, 3, 0, 1]),
        ("far longer", &[0xff, 0xff, 0xff, 0xff]),
        ("an octet behind", &[0, 12, 0, 0, 0]),
        (
            "two client subnets",
            &[0, 8, 0, 4, 0, 1, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0],
        ),
        (
            "a client subnet of an unknown family",
            &[0, 8, 0, 4, 0, 3, 0, 0],
        ),
        ("a client subnet without a scope", &[0, 8, 0, 3, 0, 1, 0]),
        ("an empty cookie", &[0, 10, 0, 0]),
        (
            "a cookie of nine octets",
            &[0, 10, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ),
    ] {
        let asked = www().record_of(Section::Additional, &[0], OPT, [1232, 0, 0], data);
        assert_eq!(said(&asked), ours, "{why}");
    }
    // What was read before comes back all the same (RFC 7873 §5.2.2).
    let asked = www().opt(PLAIN, &[(10, cookie), (8, &[])]);
    assert_eq!(said(&asked).len(), ours.len() + 4 + 24);
}

/// RFC 6891 §6.2.5, of sizes that no client should say.
#[test]
fn a_size_below_512_counts_as_512() {
    let many = |size| {
        let asked = Wire::new(0).question("many.example.com", 28);
        said(&asked.opt(super::wire::Says { size, ..PLAIN }, &[]))
    };
    for size in [0, 1, 511, 512] {
        assert_eq!(many(size), many(512), "{size}");
        assert_eq!(many(size)[2] & 0x02, 0x02, "TC");
    }
    assert_eq!(many(549)[2] & 0x02, 0);
    assert_eq!(many(u16::MAX), many(1232), "no more than ours");
}

#[test]
fn names_that_are_none() {
    let ask = |name: &[u8]| {
        let octets = [&Wire::new(0).count(2, 1).octets()[..], name, &[0, 1, 0, 1]].concat();
        reply(&well(), OTHER, &octets).expect("a reply")
    };
    let formerr = Wire::new(FORMERR).octets();
    let label = [&[63][..], &[b'a'; 63]].concat();
    // With the root label 255 octets, then one more.
    let longest = [&label[..], &label, &label, &[61], &[b'a'; 61], &[0]].concat();
    let too_long = [&label[..], &label, &label, &[62], &[b'a'; 62], &[0]].concat();
    for (why, name) in [
        ("a pointer to itself", &[0xc0, 12][..]),
        ("a pointer to the header", &[0xc0, 0]),
        ("a pointer behind a label", &[1, b'a', 0xc0, 12]),
        (
            "a label of 64 octets",
            &[&[64][..], &[b'a'; 64], &[0]].concat(),
        ),
        ("a reserved kind of label", &[0x80, 0]),
        ("256 octets", &too_long),
        (
            "without an end",
            &[&label[..], &label, &label, &label].concat(),
        ),
    ] {
        assert_eq!(ask(name), formerr, "{why}");
    }
    let refused = ask(&longest);
    assert_eq!((refused[3], refused.len()), (5, 12 + 255 + 4), "255 octets");
}

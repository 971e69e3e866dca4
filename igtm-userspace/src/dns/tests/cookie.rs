//! Cookies (RFC 7873, RFC 9018) in replies of every kind.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType::{A, NS, SOA};
use igtm_common::cookie::{ClientAddress, judge};

use super::{NOW, OTHER, TELECOM, answer, by, octets, query, reply, well};
use crate::dns::answer::{Circumstances, Transport};
use crate::snapshot::Snapshot;
use crate::snapshot::fixture::COOKIES;

const CLIENT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const COOKIE: u8 = 10;
const SUBNET: u8 = 8;
/// Extended error (RFC 8914).
const ERROR: u8 = 15;

/// A query with an OPT of these options, by code, in order.
fn asked(name: &str, r#type: hickory_proto::rr::RecordType, options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = octets(&query(name, r#type, true));
    let mut rdata = Vec::new();
    for (code, option) in options {
        rdata.extend([0, *code, 0, option.len() as u8]);
        rdata.extend_from_slice(option);
    }
    let end = message.len() - 2;
    message[end..].copy_from_slice(&(rdata.len() as u16).to_be_bytes());
    message.extend(rdata);
    message
}

/// The options at the end of a reply, by code, in order.
fn options(reply: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let message = Message::from_vec(reply).expect("well formed");
    assert!(message.edns.is_some());
    let mut found = Vec::new();
    // Our OPT is the last record, and nothing else looks like one of our size.
    let head = [0, 0, 41, 4, 0xd0];
    let at = reply.windows(head.len()).rposition(|window| window == head);
    let mut rest = &reply[at.expect("an OPT") + 11..];
    while let [0, code, 0, length, behind @ ..] = rest {
        let (option, behind) = behind.split_at(usize::from(*length));
        found.push((*code, option.to_vec()));
        rest = behind;
    }
    assert!(rest.is_empty());
    found
}

fn cookie(reply: &[u8]) -> Vec<u8> {
    match &options(reply)[..] {
        [(COOKIE, cookie)] | [(COOKIE, cookie), (ERROR, _)] => cookie.clone(),
        other => panic!("{other:?}"),
    }
}

/// Whether the cookie is one that we take from this client at this time.
fn is_valid(snapshot: &Snapshot, client: &str, cookie: &[u8], now: u32) -> bool {
    let word = |at: usize| u64::from_ne_bytes(cookie[8 * at..][..8].try_into().expect("eight"));
    let client: std::net::Ipv4Addr = client.parse().expect("an address");
    let address = ClientAddress {
        high: u64::from(client.to_bits()) << 32,
        low: 0,
        v6: false,
    };
    judge(
        &snapshot.cookies,
        word(0),
        Some([word(1), word(2)]),
        now,
        address,
    )
    .valid
}

#[test]
fn every_reply_has_a_cookie_that_is_good_for_its_client() {
    let snapshot = well();
    for (name, r#type) in [
        ("www.example.com", A),
        ("many.example.com", A),
        ("absent.example.com", A),
        ("shop.example.com", A),
        ("example.com", SOA),
        ("example.com", NS),
        ("example.net", A),
    ] {
        let asked = asked(name, r#type, &[(COOKIE, &CLIENT)]);
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = answer(&snapshot, &asked, by(OTHER, transport)).expect("a reply");
            let cookie = cookie(&reply);
            assert_eq!((cookie.len(), &cookie[..8]), (24, &CLIENT[..]), "{name}");
            assert!(is_valid(&snapshot, OTHER, &cookie, NOW), "{name}");
            assert!(!is_valid(&snapshot, TELECOM, &cookie, NOW), "{name}");
        }
    }
}

#[test]
fn a_young_cookie_comes_back_and_an_old_one_is_renewed() {
    let snapshot = well();
    let at = |asked: &[u8], now| {
        let circumstances = Circumstances {
            now,
            ..by(OTHER, Transport::Udp)
        };
        cookie(&answer(&snapshot, asked, circumstances).expect("a reply"))
    };
    let name = "www.example.com";
    let first = at(&asked(name, A, &[(COOKIE, &CLIENT)]), NOW);
    let again = asked(name, A, &[(COOKIE, &first)]);
    assert_eq!(at(&again, NOW + 60), first);
    let renewed = at(&again, NOW + 2 * 3600);
    assert_ne!(renewed, first);
    assert!(is_valid(&snapshot, OTHER, &renewed, NOW + 2 * 3600));
}

/// The secrets change: what was given before is good for its hour, what is given now is new.
#[test]
fn the_former_secret_is_still_good() {
    let snapshot = well();
    let asked = asked("www.example.com", A, &[(COOKIE, &CLIENT)]);
    let given = cookie(&reply(&snapshot, OTHER, &asked).expect("a reply"));
    let mut secrets = COOKIES;
    secrets.previous = secrets.current;
    secrets.current.0[0] ^= 1;
    let rotated = snapshot.with_cookies(secrets);
    assert!(is_valid(&rotated, OTHER, &given, NOW));
    let now = cookie(&reply(&rotated, OTHER, &asked).expect("a reply"));
    assert_ne!(now, given);
    assert!(is_valid(&rotated, OTHER, &now, NOW));
}

#[test]
fn the_first_cookie_counts_and_its_length_must_be_right() {
    let snapshot = well();
    let two = asked(
        "www.example.com",
        A,
        &[(COOKIE, &CLIENT), (COOKIE, &[9; 3])],
    );
    let cookie = cookie(&reply(&snapshot, OTHER, &two).expect("a reply"));
    assert_eq!(cookie[..8], CLIENT);
    for length in [0, 7, 9, 15, 41] {
        let asked = asked("www.example.com", A, &[(COOKIE, &[7; 41][..length])]);
        let reply = reply(&snapshot, OTHER, &asked).expect("a reply");
        let message = Message::from_vec(&reply).expect("well formed");
        assert_eq!(
            message.metadata.response_code,
            ResponseCode::FormErr,
            "{length}"
        );
        assert!(message.edns.is_some() && message.answers.is_empty());
    }
}

/// RFC 7873 §5.4: a client that has no question yet.
#[test]
fn a_cookie_may_be_asked_for_alone() {
    let snapshot = well();
    let alone = |option: &[u8]| {
        let mut whole = asked(".", A, &[(COOKIE, option)]);
        whole[5] = 0;
        whole.drain(12..17);
        whole
    };
    let at = |asked: &[u8]| reply(&snapshot, OTHER, asked).expect("a reply");
    let code = |reply: &[u8]| {
        Message::from_vec(reply)
            .expect("well formed")
            .metadata
            .response_code
    };

    let first = at(&alone(&CLIENT));
    assert_eq!(first[..12], [0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(first.len(), 12 + 11 + 4 + 24, "an OPT and nothing else");
    let given = cookie(&first);
    assert!(is_valid(&snapshot, OTHER, &given, NOW));
    // Is it still good? It is, and one of another server or length is not.
    assert_eq!(code(&at(&alone(&given))), ResponseCode::NoError);
    let mut false_one = given.clone();
    false_one[23] ^= 1;
    for option in [&false_one[..], &given[..16], &[7; 40]] {
        let reply = at(&alone(option));
        assert_eq!(code(&reply), ResponseCode::BADCOOKIE);
        assert!(is_valid(&snapshot, OTHER, &cookie(&reply), NOW));
    }
    // Without a cookie, or with one that is none, there is nothing to answer.
    assert_eq!(code(&at(&alone(&[7; 9]))), ResponseCode::FormErr);
    let mut nothing = alone(&[]);
    nothing.truncate(12);
    nothing[11] = 0;
    let formerr = [0, 1, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(at(&nothing), formerr);
}

#[test]
fn the_cookie_stands_before_the_subnet_wherever_they_stood() {
    let snapshot = well();
    let subnet: &[u8] = &[0, 1, 24, 0, 203, 0, 113];
    for given in [
        [(COOKIE, &CLIENT[..]), (SUBNET, subnet)],
        [(SUBNET, subnet), (COOKIE, &CLIENT[..])],
    ] {
        for (name, scope) in [
            ("www.example.com", 24),
            ("shop.example.com", 0),
            ("absent.example.com", 0),
        ] {
            let reply = reply(&snapshot, OTHER, &asked(name, A, &given)).expect("a reply");
            let codes: Vec<u8> = options(&reply).iter().map(|(code, _)| *code).collect();
            assert_eq!(codes, [COOKIE, SUBNET], "{name}");
            assert_eq!(options(&reply)[1].1[3], scope, "{name}");
        }
    }
}

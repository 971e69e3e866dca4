//! OPT, sizes and the client subnet (RFC 6891, RFC 7871).

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType::{A, AAAA};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::wire::{PLAIN, Wire};
use super::{FILE, OTHER, TELECOM, answer, by, octets, parsed, query, well, words};
use crate::dns::answer::Transport;
use crate::snapshot::fixture::{ground, snapshot};

/// A query with a client subnet option of these octets.
pub(super) fn with_subnet(name: &str, option: &[u8]) -> Vec<u8> {
    let mut message = query(name, A, true);
    let edns = message.edns.as_mut().expect("it was asked for");
    edns.options_mut()
        .insert(EdnsOption::Unknown(8, option.to_vec()));
    octets(&message)
}

/// Source and scope of the reply's client subnet.
pub(super) fn subnet(message: &Message) -> Option<(u8, u8)> {
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some((subnet.source_prefix(), subnet.scope_prefix())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_line_is_the_subnets_and_the_scope_is_where_it_ends() {
    let snapshot = well();
    let (telecom, other) = ("10.0.0.1", "10.0.0.2");
    for (why, client, option, address, scope) in [
        (
            "in telecom",
            OTHER,
            &[0, 1, 24, 0, 203, 0, 113][..],
            telecom,
            (24, 24),
        ),
        (
            "a host of it",
            OTHER,
            &[0, 1, 32, 0, 203, 0, 113, 9],
            telecom,
            (32, 24),
        ),
        // Shorter than the line's prefix: what is there decides, and the scope exceeds it.
        ("around it", OTHER, &[0, 1, 16, 0, 203, 0], other, (16, 18)),
        (
            "its IPv6",
            OTHER,
            &[0, 2, 48, 0, 0x20, 1, 0xd, 0xb8, 0, 0xa],
            telecom,
            (48, 48),
        ),
        ("source 0", TELECOM, &[0, 1, 0, 0], telecom, (0, 0)),
    ] {
        let reply = parsed(&snapshot, client, &with_subnet("www.example.com", option));
        assert!(words(&reply).contains(address), "{why}: {}", words(&reply));
        let (source, found) = subnet(&reply).expect(why);
        assert_eq!(source, scope.0, "{why}");
        if why == "around it" {
            // Anything up to the prefix that it must tell apart is right.
            assert!((17..=24).contains(&found), "{why}: {found}");
        } else {
            assert_eq!(found, scope.1, "{why}");
        }
    }
}

#[test]
fn negative_answers_have_scope_0() {
    let snapshot = well();
    for name in [
        "absent.example.com",
        "example.com",
        "off.example.com",
        "example.net",
    ] {
        let asked = with_subnet(name, &[0, 1, 24, 0, 203, 0, 113]);
        let reply = parsed(&snapshot, OTHER, &asked);
        assert_eq!(subnet(&reply), Some((24, 0)), "{name}");
    }
}

/// Without an address its family says nothing: older dig and stubby opt out so.
#[test]
fn no_family_without_an_address_comes_back_with_scope_0() {
    let snapshot = well();
    let asked = with_subnet("www.example.com", &[0, 0, 0, 0]);
    let reply = super::reply(&snapshot, TELECOM, &asked).expect("a reply");
    assert!(reply.ends_with(&[0, 8, 0, 8, 0, 4, 0, 0, 0, 0]));
    // The client's own line counts.
    assert!(reply.windows(4).any(|octets| octets == [10, 0, 0, 1]));
}

#[test]
fn a_malformed_subnet_is_a_formerr() {
    let snapshot = well();
    for option in [&[0, 1, 20, 0, 192, 0, 0x2f][..], &[0, 1, 24, 8, 192, 0, 2]] {
        let reply = parsed(&snapshot, OTHER, &with_subnet("www.example.com", option));
        assert_eq!(
            reply.metadata.response_code,
            ResponseCode::FormErr,
            "{option:?}"
        );
        assert!(
            reply.answers.is_empty() && reply.edns.is_some(),
            "{option:?}"
        );
    }
    for option in [
        &[0, 1, 24][..],
        &[0, 7, 8, 0, 1],
        &[0, 3, 0, 0],
        &[0, 0, 8, 0, 1],
    ] {
        let asked = with_subnet("www.example.com", option);
        let reply = parsed(&snapshot, OTHER, &asked);
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
        assert!(reply.answers.is_empty());
    }
}

#[test]
fn switched_off_the_subnet_is_neither_used_nor_echoed() {
    let file = FILE.replace("[server]", "[server]\necs = false");
    let snapshot = snapshot(&ground(&file), &[], 1);
    let asked = with_subnet("www.example.com", &[0, 1, 24, 0, 203, 0, 113]);
    let reply = parsed(&snapshot, OTHER, &asked);
    assert!(words(&reply).contains("10.0.0.2"), "{}", words(&reply));
    assert!(reply.edns.expect("an OPT").options().as_ref().is_empty());
    // As every unknown option it may be anything, and there may be several (RFC 6891 §6.1.2).
    let (plain, bad): (&[u8], &[u8]) = (&[0, 1, 24, 0, 203, 0, 113], &[0, 9, 99]);
    for options in [&[bad][..], &[plain, plain], &[bad, plain], &[plain, bad]] {
        let options: Vec<_> = options.iter().map(|option| (8, *option)).collect();
        let asked = Wire::new(0).question("www.example.com", 1);
        let asked = asked.opt(PLAIN, &options).octets();
        let reply = parsed(&snapshot, TELECOM, &asked);
        assert_eq!(words(&reply), "NoError aa www.example.com. 60 A 10.0.0.1");
        assert!(reply.edns.expect("an OPT").options().as_ref().is_empty());
        // Who reads them refuses.
        let reply = parsed(&well(), TELECOM, &asked);
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
        assert!(reply.edns.expect("an OPT").options().as_ref().is_empty());
    }
}

#[test]
fn the_opt_says_our_size_and_the_querys_do() {
    let snapshot = well();
    for name in [
        "www.example.com",
        "absent.example.com",
        "shop.example.com",
        "example.net",
    ] {
        for dnssec_ok in [false, true] {
            let mut asked = query(name, A, true);
            let edns = asked.edns.as_mut().expect("it was asked for");
            edns.set_max_payload(4096).set_dnssec_ok(dnssec_ok);
            let reply = parsed(&snapshot, OTHER, &octets(&asked));
            let edns = reply.edns.expect("an OPT");
            assert_eq!(edns.max_payload(), 1232, "{name}");
            assert_eq!(edns.flags().dnssec_ok, dnssec_ok, "{name}");
            assert_eq!(edns.version(), 0);
        }
    }
}

#[test]
fn unknown_options_are_ignored_and_unknown_versions_refused() {
    let snapshot = well();
    let mut asked = query("www.example.com", A, true);
    let edns = asked.edns.as_mut().expect("it was asked for");
    // EXPIRE (RFC 7314), and one that nobody has given a meaning.
    edns.options_mut().insert(EdnsOption::Unknown(9, vec![]));
    edns.options_mut()
        .insert(EdnsOption::Unknown(65_001, vec![1; 9]));
    let reply = parsed(&snapshot, TELECOM, &octets(&asked));
    assert_eq!(words(&reply), "NoError aa www.example.com. 60 A 10.0.0.1");
    assert!(reply.edns.expect("an OPT").options().as_ref().is_empty());

    let mut asked = query("www.example.com", A, true);
    asked
        .edns
        .as_mut()
        .expect("it was asked for")
        .set_version(1);
    let reply = parsed(&snapshot, TELECOM, &octets(&asked));
    // 16 is BADVERS in an OPT and BADSIG in a TSIG; hickory names it by the latter.
    assert_eq!(u16::from(reply.metadata.response_code), 16);
    assert_eq!(reply.edns.expect("an OPT").version(), 0);
    assert!(reply.answers.is_empty());
}

#[test]
fn what_is_too_large_goes_with_tc_and_without_answers() {
    let snapshot = well();
    // 18 AAAA records: 12 + 22 + 18 × 28 octets.
    for (edns, size, fits) in [
        (false, 0, false),
        (true, 512, false),
        (true, 548, false),
        (true, 549, true),
        // A client may not ask for less than 512, and gets no more than our 1232.
        (true, 100, false),
        (true, 65535, true),
    ] {
        let mut asked = query("many.example.com", AAAA, edns);
        if let Some(edns) = &mut asked.edns {
            edns.set_max_payload(size);
        }
        let reply = super::reply(&snapshot, OTHER, &octets(&asked)).expect("a reply");
        let message = Message::from_vec(&reply).expect("well formed");
        assert_eq!(
            message.metadata.truncation,
            !fits,
            "{edns} {size}: {} octets",
            reply.len()
        );
        assert_eq!(message.answers.len(), if fits { 18 } else { 0 });
        assert_eq!(message.edns.is_some(), edns, "its OPT is kept");
        let limit = if edns {
            usize::from(size).clamp(512, 1232)
        } else {
            512
        };
        assert!(reply.len() <= limit);

        let tcp = answer(&snapshot, &octets(&asked), by(OTHER, Transport::Tcp)).expect("a reply");
        let message = Message::from_vec(&tcp).expect("well formed");
        assert_eq!(
            (message.answers.len(), message.metadata.truncation),
            (18, false)
        );
    }
}

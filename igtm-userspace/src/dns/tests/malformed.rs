//! What is no proper query: which code, or silence; and any octets at all.

use hickory_proto::op::{MessageType, OpCode, ResponseCode};
use hickory_proto::rr::DNSClass;
use hickory_proto::rr::RecordType::A;
use proptest::prelude::*;

use super::{OTHER, octets, parsed, query, reply, well};

#[test]
fn codes() {
    let snapshot = well();
    let good = || query("www.example.com", A, true);
    let mut cases = Vec::new();

    let mut notify = good();
    notify.metadata.op_code = OpCode::Notify;
    cases.push(("NOTIFY", octets(&notify), ResponseCode::NotImp));

    let mut none = good();
    none.queries.clear();
    cases.push(("no question", octets(&none), ResponseCode::FormErr));

    let mut two = good();
    two.queries.push(two.queries[0].clone());
    cases.push(("two questions", octets(&two), ResponseCode::FormErr));

    let mut chaos = good();
    chaos.queries[0].set_query_class(DNSClass::CH);
    cases.push(("class CH", octets(&chaos), ResponseCode::Refused));

    let mut cut = octets(&query("www.example.com", A, false));
    cut.truncate(cut.len() - 2);
    cases.push(("cut off", cut, ResponseCode::FormErr));

    let mut behind = octets(&query("www.example.com", A, false));
    behind.push(0);
    cases.push(("an octet behind", behind, ResponseCode::FormErr));

    for (why, octets, code) in cases {
        let reply = parsed(&snapshot, OTHER, &octets);
        assert_eq!(reply.metadata.response_code, code, "{why}");
        assert_eq!(reply.metadata.id, 1, "{why}");
        assert_eq!(reply.metadata.message_type, MessageType::Response);
        assert!(
            reply.answers.is_empty() && reply.authorities.is_empty(),
            "{why}"
        );
    }
}

#[test]
fn silence() {
    let snapshot = well();
    let mut response = query("www.example.com", A, true);
    response.metadata.message_type = MessageType::Response;
    assert_eq!(
        reply(&snapshot, OTHER, &octets(&response)),
        None,
        "no reply to a reply"
    );
    assert_eq!(
        reply(&snapshot, OTHER, &octets(&response)[..11]),
        None,
        "not a header"
    );
    assert_eq!(reply(&snapshot, OTHER, &[]), None);
}

/// A reply, whatever came, is one to it: same id, QR set, no larger than may leave.
fn holds(query: &[u8]) -> Result<(), TestCaseError> {
    let snapshot = well();
    if let Some(reply) = reply(&snapshot, OTHER, query) {
        prop_assert_eq!(&reply[..2], &query[..2]);
        prop_assert!(reply[2] & 0x80 != 0);
        prop_assert_eq!(reply[2] & 0x78, query[2] & 0x78, "opcode");
        prop_assert!(
            reply.len() <= 1232.max(query.len()),
            "{} octets",
            reply.len()
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..100)) {
        holds(&octets)?;
    }

    #[test]
    fn a_query_with_a_few_octets_changed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        name in prop::sample::select(vec!["www.example.com", "shop.example.com", "cdn.example.com", "example.com"]),
        edns: bool,
    ) {
        let mut octets = octets(&query(name, A, edns));
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        holds(&octets)?;
    }

    #[test]
    fn a_query_cut_anywhere(at in any::<prop::sample::Index>(), edns: bool) {
        let octets = octets(&query("www.example.com", A, edns));
        holds(&octets[..at.index(octets.len())])?;
    }
}

/// Queries of every kind that there is.
pub(super) fn samples() -> Vec<Vec<u8>> {
    use super::wire::{A as A_TYPE, CH, DO, PLAIN, SOA, Section, TSIG, TXT, Wire};
    let subnet: &[u8] = &[0, 1, 24, 0, 203, 0, 113];
    let options: &[(u16, &[u8])] = &[(10, &[7; 24]), (8, subnet), (3, &[]), (12, &[0; 9])];
    let soa = [&[0, 0][..], &7_u32.to_be_bytes(), &[0; 16]].concat();
    let www = || Wire::new(0x0100).question("www.example.com", A_TYPE);
    [
        www(),
        www().opt(DO, &[]),
        www().opt(PLAIN, options),
        www()
            .opt(PLAIN, options)
            .record(Section::Additional, "key", TSIG, &[0; 20]),
        www()
            .record_of(Section::Additional, &[0xc0, 12], A_TYPE, [1, 0, 0], &[0; 4])
            .opt(DO, options),
        Wire::new(0)
            .question("shop.example.com", A_TYPE)
            .opt(PLAIN, options),
        Wire::new(0)
            .question("absent.example.com", A_TYPE)
            .opt(PLAIN, options),
        Wire::new(0).question("example.com", 251).record(
            Section::Authority,
            "example.com",
            SOA,
            &soa,
        ),
        Wire::new(0)
            .question("example.com", 252)
            .opt(PLAIN, options),
        Wire::new(0)
            .question_of("id.server", TXT, CH)
            .opt(PLAIN, options),
        Wire::new(0).opt(PLAIN, options),
        Wire::new(0x2800).question("example.com", SOA).record(
            Section::Authority,
            "x",
            A_TYPE,
            &[0; 4],
        ),
    ]
    .iter()
    .map(Wire::octets)
    .collect()
}

#[test]
fn every_truncation_of_every_query() {
    let snapshot = well();
    for sample in samples() {
        let whole = reply(&snapshot, OTHER, &sample).expect("a reply");
        assert_ne!(whole[3] & 0x0f, 1, "{sample:x?}");
        for end in 0..sample.len() {
            let cut = reply(&snapshot, OTHER, &sample[..end]);
            assert_eq!(cut.is_some(), end >= 12, "{end} of {sample:x?}");
            let Some(cut) = cut else { continue };
            assert_eq!(cut[..2], sample[..2]);
            let expected = if sample[2] & 0x78 == 0 { 1 } else { 4 };
            assert_eq!(cut[3] & 0x0f, expected, "{end} of {sample:x?}");
            assert_eq!(cut[6..10], [0; 4], "no records");
        }
    }
}

#[test]
fn every_octet_of_every_query_may_be_any() {
    let snapshot = well();
    for sample in samples() {
        for at in 0..sample.len() {
            for octet in [0, 1, 12, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff] {
                let mut changed = sample.clone();
                changed[at] = octet;
                let reply = reply(&snapshot, OTHER, &changed);
                assert_eq!(reply.is_some(), changed[2] & 0x80 == 0);
                let Some(reply) = reply else { continue };
                assert_eq!(
                    (&reply[..2], reply[2] & 0xf9),
                    (&changed[..2], 0x80 | changed[2] & 0x79)
                );
                assert_eq!(reply[3] & 0xf0, 0, "RA, Z, AD, CD");
                assert!(reply.len() <= 1232);
                assert!(
                    hickory_proto::op::Message::from_vec(&reply).is_ok(),
                    "{reply:x?}"
                );
            }
        }
    }
}

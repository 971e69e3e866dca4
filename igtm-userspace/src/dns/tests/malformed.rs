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

//! Cases that the kernel passes for what their message is or asks.

use hickory_proto::op::ResponseCode::{FormErr, NXDomain, NoError, NotImp, Refused, ServFail};
use igtm_common::counter::Counter::{
    self, PassBadLength, PassBadName, PassBadOpt, PassClass, PassNoZone, PassNotQuery,
    PassSections, PassUserspace,
};

use super::answers::{ANYBODY, ANYBODY_V6, TELECOM};
use super::case::Case;
use super::case::Userspace::{self, Code, Refusal, Silence};
use super::message::{A, AAAA, CNAME, Query, SOA, TXT, query, wire};

const NS: u16 = 2;
const ANY: u16 = 255;

/// Every case of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = kinds();
    cases.extend(sections());
    cases.extend(names());
    cases.extend(unanswered());
    cases
}

/// A query that is answered when nothing is wrong with it.
pub(super) fn www() -> Query {
    query("www.gtm.test", A)
}

/// What a name that ends elsewhere than it should may be passed for: as it happens to be read.
const ODD: &[Counter] = &[PassBadName, PassBadLength, PassClass];

/// An A record at the root.
const RECORD: [u8; 15] = [0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];

/// A query from nobody's line that is passed up.
pub(super) fn passed(
    what: &str,
    query: &Query,
    counters: &'static [Counter],
    userspace: Userspace,
) -> Case {
    Case::passed(what, ANYBODY, &query.octets(), counters, userspace)
}

fn kinds() -> Vec<Case> {
    let flags = |what: &str, first: u8, userspace| {
        let query = www().edit(|query| query.flags[0] = first);
        passed(what, &query, &[PassNotQuery], userspace)
    };
    let class = |what: &str, class: u16| {
        let query = www().opt(1232).edit(|query| query.class = class);
        passed(what, &query, &[PassClass], Code(Refused))
    };
    vec![
        flags("a reply", 0x81, Silence),
        flags("an inverse query", 0x08, Code(NotImp)),
        flags("opcode STATUS", 0x10, Code(NotImp)),
        flags("opcode NOTIFY", 0x20, Code(NotImp)),
        flags("opcode UPDATE", 0x28, Code(NotImp)),
        flags("opcode DSO", 0x30, Code(NotImp)),
        flags("a truncated query", 0x03, Code(NoError)),
        class("class CH", 3),
        class("class HS", 4),
        class("class NONE", 254),
        class("class ANY", 255),
        class("class 0x0100", 0x0100),
    ]
}

fn sections() -> Vec<Case> {
    let counts = |what: &str, counts: [u16; 4]| {
        let query = www().edit(|query| query.counts = counts);
        passed(what, &query, &[PassSections], Refusal)
    };
    let second = www().question();
    vec![
        passed(
            "two questions",
            &www().record(0, &second),
            &[PassSections],
            Code(FormErr),
        ),
        counts("no question where one stands", [0, 0, 0, 0]),
        counts("256 questions", [256, 0, 0, 0]),
        counts("an answer that is not there", [1, 1, 0, 0]),
        counts("an authority record that is not there", [1, 0, 1, 0]),
        counts("two additional records that are not there", [1, 0, 0, 2]),
        counts("256 additional records that are not there", [1, 0, 0, 256]),
        passed(
            "an answer",
            &www().record(1, &RECORD),
            &[PassSections],
            Code(FormErr),
        ),
        passed(
            "an authority record",
            &www().record(2, &RECORD),
            &[PassSections],
            Code(FormErr),
        ),
        passed(
            "two OPTs",
            &www().opt(1232).opt(1232),
            &[PassSections],
            Refusal,
        ),
        passed(
            "an OPT and another additional",
            &www().opt(1232).record(3, &RECORD),
            &[PassSections],
            Code(NoError),
        ),
        passed(
            "an additional that is no OPT",
            &www().record(3, &RECORD),
            &[PassBadOpt],
            Code(NoError),
        ),
        passed(
            "an OPT that is not there",
            &www().edit(|query| query.counts[3] = 1),
            &[PassBadOpt],
            Refusal,
        ),
        passed(
            "an OPT that is not counted",
            &www().opt(1232).edit(|query| query.counts[3] = 0),
            &[PassBadLength],
            Refusal,
        ),
        passed(
            "an octet behind the question",
            &www().edit(|query| query.rest.push(0)),
            &[PassBadLength],
            Refusal,
        ),
        passed(
            "an octet behind the OPT",
            &www().opt(1232).edit(|query| query.rest.push(0)),
            &[PassBadLength],
            Refusal,
        ),
    ]
}

fn names() -> Vec<Case> {
    let named = |what: &str, name: Vec<u8>, counters, userspace| {
        passed(
            what,
            &www().edit(|query| query.name = name),
            counters,
            userspace,
        )
    };
    let label = |octets: u8| {
        let mut name = vec![octets];
        name.extend(std::iter::repeat_n(b'a', usize::from(octets)));
        name.extend(wire("gtm.test"));
        name
    };
    let unterminated = |octets: usize| {
        let labels = std::iter::repeat_n([1, b'a'], octets.div_ceil(2));
        labels.flatten().take(octets).collect::<Vec<u8>>()
    };
    let terminated = |octets: usize| {
        let mut name = unterminated(octets - 1);
        name.push(0);
        name
    };
    let mut pointer_after = wire("www");
    pointer_after.pop();
    pointer_after.extend([0xc0, 12]);
    vec![
        named("a label of 64 octets", label(64), &[PassBadName], Refusal),
        named(
            "a label of 65 octets: a capital A",
            label(65),
            &[PassBadName],
            Refusal,
        ),
        named("a label of 127 octets", label(127), &[PassBadName], Refusal),
        named(
            "a label of reserved kind",
            label(0x80),
            &[PassBadName],
            Refusal,
        ),
        named(
            "a label of 64 octets below another",
            [b"\x01a".as_slice(), &label(64)].concat(),
            &[PassBadName],
            Refusal,
        ),
        named("a compressed question", vec![0xc0, 12], ODD, Refusal),
        named(
            "a question that ends in a pointer",
            pointer_after,
            ODD,
            Refusal,
        ),
        named(
            "a name without end",
            b"\x03www\x03gtm\x04test".to_vec(),
            ODD,
            Refusal,
        ),
        named(
            "a label longer than the message",
            b"\x3fwww".to_vec(),
            ODD,
            Refusal,
        ),
        named(
            "a name of 255 octets of short labels",
            terminated(255),
            &[PassNoZone],
            Code(Refused),
        ),
        named(
            "a name of 256 octets",
            terminated(256),
            &[PassBadName],
            Refusal,
        ),
        named(
            "a name of 257 octets",
            terminated(257),
            &[PassBadName],
            Refusal,
        ),
        named(
            "a name of 400 octets without end",
            unterminated(400),
            &[PassBadName],
            Refusal,
        ),
        named(
            "an answered name with octets behind it",
            b"\x03www\x03gtm\x04test\x00\x03www\x00".to_vec(),
            ODD,
            Refusal,
        ),
        named(
            "other labels with the same octets",
            b"\x07www\x03gtm\x04test\x00".to_vec(),
            &[PassNoZone],
            Code(Refused),
        ),
    ]
}

/// What only userspace has an answer to.
fn unanswered() -> Vec<Case> {
    let asked = |name: &str, qtype, counters, userspace| {
        let what = format!("{name:?} type {qtype}");
        passed(&what, &query(name, qtype).opt(1232), counters, userspace)
    };
    let outside = |name: &str, qtype| asked(name, qtype, &[PassNoZone], Code(Refused));
    let above =
        |name: &str, qtype, code| asked(name, qtype, &[PassUserspace], Userspace::Code(code));
    let mut cases = vec![
        outside("www.gtm.tes", A),
        outside("www.gtm.test.test", A),
        outside("test", A),
        outside("test", SOA),
        outside("xgtm.test", A),
        outside("gtm.test.onelabe", A),
        outside("www", A),
        outside("onelabe", A),
        outside("onelabell", AAAA),
        outside(".", A),
        outside(".", NS),
        outside(".", SOA),
        outside("version.bind", TXT),
        above("gtm.test", SOA, NoError),
        above("gtm.test", NS, NoError),
        above("gtm.test", TXT, NoError),
        above("GTM.test", 65_280, NoError),
        above("child.between.gtm.test", SOA, NoError),
        above("onelabel", NS, NoError),
        above("onelabel", TXT, NoError),
        above("cdn.gtm.test", CNAME, NoError),
        above("cdn.gtm.test", TXT, NoError),
        above("shop.gtm.test", A, NoError),
        above("shop.gtm.test", AAAA, NoError),
        above("shop.gtm.test", TXT, NoError),
        above("inward.gtm.test", A, NoError),
        above("inward.gtm.test", AAAA, NoError),
        above("inward.gtm.test", TXT, NoError),
        above("flat.test", TXT, NoError),
        above("unresolved.test", A, ServFail),
        above("unresolved.test", AAAA, ServFail),
        above("www.gtm.test", ANY, NoError),
        above("www.gtm.test", 0, NoError),
        above("nothing.gtm.test", ANY, NXDomain),
        above("www.gtm.test", 251, Refused),
        above("www.gtm.test", 252, Refused),
        Case::passed(
            "a claimed line whose answer does not fit the type",
            TELECOM,
            &query("cdn.gtm.test", CNAME).octets(),
            &[PassUserspace],
            Code(NoError),
        ),
        Case::passed(
            "a name outside over IPv6",
            ANYBODY_V6,
            &query("nothing.example", AAAA).octets(),
            &[PassNoZone],
            Code(Refused),
        ),
    ];
    for (meta, code) in [
        (41, FormErr),
        (128, NoError),
        (129, NoError),
        (249, FormErr),
        (250, FormErr),
        (253, NotImp),
        (254, NotImp),
    ] {
        let what = format!("meta type {meta}");
        let query = query("www.gtm.test", meta);
        cases.push(passed(&what, &query, &[PassUserspace], Code(code)));
    }
    cases
}

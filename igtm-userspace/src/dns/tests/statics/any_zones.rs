//! Any zone and any question: the reply is the reference's.

use std::collections::BTreeSet;
use std::str::FromStr;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record as Parsed, RecordType};
use igtm_common::layout::{EXISTS, OPEN_BELOW, PASS, PASS_OTHERS};
use proptest::prelude::*;

use super::reference::{Record, Reply, Zone, labels, text};
use super::{DNAME, POOL, instance, parsed, snapshot, zones};
use crate::dns::answer::Transport;
use crate::dns::tests::{OTHER, answer, by, octets, query};
use crate::snapshot::{Snapshot, names};

const APEX: &str = "z.test.";

/// What a file says at one name.
#[derive(Clone, Debug)]
enum Said {
    Address,
    Text,
    Cname(String),
    Dname(String),
    Cut,
    Signed,
    Instance,
}

fn name() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "c", "*"]);
    prop::collection::vec(label, 1..4).prop_map(|labels| labels.join(".") + "." + APEX)
}

fn said() -> impl Strategy<Value = Said> {
    let target = prop_oneof![
        8 => name(),
        1 => Just("x.other.".to_owned()),
        1 => Just(APEX.to_owned()),
        // Below it, hardly a name has room.
        1 => Just(["d".repeat(60), "e".repeat(60), "f".repeat(60), "g".repeat(60)].join(".") + "." + APEX),
    ];
    prop_oneof![
        4 => Just(Said::Address),
        2 => Just(Said::Text),
        4 => target.clone().prop_map(Said::Cname),
        2 => target.prop_map(Said::Dname),
        2 => Just(Said::Cut),
        1 => Just(Said::Signed),
        2 => Just(Said::Instance),
    ]
}

/// Records of a good zone, and the names of instances in it: what does not go with what stands
/// already is left out.
fn good(all: Vec<(String, Said)>) -> (Vec<Record>, Vec<String>) {
    let mut records: Vec<Record> = Vec::new();
    let mut instances: Vec<String> = Vec::new();
    let record = |name: &str, rtype, data: &str| Record {
        owner: labels(name),
        rtype,
        data: data.to_owned(),
    };
    records.push(record(APEX, "NS", "ns.other."));
    for (name, said) in all {
        let owner = labels(&name);
        let covering = |record: &&Record| {
            owner.starts_with(&record.owner)
                && ((record.rtype == "NS" && record.owner != labels(APEX))
                    || (record.rtype == "DNAME" && record.owner != owner))
        };
        let covers = matches!(said, Said::Dname(_) | Said::Cut | Said::Signed);
        let below = |record: &Record| record.owner.starts_with(&owner) && record.owner != owner;
        let own: Vec<&str> = records
            .iter()
            .filter(|one| one.owner == owner)
            .map(|one| one.rtype)
            .collect();
        let is_instance = instances.contains(&name);
        let refused = records.iter().any(|one| covering(&one))
            || (covers && (records.iter().any(below) || name.starts_with('*')))
            || own.contains(&"CNAME");
        if refused {
            continue;
        }
        match said {
            Said::Address if !is_instance => records.push(record(&name, "A", "192.0.2.1")),
            Said::Text => records.push(record(&name, "TXT", "\"t\"")),
            Said::Cname(target) if own.is_empty() => records.push(record(&name, "CNAME", &target)),
            Said::Dname(target) if !own.contains(&"DNAME") => {
                records.push(record(&name, "DNAME", &target));
            }
            Said::Cut if own.is_empty() => {
                records.push(record(&name, "NS", &format!("ns.{name}")));
                records.push(record(&name, "NS", "ns.other."));
            }
            Said::Signed if own.is_empty() => {
                records.push(record(&name, "NS", "ns.other."));
                records.push(record(&name, "DS", "1 13 2 00FF"));
            }
            Said::Instance if !own.contains(&"A") && !name.contains('*') && !is_instance => {
                // To the reference, an address like any other.
                instances.push(name.clone());
                records.push(record(&name, "A", "192.0.2.80"));
            }
            _ => {}
        }
    }
    records.sort();
    records.dedup();
    (records, instances)
}

/// The zone's file: an address of an instance is not the file's.
fn file(records: &[Record]) -> String {
    let mut file = format!("$TTL 60\n{APEX} SOA ns.other. h.other. 1 2 3 4 5\n");
    for record in records {
        let owner = text(&record.owner);
        if record.data != "192.0.2.80" {
            file += &format!("{owner} {} {}\n", record.rtype, record.data);
        }
        if record.rtype == "NS" && record.data.ends_with(&owner) {
            file += &format!("{} A 192.0.2.53\n", record.data);
        }
    }
    file
}

fn shown(record: &Parsed) -> String {
    let data = match &record.data {
        RData::Unknown { rdata, .. } => format!("{rdata:?}"),
        RData::TXT(_) => "\"t\"".to_owned(),
        data => data.to_string(),
    };
    let name = record.name.to_lowercase();
    match record.record_type() {
        RecordType::SOA => "SOA".to_owned(),
        // hickory has its own words for them, and nothing else can stand there.
        RecordType::DS => format!("{name} DS 1 13 2 00FF"),
        RecordType::Unknown(DNAME) => format!("{name} DNAME"),
        other => format!("{name} {other} {data}"),
    }
}

fn replied(snapshot: &Snapshot, name: &str, qtype: &str, transport: Transport) -> (Reply, Message) {
    let record_type = RecordType::from_str(qtype).expect("a type");
    let asked = octets(&query(name, record_type, true));
    let octets = answer(snapshot, &asked, by(OTHER, transport)).expect("a reply");
    let message = parsed(octets);
    let all = |records: &[Parsed]| -> BTreeSet<String> { records.iter().map(shown).collect() };
    let code = match format!("{:?}", message.metadata.response_code).as_str() {
        "NoError" => "NoError",
        "NXDomain" => "NXDomain",
        "Refused" => "Refused",
        "YXDomain" => "YXDomain",
        "ServFail" => "ServFail",
        other => panic!("{other}"),
    };
    let reply = Reply {
        code,
        authoritative: message.metadata.authoritative,
        answer: all(&message.answers),
        authority: all(&message.authorities),
    };
    (reply, message)
}

/// What the kernel would say of a name by the flags it is given, if it says anything.
fn kernels(snapshot: &Snapshot, name: &str, qtype: &str) -> Option<&'static str> {
    let mut wire = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        wire.push(label.len() as u8);
        wire.extend(label.bytes());
    }
    wire.push(0);
    let find = |wire: &[u8]| {
        let key = names::key(&snapshot.ground.hash_key, wire)?;
        snapshot.image.fixed.names.find(key)
    };
    if let Some(of) = find(&wire) {
        assert_ne!(of.flags & EXISTS, 0);
        let address = matches!(qtype, "A" | "AAAA");
        let passed = of.flags & PASS != 0 || (!address && of.flags & PASS_OTHERS != 0);
        let held = qtype == "A" && of.view[0] != u16::MAX;
        return (!passed && !held).then_some("NODATA");
    }
    let above = names::upward(&wire).skip(1).find_map(find)?;
    (above.flags & OPEN_BELOW == 0).then_some("NXDOMAIN")
}

proptest! {
    #[test]
    fn the_reference_says_the_same(
        all in prop::collection::vec((name(), said()), 0..10),
        asked in prop::collection::vec((name(), prop::sample::select(vec!["", "a.", "b.c."]),
            prop::sample::select(vec!["A", "TXT", "CNAME", "DS", "NS", "AAAA"])), 24),
    ) {
        let (records, instances) = good(all);
        let file = file(&records);
        let more: String = instances.iter().map(|name| {
            let name = name.trim_end_matches('.');
            instance(name, name)
        }).collect();
        let ground = zones(&[("z.test", &file)], &format!("{POOL}{more}"));
        let snapshot = snapshot(&ground);
        let zone = Zone { apex: labels(APEX), records: &records };
        let owners = records.iter().map(|record| text(&record.owner));
        let own = owners.flat_map(|name| ["A", "TXT", "NS", "DS"].map(|qtype| (name.clone(), qtype)));
        let others = asked.iter().map(|(name, prefix, qtype)| (format!("{prefix}{name}"), *qtype));
        for (name, qtype) in others.chain(own) {
            if name == APEX && qtype == "DS" {
                continue;
            }
            let (reply, message) = replied(&snapshot, &name, qtype, Transport::Tcp);
            match zone.reply(&name, qtype) {
                None => prop_assert_eq!(reply.code, "ServFail", "{} {}\n{}", name, qtype, file),
                Some(mut expected) => {
                    expected.answer = expected.answer.into_iter().map(|one| {
                        // As `shown` has it.
                        one.split_once(" DNAME ").map_or(one.clone(), |(owner, _)| format!("{owner} DNAME"))
                    }).collect();
                    prop_assert_eq!(&reply, &expected, "{} {}\n{}", name, qtype, file);
                }
            }
            // Whatever the kernel would say itself is true.
            match kernels(&snapshot, &name, qtype) {
                Some("NXDOMAIN") => prop_assert_eq!(reply.code, "NXDomain"),
                Some(_) => prop_assert!(reply.code == "NoError" && reply.answer.is_empty() && reply.authoritative),
                None => {}
            }
            // A referral has the addresses without which it leads nowhere.
            for server in &message.authorities {
                if let RData::NS(ns) = &server.data
                    && server.name.zone_of(&ns.0)
                {
                    let glue = message.additionals.iter().any(|one| one.name == ns.0);
                    prop_assert!(glue, "{} {}\n{}", name, qtype, file);
                }
            }
        }
    }
}

//! Query → reply over a small file, as tables; and what must hold for any octets.

mod beside;
mod chain;
mod compliance;
mod cookie;
mod edns;
mod fuzz;
mod limit;
mod malformed;
mod protocol;
mod reference;
mod short;
mod statics;
mod table;
mod transfer;
mod udp;
mod wire;

pub(in crate::dns) use udp::service;

use std::sync::{Arc, LazyLock};

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};

use super::answer::{self, Circumstances, Replied, Transport};
use crate::snapshot::fixture::{ground, snapshot};
use crate::snapshot::{Ground, Snapshot};

/// The file of every case.
const FILE: &str = include_str!("tests/authority.toml");
const SERIAL: u32 = 7;
/// Seconds since 1970.
const NOW: u32 = 1_800_000_000;
const TELECOM: &str = "203.0.113.10";
const OTHER: &str = "192.0.2.200";

static GROUND: LazyLock<Arc<Ground>> = LazyLock::new(|| ground(FILE));

pub(super) fn well() -> Snapshot {
    snapshot(&GROUND, &[], SERIAL)
}

/// A query of id 1, as `dig +norec` sends it; with an OPT if `edns`.
pub(super) fn query(name: &str, r#type: RecordType, edns: bool) -> Message {
    let mut name = Name::from_ascii(name).expect("a name");
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.id = 1;
    message.add_query(Query::query(name, r#type));
    if edns {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        message.set_edns(edns);
    }
    message
}

pub(super) fn octets(message: &Message) -> Vec<u8> {
    message.to_vec().expect("it can be encoded")
}

/// With 0 drawn.
fn by(client: &str, transport: Transport) -> Circumstances {
    Circumstances {
        client: client.parse().expect("an address"),
        transport,
        random: 0,
        now: NOW,
    }
}

/// The reply, in a buffer of its own.
fn answer(snapshot: &Snapshot, message: &[u8], by: Circumstances) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    answer::answer(snapshot, message, by, &mut out).map(|Replied| out)
}

/// The reply over UDP.
fn reply(snapshot: &Snapshot, client: &str, query: &[u8]) -> Option<Vec<u8>> {
    answer(snapshot, query, by(client, Transport::Udp))
}

/// The same, parsed; there must be one.
fn parsed(snapshot: &Snapshot, client: &str, query: &[u8]) -> Message {
    let reply = reply(snapshot, client, query).expect("a reply");
    Message::from_vec(&reply).expect("well formed")
}

/// A reply in words: code, AA, TC, then each answer and, after `|`, each authority record.
fn words(message: &Message) -> String {
    let meta = &message.metadata;
    let mut words = vec![format!("{:?}", meta.response_code)];
    words.extend(meta.authoritative.then(|| "aa".to_owned()));
    words.extend(meta.truncation.then(|| "tc".to_owned()));
    for record in &message.answers {
        let data = match &record.data {
            RData::SOA(soa) => format!("SOA {} {} {}", soa.mname, soa.serial, soa.minimum),
            data => format!("{} {data}", record.record_type()),
        };
        words.push(format!("{} {} {data}", record.name, record.ttl));
    }
    for record in &message.authorities {
        let RData::SOA(soa) = &record.data else {
            panic!("{record} in authority");
        };
        words.push(format!(
            "| {} {} SOA {} {}",
            record.name, record.ttl, soa.serial, soa.minimum
        ));
    }
    words.join(" ")
}

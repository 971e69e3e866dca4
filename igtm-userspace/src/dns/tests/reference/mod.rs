//! Whole files and health, generated, and what the answerer says to real queries, held against
//! a slow, obvious reading of product.md §1–3 (`words.rs`).
//!
//! Every draw is made: a rotation by each beginning, a draw by weight at evenly spaced numbers,
//! which must come to the very shares.

mod complaints;
mod file;
mod tape;
mod words;

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use proptest::prelude::*;

use super::{NOW, SERIAL, answer, octets, query};
use crate::dns::answer::{Circumstances, Transport};
use crate::snapshot::Snapshot;
use crate::snapshot::fixture::{COOKIES, ground};
use tape::Tape;
use words::{Answer, Instance, World};

/// Most draws by weight of one answer: more only where the shares need more.
const MOST_DRAWS: u32 = 4000;

/// A query that is asked again and again.
struct Asker<'a> {
    snapshot: &'a Snapshot,
    client: IpAddr,
    name: &'a str,
    message: Vec<u8>,
}

impl Asker<'_> {
    fn reply(&self, random: u32) -> Message {
        let circumstances = Circumstances {
            client: self.client,
            transport: Transport::Tcp,
            random,
            now: NOW,
        };
        let reply = answer(self.snapshot, &self.message, circumstances).expect("a reply");
        Message::from_vec(&reply).expect("well formed")
    }
}

fn text(name: &hickory_proto::rr::Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

/// Type, owner and data of a record, as words.rs writes them.
fn record(record: &Record) -> (RecordType, String, String) {
    let data = match &record.data {
        RData::A(a) => a.0.to_string(),
        RData::AAAA(aaaa) => aaaa.0.to_string(),
        RData::CNAME(cname) => text(&cname.0),
        other => format!("{other}"),
    };
    (record.record_type(), text(&record.name), data)
}

/// What stands behind the business domain's own CNAME, if that was asked: data only, once types,
/// owners and TTLs are right.
fn answered(
    world: &World,
    instance: &Instance,
    asker: &Asker<'_>,
    random: u32,
    r#type: RecordType,
) -> Vec<String> {
    let reply = asker.reply(random);
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert!(reply.metadata.authoritative && !reply.metadata.truncation);
    let ttl = world.ttl(instance);
    assert!(
        reply.answers.iter().all(|one| one.ttl == ttl),
        "not each has {ttl} s: {:?}",
        reply.answers
    );
    let mut records: Vec<_> = reply.answers.iter().map(record).collect();
    if asker.name != instance.access {
        let cname = (
            RecordType::CNAME,
            instance.domain.clone(),
            instance.access.clone(),
        );
        assert_eq!(records.remove(0), cname);
    }
    if records.is_empty() {
        let zone = world.zone_of(&instance.access).expect("its zone");
        let [soa] = &reply.authorities[..] else {
            panic!("{:?} in authority", reply.authorities);
        };
        assert_eq!(soa.record_type(), RecordType::SOA);
        assert_eq!(
            (text(&soa.name), soa.ttl),
            (zone.origin.to_owned(), zone.negative_ttl)
        );
    } else {
        assert!(reply.authorities.is_empty());
    }
    let data = records.into_iter().map(|(found, owner, data)| {
        assert_eq!((found, owner.as_str()), (r#type, instance.access.as_str()));
        data
    });
    data.collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// What a whole sweep of the random number draws: how often each.
fn shares(weighed: &[(String, u32)], draw: impl Fn(u32) -> Vec<String>) {
    let total: u32 = weighed.iter().map(|(_, weight)| weight).sum();
    let unit = weighed.iter().fold(total, |unit, (_, weight)| {
        greatest_common_divisor(unit, *weight)
    });
    let draws = (total / unit).min(MOST_DRAWS);
    let mut drawn: BTreeMap<String, u32> = BTreeMap::new();
    for at in 0..u64::from(draws) {
        // The middle of each of as many equal parts of all random numbers.
        let random = ((2 * at + 1) << 32) / (2 * u64::from(draws));
        let one = draw(random as u32);
        assert_eq!(one.len(), 1, "exactly one address: {one:?}");
        *drawn.entry(one[0].clone()).or_default() += 1;
    }
    for (address, weight) in weighed {
        let found = drawn.remove(address).unwrap_or_default();
        let wanted = f64::from(*weight) / f64::from(total) * f64::from(draws);
        let exact = draws == total / unit;
        let most_off = if exact { 1e-6 } else { 1.0 + 1e-6 };
        assert!(
            (f64::from(found) - wanted).abs() <= most_off,
            "{address} is drawn {found} times of {draws}, not {wanted}"
        );
    }
    assert!(drawn.is_empty(), "nobody else is drawn: {drawn:?}");
}

fn compare(world: &World, instance: &Instance, asker: &Asker<'_>, ipv6: bool, whole: bool) {
    let r#type = if ipv6 {
        RecordType::AAAA
    } else {
        RecordType::A
    };
    let said = |random: u32| answered(world, instance, asker, random, r#type);
    let said_cname = |random: u32| answered(world, instance, asker, random, RecordType::CNAME);
    let window = |all: &[String], most: usize, random: u32| -> Vec<String> {
        let first = random as usize % all.len();
        let at = (0..most.min(all.len())).map(|step| (first + step) % all.len());
        at.map(|at| all[at].clone()).collect()
    };
    let randoms = |n: usize| match whole {
        true => (0..n as u32).chain([u32::MAX, 7 * n as u32 + 3]).collect(),
        false => vec![0, 1_000_003],
    };
    let wanted = world.answer(instance, asker.client, ipv6);
    let known = |one: &[String], weighed: &[(String, u32)]| {
        assert!(
            weighed.iter().any(|(address, _)| *one == [address.clone()]),
            "{one:?} is none of {weighed:?}"
        );
    };
    match &wanted {
        Answer::NoData => {
            for random in [0, u32::MAX] {
                assert_eq!(said(random), Vec::<String>::new());
            }
        }
        Answer::Rotated(all, most) => {
            for random in randoms(all.len()) {
                assert_eq!(said(random), window(all, *most, random), "{random}");
            }
        }
        Answer::CnameRotated(all) => {
            for random in randoms(all.len()) {
                assert_eq!(said_cname(random), window(all, 1, random), "{random}");
            }
        }
        Answer::Drawn(weighed) if whole => shares(weighed, said),
        Answer::CnameDrawn(weighed) if whole => shares(weighed, said_cname),
        Answer::Drawn(weighed) => known(&said(1 << 31), weighed),
        Answer::CnameDrawn(weighed) => known(&said_cname(1 << 31), weighed),
    }
}

/// What is answered from this file with this health.
fn snapshot_of(world: &World) -> (String, Snapshot) {
    let file = file::text(world);
    let ground = ground(&file);
    let snapshot = Snapshot::new(Arc::clone(&ground), world, SERIAL, COOKIES);
    (file, snapshot)
}

/// Asks for every name in both families from some clients.
fn hold_against_the_words(numbers: &[u32]) {
    let mut tape = Tape(numbers.iter());
    // Clients first: a world takes all that is left.
    let clients: Vec<IpAddr> = (0..5).map(|_| tape.client()).collect();
    let world = tape.world();
    let (file, snapshot) = snapshot_of(&world);
    let mut swept = HashSet::new();
    for instance in &world.instances {
        let business = (instance.domain != instance.access
            && world.zone_of(&instance.domain).is_some())
        .then_some(instance.domain.as_str());
        for name in [Some(instance.access.as_str()), business]
            .into_iter()
            .flatten()
        {
            for (client, ipv6) in clients.iter().flat_map(|one| [(*one, false), (*one, true)]) {
                let r#type = if ipv6 {
                    RecordType::AAAA
                } else {
                    RecordType::A
                };
                let asker = Asker {
                    snapshot: &snapshot,
                    client,
                    name,
                    message: octets(&query(name, r#type, false)),
                };
                // The same strategy draws for all its clients alike.
                let strategy = world.strategy_of(instance, client, ipv6);
                let strategy = strategy.map(|one| one.name.as_str());
                let whole = swept.insert((name, strategy, ipv6));
                let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    compare(&world, instance, &asker, ipv6, whole);
                }));
                if compared.is_err() {
                    panic!(
                        "{client} asks for {name} {type}\n{file}\nluck {} forces {:?}",
                        world.luck, world.forces
                    );
                }
            }
        }
    }
}

/// As many as `PROPTEST_CASES` says, else what takes seconds.
fn cases() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(300),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_client_is_answered_what_the_words_say(
        numbers in prop::collection::vec(any::<u32>(), 0..900)
    ) {
        hold_against_the_words(&numbers);
    }
}

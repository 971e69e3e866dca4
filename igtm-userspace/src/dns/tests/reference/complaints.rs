//! What users of other systems complain about (product.md §5), over generated files.

use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use proptest::prelude::*;

use super::super::{OTHER, octets, parsed, query};
use super::words::{Answer, World, holds};
use super::{Snapshot, Tape, cases, snapshot_of};

fn numbers() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..900)
}

/// The reply to a resolver that forwards the whole address of its client, and its scope.
fn by_resolver(
    snapshot: &Snapshot,
    client: IpAddr,
    name: &str,
    r#type: RecordType,
) -> (Message, u8) {
    let len = if client.is_ipv6() { 128 } else { 32 };
    let mut message = query(name, r#type, true);
    let edns = message.edns.as_mut().expect("it was asked for");
    let subnet = ClientSubnet::new(client, len, 0);
    edns.options_mut().insert(EdnsOption::Subnet(subnet));
    let reply = parsed(snapshot, OTHER, &octets(&message));
    let edns = reply.edns.as_ref().expect("as asked");
    let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) else {
        panic!("no client subnet in {reply}");
    };
    let scope = subnet.scope_prefix();
    (reply, scope)
}

/// Negative answers aside: every resolver takes them for all clients (RFC 7871 §7.4).
fn no_cache_serves(world: &World, clients: &[IpAddr]) {
    let (file, snapshot) = snapshot_of(world);
    for instance in &world.instances {
        for (client, ipv6) in clients.iter().flat_map(|one| [(*one, false), (*one, true)]) {
            let wanted = world.answer(instance, client, ipv6);
            if wanted == Answer::NoData {
                continue;
            }
            let r#type = if ipv6 {
                RecordType::AAAA
            } else {
                RecordType::A
            };
            let (_, scope) = by_resolver(&snapshot, client, &instance.access, r#type);
            for other in clients.iter().filter(|other| holds(client, scope, **other)) {
                let theirs = world.answer(instance, *other, ipv6);
                assert_eq!(
                    wanted, theirs,
                    "{client}/{scope} {other} {}\n{file}",
                    instance.access
                );
            }
        }
    }
}

fn nothing_is_empty(world: &World, clients: &[IpAddr]) {
    let (file, snapshot) = snapshot_of(world);
    for instance in &world.instances {
        for (client, ipv6) in clients.iter().flat_map(|one| [(*one, false), (*one, true)]) {
            let Some(strategy) = world.strategy_of(instance, client, ipv6) else {
                continue;
            };
            let r#type = if ipv6 {
                RecordType::AAAA
            } else {
                RecordType::A
            };
            let asked = octets(&query(&instance.access, r#type, true));
            let reply = parsed(&snapshot, &client.to_string(), &asked);
            // What answers may be of the other family: its records then answer that.
            let of_other_family = world.answer(instance, client, ipv6) == Answer::NoData;
            assert_eq!(
                reply.answers.is_empty(),
                of_other_family,
                "{} of {}\n{file}",
                strategy.name,
                instance.access
            );
            if of_other_family {
                let answer = world.answer_of(instance, strategy, !ipv6);
                assert_ne!(answer, Answer::NoData, "{}\n{file}", strategy.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_cache_serves_one_clients_answer_to_another(numbers in numbers()) {
        let mut tape = Tape(numbers.iter());
        let clients: Vec<_> = (0..12).map(|_| tape.client()).collect();
        no_cache_serves(&tape.world(), &clients);
    }

    #[test]
    fn no_answer_is_empty_when_all_are_down(numbers in numbers()) {
        let mut tape = Tape(numbers.iter());
        let clients: Vec<_> = (0..4).map(|_| tape.client()).collect();
        let mut world = tape.world();
        world.all_down = true;
        nothing_is_empty(&world, &clients);
    }
}

//! Many datagrams at once over a real socket, and what must not stop it.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::super::answer::{Replied, answer};
use super::super::limit::Limiter;
use super::super::service::{Answer, Service};
use super::super::udp::Worker;
use super::*;
use crate::metrics::replies::Replies;

/// More than one call takes or sends.
const QUERIES: u16 = 100;
const PATIENCE: Duration = Duration::from_secs(5);

/// What answers by `answer` from `snapshot`, and what it counts.
pub(in crate::dns) fn service(snapshot: Snapshot, answer: Answer) -> (Arc<Service>, Arc<Replies>) {
    let current = Arc::new(ArcSwap::from_pointee(snapshot));
    let replies = Arc::new(Replies::default());
    let limiter = Limiter::new(None);
    let service = Service::answering(current, Arc::clone(&replies), limiter, answer);
    (Arc::new(service), replies)
}

/// What was counted, without zeros; waits until it is `sum` in all: a reply may be here before it is
/// counted.
pub(super) fn counted(replies: &Replies, sum: u64) -> Vec<(&'static str, u64)> {
    let began = Instant::now();
    loop {
        let counted: Vec<_> = replies.all().filter(|(_, count)| *count > 0).collect();
        let all: u64 = counted.iter().map(|(_, count)| count).sum();
        if all >= sum || began.elapsed() > PATIENCE {
            return counted;
        }
        std::thread::yield_now();
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    socket
}

fn server() -> (SocketAddr, UdpSocket) {
    let socket = socket();
    socket.set_nonblocking(true).expect("it can be");
    (socket.local_addr().expect("bound"), socket)
}

fn received(client: &UdpSocket) -> Message {
    let mut reply = [0; 4096];
    let octets = client.recv(&mut reply).expect("a reply in time");
    Message::from_vec(&reply[..octets]).expect("well formed")
}

fn asked(name: &str, id: u16) -> Vec<u8> {
    let mut message = query(name, RecordType::A, true);
    message.metadata.id = id;
    octets(&message)
}

#[test]
fn each_of_many_is_answered_once_to_who_asked() {
    let (address, server) = server();
    let clients = [socket(), socket()];
    // All of them wait when the first is read.
    for id in 0..QUERIES {
        let client = &clients[usize::from(id % 2)];
        let message = asked("www.gtm.example.com", id);
        client.send_to(&message, address).expect("sent");
    }
    let (service, replies) = service(well(), answer);
    let worker = Worker::start(0, service).expect("a thread");
    worker.open(address, server);
    for (client, first) in clients.iter().zip(0..) {
        let ids = (0..QUERIES / 2).map(|_| received(client).metadata.id);
        let expected: BTreeSet<u16> = (0..QUERIES).filter(|id| id % 2 == first).collect();
        assert_eq!(ids.collect::<BTreeSet<_>>(), expected);
    }
    // A query that is longer than any is read in part, and answered as what it then is.
    let mut long = octets(&query("www.gtm.example.com", RecordType::A, false));
    long.resize(5000, 0);
    clients[0].send_to(&long, address).expect("sent");
    let refused = received(&clients[0]).metadata.response_code;
    assert_eq!(refused, ResponseCode::FormErr);
    let counted = counted(&replies, u64::from(QUERIES) + 1);
    // The name is none of the fixture's.
    assert_eq!(counted, [("nxdomain", u64::from(QUERIES)), ("formerr", 1)]);
}

#[test]
fn sockets_come_and_go_and_the_others_are_answered() {
    let (service, _) = service(well(), answer);
    let worker = Worker::start(0, service).expect("a thread");
    let (steady, first) = server();
    worker.open(steady, first);
    let client = socket();
    let ask = |address: SocketAddr, id: u16| {
        let message = asked("absent.gtm.example.com", id);
        client.send_to(&message, address).expect("sent");
    };
    for id in 0..20 {
        let (passing, second) = server();
        worker.open(passing, second);
        ask(passing, id);
        assert_eq!(received(&client).metadata.id, id);
        worker.close(passing);
        ask(steady, 100 + id);
        assert_eq!(received(&client).metadata.id, 100 + id);
        // What is closed is free for others.
        let began = Instant::now();
        while UdpSocket::bind(passing).is_err() {
            assert!(began.elapsed() < PATIENCE, "{passing} is still open");
        }
    }
    drop(worker);
    UdpSocket::bind(steady).expect("all sockets are closed");
}

/// Answers like any, but for one name.
fn fragile(
    snapshot: &Snapshot,
    message: &[u8],
    by: Circumstances,
    out: &mut Vec<u8>,
) -> Option<Replied> {
    assert!(
        !message.windows(5).any(|word| word == b"panic"),
        "of course"
    );
    answer(snapshot, message, by, out)
}

#[test]
fn a_panic_costs_its_query_alone() {
    let (address, server) = server();
    let client = socket();
    // In one batch, and more of them than threads could end.
    for id in 0..QUERIES {
        let name = ["panic.gtm.example.com", "www.gtm.example.com"][usize::from(id % 2)];
        client.send_to(&asked(name, id), address).expect("sent");
    }
    let (service, replies) = service(well(), fragile);
    let worker = Worker::start(0, service).expect("a thread");
    worker.open(address, server);
    let ids = (0..QUERIES / 2).map(|_| received(&client).metadata.id);
    let expected: BTreeSet<u16> = (0..QUERIES).filter(|id| id % 2 == 1).collect();
    assert_eq!(ids.collect::<BTreeSet<_>>(), expected);
    let half = u64::from(QUERIES / 2);
    let counted = counted(&replies, 2 * half);
    assert_eq!(counted, [("nxdomain", half), ("panicked", half)]);
}

/// Answers like any, but one name by what no socket takes, nor can be made smaller.
fn immense(
    snapshot: &Snapshot,
    message: &[u8],
    by: Circumstances,
    out: &mut Vec<u8>,
) -> Option<Replied> {
    let replied = answer(snapshot, message, by, out);
    if message.windows(7).any(|word| word == b"immense") {
        // A header with one record: an OPT of 65 535 octets.
        *out = [&out[..4], &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41]].concat();
        out.resize(out.len() + 6, 0);
        out.resize(out.len() + 2 + 0xffff, 0xff);
    }
    replied
}

/// What cannot be sent is given up, whoever reads the log of it: a reply to port 0, or one that a packet
/// filter refuses, is the same to the socket.
#[test]
fn a_reply_that_cannot_be_sent_costs_itself_alone() {
    let (address, server) = server();
    let client = socket();
    for id in 0..QUERIES {
        let name = ["immense.gtm.example.com", "www.gtm.example.com"][usize::from(id % 2)];
        client.send_to(&asked(name, id), address).expect("sent");
    }
    let (service, _) = service(well(), immense);
    let worker = Worker::start(0, service).expect("a thread");
    worker.open(address, server);
    let ids = (0..QUERIES / 2).map(|_| received(&client).metadata.id);
    let expected: BTreeSet<u16> = (0..QUERIES).filter(|id| id % 2 == 1).collect();
    assert_eq!(ids.collect::<BTreeSet<_>>(), expected);
}

/// What one query takes in [`slow`].
const SLOW: Duration = Duration::from_millis(4);

#[expect(clippy::disallowed_methods, reason = "a thread of its own")]
fn slow(
    snapshot: &Snapshot,
    message: &[u8],
    by: Circumstances,
    out: &mut Vec<u8>,
) -> Option<Replied> {
    std::thread::sleep(SLOW);
    answer(snapshot, message, by, out)
}

/// Offered twice what it can answer, it answers the newer ones, soon; not all of them, each later than the
/// one before.
#[test]
#[expect(clippy::disallowed_methods, reason = "no async worker here")]
fn under_overload_the_oldest_are_shed() {
    let (address, server) = server();
    let room = socket2::SockRef::from(&server).set_recv_buffer_size(1 << 22);
    room.expect("room for all of them");
    let (service, replies) = service(well(), slow);
    let worker = Worker::start(0, service).expect("a thread");
    worker.open(address, server);
    let (client, reader) = (socket(), socket());
    drop(reader);
    let sender = client.try_clone().expect("a clone");
    let began = Instant::now();
    // Some 1500 in three seconds, where 750 can be answered. What cannot be sent in time on a busy
    // host only makes the overload less.
    let sending = std::thread::spawn(move || {
        let mut id = 0_u16;
        while began.elapsed() < Duration::from_secs(3) {
            sender
                .send_to(&asked("www.gtm.example.com", id), address)
                .expect("sent");
            id += 1;
            std::thread::sleep(SLOW / 2 * u32::from(id.is_multiple_of(8)) * 8);
        }
        id
    });
    let sent = sending.join().expect("it sends");
    // Without shedding 1.5 s and more of work would be left: some 370 queries.
    let last = sent - 1;
    let mut worst = 0;
    loop {
        let id = received(&client).metadata.id;
        worst = worst.max(id);
        if worst == last
            || counted(&replies, 0)
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>()
                >= sent.into()
        {
            break;
        }
    }
    let left = began.elapsed() - Duration::from_secs(3);
    let counted = counted(&replies, sent.into());
    assert!(
        left < Duration::from_millis(1200),
        "{left:?} behind, {counted:?}"
    );
    let shed = counted.iter().find(|(outcome, _)| *outcome == "shed");
    assert!(shed.is_some_and(|(_, count)| *count > 50), "{counted:?}");
}

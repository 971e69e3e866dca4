//! Connections over loopback: what clients may do, and what it costs others.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::dns::answer::{Circumstances, Replied, answer};
use crate::dns::tests::{octets, query, service, well};
use crate::metrics::replies::Replies;
use crate::snapshot::Snapshot;

const PATIENCE: Duration = Duration::from_secs(10);
const NAME: &str = "absent.gtm.example.com";

/// A listener on loopback with its own runtime.
struct Server {
    address: SocketAddr,
    counts: Arc<Connections>,
    replies: Arc<Replies>,
    _runtime: Runtime,
}

impl Server {
    fn start(most: usize, idle: Duration) -> Self {
        Self::answering(most, idle, answer)
    }

    fn answering(most: usize, idle: Duration, answer: crate::dns::service::Answer) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads");
        let (service, replies) = service(well(), answer);
        let counts = Arc::new(Connections::default());
        let mut guests = Guests::new(service, most, Arc::clone(&counts));
        guests.idle = idle;
        let inside = runtime.enter();
        let bound = crate::dns::sockets::Bound::bind((Ipv4Addr::LOCALHOST, 0).into(), 1);
        let bound = bound.expect("loopback").tcp;
        let address = bound.local_addr().expect("bound");
        let listener = TcpListener::from_std(bound).expect("a listener");
        tokio::spawn(serve(listener, Arc::new(guests)));
        drop(inside);
        Self {
            address,
            counts,
            replies,
            _runtime: runtime,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream
    }

    /// From another address of loopback: another client.
    fn connect_from(&self, source: Ipv4Addr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((source, 0)).into())
            .expect("loopback");
        socket.connect(&self.address.into()).expect("a connection");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream
    }

    /// Waits until so many connections are open.
    fn wait_for(&self, open: u64) {
        let began = Instant::now();
        while self.counts.open() != open {
            assert!(began.elapsed() < PATIENCE, "{} open", self.counts.open());
            std::thread::yield_now();
        }
    }
}

fn framed(id: u16) -> Vec<u8> {
    let mut message = query(NAME, RecordType::A, true);
    message.metadata.id = id;
    let message = octets(&message);
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    framed
}

fn reply(stream: &mut TcpStream) -> std::io::Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply)?;
    Ok(Message::from_vec(&reply).expect("well formed"))
}

fn asked(stream: &mut TcpStream, id: u16) -> std::io::Result<u16> {
    stream.write_all(&framed(id))?;
    Ok(reply(stream)?.metadata.id)
}

/// Whether the server has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(0) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
        Ok(_) => false,
    }
}

#[test]
fn many_queries_at_once_are_answered_in_order_also_to_who_says_no_more() {
    const QUERIES: u16 = 2000;
    let server = Server::start(4, PATIENCE);
    let mut stream = server.connect();
    let mut writer = stream.try_clone().expect("a clone");
    let writing = std::thread::spawn(move || {
        let all: Vec<u8> = (0..QUERIES).flat_map(framed).collect();
        writer.write_all(&all).expect("written");
        writer.shutdown(Shutdown::Write).expect("half closed");
    });
    for id in 0..QUERIES {
        assert_eq!(reply(&mut stream).expect("a reply").metadata.id, id);
    }
    writing.join().expect("it writes");
    assert!(is_closed(&mut stream));
    server.wait_for(0);
}

#[test]
fn a_message_may_come_octet_by_octet_but_not_for_ever() {
    let server = Server::start(4, Duration::from_millis(600));
    let mut stream = server.connect();
    stream.set_nodelay(true).expect("at once");
    for octet in framed(7) {
        stream.write_all(&[octet]).expect("written");
    }
    assert_eq!(reply(&mut stream).expect("a reply").metadata.id, 7);
    // Each octet is in time, the message is not.
    let (mut slow, began) = (server.connect(), Instant::now());
    let mut octets = framed(8).into_iter();
    slow.set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a time");
    while !is_closed(&mut slow) {
        assert!(began.elapsed() < PATIENCE, "it is still there");
        // It may be closed by now.
        let _gone = octets.next().map(|octet| slow.write_all(&[octet]));
    }
    assert!(
        began.elapsed() >= Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    server.wait_for(0);
}

#[test]
fn what_is_no_query_closes_the_connection_after_what_was_asked_before() {
    let mut short = vec![0, 11];
    short.extend([0; 11]);
    let mut a_reply = framed(9);
    a_reply[4] |= 0x80;
    for nonsense in [vec![0, 0], short, a_reply] {
        let server = Server::start(4, PATIENCE);
        let mut stream = server.connect();
        let mut all = framed(1);
        all.extend(&nonsense);
        stream.write_all(&all).expect("written");
        assert_eq!(reply(&mut stream).expect("a reply").metadata.id, 1);
        assert!(is_closed(&mut stream), "{nonsense:?}");
    }
}

#[test]
fn a_message_that_is_too_long_is_malformed_and_the_next_is_answered() {
    let server = Server::start(4, PATIENCE);
    let mut stream = server.connect();
    let mut long = framed(5);
    long.resize(2 + 65_535, 0);
    long[..2].copy_from_slice(&[0xff; 2]);
    long.extend(framed(6));
    stream.write_all(&long).expect("written");
    let refused = reply(&mut stream).expect("a reply").metadata;
    assert_eq!(
        (refused.id, refused.response_code),
        (5, hickory_proto::op::ResponseCode::FormErr)
    );
    assert_eq!(reply(&mut stream).expect("a reply").metadata.id, 6);
}

#[test]
fn who_holds_all_places_loses_the_one_that_was_silent_longest() {
    const MOST: usize = 64;
    let server = Server::start(MOST, PATIENCE * 6);
    let flooder = Ipv4Addr::new(127, 0, 0, 9);
    let mut held: Vec<TcpStream> = Vec::new();
    for at in 0..MOST as u64 {
        held.push(server.connect_from(flooder));
        server.wait_for(at + 1);
    }
    // The first is not silent.
    assert_eq!(asked(&mut held[0], 3).expect("a reply"), 3);
    // Others are served, again and again, and keep their places.
    let mut others: Vec<TcpStream> = Vec::new();
    for at in 0..8 {
        let mut other = server.connect_from(Ipv4Addr::new(127, 0, 1, at + 1));
        assert_eq!(asked(&mut other, 4).expect("a reply"), 4);
        others.push(other);
        // Those that came first after the one that has asked.
        assert!(is_closed(&mut held[1 + usize::from(at)]));
    }
    for kept in others.iter_mut().chain([&mut held[0]]) {
        assert_eq!(asked(kept, 5).expect("a reply"), 5);
    }
    server.wait_for(MOST as u64);
    assert_eq!(server.counts.shed(), 8);
}

/// Readers that never read: the server stops answering them, and others are answered.
#[test]
fn who_does_not_read_is_given_up() {
    let server = Server::start(64, Duration::from_millis(700));
    let query: Vec<u8> = (0..200).flat_map(framed).collect();
    let mut deaf: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    for stream in &mut deaf {
        stream.set_nonblocking(true).expect("it can be");
        // As much as it takes: what is not read fills the buffers of both sides.
        for _ in 0..1000 {
            match stream.write(&query) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_closed) => break,
            }
        }
    }
    let mut other = server.connect();
    assert_eq!(asked(&mut other, 6).expect("a reply"), 6);
    drop(other);
    // All of them, though they have not closed.
    server.wait_for(0);
    // What was counted is what they were answered: bounded by the buffers, not by what they sent.
    let answered: u64 = server.replies.all().map(|(_, count)| count).sum();
    assert!(answered < 8 * 60_000, "{answered}");
}

fn fragile(
    snapshot: &Snapshot,
    message: &[u8],
    by: Circumstances,
    out: &mut Vec<u8>,
) -> Option<Replied> {
    assert!(message[..2] != [0xde, 0xad], "of course");
    answer(snapshot, message, by, out)
}

#[test]
fn a_panic_costs_its_connection_alone() {
    let server = Server::answering(8, PATIENCE, fragile);
    let mut steady = server.connect();
    for id in 0..20 {
        let mut stream = server.connect();
        stream.write_all(&framed(0xdead)).expect("written");
        assert!(is_closed(&mut stream));
        assert_eq!(asked(&mut steady, id).expect("a reply"), id);
    }
    let panicked = server
        .replies
        .all()
        .find(|(outcome, _)| *outcome == "panicked");
    assert_eq!(panicked, Some(("panicked", 20)));
}

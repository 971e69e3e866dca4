//! A zone's apex that answers the addresses of a name elsewhere: they follow its name server, and
//! stay when that is gone. The resolvers are those of an /etc/resolv.conf of the daemon's own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A as Rdata;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, Record, RecordType};
use igtm_tests::daemon::{Daemon, counted};
use igtm_tests::dns::{Client, Reply};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::scene::{PATIENCE, WWW, igtm_by, instance, pool, server, strategy};

const APEX: &str = "example.com";

/// A name server on the edge host's loopback, to every name with the same addresses, TTL 2 s.
struct NameServer {
    addresses: Arc<Mutex<Vec<Ipv4Addr>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl NameServer {
    fn start(world: &World, addresses: &[Ipv4Addr]) -> Result<Self> {
        let socket = world
            .edge()
            .enter(|| Ok(UdpSocket::bind("127.0.0.1:53")?))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let addresses = Arc::new(Mutex::new(addresses.to_vec()));
        let end = Arc::new(AtomicBool::new(false));
        let (said, stop) = (Arc::clone(&addresses), Arc::clone(&end));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !stop.load(Ordering::Relaxed) {
                // Nothing came within the time, or it goes on.
                let Ok((octets, client)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let query = Message::from_vec(&buffer[..octets])?;
                let said = said.lock().expect("nobody panics").clone();
                socket.send_to(&reply(&query, &said).to_vec()?, client)?;
            }
            Ok(())
        });
        Ok(Self {
            addresses,
            end,
            thread: Some(thread),
        })
    }

    fn says(&self, addresses: &[Ipv4Addr]) {
        *self.addresses.lock().expect("nobody panics") = addresses.to_vec();
    }

    /// Closes its port.
    fn kill(mut self) -> Result<()> {
        self.end.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("it is killed once")?;
        thread.join().expect("it does not panic")
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

fn reply(query: &Message, addresses: &[Ipv4Addr]) -> Message {
    let (id, op_code) = (query.metadata.id, query.metadata.op_code);
    let mut reply = Message::error_msg(id, op_code, ResponseCode::NoError);
    reply.add_queries(query.queries.clone());
    let question = &query.queries[0];
    if question.query_type() == RecordType::A {
        let records = addresses.iter().map(|address| {
            Record::from_rdata(question.name().clone(), 2, RData::A(Rdata(*address)))
        });
        reply.add_answers(records);
    }
    reply
}

/// The apex leads to a CDN, and the campaign to the apex.
fn config(world: &World) -> String {
    let domains = |name: &str, target: &str| {
        pool(name, "", &[(target, 100)]).replace("\"ipv4\"", "\"domain\"")
    };
    server(world, "xdp = \"native\"")
        + &domains("cdn", "target.cdn.example.net")
        + &domains("apex", APEX)
        + "[[instance]]\nname = \"apex\"\ndomain = \"example.com\"\nttl = \"60s\"\n"
        + &strategy("default", "default", &["cdn"], "cdn")
        + &instance(WWW)
        + &strategy("default", "default", &["apex"], "apex")
}

/// The daemon with an /etc/resolv.conf that names the edge host's loopback.
fn spawn(world: &World) -> Result<Daemon> {
    let servers = world.directory().join("resolv.conf");
    fs::write(&servers, "nameserver 127.0.0.1\n")?;
    let bind = format!("mount --bind {} /etc/resolv.conf", servers.display());
    let command = format!("unshare --mount sh -c '{bind} && exec \"$0\" \"$@\"'");
    Daemon::spawn(world, &igtm_by(world, &command)?, &config(world))
}

/// Extended errors, as octets (RFC 8914 §4): stale answer, no reachable authority.
const STALE: [u8; 2] = [0, 3];
const UNREACHABLE: [u8; 2] = [0, 22];

/// Those of a reply.
fn errors(reply: &Reply) -> Vec<Vec<u8>> {
    let options = reply
        .message
        .edns
        .iter()
        .flat_map(|edns| edns.options().as_ref());
    options
        .filter_map(|(_, option)| match option {
            EdnsOption::Unknown(15, octets) => Some(octets.clone()),
            _ => None,
        })
        .collect()
}

fn until_apex(client: &Client<'_>, expected: Ipv4Addr) -> Result<()> {
    let mut last = Vec::new();
    wait::until("the apex follows", PATIENCE, || {
        last = client.ask(APEX, RecordType::A)?.addresses();
        Ok((last == [IpAddr::V4(expected)]).then_some(()))
    })
    .with_context(|| format!("{expected}, the last being {last:?}"))
}

#[test]
fn a_flattened_apex_follows_its_target_and_survives_its_resolver() -> Result<()> {
    let world = World::new("flat")?;
    let [first, second, third] = [1, 2, 3].map(|last| Ipv4Addr::new(10, 9, 9, last));
    let names = NameServer::start(&world, &[first])?;
    let mut daemon = spawn(&world)?;
    daemon.wait_until_ready()?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;

    // From the first answer on, by the kernel, with the records' TTL.
    let before = daemon.counters(&world)?;
    let reply = client.ask(APEX, RecordType::A)?;
    ensure!(reply.addresses() == [IpAddr::V4(first)], "{reply:?}");
    ensure!(reply.message.answers[0].ttl <= 2, "{reply:?}");
    let v6 = client.ask(APEX, RecordType::AAAA)?;
    ensure!(
        v6.code() == ResponseCode::NoError && v6.message.answers.is_empty(),
        "{v6:?}"
    );
    let counts = counted(&before, &daemon.counters(&world)?);
    ensure!(counts.get("reply_answer") == Some(&1), "{counts:?}");
    ensure!(counts.get("reply_nodata") == Some(&1), "{counts:?}");
    // A chain to it is answered whole, in userspace.
    let chain = client.ask(WWW, RecordType::A)?;
    let types: Vec<_> = chain
        .message
        .answers
        .iter()
        .map(Record::record_type)
        .collect();
    ensure!(types == [RecordType::CNAME, RecordType::A], "{chain:?}");
    ensure!(chain.addresses() == [IpAddr::V4(first)], "{chain:?}");

    names.says(&[second]);
    until_apex(&client, second)?;

    // Its name server is gone: what was learned stays, with the TTL of stale answers.
    names.kill()?;
    wait::until("stale answers", PATIENCE * 2, || {
        let reply = client.ask(APEX, RecordType::A)?;
        ensure!(reply.addresses() == [IpAddr::V4(second)], "{reply:?}");
        Ok((reply.message.answers[0].ttl == 30).then_some(()))
    })?;
    // The daemon says so; the kernel, which answers the apex, does not.
    let reply = client.ask(WWW, RecordType::A)?;
    ensure!(reply.addresses() == [IpAddr::V4(second)], "{reply:?}");
    ensure!(errors(&reply) == [STALE], "{reply:?}");
    ensure!(
        errors(&client.ask_tcp(APEX, RecordType::A)?) == [STALE],
        "over TCP"
    );
    let reply = client.ask(APEX, RecordType::A)?;
    ensure!(errors(&reply).is_empty(), "{reply:?}");
    daemon.stop()?;

    // A start without any resolver: no negative answer, and the addresses as soon as it is there.
    let mut daemon = spawn(&world)?;
    daemon.wait_until_ready()?;
    let unknown = client.ask(APEX, RecordType::A)?;
    ensure!(unknown.code() == ResponseCode::ServFail, "{unknown:?}");
    ensure!(errors(&unknown) == [UNREACHABLE], "{unknown:?}");
    let names = NameServer::start(&world, &[third])?;
    wait::until("the apex comes back", PATIENCE * 3, || {
        let reply = client.ask(APEX, RecordType::A)?;
        Ok((reply.addresses() == [IpAddr::V4(third)]).then_some(()))
    })?;
    names.kill()?;
    daemon.stop()
}

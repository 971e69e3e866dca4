//! What is asked of the server and not of a name, over real sockets: zone transfers, CHAOS, NSID.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, RecordType};
use igtm_tests::dns::{Client, query};
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::scene::{WWW, instance, operators, pool, server, start, strategy};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Instances besides www: their records fill several messages.
const MANY: usize = 1000;

fn config(world: &World) -> String {
    let zone = format!("transfer = [\"{}\"]\n", Place::Telecom.prefix_v4());
    let mut text = server(world, "xdp = \"native\"\nversion = \"igtm of a test\"")
        + &zone
        + &operators()
        + &pool("telecom", "", &[("10.9.9.1", 100)])
        + &pool("default", "", &[("10.9.9.3", 100)])
        + &instance(WWW)
        + &strategy("telecom", "telecom", &["telecom"], "telecom")
        + &strategy("default", "default", &["default"], "default");
    for n in 0..MANY {
        text += &instance(&format!("n{n}.example.com"));
        text += &strategy("default", "default", &["default"], "default");
    }
    text
}

fn send(stream: &mut TcpStream, query: &Message) -> Result<()> {
    let octets = query.to_vec()?;
    let mut framed = u16::try_from(octets.len())?.to_be_bytes().to_vec();
    framed.extend(octets);
    stream.write_all(&framed)?;
    Ok(())
}

fn receive(stream: &mut TcpStream) -> Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut octets = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut octets)?;
    Ok(Message::from_vec(&octets)?)
}

#[test]
fn a_zone_is_transferred_to_whom_it_is_allowed() -> Result<()> {
    let world = World::new("axfr")?;
    let daemon = start(&world, &config(&world))?;
    let axfr = query("example.com", RecordType::AXFR, true)?;
    let address = SocketAddr::new(EDGE_V4.into(), 53);
    let connect = || {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(stream)
    };
    let mut stream = world.client(Place::Telecom).enter(connect)?;
    // Queries around it, on one connection, none waiting for another's reply.
    let www = query(WWW, RecordType::A, false)?;
    for asked in [&www, &axfr, &www] {
        send(&mut stream, asked)?;
    }
    let address = |message: &Message| message.answers.first().map(|one| one.data.to_string());
    ensure!(address(&receive(&mut stream)?).as_deref() == Some("10.9.9.1"));
    let mut messages = 0;
    let mut records = Vec::new();
    let is_soa = |record: &&hickory_proto::rr::Record| record.record_type() == RecordType::SOA;
    while records.iter().filter(is_soa).count() < 2 {
        let message = receive(&mut stream)?;
        ensure!(message.metadata.id == axfr.metadata.id, "of another query");
        ensure!(message.metadata.response_code == ResponseCode::NoError);
        ensure!(!message.answers.is_empty(), "message {messages} is empty");
        records.extend(message.answers);
        messages += 1;
    }
    ensure!(messages > 1, "one message");
    ensure!(
        records.first().is_some_and(|one| is_soa(&one)),
        "no SOA first"
    );
    ensure!(
        records.last().is_some_and(|one| is_soa(&one)),
        "no SOA last"
    );
    // Two SOA, two NS.
    ensure!(
        records.len() == 2 + 2 + 1 + MANY,
        "{} records",
        records.len()
    );
    let own = records
        .iter()
        .find(|one| one.name.to_string() == "www.example.com.");
    let own = own.context("no www")?.data.to_string();
    ensure!(own == "10.9.9.1", "www is {own}: another line's");
    ensure!(address(&receive(&mut stream)?).as_deref() == Some("10.9.9.1"));

    let other = Client::new(world.client(Place::Other), EDGE_V4)?;
    for reply in [other.send(&axfr)?, other.send_tcp(&axfr)?] {
        ensure!(reply.code() == ResponseCode::Refused, "{:?}", reply.message);
    }
    daemon.stop()
}

#[test]
fn the_server_says_who_and_what_it_is() -> Result<()> {
    let world = World::new("chaos")?;
    let daemon = start(&world, &config(&world))?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    for (name, expected) in [
        ("id.server", Some("edge-test")),
        ("hostname.bind", Some("edge-test")),
        ("version.bind", Some("igtm of a test")),
        ("authors.bind", None),
    ] {
        let mut asked = query(name, RecordType::TXT, true)?;
        asked.queries[0].set_query_class(DNSClass::CH);
        for reply in [client.send(&asked)?, client.send_tcp(&asked)?] {
            let answers = &reply.message.answers;
            let said = answers.first().map(|one| one.data.to_string());
            ensure!(said.as_deref() == expected, "{name}: {said:?}");
            ensure!(
                (reply.code() == ResponseCode::Refused) == expected.is_none(),
                "{name}"
            );
        }
    }
    // The kernel passes who asks for an identifier; the answer is the same.
    let mut asked = query(WWW, RecordType::A, true)?;
    let edns = asked.edns.as_mut().context("it was asked for")?;
    edns.options_mut()
        .insert(EdnsOption::Unknown(3, Vec::new()));
    let reply = client.send(&asked)?;
    ensure!(reply.addresses() == ["10.9.9.3".parse::<std::net::IpAddr>()?]);
    ensure!(reply.message.to_vec()?.ends_with(b"\0\x03\0\x09edge-test"));
    daemon.stop()
}

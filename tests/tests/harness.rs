//! The harness itself: its network carries packets, and nothing of it is left behind.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{RData, Record, RecordType, rdata::A};
use igtm_tests::backend::Backend;
use igtm_tests::dns::{Client, query};
use igtm_tests::load::Load;
use igtm_tests::receiver::Receiver;
use igtm_tests::world::{
    BACKENDS, EDGE_V4, Place, RECEIVER, World, backend_v4, backend_v6, edge, traces,
};
use igtm_tests::{wait, world};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn every_client_reaches_the_backends_in_both_families() -> Result<()> {
    let world = World::new("tcp")?;
    let targets: [IpAddr; 2] = [backend_v4(1).into(), backend_v6(BACKENDS).into()];
    let backends = targets.map(|target| Backend::start(world.backends(), "b", target));
    for place in Place::ALL {
        for target in targets {
            get(&world, place, target).with_context(|| format!("{place:?} to {target}"))?;
        }
    }
    for backend in backends {
        ensure!(backend?.requests() == 3);
    }
    Ok(())
}

#[test]
fn udp_keeps_its_source_address() -> Result<()> {
    let world = World::new("udp")?;
    for ipv6 in [false, true] {
        let server = SocketAddr::new(edge(ipv6), 53);
        let socket = world.edge().enter(|| Ok(UdpSocket::bind(server)?))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        for place in Place::ALL {
            let source: IpAddr = if ipv6 {
                place.v6(0x10).into()
            } else {
                place.v4(10).into()
            };
            let any = if ipv6 { "[::]:0" } else { "0.0.0.0:0" };
            let client = world.client(place).enter(|| Ok(UdpSocket::bind(any)?))?;
            client.send_to(place.name().as_bytes(), server)?;
            let mut buffer = [0; 64];
            let (length, from) = socket.recv_from(&mut buffer)?;
            ensure!(from.ip() == source, "{from} instead of {source}");
            ensure!(&buffer[..length] == place.name().as_bytes());
        }
    }
    Ok(())
}

/// One GET of `path` on port 80 of `target`, from `place`, as text.
fn get(world: &World, place: Place, target: IpAddr) -> Result<String> {
    use std::io::{Read, Write};
    world.client(place).enter(|| {
        let mut stream =
            std::net::TcpStream::connect_timeout(&SocketAddr::new(target, 80), TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    })
}

#[test]
fn a_stopped_backend_refuses_and_comes_back() -> Result<()> {
    let world = World::new("backend")?;
    let address = backend_v4(1).into();
    let mut backend = Backend::start(world.backends(), "guangzhou", backend_v4(1))?;
    let reply = get(&world, Place::Other, address)?;
    ensure!(
        reply.starts_with("HTTP/1.1 200") && reply.ends_with("guangzhou\n"),
        "{reply}"
    );

    backend.stop();
    let error = get(&world, Place::Other, address).expect_err("nobody listens");
    ensure!(error.to_string().contains("refused"), "{error:#}");

    backend.resume()?;
    backend.answer_with(503);
    let reply = get(&world, Place::Other, address)?;
    ensure!(reply.starts_with("HTTP/1.1 503"), "{reply}");
    ensure!(backend.requests() == 2, "{} requests", backend.requests());
    Ok(())
}

#[test]
fn the_receiver_tells_an_unsigned_delivery() -> Result<()> {
    let world = World::new("hook")?;
    let receiver = Receiver::start(
        world.backends(),
        (RECEIVER, 80).into(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )?;
    get(&world, Place::Other, RECEIVER.into())?;
    let delivery = receiver.wait_for("any", TIMEOUT, |_| true)?;
    ensure!(
        delivery
            .signature
            .is_err_and(|why| why.contains("webhook-id"))
    );
    let error = receiver.wait_for("a kind", Duration::ZERO, |delivery| {
        delivery.event("x").is_some()
    });
    ensure!(error.is_err_and(|error| error.to_string().contains("a kind")));
    Ok(())
}

/// Answers `count` queries on the edge's port 53 with `address`, whatever they ask.
fn answer(socket: &UdpSocket, count: usize, address: std::net::Ipv4Addr) -> Result<()> {
    let mut buffer = [0; 512];
    for _ in 0..count {
        let (length, from) = socket.recv_from(&mut buffer)?;
        let mut message = Message::from_vec(&buffer[..length])?;
        message.metadata.message_type = MessageType::Response;
        let name = message.queries[0].name().clone();
        message.add_answer(Record::from_rdata(name, 1, RData::A(A(address))));
        socket.send_to(&message.to_vec()?, from)?;
    }
    Ok(())
}

#[test]
fn the_load_counts_right_wrong_and_lost() -> Result<()> {
    let world = World::new("load")?;
    let socket = world.edge().enter(|| Ok(UdpSocket::bind((EDGE_V4, 53))?))?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    let client = world.client(Place::Telecom);

    let asking = std::thread::scope(|scope| {
        let server = scope.spawn(|| answer(&socket, 1, backend_v4(1)));
        let reply =
            Client::new(client, EDGE_V4)?.send(&query("a.example", RecordType::A, false)?)?;
        server.join().expect("no panic")?;
        Ok::<_, anyhow::Error>(reply.addresses())
    })?;
    ensure!(asking == [IpAddr::from(backend_v4(1))]);

    // 20 right, 5 wrong, and the rest meets a closed port.
    let load = Load::start(
        client,
        EDGE_V4,
        ("a.example", RecordType::A),
        200,
        [backend_v4(1).into()],
    )?;
    answer(&socket, 20, backend_v4(1))?;
    answer(&socket, 5, backend_v4(2))?;
    drop(socket);
    wait::pause(Duration::from_millis(100));
    let tally = load.stop()?;
    ensure!((tally.right, tally.wrong) == (20, 5), "{tally:?}");
    ensure!(tally.lost > 0 && tally.sent == 25 + tally.lost, "{tally:?}");
    ensure!(tally.examples.len() == 5, "{tally:?}");
    Ok(())
}

#[test]
fn a_dropped_world_leaves_nothing() -> Result<()> {
    let world = World::new("drop")?;
    let prefix = world.prefix().to_owned();
    fs::create_dir(world.bpffs()).context("its own BPF file system takes pins")?;
    ensure!(
        traces(&prefix).len() >= 8,
        "namespaces, directory, mount: {:?}",
        traces(&prefix)
    );
    drop(world);
    ensure!(traces(&prefix).is_empty(), "{:?}", traces(&prefix));
    Ok(())
}

#[test]
fn a_panic_leaves_nothing() {
    let prefix = std::sync::Mutex::new(String::new());
    let outcome = std::panic::catch_unwind(|| {
        let world = World::new("panic").expect("root");
        *prefix.lock().expect("one thread") = world.prefix().to_owned();
        panic!("on purpose");
    });
    assert!(outcome.is_err());
    let prefix = prefix.into_inner().expect("one thread");
    assert!(
        !prefix.is_empty() && traces(&prefix).is_empty(),
        "{:?}",
        traces(&prefix)
    );
}

/// Starts `igtm-world` and ends it with `signal`; what its world was called.
fn world_ended_by(signal: Signal) -> Result<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_igtm-world"))
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let prefix = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("world ").map(str::to_owned));
    let prefix = prefix.context("it made no world")?;
    ensure!(
        !traces(&prefix).is_empty(),
        "{prefix} is there while it runs"
    );
    kill(Pid::from_raw(child.id().try_into()?), signal)?;
    child.wait()?;
    Ok(prefix)
}

#[test]
fn ctrl_c_leaves_nothing() -> Result<()> {
    let prefix = world_ended_by(Signal::SIGINT)?;
    ensure!(traces(&prefix).is_empty(), "{:?}", traces(&prefix));
    Ok(())
}

#[test]
fn a_killed_process_is_swept_up_after() -> Result<()> {
    let prefix = world_ended_by(Signal::SIGKILL)?;
    ensure!(
        !traces(&prefix).is_empty(),
        "nobody can clean up after SIGKILL"
    );
    drop(World::new("sweep")?);
    ensure!(traces(&prefix).is_empty(), "{:?}", traces(&prefix));
    Ok(())
}

#[test]
fn addresses_are_where_the_picture_says() {
    assert_eq!(Place::Telecom.v4(10).to_string(), "203.0.113.10");
    assert_eq!(Place::Other.v6(0x10).to_string(), "2001:db8:c::10");
    assert_eq!(world::backend_v4(1).to_string(), "10.80.0.11");
    assert_eq!(world::backend_v6(8).to_string(), "2001:db8:80::18");
}

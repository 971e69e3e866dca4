//! The sockets of the daemon alone (`xdp = "off"`): addresses that come and go, floods of queries, and limits.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use igtm_tests::backend::Backend;
use igtm_tests::dns::{Client, query};
use igtm_tests::load::Load;
use igtm_tests::netns::Netns;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, EDGE_V6, Place, World, backend_v4};
use nix::sys::socket::{setsockopt, sockopt};

use crate::admin::{get, metric};
use crate::scene::{
    PATIENCE, WWW, backend_pool, instance, plain, server, set, start, strategy, web,
};

#[test]
fn a_wildcard_follows_the_host_and_loses_nothing() -> Result<()> {
    let world = World::new("follow")?;
    let listen = format!("listen     = [\"{EDGE_V4}\", \"{EDGE_V6}\"]");
    let config = plain(&world, "xdp = \"off\"").replace(&listen, "listen = [\"0.0.0.0\", \"::\"]");
    ensure!(config.contains("0.0.0.0"), "{config}");
    let daemon = start(&world, &config)?;
    let expected = set(&["192.0.2.1", "192.0.2.2"]);
    let steady = Load::start(
        world.client(Place::Unicom),
        EDGE_V4,
        (WWW, RecordType::A),
        200,
        expected,
    )?;
    let added: [(IpAddr, u8); 2] = [
        (Ipv4Addr::new(10, 53, 0, 54).into(), 24),
        (
            Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x54).into(),
            64,
        ),
    ];
    // Twice: what was closed can be opened again.
    for round in 0..2 {
        for (address, length) in added {
            let edge = world.edge();
            edge.ip_batch(&format!(
                "addr add {address}/{length} dev {EDGE_INTERFACE}\n"
            ))?;
            let client = Client::new(world.client(Place::Telecom), address)?;
            wait::until("an answer on the new address", PATIENCE, || {
                Ok(client.ask(WWW, RecordType::A).ok())
            })?;
            ensure!(client.ask_tcp(WWW, RecordType::A)?.addresses().len() == 2);
        }
        for (address, length) in added {
            let edge = world.edge();
            edge.ip_batch(&format!(
                "addr del {address}/{length} dev {EDGE_INTERFACE}\n"
            ))?;
            wait::until("its sockets to be closed", PATIENCE, || {
                let said = format!("address={}", SocketAddr::new(address, 53));
                let log = daemon.log();
                let closed = log.lines().filter(|line| line.contains("no longer has it"));
                Ok((closed.filter(|line| line.contains(&said)).count() > round).then_some(()))
            })?;
        }
    }
    let tally = steady.stop()?;
    ensure!(tally.lost == 0 && tally.wrong == 0, "{tally:?}");
    daemon.stop()
}

const RATE: u64 = 20;
const BURST: u64 = 100;

/// Replies to `count` queries for `kind` sent at once: whole ones, and those with TC=1.
fn burst(client: &Client<'_>, kind: RecordType, name: &str, count: u64) -> Result<(u64, u64)> {
    let mut asked = query(name, kind, true)?;
    for id in 0..count {
        asked.metadata.id = id as u16;
        client.post(&asked)?;
    }
    let (mut whole, mut truncated) = (0, 0);
    // The end is when nothing comes any more.
    while let Ok(reply) = client.next() {
        let meta = &reply.metadata;
        ensure!(meta.response_code == ResponseCode::NoError, "{reply}");
        match meta.truncation {
            true => truncated += 1,
            false => whole += 1,
        }
    }
    Ok((whole, truncated))
}

#[test]
fn limits_hold_without_xdp() -> Result<()> {
    let world = World::new("limits-off")?;
    let limits = format!("[limits]\nresponses_per_second = {RATE}\nslip = 2\n");
    let daemon = start(&world, &(plain(&world, "xdp = \"off\"") + &limits))?;
    let client = Client::new(world.client(Place::Telecom), EDGE_V4)?;
    let began = Instant::now();
    let (whole, truncated) = burst(&client, RecordType::A, WWW, BURST)?;
    let most = RATE + RATE * (began.elapsed().as_millis() as u64 + 1000) / 1000;
    println!("{whole} whole, {truncated} truncated");
    ensure!((RATE..=most).contains(&whole), "{whole} whole");
    // Every other of the limited ones.
    ensure!(truncated.abs_diff((BURST - whole) / 2) <= 1, "{truncated}");
    let page = get(&world, "/metrics")?;
    for (result, expected) in [
        ("answer", whole),
        ("limited_slip", truncated),
        ("limited_drop", BURST - whole - truncated),
    ] {
        let name = format!("igtm_queries_total{{path=\"userspace\",result=\"{result}\"}}");
        ensure!(metric(&page, &name)? as u64 == expected, "{result}: {page}");
    }
    // Another prefix has its own, and TCP has none.
    let other = Client::new(world.client(Place::Other), EDGE_V4)?;
    ensure!(burst(&other, RecordType::A, WWW, RATE / 2)? == (RATE / 2, 0));
    for _ in 0..2 * RATE {
        ensure!(client.ask_tcp(WWW, RecordType::A)?.addresses().len() == 2);
    }
    daemon.stop()
}

/// What XDP has sent a prefix, the daemon does not send it again.
#[test]
fn the_kernel_and_the_daemon_charge_the_same_bucket() -> Result<()> {
    let world = World::new("one-bucket")?;
    let limits = format!("[limits]\nresponses_per_second = {RATE}\nslip = 0\n");
    let daemon = start(&world, &(plain(&world, "xdp = \"native\"") + &limits))?;
    let client = Client::new(world.client(Place::Telecom), EDGE_V4)?;
    let began = Instant::now();
    let (hot, soa) = (
        query(WWW, RecordType::A, true)?,
        query("example.com", RecordType::SOA, true)?,
    );
    for _ in 0..2 * RATE {
        client.post(&hot)?;
    }
    // None of these are the kernel's.
    for _ in 0..2 * RATE {
        client.post(&soa)?;
    }
    wait::until("the replies", PATIENCE, || {
        let page = get(&world, "/metrics")?;
        let name = "igtm_queries_total{path=\"userspace\",result=\"limited_drop\"}";
        Ok((metric(&page, name)? > 0.0).then_some(()))
    })?;
    let took = began.elapsed();
    let mut sent = 0;
    while client.next().is_ok() {
        sent += 1;
    }
    // Each CPU may let a few more through.
    let most = RATE + 4 + RATE * took.as_millis() as u64 / 1000;
    println!("{sent} in {took:?}, at most {most}");
    ensure!(sent >= RATE && sent <= most, "{sent} replies in {took:?}");
    daemon.stop()
}

/// Long enough for a backlog to last, and for rounds of probes.
const FLOOD: Duration = Duration::from_secs(4);
/// What a busy machine may take for a command.
const LATE: Duration = Duration::from_secs(5);

/// Leaves the daemon's UDP threads a tenth of a core's time, as long as others want all of it: whatever the
/// machine, the flood is more than they can answer.
fn make_slow(pid: &str) -> Result<()> {
    let mut threads = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        if fs::read_to_string(task.path().join("comm"))?.starts_with("dns-udp") {
            let id: libc::id_t = task.file_name().to_string_lossy().parse()?;
            // SAFETY: numbers alone.
            let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, id, 10) };
            nix::errno::Errno::result(done)?;
            threads += 1;
        }
    }
    ensure!(threads > 0, "no thread is called dns-udp");
    Ok(())
}

/// Sends `message` as fast as it can; how often.
fn flood(from: &Netns, message: &[u8]) -> Result<u64> {
    let sockets: Vec<UdpSocket> = from.enter(|| {
        let sockets = (0..8).map(|_| {
            let socket = UdpSocket::bind((Place::Telecom.v4(10), 0))?;
            socket.connect((EDGE_V4, 53))?;
            // Nobody reads: what comes is dropped there.
            setsockopt(&socket, sockopt::RcvBuf, &4096)?;
            Ok(socket)
        });
        sockets.collect::<Result<_>>()
    })?;
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < FLOOD {
        for socket in &sockets {
            // A full queue on the way is part of it.
            sent += u64::from(socket.send(message).is_ok());
        }
    }
    Ok(sent)
}

/// Far more queries than can be answered: some are (`under_overload_the_oldest_are_shed` says which), and
/// neither the admin socket nor probes notice.
#[test]
fn a_flood_of_queries_leaves_probes_and_admin_alone() -> Result<()> {
    let world = World::new("flood")?;
    let _backend = Backend::start(world.backends(), "one", backend_v4(1))?;
    let config = server(&world, "xdp = \"off\"")
        + &web("1s", "800ms", 0)
        + &backend_pool("one", &[1])
        + &instance(WWW)
        + &strategy("default", "default", &["one"], "one");
    let daemon = start(&world, &config)?;
    make_slow(&daemon.pid().to_string())?;
    let rounds = || -> Result<f64> {
        let page = get(&world, "/metrics")?;
        metric(
            &page,
            "igtm_probe_rounds_total{protocol=\"http\",result=\"good\"}",
        )
    };
    let before = rounds()?;
    let flooder = world.client(Place::Telecom);
    let message = query(WWW, RecordType::A, true)?.to_vec()?;
    let mut said = Vec::new();
    let sent = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..available_parallelism()?.get())
            .map(|_| scope.spawn(|| flood(flooder, &message)))
            .collect();
        while !senders.iter().all(|sender| sender.is_finished()) {
            let began = Instant::now();
            let status = daemon.query(&world, &["status"])?;
            ensure!(status["instances"][0]["state"] == "ok", "{status}");
            said.push(began.elapsed());
        }
        let sent = senders.into_iter();
        sent.map(|sender| sender.join().expect("it sends"))
            .sum::<Result<u64>>()
    })?;
    let looked = rounds()? - before;
    // What waits is soon answered, and new queries at once.
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    wait::until("an answer after the flood", PATIENCE, || {
        Ok(client.ask(WWW, RecordType::A).ok())
    })?;
    let page = get(&world, "/metrics")?;
    let of = |name: &str| metric(&page, name);
    let answered = of("igtm_queries_total{path=\"userspace\",result=\"answer\"}")?;
    let shed = of("igtm_queries_total{path=\"userspace\",result=\"shed\"}")?;
    let late = of("igtm_probe_lateness_seconds{quantile=\"1\"}")?;
    said.sort();
    println!(
        "{answered} of {sent} answered, {shed} shed; status took {:?} to {:?}; {looked} rounds, at most {late} s late",
        said.first(),
        said.last()
    );
    ensure!(answered > 100.0 && answered + shed < sent as f64, "{page}");
    // Which of them are shed, and not left in the socket, depends on how this host is slow.
    ensure!(said.last().is_some_and(|took| *took < LATE), "{said:?}");
    ensure!(looked >= 2.0, "{looked} rounds in {FLOOD:?}");
    ensure!(late < 1.0, "probes were {late} s late");
    let down = of("igtm_target_transitions_total{to=\"down\"}").unwrap_or_default();
    ensure!(down == 0.0, "{page}");
    daemon.stop()
}

/// Neither family's replies are fragmented (RFC 9715 §3.1): the one that the interface does not take is
/// asked for by TCP, and the next one, which it takes, leaves whole.
#[test]
fn a_reply_larger_than_the_interface_takes_is_asked_for_by_tcp() -> Result<()> {
    let world = World::new("mtu")?;
    let texts = format!("\"{}\" ", "x".repeat(250)).repeat(5);
    let zone =
        format!("@ SOA ns1 hostmaster 1 1d 2h 4w 30\n NS ns1\nns1 A 192.0.2.53\nbig TXT {texts}\n");
    fs::write(world.directory().join("zone"), format!("$TTL 1h\n{zone}"))?;
    let own = "ns           = [\"ns1.example.net\", \"ns2.example.net\"]\ncontact      = \"hostmaster.example.com\"\nnegative_ttl = \"30s\"\n";
    let config = server(&world, "xdp = \"off\"\nudp_size = 4096").replace(own, "file = \"zone\"\n");
    let daemon = start(&world, &config)?;
    let asks = |client: &Client<'_>| -> Result<(bool, usize)> {
        let mut asked = query("big.example.com", RecordType::TXT, true)?;
        let edns = asked.edns.as_mut().context("it has one")?;
        edns.set_max_payload(4096);
        let reply = client.send(&asked)?.message;
        Ok((reply.metadata.truncation, reply.answers.len()))
    };
    for server in [IpAddr::from(EDGE_V4), EDGE_V6.into()] {
        let client = Client::new(world.client(Place::Telecom), server)?;
        ensure!(asks(&client)? == (false, 1), "{server}");
        let link = |mtu| format!("link set {EDGE_INTERFACE} mtu {mtu}\n");
        world.edge().ip_batch(&link(1280))?;
        ensure!(asks(&client)? == (true, 0), "{server}");
        let whole = client.ask_tcp("big.example.com", RecordType::TXT)?;
        ensure!(whole.message.answers.len() == 1, "{server}");
        world.edge().ip_batch(&link(1500))?;
        ensure!(asks(&client)? == (false, 1), "{server}");
    }
    daemon.stop()
}

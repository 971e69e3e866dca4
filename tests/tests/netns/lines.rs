//! Every client is answered by its own line, and by the kernel.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::counted;
use igtm_tests::dns::Client;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, EDGE_V6, Place, World, edge};

use crate::scene::{PATIENCE, WWW, instance, operators, pool, server, start, strategy};

const QUERIES: u64 = 5;

fn config(world: &World) -> String {
    let mut config = server(world, "xdp = \"native\"") + &operators();
    // Inside telecom; no strategy claims it, so its clients are telecom's.
    config += "[[line]]\nname = \"campus\"\nprefixes = [\"203.0.113.128/25\"]\n";
    // Inside telecom too, and claimed.
    config += "[[line]]\nname = \"office\"\nprefixes = [\"203.0.113.192/26\"]\n";
    let mut strategies = String::new();
    for (line, n) in [("telecom", 1), ("unicom", 2), ("default", 3), ("office", 4)] {
        let (v4, v6) = (format!("10.9.9.{n}"), format!("2001:db8:99::{n}"));
        config += &pool(&format!("{line}-4"), "", &[(&v4, 100)]);
        config += &pool(&format!("{line}-6"), "", &[(&v6, 100)]);
        for family in [4, 6] {
            let pool = format!("{line}-{family}");
            strategies += &strategy(&pool, line, &[&pool], &pool);
        }
    }
    config + &instance(WWW) + &strategies
}

/// UDP datagrams that this host's sockets have received, both families.
fn datagrams_received(world: &World) -> Result<u64> {
    world.edge().enter(|| {
        // Not /proc/net: that is the namespace of the process, not of this thread.
        let snmp = fs::read_to_string("/proc/thread-self/net/snmp")?;
        let mut udp = snmp.lines().filter(|line| line.starts_with("Udp:"));
        let (names, values) = udp.next().zip(udp.next()).context("two lines of Udp:")?;
        let at = names.split(' ').position(|name| name == "InDatagrams");
        let v4: u64 = values
            .split(' ')
            .nth(at.context("InDatagrams")?)
            .context("a value")?
            .parse()?;
        let snmp6 = fs::read_to_string("/proc/thread-self/net/snmp6")?;
        let v6 = snmp6
            .lines()
            .find_map(|line| line.strip_prefix("Udp6InDatagrams"))
            .context("Udp6InDatagrams")?;
        Ok(v4 + v6.trim().parse::<u64>()?)
    })
}

#[test]
fn clients_get_their_own_lines_answer_from_the_kernel() -> Result<()> {
    let world = World::new("lines")?;
    let daemon = start(&world, &config(&world))?;
    let (before, received) = (daemon.counters(&world)?, datagrams_received(&world)?);
    let mut queries = 0;
    for (place, n) in Place::ALL.into_iter().zip([1, 2, 3]) {
        for over_ipv6 in [false, true] {
            let client = Client::new(world.client(place), edge(over_ipv6))?;
            for (r#type, expected) in [
                (RecordType::A, format!("10.9.9.{n}")),
                (RecordType::AAAA, format!("2001:db8:99::{n}")),
            ] {
                for _ in 0..QUERIES {
                    let addresses = client.ask(WWW, r#type)?.addresses();
                    ensure!(
                        addresses == [expected.parse::<IpAddr>()?],
                        "{place:?}, over IPv6: {over_ipv6}, {type}: {addresses:?}"
                    );
                    queries += 1;
                }
            }
        }
    }
    let counted = counted(&before, &daemon.counters(&world)?);
    ensure!(counted.get("reply_answer") == Some(&queries), "{counted:?}");
    let reached = datagrams_received(&world)? - received;
    ensure!(reached == 0, "{reached} datagrams reached a socket");
    daemon.stop()
}

#[test]
fn the_most_preferred_line_that_is_claimed_decides() -> Result<()> {
    let world = World::new("prefer")?;
    let daemon = start(&world, &config(&world))?;
    let telecom = world.client(Place::Telecom);
    telecom.ip_batch(
        "addr add 203.0.113.130/24 dev telecom0\naddr add 203.0.113.200/24 dev telecom0\n",
    )?;
    for (client, expected) in [
        (Place::Telecom.v4(10), "10.9.9.1"),
        // campus is preferred, but nobody claims it.
        (Place::Telecom.v4(130), "10.9.9.1"),
        (Place::Telecom.v4(200), "10.9.9.4"),
    ] {
        let asking = Client::from(telecom, client.into(), EDGE_V4)?;
        let addresses = asking.ask(WWW, RecordType::A)?.addresses();
        ensure!(
            addresses == [expected.parse::<IpAddr>()?],
            "{client}: {addresses:?}"
        );
        // `igtm map line` says the same as the program did.
        let said = daemon.query(&world, &["map", "line", &client.to_string()])?;
        let line = match expected {
            "10.9.9.1" => "telecom",
            _ => "office",
        };
        ensure!(said["lines"][0]["line"] == line, "{client}: {said}");
        ensure!(said["lines"][0]["names"] == 2, "A and AAAA: {said}");
    }
    daemon.stop()
}

/// The host's addresses, whichever they are, and those it gets later.
#[test]
fn a_wildcard_listens_on_the_hosts_addresses() -> Result<()> {
    let world = World::new("wildcard")?;
    let listen = format!("listen     = [\"{EDGE_V4}\", \"{EDGE_V6}\"]");
    let config = config(&world).replace(&listen, "listen = [\"0.0.0.0\", \"::\"]");
    ensure!(config.contains("0.0.0.0"), "{config}");
    let daemon = start(&world, &config)?;
    for over_ipv6 in [false, true] {
        let client = Client::new(world.client(Place::Unicom), edge(over_ipv6))?;
        let before = daemon.counters(&world)?;
        for reply in [
            client.ask(WWW, RecordType::A)?,
            client.ask_tcp(WWW, RecordType::A)?,
        ] {
            ensure!(reply.addresses() == ["10.9.9.2".parse::<IpAddr>()?]);
        }
        let counted = counted(&before, &daemon.counters(&world)?);
        ensure!(counted.get("reply_answer") == Some(&1), "{counted:?}");
    }
    world
        .edge()
        .ip_batch("addr add 10.53.0.54/24 dev edge0\n")?;
    let client = Client::new(world.client(Place::Telecom), Ipv4Addr::new(10, 53, 0, 54))?;
    let addresses = wait::until("an answer on the new address", PATIENCE, || {
        Ok(client
            .ask(WWW, RecordType::A)
            .ok()
            .map(|reply| reply.addresses()))
    })?;
    ensure!(
        addresses == ["10.9.9.1".parse::<IpAddr>()?],
        "{addresses:?}"
    );
    daemon.stop()
}

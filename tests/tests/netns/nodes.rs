//! Several local nodes: each probes from where it is said to, a quorum of them decides, and one that
//! has lost its own way does not count.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::netns;
use igtm_tests::wait;
use igtm_tests::world::{BACKENDS, EDGE_INTERFACE, World, backend_v4, backend_v6};
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, instance, pool, receiver, server, set, start, strategy, times, told,
    until_answered, webhook,
};

/// What the two nodes with a `source` have, and the one with an `interface`.
const WEST: [&str; 2] = ["10.53.0.61", "2001:db8:53::61"];
const EAST: [&str; 2] = ["10.53.0.62", "2001:db8:53::62"];
const DIRECT: [&str; 2] = ["10.55.0.1", "2001:db8:55::1"];
const DIRECT_INTERFACE: &str = "edge2";
/// The backends' ends of the second way.
const GATEWAYS: [&str; 2] = ["10.55.0.2", "2001:db8:55::2"];

/// Gives the edge host the sources, and a second way to the backends that only `edge2` leads to.
fn more_ways(world: &World) -> Result<()> {
    let (edge, backends) = (world.edge(), world.backends());
    let (near, far) = (DIRECT_INTERFACE, "back1");
    netns::ip_batch(
        &[],
        &format!(
            "link add {near} netns {} type veth peer name {far} netns {}\n",
            edge.name(),
            backends.name()
        ),
    )?;
    let mut lines = format!("link set {near} up\n");
    for [v4, v6] in [WEST, EAST] {
        lines += &format!("addr add {v4}/24 dev {EDGE_INTERFACE}\n");
        lines += &format!("addr add {v6}/64 dev {EDGE_INTERFACE} nodad\n");
    }
    let [v4, v6] = DIRECT;
    lines += &format!("addr add {v4}/24 dev {near}\naddr add {v6}/64 dev {near} nodad\n");
    let [v4, v6] = GATEWAYS;
    // Behind the default route's preference: only who is bound to the interface goes there.
    lines += &format!("route add default via {v4} dev {near} metric 9000\n");
    lines += &format!("route add default via {v6} dev {near} metric 9000\n");
    edge.ip_batch(&lines)?;
    backends.ip_batch(&format!(
        "link set {far} up\naddr add {v4}/24 dev {far}\naddr add {v6}/64 dev {far} nodad\n"
    ))?;
    for interface in ["all", near] {
        edge.sysctl(&format!("ipv4/conf/{interface}/rp_filter"), "0")?;
    }
    Ok(())
}

/// The router no longer knows the way to a node's sources, or does again.
fn cut(world: &World, sources: [&str; 2], is: bool) -> Result<()> {
    let how = if is { "add" } else { "del" };
    let [v4, v6] = sources;
    world.router().ip_batch(&format!(
        "route {how} blackhole {v4}/32\nroute {how} blackhole {v6}/128\n"
    ))
}

/// The three nodes, and a monitor that each of them looks by.
fn probed(world: &World, monitor: &str) -> String {
    let node = |name: &str, [v4, v6]: [&str; 2]| {
        format!("[[node]]\nname = \"{name}\"\ngroup = \"isp\"\nsource = [\"{v4}\", \"{v6}\"]\n")
    };
    server(world, "xdp = \"off\"")
        + &node("west", WEST)
        + &node("east", EAST)
        + &format!("[[node]]\nname = \"direct\"\ninterface = \"{DIRECT_INTERFACE}\"\n")
        + &format!(
            "[[monitor]]\nname = \"m\"\ninterval = \"2s\"\ntimeout = \"900ms\"\nretries = 0\n\
             nodes = [\"isp\", \"direct\"]\n{monitor}\n"
        )
}

fn monitored(name: &str, addresses: &[String]) -> String {
    let addresses: Vec<(&str, u32)> = addresses.iter().map(|one| (one.as_str(), 100)).collect();
    pool(name, "monitor = \"m\"", &addresses)
}

/// The first address of a pool, as status shows it.
fn shown(daemon: &Daemon, world: &World, pool: usize) -> Result<Value> {
    let status = daemon.query(world, &["status"])?;
    Ok(status["pools"][pool]["addresses"][0].clone())
}

fn until(daemon: &Daemon, world: &World, what: &str, done: impl Fn(&Value) -> bool) -> Result<()> {
    let mut last = Value::Null;
    wait::until(what, PATIENCE * 2, || {
        last = daemon.query(world, &["status"])?;
        Ok(done(&last).then_some(()))
    })
    .with_context(|| format!("{:#} {:#}", last["nodes"], last["pools"]))
}

#[test]
fn nodes_probe_from_where_they_are_and_a_quorum_decides() -> Result<()> {
    let world = World::new("nodes")?;
    more_ways(&world)?;
    let first: [IpAddr; 2] = [backend_v4(1).into(), backend_v6(1).into()];
    let backends = first.map(|address| Backend::start(world.backends(), "first", address));
    let [v4, v6] = backends;
    let [v4, v6] = [v4?, v6?];
    let file = probed(
        &world,
        "protocol = \"http\"\nfailure_percent = 60\nport = 80",
    ) + &monitored("first", &[backend_v4(1).to_string()])
        + &monitored("first6", &[backend_v6(1).to_string()])
        + &pool("second", "", &[(&backend_v4(2).to_string(), 100)])
        + &pool("second6", "", &[(&backend_v6(2).to_string(), 100)])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second")
        + &strategy("six", "default", &["first6", "second6"], "second6");
    let daemon = start(&world, &file)?;
    until(&daemon, &world, "a round of all", |status| {
        status["pools"][0]["addresses"][0]["state"] == "ok"
            && status["pools"][1]["addresses"][0]["state"] == "ok"
    })?;
    answered(&world, &set(&[backend_v4(1)]))?;
    for (backend, family) in [(&v4, 0), (&v6, 1)] {
        let expected: BTreeSet<IpAddr> = set(&[WEST[family], EAST[family], DIRECT[family]]);
        wait::until("every node's visit", PATIENCE, || {
            Ok((backend.peers().len() >= expected.len()).then_some(()))
        })?;
        ensure!(backend.peers() == expected, "{:?}", backend.peers());
    }

    // One of three: 33 %, fewer than 60.
    cut(&world, WEST, true)?;
    until(&daemon, &world, "a node that fails", |status| {
        status["pools"][0]["addresses"][0]["state"] == "warn"
    })?;
    let address = shown(&daemon, &world, 0)?;
    ensure!(address["why"][0]["node"] == "west", "{address}");
    let reason = address["why"][0]["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("timeout"), "{address}");
    answered(&world, &set(&[backend_v4(1)]))?;

    // Two of three: 67 %.
    cut(&world, EAST, true)?;
    until_answered(&world, &set(&[backend_v4(2)]))?;
    let address = shown(&daemon, &world, 0)?;
    ensure!(address["state"] == "down", "{address}");
    cut(&world, WEST, false)?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    cut(&world, EAST, false)?;
    until(&daemon, &world, "all well", |status| {
        status["pools"][0]["addresses"][0]["state"] == "ok"
    })?;
    daemon.stop()
}

/// A node that has lost the address it probes from is heard of no more: whoever subscribed is told,
/// and told when it is back; and so of the address that one node of several sees fail.
#[test]
fn a_silence_and_a_warning_are_told_and_so_are_their_ends() -> Result<()> {
    let world = World::new("silence")?;
    more_ways(&world)?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let receiver = receiver(&world)?;
    let file = probed(
        &world,
        "protocol = \"http\"\nfailure_percent = 60\nport = 80",
    )
    .replace("interval = \"2s\"", "interval = \"1s\"")
    .replace("timeout = \"900ms\"", "timeout = \"300ms\"")
        + &monitored("first", &[backend_v4(1).to_string()])
        + &instance(WWW)
        + &strategy("default", "default", &["first"], "first")
        + &webhook(&receiver, "50ms");
    let daemon = start(&world, &file)?;
    until(&daemon, &world, "a round of all", |status| {
        status["pools"][0]["addresses"][0]["state"] == "ok"
    })?;

    let [west, _] = WEST;
    let source = |how: &str| {
        let line = format!("addr {how} {west}/24 dev {EDGE_INTERFACE}\n");
        world.edge().ip_batch(&line)
    };
    source("del")?;
    let silent = told(&receiver, "node_silent")?;
    ensure!(silent["reason"][0]["node"] == "west", "{silent:#}");
    ensure!(silent["severity"] == "warning", "{silent:#}");
    ensure!(silent["duration_s"].as_u64() >= Some(3), "{silent:#}");
    ensure!(times(&receiver, "node_back") == 0);
    source("add")?;
    let back = told(&receiver, "node_back")?;
    ensure!(back["reason"][0]["node"] == "west", "{back:#}");
    ensure!(back["since"].is_string(), "{back:#}");

    // One of three fails: a risk, not a failure.
    until(&daemon, &world, "all well", |status| {
        status["pools"][0]["addresses"][0]["state"] == "ok"
    })?;
    let ended = times(&receiver, "address_up");
    cut(&world, EAST, true)?;
    let warned = receiver.wait_for("the warning", PATIENCE, |one| {
        let events = one.events();
        let east =
            |event: &Value| event["kind"] == "address_warn" && event["reason"][0]["node"] == "east";
        events.iter().any(east)
    })?;
    let event = warned.event("address_warn").context("chosen for it")?;
    ensure!(event["severity"] == "info", "{event:#}");
    ensure!(event["state_to"] == "warn", "{event:#}");
    cut(&world, EAST, false)?;
    wait::until("the end of the warning", PATIENCE, || {
        Ok((times(&receiver, "address_up") > ended).then_some(()))
    })?;
    ensure!(times(&receiver, "address_down") == 0);
    daemon.stop()
}

/// One of three would be enough here, but it is the node that has lost its network.
#[test]
fn a_node_that_sees_everything_fail_does_not_count() -> Result<()> {
    let world = World::new("suspected")?;
    more_ways(&world)?;
    let v4: Vec<String> = (1..=BACKENDS).map(|n| backend_v4(n).to_string()).collect();
    let v6: Vec<String> = (1..=BACKENDS).map(|n| backend_v6(n).to_string()).collect();
    let file = probed(
        &world,
        "protocol = \"ping\"\nfailure_percent = 30\npackets = 1",
    ) + &monitored("four", &v4)
        + &monitored("six", &v6)
        + &instance(WWW)
        + &strategy("four", "default", &["four"], "four")
        + &strategy("six", "default", &["six"], "six");
    let daemon = start(&world, &file)?;
    let all = |status: &Value, state: &str| {
        let pools = [0, 1].map(|pool| status["pools"][pool]["addresses"].as_array().cloned());
        let mut addresses = pools.into_iter().flatten().flatten();
        addresses.all(|address| address["state"] == state)
    };
    let suspected = |status: &Value| -> Vec<String> {
        let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
        let suspected = nodes.iter().filter(|node| node["suspected"] == true);
        suspected.map(|node| node["node"].to_string()).collect()
    };
    until(&daemon, &world, "all well", |status| all(status, "ok"))?;
    let before = daemon.log().len();
    cut(&world, EAST, true)?;
    until(&daemon, &world, "the suspicion", |status| {
        suspected(status) == ["\"east\""]
    })?;
    // Several rounds go by.
    wait::pause(Duration::from_secs(6));
    let status = daemon.query(&world, &["status"])?;
    ensure!(
        all(&status, "ok"),
        "it does not count: {:#}",
        status["pools"]
    );
    ensure!(suspected(&status) == ["\"east\""], "{:#}", status["nodes"]);
    answered(&world, &set(&v4))?;
    cut(&world, EAST, false)?;
    until(&daemon, &world, "the end of it", |status| {
        suspected(status).is_empty() && all(status, "ok")
    })?;
    // Neither before it was suspected, nor by what it still said when its way was back.
    let log = daemon.log();
    ensure!(!log[before..].contains("to=Down"), "{log}");

    // What all of them see fail does not wait for anybody.
    world
        .backends()
        .ip_batch(&format!("addr del {}/24 dev back0\n", backend_v4(1)))?;
    until_answered(&world, &set(&v4[1..]))?;
    daemon.stop()
}

//! Several interfaces, one that comes back, and what is said where XDP is not to be had.

use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::{Daemon, counted};
use igtm_tests::dns::Client;
use igtm_tests::pass::Pass;
use igtm_tests::wait;
use igtm_tests::world::{DIRECT_EDGE, DIRECT_INTERFACE, EDGE_INTERFACE, EDGE_V4, Place, World};

use crate::admin::{exchange, socket};
use crate::scene::{PATIENCE, WWW, plain, receiver, set, start, told, webhook};
use crate::survival::{load, lost_nothing};

/// [`plain`] on both interfaces, with the edge's address on each.
pub(crate) fn both(world: &World) -> String {
    plain(world, "")
        .replace(
            &format!("[\"{EDGE_INTERFACE}\"]"),
            &format!("[\"{EDGE_INTERFACE}\", \"{DIRECT_INTERFACE}\"]"),
        )
        .replace(
            &format!("[\"{EDGE_V4}\","),
            &format!("[\"{EDGE_V4}\", \"{DIRECT_EDGE}\","),
        )
}

/// `place` is answered by the kernel at `server`.
fn in_the_kernel(
    world: &World,
    daemon: &Daemon,
    place: Place,
    server: impl Into<IpAddr>,
) -> Result<()> {
    let before = daemon.counters(world)?;
    let reply = Client::new(world.client(place), server)?.ask(WWW, RecordType::A)?;
    let found: std::collections::BTreeSet<IpAddr> = reply.addresses().into_iter().collect();
    ensure!(found == set(&["192.0.2.1", "192.0.2.2"]), "{found:?}");
    let counted = counted(&before, &daemon.counters(world)?);
    ensure!(counted.get("reply_answer") == Some(&1), "{counted:?}");
    Ok(())
}

/// How `ip` shows the XDP program of the edge's `interface`.
fn shown(world: &World, interface: &str) -> Result<String> {
    let mut show = Command::new("ip");
    let text = world
        .edge()
        .output(show.args(["-d", "link", "show", interface]))?;
    let modes = ["xdpgeneric", "xdp"];
    let mode = modes
        .iter()
        .find(|mode| text.contains(&format!(" {mode} ")));
    Ok((*mode.unwrap_or(&"none")).to_owned())
}

#[test]
fn clients_of_two_interfaces_are_answered_while_one_comes_and_goes() -> Result<()> {
    let world = World::new("two")?;
    let other_end = world.connect_directly(Place::Other)?;
    let receiver = receiver(&world)?;
    let hook = webhook(&receiver, "50ms");
    let daemon = start(&world, &(both(&world) + &hook))?;
    in_the_kernel(&world, &daemon, Place::Telecom, EDGE_V4)?;
    in_the_kernel(&world, &daemon, Place::Other, DIRECT_EDGE)?;
    let load = load(&world, set(&["192.0.2.1", "192.0.2.2"]))?;
    drop(other_end);
    world
        .edge()
        .ip_batch(&format!("link del {DIRECT_INTERFACE}\n"))?;
    wait::until("the loss in the log", PATIENCE, || {
        Ok(daemon.log().contains("the interface is gone").then_some(()))
    })?;
    let lost = format!("the interface {DIRECT_INTERFACE} is gone");
    let event = told(&receiver, "dataplane_degraded")?;
    ensure!(event["severity"] == "critical", "{event}");
    ensure!(event["reason"][0]["reason"] == lost.as_str(), "{event}");
    // The other one answers: queries may be sent here.
    let asked =
        |path: &str| -> Result<String> { exchange(UnixStream::connect(socket(&world))?, path) };
    let ready = asked("GET /ready HTTP/1.1")?;
    ensure!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let metrics = asked("GET /metrics HTTP/1.1")?;
    ensure!(metrics.contains("\nigtm_dataplane_degraded 1"), "{metrics}");
    let _other_end = world.connect_directly(Place::Other)?;
    wait::until("XDP on the new interface", PATIENCE, || {
        Ok((shown(&world, DIRECT_INTERFACE)? == "xdp").then_some(()))
    })?;
    lost_nothing(&load.stop()?)?;
    // Attached first, its own MAC known with the next heartbeat at the latest.
    wait::until("an answer from the kernel", PATIENCE, || {
        Ok(in_the_kernel(&world, &daemon, Place::Other, DIRECT_EDGE).ok())
    })?;
    let log = daemon.log();
    for said in ["the interface is gone", "the interface is back"] {
        ensure!(log.matches(said).count() == 1, "{said} once: {log}");
    }
    let event = told(&receiver, "dataplane_restored")?;
    ensure!(event["duration_s"].is_u64(), "{event}");
    // Once each, and why.
    let kinds = ["dataplane_degraded", "dataplane_restored"];
    let asked = ["events", "--kind", kinds[0], "--kind", kinds[1]];
    let history = daemon.query(&world, &asked)?;
    let events = history.as_array().context("a list")?;
    let kept: Vec<_> = events.iter().map(|one| &one["kind"]).collect();
    ensure!(kept == kinds, "{history:#}");
    ensure!(
        events[0]["reason"][0]["reason"] == lost.as_str(),
        "{history:#}"
    );
    daemon.stop()
}

/// Each step down is one warning with its reason, and every one of them answers.
#[test]
fn native_then_generic_then_userspace() -> Result<()> {
    let warnings = |daemon: &Daemon| -> Vec<String> {
        let log = daemon.log();
        let lines = log.lines().filter(|line| line.contains("WARN"));
        lines.map(str::to_owned).collect()
    };
    let auto = |world: &World| plain(world, "xdp = \"auto\"");

    let world = World::new("step-0")?;
    let daemon = start(&world, &auto(&world))?;
    in_the_kernel(&world, &daemon, Place::Telecom, EDGE_V4)?;
    ensure!(shown(&world, EDGE_INTERFACE)? == "xdp");
    ensure!(warnings(&daemon).is_empty(), "{}", daemon.log());
    daemon.stop()?;

    // A veth has no native XDP when its other end may send more than a page.
    let world = World::new("step-1")?;
    world
        .router()
        .ip_batch(&format!("link set to-{EDGE_INTERFACE} mtu 9000\n"))?;
    let daemon = start(&world, &auto(&world))?;
    in_the_kernel(&world, &daemon, Place::Telecom, EDGE_V4)?;
    ensure!(shown(&world, EDGE_INTERFACE)? == "xdpgeneric");
    let said = warnings(&daemon);
    ensure!(
        said.len() == 1 && said[0].contains("no native XDP") && said[0].contains(EDGE_INTERFACE),
        "{said:?}"
    );
    ensure!(
        daemon.log().contains("mode=\"generic\""),
        "{}",
        daemon.log()
    );
    daemon.stop()?;

    // Somebody else's program is there.
    let world = World::new("step-2")?;
    let _other = Pass::attach(world.edge(), EDGE_INTERFACE)?;
    let daemon = start(&world, &auto(&world))?;
    let client = Client::new(world.client(Place::Telecom), EDGE_V4)?;
    let reply = client.ask(WWW, RecordType::A)?;
    ensure!(reply.addresses().len() == 2, "{reply:?}");
    let said = warnings(&daemon);
    let [generic, userspace] = &said[..] else {
        anyhow::bail!("two warnings: {said:?}");
    };
    ensure!(generic.contains("no native XDP"), "{generic}");
    ensure!(
        userspace.contains("answering in userspace only"),
        "{userspace}"
    );
    ensure!(
        said.iter()
            .all(|line| line.contains("busy") || line.contains("exists")),
        "{said:?}"
    );
    daemon.stop()
}

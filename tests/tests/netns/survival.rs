//! The daemon stops, dies and comes back; the kernel answers all the while.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::dns::Client;
use igtm_tests::load::{Load, Tally};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, Place, World, backend_v4, edge};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, instance, plain, pool, server, set, start, strategy,
    until_answered, web,
};

/// Queries a second.
const RATE: u32 = 500;

/// `bpftool ARGS -j`, parsed.
pub(crate) fn bpftool(world: &World, args: &[&str]) -> Result<Value> {
    let text = world
        .edge()
        .output(Command::new("bpftool").arg("-j").args(args))?;
    serde_json::from_str(&text).with_context(|| format!("bpftool {args:?} printed {text}"))
}

/// Where the pins of this layout are.
pub(crate) fn pins(world: &World) -> std::path::PathBuf {
    world
        .bpffs()
        .join(format!("v{}", igtm_common::layout::ABI_VERSION))
}

/// The link that is pinned for the edge's interface.
pub(crate) fn link(world: &World) -> Result<Value> {
    let path = pins(world).join(format!("link_{EDGE_INTERFACE}"));
    bpftool(world, &["link", "show", "pinned", &path.to_string_lossy()])
}

fn settings(world: &World) -> Result<Value> {
    let path = pins(world).join("SETTINGS");
    let dump = bpftool(world, &["map", "dump", "pinned", &path.to_string_lossy()])?;
    Ok(dump[0]["formatted"]["value"].clone())
}

/// Every query answered, none wrong.
pub(crate) fn lost_nothing(tally: &Tally) -> Result<()> {
    ensure!(
        tally.sent > 0 && tally.right == tally.sent && tally.wrong == 0 && tally.lost == 0,
        "{tally:?}"
    );
    println!("under load: {} queries, all answered right", tally.sent);
    Ok(())
}

/// Telecom asks for [`WWW`], and is answered one of `expected`.
pub(crate) fn load(world: &World, expected: impl IntoIterator<Item = IpAddr>) -> Result<Load> {
    let client = world.client(Place::Telecom);
    Load::start(client, EDGE_V4, (WWW, RecordType::A), RATE, expected)
}

fn every_client_is_answered(world: &World) -> Result<()> {
    let expected = set(&["192.0.2.1", "192.0.2.2"]);
    for place in Place::ALL {
        for over_ipv6 in [false, true] {
            let client = Client::new(world.client(place), edge(over_ipv6))?;
            let addresses = client.ask(WWW, RecordType::A)?.addresses();
            ensure!(
                addresses
                    .into_iter()
                    .collect::<std::collections::BTreeSet<_>>()
                    == expected
            );
        }
    }
    Ok(())
}

#[test]
fn the_kernel_answers_while_the_daemon_is_stopped_or_dead() -> Result<()> {
    let world = World::new("dead")?;
    let config = plain(&world, "xdp = \"native\"");
    let mut daemon = start(&world, &config)?;
    daemon.signal(Signal::SIGSTOP)?;
    every_client_is_answered(&world).context("while it is stopped")?;
    daemon.signal(Signal::SIGCONT)?;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    every_client_is_answered(&world).context("after SIGKILL")
}

#[test]
fn a_restart_under_load_loses_nothing() -> Result<()> {
    let world = World::new("restart")?;
    let config = plain(&world, "xdp = \"native\"");
    let mut daemon = start(&world, &config)?;
    let (link_before, settings_before) = (link(&world)?, settings(&world)?);
    let load = load(&world, set(&["192.0.2.1", "192.0.2.2"]))?;
    // Once killed, once ended as it should be.
    for kill in [true, false] {
        wait::pause(Duration::from_millis(300));
        if kill {
            daemon.signal(Signal::SIGKILL)?;
            daemon.wait()?;
        } else {
            daemon.stop()?;
        }
        wait::pause(Duration::from_millis(300));
        daemon = start(&world, &config)?;
    }
    wait::pause(Duration::from_millis(300));
    lost_nothing(&load.stop()?)?;

    let (link_after, settings_after) = (link(&world)?, settings(&world)?);
    ensure!(link_before["id"].is_u64(), "{link_before}");
    ensure!(link_after["id"] == link_before["id"], "the same link");
    ensure!(
        link_after["prog_id"] != link_before["prog_id"],
        "another program: {link_before} {link_after}"
    );
    let key = "hash_key";
    ensure!(!settings_before[key].is_null(), "{settings_before}");
    ensure!(
        settings_after[key] == settings_before[key],
        "the same secret"
    );
    let log = daemon.log();
    ensure!(
        log.contains("adopted=true") && log.contains("replaced=true"),
        "{log}"
    );
    daemon.stop()
}

/// A new daemon knows nothing at first. What it adopted must stay until it knows: the dead
/// primary must not be answered meanwhile.
#[test]
fn a_restart_does_not_flap_to_an_address_that_is_down() -> Result<()> {
    let world = World::new("flap")?;
    let second = Backend::start(world.backends(), "second", backend_v4(2))?;
    // The slow monitor's target hangs: the first round takes a while.
    let config = server(&world, "xdp = \"native\"")
        + &web("1s", "300ms", 0)
        + "[[monitor]]\nname = \"slow\"\nprotocol = \"tcp\"\nport = 81\ninterval = \"10s\"\n\
           timeout = \"1500ms\"\nretries = 0\n"
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &pool("hanging", "monitor = \"slow\"", &[("10.80.0.99", 100)])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second")
        + &instance("slow.example.com")
        + &strategy("default", "default", &["hanging"], "second");
    let mut daemon = start(&world, &config)?;
    answered(&world, &set(&[backend_v4(2)]))?;

    let load = load(&world, [backend_v4(2).into()])?;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let started = std::time::Instant::now();
    let daemon = start(&world, &config)?;
    let took = started.elapsed();
    wait::pause(Duration::from_millis(500));
    lost_nothing(&load.stop()?)?;
    ensure!(took >= Duration::from_secs(1), "it did not wait: {took:?}");
    drop(second);
    daemon.stop()
}

/// The configuration changed while nobody ran: the first answer of the new run is the new one.
#[test]
fn a_restart_applies_a_changed_file_in_one_step() -> Result<()> {
    let world = World::new("changed")?;
    let old = plain(&world, "xdp = \"native\"");
    start(&world, &old)?.stop()?;
    let load = load(&world, set(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]))?;
    let new = old.replace("192.0.2.2", "192.0.2.3");
    wait::pause(Duration::from_millis(300));
    let daemon = start(&world, &new)?;
    until_answered(&world, &set(&["192.0.2.1", "192.0.2.3"]))?;
    wait::pause(Duration::from_millis(300));
    lost_nothing(&load.stop()?)?;
    daemon.stop()
}

/// `stale_after`: a kernel that has not heard of the daemon passes queries up, and goes back to
/// answering when it hears again.
#[test]
fn stale_maps_are_not_answered_from() -> Result<()> {
    let world = World::new("stale")?;
    let daemon: Daemon = start(
        &world,
        &plain(&world, "xdp = \"native\"\nstale_after = \"2s\""),
    )?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    client.ask(WWW, RecordType::A)?;
    daemon.signal(Signal::SIGSTOP)?;
    wait::pause(Duration::from_millis(2500));
    ensure!(client.ask(WWW, RecordType::A).is_err(), "nobody may answer");
    daemon.signal(Signal::SIGCONT)?;
    wait::until("an answer again", PATIENCE, || {
        Ok(client.ask(WWW, RecordType::A).is_ok().then_some(()))
    })?;
    ensure!(daemon.counters(&world)?["pass_stale"] > 0);
    daemon.stop()
}

#[test]
fn an_interface_that_comes_back_is_attached_again() -> Result<()> {
    const MADE: &str = "link add spare0 type veth peer name spare1\n";
    let world = World::new("spare")?;
    world.edge().ip_batch(MADE)?;
    let config = plain(&world, "").replace(
        &format!("[\"{EDGE_INTERFACE}\"]"),
        &format!("[\"{EDGE_INTERFACE}\", \"spare0\"]"),
    );
    let attached = || -> Result<bool> {
        let mut show = Command::new("ip");
        let shown = world
            .edge()
            .output(show.args(["-d", "link", "show", "spare0"]))?;
        Ok(shown.contains("prog/xdp"))
    };
    let daemon = start(&world, &config)?;
    ensure!(attached()?, "XDP is on the second interface");

    world.edge().ip_batch("link del spare0\n")?;
    wait::until("the loss in the log", PATIENCE, || {
        Ok(daemon.log().contains("the interface is gone").then_some(()))
    })?;
    world.edge().ip_batch(MADE)?;
    wait::until("XDP on the new interface", PATIENCE, || {
        Ok(attached()?.then_some(()))
    })?;
    let log = daemon.log();
    for said in ["the interface is gone", "the interface is back"] {
        ensure!(log.matches(said).count() == 1, "{said} once: {log}");
    }
    every_client_is_answered(&world)?;
    daemon.stop()
}

//! Maps that become too small are made anew, larger, whatever else is the case at that moment.

use std::fs;

use anyhow::{Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::{Daemon, counted};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, Place, World};
use nix::sys::signal::Signal;

use crate::scene::{
    PATIENCE, WWW, answered, asked, instance, plain, pool, server, set, start, strategy,
    until_answered,
};

/// More names than the maps of a small configuration have room for.
const CROWD: usize = 3000;

/// [`WWW`] and a crowd answered with `address`, on these interfaces.
fn crowd(world: &World, interfaces: &str, address: &str) -> String {
    let follow = strategy("default", "default", &["pool"], "pool");
    let names = (0..CROWD).map(|n| instance(&format!("n{n}.example.com")) + &follow);
    let more = names.collect::<String>() + &instance(WWW) + &follow;
    let config = server(world, "") + &pool("pool", "", &[(address, 100)]) + &more;
    on(&config, interfaces)
}

fn on(config: &str, interfaces: &str) -> String {
    config.replace(&format!("[\"{EDGE_INTERFACE}\"]"), interfaces)
}

fn reload(daemon: &Daemon, config: &str) -> Result<()> {
    daemon.rewrite_config(config)?;
    daemon.signal(Signal::SIGHUP)
}

/// That the kernel itself answers, and from the large maps.
fn kernel_answers(world: &World, daemon: &Daemon, address: &str) -> Result<()> {
    let before = daemon.counters(world)?;
    answered(world, &set(&[address]))?;
    let found = asked(world, Place::Other, "n2999.example.com", RecordType::A)?;
    ensure!(found == set(&[address]), "{found:?}");
    let counted = counted(&before, &daemon.counters(world)?);
    ensure!(counted.get("reply_answer") == Some(&2), "{counted:?}");
    Ok(())
}

#[test]
fn a_reload_that_outgrows_the_maps_is_applied() -> Result<()> {
    let world = World::new("growth")?;
    let daemon = start(&world, &plain(&world, ""))?;
    let interfaces = format!("[\"{EDGE_INTERFACE}\"]");
    reload(&daemon, &crowd(&world, &interfaces, "192.0.2.9"))?;
    until_answered(&world, &set(&["192.0.2.9"]))?;
    kernel_answers(&world, &daemon, "192.0.2.9")?;
    let pins = fs::read_dir(world.bpffs())?.count();
    ensure!(pins == 1, "{pins} directories of pins");
    daemon.stop()
}

#[test]
fn a_start_on_maps_that_are_too_small_makes_larger_ones() -> Result<()> {
    let world = World::new("outgrown")?;
    start(&world, &plain(&world, ""))?.stop()?;
    let interfaces = format!("[\"{EDGE_INTERFACE}\"]");
    let daemon = start(&world, &crowd(&world, &interfaces, "192.0.2.9"))?;
    kernel_answers(&world, &daemon, "192.0.2.9")?;
    daemon.stop()
}

#[test]
fn growth_does_not_wait_for_an_interface_that_is_gone() -> Result<()> {
    let world = World::new("gone")?;
    let edge = world.edge();
    edge.ip_batch("link add spare type veth peer name spare-peer\nlink set spare up\n")?;
    let interfaces = format!("[\"spare\", \"{EDGE_INTERFACE}\"]");
    let daemon = start(&world, &on(&plain(&world, ""), &interfaces))?;
    edge.ip_batch("link del spare\n")?;
    reload(&daemon, &crowd(&world, &interfaces, "192.0.2.9"))?;
    until_answered(&world, &set(&["192.0.2.9"]))?;
    kernel_answers(&world, &daemon, "192.0.2.9")?;
    daemon.stop()
}

#[test]
fn another_layouts_links_are_taken_over_by_maps_that_had_to_grow() -> Result<()> {
    let world = World::new("both")?;
    start(&world, &plain(&world, ""))?.stop()?;
    // A start that ended before its first answer leaves maps without a link beside the former's.
    fs::rename(world.bpffs().join("v2"), world.bpffs().join("v1"))?;
    let monitored = plain(&world, "")
        .replace("name = \"pool\"\n", "name = \"pool\"\nmonitor = \"slow\"\n")
        + "[[monitor]]\nname = \"slow\"\nprotocol = \"tcp\"\nport = 9\ninterval = \"60s\"\ntimeout = \"20s\"\n";
    let early = Daemon::spawn(&world, &crate::scene::igtm()?, &monitored)?;
    wait::until("maps beside the former", PATIENCE, || {
        Ok(early.log().contains("another layout").then_some(()))
    })?;
    drop(early);
    let interfaces = format!("[\"{EDGE_INTERFACE}\"]");
    let daemon = start(&world, &crowd(&world, &interfaces, "192.0.2.9"))?;
    kernel_answers(&world, &daemon, "192.0.2.9")?;
    daemon.stop()
}

#[test]
fn a_map_that_was_unpinned_costs_no_more_than_itself() -> Result<()> {
    let world = World::new("unpinned")?;
    start(&world, &plain(&world, ""))?.stop()?;
    fs::remove_file(world.bpffs().join("v2/VIEWS"))?;
    let daemon = start(&world, &plain(&world, ""))?;
    let before = daemon.counters(&world)?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    let counted = counted(&before, &daemon.counters(&world)?);
    ensure!(counted.get("reply_answer") == Some(&1), "{counted:?}");
    daemon.stop()
}

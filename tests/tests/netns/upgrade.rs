//! An older layout goes on answering until this one can: then its link has the new program, and its
//! pins are gone.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::pass::Pass;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, World, backend_v4};
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, igtm, instance, plain, pool, server, set, start,
    strategy, until_answered, web,
};
use crate::survival::{bpftool, load, lost_nothing, pins};

fn older(world: &World) -> PathBuf {
    world.bpffs().join("v1")
}

fn link_in(world: &World, directory: PathBuf) -> Result<Value> {
    let path = directory.join(format!("link_{EDGE_INTERFACE}"));
    bpftool(world, &["link", "show", "pinned", &path.to_string_lossy()])
}

/// The older link has this layout's program, and the older directory is gone.
fn taken_over(world: &World, daemon: &Daemon, before: &Value) -> Result<()> {
    let after = link_in(world, pins(world))?;
    ensure!(
        before["id"].is_u64() && after["id"] == before["id"],
        "{before} {after}"
    );
    ensure!(after["prog_id"] != before["prog_id"], "{before} {after}");
    ensure!(!older(world).exists(), "{}", daemon.log());
    let log = daemon.log();
    ensure!(
        log.contains("goes on answering until the first answer"),
        "{log}"
    );
    ensure!(log.contains("replaced=true"), "{log}");
    Ok(())
}

/// The older program answers: until the new daemon knows the first health, its answers stay.
#[test]
fn an_older_layout_answers_until_the_first_answer() -> Result<()> {
    let world = World::new("older")?;
    let _backend = Backend::start(world.backends(), "second", backend_v4(2))?;
    start(&world, &plain(&world, "xdp = \"native\""))?.stop()?;
    fs::rename(pins(&world), older(&world))?;
    let link_before = link_in(&world, older(&world))?;
    let old = set(&["192.0.2.1", "192.0.2.2"]);
    let new = set(&[backend_v4(2)]);
    let load = load(&world, old.union(&new).copied())?;

    // The first round takes a while: one target hangs.
    let config = server(&world, "xdp = \"native\"")
        + &web("5s", "1500ms", 0)
        + &pool("first", "monitor = \"web\"", &[("10.80.0.99", 100)])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second");
    let mut daemon = Daemon::spawn(&world, &igtm()?, &config)?;
    wait::until("the new maps", PATIENCE, || {
        Ok((daemon.log().matches("maps ready").count() == 2).then_some(()))
    })?;
    answered(&world, &old)?;
    let meanwhile = link_in(&world, older(&world))?;
    ensure!(
        meanwhile == link_before,
        "{meanwhile} instead of {link_before}"
    );
    daemon.wait_until_ready()?;
    answered(&world, &new)?;
    taken_over(&world, &daemon, &link_before)?;
    lost_nothing(&load.stop()?)?;
    daemon.stop()
}

/// An older program that passes everything, with another kind of map beside its link.
#[test]
fn a_link_of_any_program_is_taken_over() -> Result<()> {
    let world = World::new("any")?;
    fs::create_dir_all(older(&world))?;
    let link = older(&world).join(format!("link_{EDGE_INTERFACE}"));
    Pass::pin(world.edge(), EDGE_INTERFACE, &link)?;
    let map = older(&world).join("ANSWERS").display().to_string();
    let create = [
        "map", "create", &map, "type", "hash", "key", "4", "value", "8", "entries", "16", "name",
        "ANSWERS",
    ];
    bpftool(&world, &create)?;
    let before = link_in(&world, older(&world))?;
    let daemon = start(&world, &plain(&world, "xdp = \"native\""))?;
    until_answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    ensure!(daemon.counters(&world)?["reply_answer"] > 0);
    taken_over(&world, &daemon, &before)?;
    daemon.stop()
}

/// Maps that somebody has unpinned one of are not adopted: the program goes on with those it has, and
/// the new ones take their place whole.
#[test]
fn maps_of_which_one_is_missing_are_replaced_with_the_first_answer() -> Result<()> {
    let world = World::new("missing")?;
    let expected = set(&["192.0.2.1", "192.0.2.2"]);
    for map in ["ANSWERS", "NAMES", "SETTINGS"] {
        start(&world, &plain(&world, "xdp = \"native\""))?.stop()?;
        let load = load(&world, expected.iter().copied())?;
        fs::remove_file(pins(&world).join(map))?;
        let daemon = start(&world, &plain(&world, "xdp = \"native\""))?;
        answered(&world, &expected)?;
        let log = daemon.log();
        ensure!(log.contains("some maps are not pinned any more"), "{log}");
        lost_nothing(&load.stop()?)?;
        ensure!(daemon.counters(&world)?["reply_answer"] > 0, "{map}");
        daemon.stop()?;
    }
    Ok(())
}

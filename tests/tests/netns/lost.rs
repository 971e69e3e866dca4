//! The state directory is removed while the daemon runs: noticed, said, and made again.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::wait;
use igtm_tests::world::{World, backend_v4};
use nix::sys::signal::Signal;

use crate::admin::run;
use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, instance, server, set, start, strategy, until_answered,
    web,
};

const GONE: &str = "the state database was gone from its place";

#[test]
fn a_removed_state_directory_is_said_once_and_loses_nothing() -> Result<()> {
    let world = World::new("lost")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let config = server(&world, "xdp = \"off\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second");
    let mut daemon = start(&world, &config)?;
    let address = backend_v4(1).to_string();
    let (code, text) = run(
        &daemon,
        &["force", &address, "down", "--reason", "disk swap"],
    )?;
    ensure!(code == 0, "{text}");
    until_answered(&world, &set(&[backend_v4(2)]))?;
    let before = daemon.query(&world, &["events"])?;

    let state = world.directory().join("state");
    fs::remove_dir_all(&state)?;
    wait::until("a new database", PATIENCE, || {
        Ok(daemon.log().contains(GONE).then_some(()))
    })?;
    ensure!(state.join("igtm.db").exists());
    let status = wait::until("its status", PATIENCE, || {
        let status = daemon.query(&world, &["status"])?;
        Ok(status["daemon"]["state"]["made_again"]
            .is_string()
            .then_some(status))
    })?;
    ensure!(status["daemon"]["state"]["trouble"].is_null(), "{status}");
    let (code, text) = run(&daemon, &["status"])?;
    let said = "the state database was gone and made again";
    ensure!(code == 0 && text.contains(said), "{text}");
    ensure!(daemon.query(&world, &["events"])? == before, "the history");
    // Several looks later it was still said once.
    wait::pause(Duration::from_secs(3));
    let log = daemon.log();
    ensure!(log.matches(GONE).count() == 1, "{log}");
    let line = log.lines().find(|line| line.contains(GONE));
    ensure!(line.context("said")?.contains("ERROR"), "{log}");

    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let daemon = start(&world, &config)?;
    let log = daemon.log();
    ensure!(log.contains("health restored"), "{log}");
    ensure!(log.contains("still forced"), "{log}");
    answered(&world, &set(&[backend_v4(2)]))?;
    daemon.stop()
}

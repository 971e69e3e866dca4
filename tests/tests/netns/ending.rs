//! SIGTERM: what is pending goes out, the exit code is 0, and the kernel goes on. And the logs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::wait;
use igtm_tests::world::{World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, igtm_by, instance, plain, receiver, server, set, start,
    strategy, until_answered, web, webhook,
};

#[test]
fn sigterm_drains_and_the_kernel_goes_on() -> Result<()> {
    let world = World::new("drain")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let config = server(&world, "xdp = \"native\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second")
        // Far longer than the end may take: the message is pending when SIGTERM comes.
        + &webhook(&receiver, "60s");
    let mut daemon = start(&world, &config)?;
    first.stop();
    until_answered(&world, &set(&[backend_v4(2)]))?;
    ensure!(receiver.deliveries().is_empty(), "it waits for others");

    let asked = Instant::now();
    daemon.signal(Signal::SIGTERM)?;
    let status = daemon.wait()?;
    let took = asked.elapsed();
    ensure!(status.code() == Some(0), "{status}: {}", daemon.log());
    ensure!(took < Duration::from_secs(6), "{took:?}");
    println!("SIGTERM → exit: {} ms", took.as_millis());
    let delivery = receiver.wait_for("the pending alert", PATIENCE, |delivery| {
        delivery.event("tier_switched").is_some()
    })?;
    ensure!(
        delivery.event("address_down").is_some(),
        "one message of both"
    );
    ensure!(delivery.signature.is_ok(), "{:?}", delivery.signature);
    answered(&world, &set(&[backend_v4(2)])).context("from the kernel")
}

#[test]
fn logs_are_text_or_json() -> Result<()> {
    let world = World::new("logs")?;
    let json = igtm_by(&world, "env RUST_LOG=info")?;
    let script = std::fs::read_to_string(&json)?.replace("\"$@\"", "\"$@\" --log-format json");
    std::fs::write(&json, script)?;
    let daemon = Daemon::start(&world, &json, &plain(&world, "xdp = \"native\""))?;
    daemon.signal(Signal::SIGTERM)?;
    let log = wait::until("the last line", PATIENCE, || {
        let log = daemon.log();
        Ok(log.contains("stopped").then_some(log))
    })?;
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        for key in ["timestamp", "level", "message"] {
            ensure!(entry[key].is_string(), "no {key}: {line}");
        }
    }
    drop(daemon);
    std::fs::remove_file(world.directory().join("igtm.log"))?;

    let daemon = start(&world, &plain(&world, "xdp = \"native\""))?;
    let log = daemon.log();
    ensure!(log.contains("INFO") && log.contains("answering"), "{log}");
    ensure!(!log.contains('\u{1b}'), "no colours in a file: {log}");
    daemon.stop()
}

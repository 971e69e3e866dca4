//! The first answer: it waits for the first round, and `start_wait` bounds the wait.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::load::Load;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World, backend_v4};

use crate::scene::{
    WWW, answered, backend_pool, igtm, instance, server, set, start, strategy, web,
};

#[test]
fn a_dead_primary_is_never_answered() -> Result<()> {
    for xdp in ["native", "off"] {
        let world = World::new("first")?;
        let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
        let config = server(&world, &format!("xdp = \"{xdp}\""))
            + &web("1s", "300ms", 1)
            + &backend_pool("first", &[1])
            + &backend_pool("second", &[2])
            + &instance(WWW)
            + &strategy("default", "default", &["first", "second"], "second");
        // Clients do not wait for the start. Before it nobody listens, and those are lost.
        let client = world.client(Place::Telecom);
        let load = Load::start(
            client,
            EDGE_V4,
            (WWW, RecordType::A),
            200,
            [backend_v4(2).into()],
        )?;
        let daemon = start(&world, &config)?;
        answered(&world, &set(&[backend_v4(2)]))?;
        wait::pause(Duration::from_millis(300));
        let tally = load.stop()?;
        ensure!(tally.wrong == 0 && tally.right > 50, "xdp {xdp}: {tally:?}");
        daemon.stop()?;
    }
    Ok(())
}

#[test]
fn start_wait_bounds_the_wait() -> Result<()> {
    let world = World::new("bound")?;
    // Nothing there: each attempt takes its whole timeout.
    let config = server(&world, "xdp = \"native\"\nstart_wait = \"700ms\"")
        + &web("20s", "8s", 0)
        + &backend_pool("first", &[1]).replace("10.80.0.11", "10.80.0.99")
        + &instance(WWW)
        + &strategy("default", "default", &["first"], "first");
    let mut daemon = Daemon::spawn(&world, &igtm()?, &config)?;
    let started = Instant::now();
    daemon.wait_until_ready()?;
    let took = started.elapsed();
    ensure!(
        (Duration::from_millis(600)..Duration::from_secs(3)).contains(&took),
        "ready after {took:?}"
    );
    ensure!(daemon.log().contains("start_wait"), "{}", daemon.log());
    // Unknown is usable.
    answered(&world, &set(&["10.80.0.99"]))?;
    daemon.stop()
}

#[test]
fn what_is_known_before_the_first_answer_is_no_trouble() -> Result<()> {
    let world = World::new("early")?;
    // The first address refuses at once; the other, where nobody is, keeps the start waiting for
    // longer than a heartbeat.
    let config = server(&world, "xdp = \"native\"\nstart_wait = \"10s\"")
        + &web("20s", "1500ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2]).replace("10.80.0.12", "10.80.0.99")
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second");
    let mut daemon = Daemon::spawn(&world, &igtm()?, &config)?;
    daemon.wait_until_ready()?;
    let mut socket = UnixStream::connect(world.directory().join("admin.sock"))?;
    write!(
        socket,
        "GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply)?;
    ensure!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let log = daemon.log();
    ensure!(!log.contains("ERROR"), "{log}");
    daemon.stop()
}

//! Receivers of alerts that do their worst, while backends die: the answer follows as it does without
//! them, and whoever behaves is told in time.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::wait;
use igtm_tests::world::{RECEIVER, World, backend_v4};

use crate::scene::{
    WWW, backend_pool, instance, receiver, server, set, start, strategy, times, until_answered,
    web, webhook,
};

/// Of each sort.
const EACH: u16 = 5;
/// An interval, its timeout, and a host that is busy with all of this: far from what waiting for one
/// of them would take.
const LATEST: Duration = Duration::from_secs(5);
const DEATHS: usize = 3;

/// The sort of a receiver, by its port.
#[derive(Clone, Copy)]
enum Sort {
    /// Says `100 Continue` until nobody reads it any more.
    Endless = 8100,
    /// Takes the connection and says nothing.
    Silent = 8200,
    /// Is not there.
    Closed = 8300,
}

const SORTS: [Sort; 3] = [Sort::Endless, Sort::Silent, Sort::Closed];

fn listen(world: &World, port: u16, sort: Sort) -> Result<()> {
    let address = SocketAddr::from((RECEIVER, port));
    let listener = world.backends().enter(|| Ok(TcpListener::bind(address)?))?;
    // They end with the process: what they do is what is tested.
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            match sort {
                Sort::Endless => drop(thread::spawn(move || endless(stream))),
                _ => silent.push(stream),
            }
        }
    });
    Ok(())
}

fn endless(mut stream: TcpStream) {
    let some = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let _request = stream.read(&mut [0; 64 * 1024]);
    while stream.write_all(&some).is_ok() {}
}

fn channels(good: &str) -> String {
    let ports = SORTS
        .iter()
        .flat_map(|sort| (0..EACH).map(|n| *sort as u16 + n));
    let mut names = vec!["\"ops\"".to_owned()];
    let mut text = String::new();
    for port in ports {
        names.push(format!("\"bad-{port}\""));
        text += &format!(
            "[[channel]]\nname = \"bad-{port}\"\ntype = \"webhook\"\ntimeout = \"10s\"\n\
             url = \"http://{RECEIVER}:{port}/\"\nallow_private = true\n"
        );
    }
    let all = format!("channels = [{}]", names.join(", "));
    text + &good.replace("channels = [\"ops\"]", &all)
}

#[test]
fn receivers_at_their_worst_delay_no_failover_and_nobody_else() -> Result<()> {
    let world = World::new("hostile")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let good = receiver(&world)?;
    for n in 0..EACH {
        listen(&world, Sort::Endless as u16 + n, Sort::Endless)?;
        listen(&world, Sort::Silent as u16 + n, Sort::Silent)?;
    }
    let config = server(&world, "xdp = \"native\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first"], "second")
        + &channels(&webhook(&good, "0s"));
    let daemon = start(&world, &config)?;
    let here = |backend| set::<Ipv4Addr>(&[backend_v4(backend)]);
    until_answered(&world, &here(1))?;
    let mut all = Vec::new();
    for death in 1..=DEATHS {
        let begun = Instant::now();
        first.stop();
        until_answered(&world, &here(2))?;
        let answered = begun.elapsed();
        wait::until("the alert", LATEST, || {
            Ok((times(&good, "fallback_entered") >= death).then_some(()))
        })?;
        all.push((answered, begun.elapsed()));
        ensure!(answered < LATEST, "the answer followed after {answered:?}");
        first.resume()?;
        until_answered(&world, &here(1))?;
    }
    println!(
        "beside {} bad receivers, death → new answer, and → told: {all:?}",
        3 * EACH
    );
    let status = daemon.query(&world, &["status"])?;
    ensure!(status["instances"][0]["state"] == "ok", "{status:#}");
    daemon.stop()
}

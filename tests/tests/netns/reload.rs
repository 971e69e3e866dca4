//! SIGHUP: another file becomes the answer as one step, a bad one is refused whole.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::rr::{RData, RecordType};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::{Daemon, counted};
use igtm_tests::dns::{Client, Reply};
use igtm_tests::load::Load;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, instance, plain, pool, server, set, start, strategy,
    until_answered, web,
};
use crate::survival::lost_nothing;

const RELOADS: usize = 6;
/// Instances that change too: writing them all takes a while.
const CROWD: usize = 500;

pub(crate) fn reload(daemon: &Daemon, config: &str) -> Result<()> {
    daemon.rewrite_config(config)?;
    daemon.signal(Signal::SIGHUP)
}

/// What one reply looks like: its addresses in any order, and the TTL of them all.
type Seen = (BTreeSet<IpAddr>, BTreeSet<u32>);

fn seen(reply: &Reply) -> Seen {
    let ttls = reply.message.answers.iter().map(|record| record.ttl);
    (reply.addresses().into_iter().collect(), ttls.collect())
}

/// Asks, again and again, until told to stop: every reply in order. A lost one is an error.
fn watch(world: &World, stop: &AtomicBool) -> Result<Vec<Seen>> {
    let client = Client::new(world.client(Place::Unicom), EDGE_V4)?;
    let mut replies = Vec::new();
    while !stop.load(Ordering::Acquire) {
        replies.push(seen(&client.ask(WWW, RecordType::A)?));
        wait::pause(Duration::from_micros(500));
    }
    Ok(replies)
}

fn of_the_crowd(n: usize) -> String {
    instance(&format!("n{n}.example.com")) + &strategy("default", "default", &["pool"], "pool")
}

#[test]
fn every_reply_is_wholly_old_or_wholly_new() -> Result<()> {
    let world = World::new("reload")?;
    let file = |addresses: &[(&str, u32)], ttl: &str| {
        server(&world, "xdp = \"native\"")
            + &pool("pool", "", addresses)
            + &(0..CROWD).map(of_the_crowd).collect::<String>()
            + &instance(WWW).replace("5s", ttl)
            + &strategy("default", "default", &["pool"], "pool")
    };
    // Three, not two: an epoch of the maps that is read too early holds the file before the last.
    let versions: [(&[(&str, u32)], u32); 3] = [
        (&[("10.9.9.1", 1), ("10.9.9.2", 1), ("10.9.9.3", 1)], 5),
        (&[("10.9.9.4", 1), ("10.9.9.5", 1)], 6),
        (&[("10.9.9.6", 1)], 7),
    ];
    let whole = |n: usize| -> Seen {
        let (addresses, ttl) = versions[n % 3];
        let addresses: Vec<&str> = addresses.iter().map(|(address, _)| *address).collect();
        (set(&addresses), BTreeSet::from([ttl]))
    };
    let text = |n: usize| file(versions[n % 3].0, &format!("{}s", versions[n % 3].1));
    let daemon = start(&world, &text(0))?;
    let before = daemon.counters(&world)?;
    let stop = AtomicBool::new(false);
    let replies = thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&world, &stop));
        let done: Result<()> = (1..=RELOADS).try_for_each(|n| {
            reload(&daemon, &text(n))?;
            until_answered(&world, &whole(n).0)?;
            wait::pause(Duration::from_millis(100));
            Ok(())
        });
        stop.store(true, Ordering::Release);
        let replies = watching.join().expect("no panic")?;
        done.map(|()| replies)
    })?;
    let mut changes = replies.clone();
    changes.dedup();
    let expected: Vec<Seen> = (0..=RELOADS).map(whole).collect();
    ensure!(changes == expected, "half of a change: {changes:?}");
    // Userspace would have answered rightly what the kernel missed meanwhile.
    let counted = counted(&before, &daemon.counters(&world)?);
    for missed in ["pass_userspace", "pass_no_zone", "pass_not_ready"] {
        ensure!(!counted.contains_key(missed), "{counted:?}");
    }
    println!(
        "reload: {} replies over {RELOADS} reloads, none of them lost or mixed",
        replies.len()
    );
    daemon.stop()
}

#[test]
fn a_bad_file_is_refused_whole() -> Result<()> {
    let world = World::new("refused")?;
    let good = plain(&world, "xdp = \"native\"");
    let daemon = start(&world, &good)?;
    let before = set(&["192.0.2.1", "192.0.2.2"]);
    let bad = good.replace("192.0.2.2", "192.0.2.9")
        + "[[pool]]\nname = \"second\"\ntype = \"ipv9\"\naddress = [{ value = \"192.0.2.3\" }]\n";
    let line = bad
        .lines()
        .position(|line| line.contains("ipv9"))
        .context("it is there")?
        + 1;
    reload(&daemon, &bad)?;
    let place = format!("igtm.toml:{line}:");
    wait::until("the refusal in the log", PATIENCE, || {
        Ok(daemon.log().contains(&place).then_some(()))
    })?;
    let log = daemon.log();
    let said = log
        .lines()
        .find(|line| line.contains(&place))
        .context("found")?;
    let column = said.split(&place).nth(1).context("found")?;
    ensure!(
        column.starts_with(|first: char| first.is_ascii_digit()),
        "{said}"
    );
    ensure!(said.contains("ipv9") && said.contains("ipv4"), "{said}");
    ensure!(log.contains("refused"), "{log}");
    answered(&world, &before)?;

    // What takes a restart is refused by name, and the answers with it.
    let moved = good
        .replace("192.0.2.2", "192.0.2.9")
        .replace("edge-test", "edge-moved");
    reload(&daemon, &moved)?;
    wait::until("the refusal of [server]", PATIENCE, || {
        Ok(daemon.log().contains("takes a restart").then_some(()))
    })?;
    answered(&world, &before)?;

    // And a good one is taken afterwards.
    reload(&daemon, &good.replace("192.0.2.2", "192.0.2.3"))?;
    until_answered(&world, &set(&["192.0.2.1", "192.0.2.3"]))?;
    daemon.stop()
}

#[test]
fn unchanged_addresses_keep_their_health() -> Result<()> {
    let world = World::new("kept")?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let file = |ttl: &str, more: &str| {
        server(&world, "xdp = \"native\"")
            + &web("3s", "300ms", 0)
            + &backend_pool("first", &[1])
            + &backend_pool("second", &[2])
            + more
            + &instance(WWW).replace("5s", ttl)
            + &strategy("default", "default", &["first", "second"], "second")
    };
    let daemon = start(&world, &file("5s", ""))?;
    answered(&world, &set(&[backend_v4(2)]))?;
    let client = world.client(Place::Telecom);
    let load = Load::start(
        client,
        EDGE_V4,
        (WWW, RecordType::A),
        500,
        [backend_v4(2).into()],
    )?;
    for n in 6..9 {
        let extra = pool(&format!("extra-{n}"), "", &[("10.9.9.9", 1)]);
        reload(&daemon, &file(&format!("{n}s"), &extra))?;
        let asking = Client::new(world.client(Place::Other), EDGE_V4)?;
        wait::until("the new TTL", PATIENCE, || {
            let (_, ttls) = seen(&asking.ask(WWW, RecordType::A)?);
            Ok(ttls.contains(&n).then_some(()))
        })?;
        wait::pause(Duration::from_millis(200));
    }
    lost_nothing(&load.stop()?)?;
    daemon.stop()
}

fn serial(world: &World) -> Result<u32> {
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let reply = client.ask("example.com", RecordType::SOA)?;
    match reply.message.answers.first().map(|record| &record.data) {
        Some(RData::SOA(soa)) => Ok(soa.serial),
        other => bail!("no SOA but {other:?}"),
    }
}

/// What answers are made of is the same: so is the serial, whoever asks for the reload.
#[test]
fn a_file_that_says_the_same_is_no_change() -> Result<()> {
    let world = World::new("same")?;
    let file =
        web("2s", "300ms", 0) + &plain(&world, "xdp = \"native\"").replace("version = 1", "");
    let file = format!("version = 1\n{file}");
    let daemon = start(&world, &file)?;
    let first = serial(&world)?;
    let reloaded = |text: &str| -> Result<bool> {
        daemon.rewrite_config(text)?;
        let applied = daemon.query(&world, &["reload"])?;
        applied["same"].as_bool().context("it says so")
    };
    ensure!(reloaded(&file)?, "the same file");
    ensure!(reloaded(&format!("# a comment\n{file}"))?, "a comment");
    let said = "reloaded: nothing changed";
    let times = || daemon.log().matches(said).count();
    let before = times();
    ensure!(before >= 2, "{}", daemon.log());
    daemon.signal(Signal::SIGHUP)?;
    wait::until(said, PATIENCE, || Ok((times() > before).then_some(())))?;
    // A file that was refused is no longer what status shows.
    daemon.rewrite_config(&file.replace("\"ipv4\"", "\"ipv9\""))?;
    daemon.signal(Signal::SIGHUP)?;
    let refused = || -> Result<Value> {
        let status = daemon.query(&world, &["status"])?;
        Ok(status["daemon"]["refused"].clone())
    };
    wait::until("the refusal", PATIENCE, || {
        Ok((!refused()?.is_null()).then_some(()))
    })?;
    ensure!(reloaded(&file)?, "what ran all the time");
    ensure!(refused()?.is_null(), "nothing is refused any more");
    ensure!(
        serial(&world)? == first,
        "{} after {first}",
        serial(&world)?
    );

    // Whatever goes into an answer, or only into what is applied.
    let mut last = first;
    for (from, to) in [
        ("ttl = \"5s\"", "ttl = \"6s\""),
        ("negative_ttl = \"30s\"", "negative_ttl = \"31s\""),
        ("contact      = \"hostmaster.", "contact      = \"ops."),
        ("\"ns1.example.net\", ", ""),
        ("192.0.2.2", "192.0.2.3"),
        ("weight = 80", "weight = 81"),
        (
            "[[monitor]]",
            "[[line]]\nname = \"l\"\nprefixes = [\"192.0.2.0/24\"]\n[[monitor]]",
        ),
        ("interval = \"2s\"", "interval = \"3s\""),
    ] {
        ensure!(file.contains(from), "{from} is in {file}");
        ensure!(!reloaded(&file.replace(from, to))?, "{to} is another");
        let now = serial(&world)?;
        ensure!(now > last, "{to}: {now} after {last}");
        last = now;
    }
    daemon.stop()
}

#[test]
fn the_serial_rises_with_every_change_also_across_restarts() -> Result<()> {
    let world = World::new("serial")?;
    let file = |ttl: u32| plain(&world, "xdp = \"native\"").replace("5s", &format!("{ttl}s"));
    let mut daemon = start(&world, &file(5))?;
    let mut last = 0;
    let mut rises = |what: &str| -> Result<()> {
        let now = wait::until(what, PATIENCE, || {
            let now = serial(&world)?;
            Ok((now != last).then_some(now))
        })?;
        ensure!(now > last, "{what}: {now} after {last}");
        last = now;
        Ok(())
    };
    rises("the start")?;
    // Several within one second: the clock alone would not do.
    for ttl in 6..10 {
        reload(&daemon, &file(ttl))?;
        rises("a reload")?;
    }
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    daemon = start(&world, &file(10))?;
    rises("a restart")?;
    daemon.stop()
}

//! Response rate limiting: a burst from one prefix, and who is not concerned by it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use igtm_tests::daemon::{Daemon, counted};
use igtm_tests::dns::{Client, query};
use igtm_tests::wait;
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::reload::reload;
use crate::scene::{PATIENCE, WWW, plain, start};

const RATE: u64 = 20;
/// Replies that wait to be read have to find room in one socket.
const BURST: u64 = 80;

/// What became of a burst.
#[derive(Clone, Copy, Debug)]
struct Burst {
    whole: u64,
    truncated: u64,
    dropped: u64,
    took: Duration,
}

/// Sends `count` queries from `place` at once, and waits until each of them was counted.
fn burst(world: &World, daemon: &Daemon, place: Place, count: u64, cookie: &[u8]) -> Result<Burst> {
    let before = daemon.counters(world)?;
    let client = Client::new(world.client(place), EDGE_V4)?;
    let mut asked = query(WWW, RecordType::A, true)?;
    if !cookie.is_empty() {
        let edns = asked.edns.as_mut().context("it was asked for")?;
        let option = EdnsOption::Unknown(EdnsCode::Cookie.into(), cookie.to_vec());
        edns.options_mut().insert(option);
    }
    let began = Instant::now();
    for id in 0..count {
        asked.metadata.id = id as u16;
        client.post(&asked)?;
    }
    let of = |counted: &igtm_tests::daemon::Counters, name: &str| {
        counted.get(name).copied().unwrap_or(0)
    };
    let counted = wait::until("the counters", PATIENCE, || {
        let counted = counted(&before, &daemon.counters(world)?);
        let kinds = ["reply_answer", "limited_slip", "limited_drop"];
        let sum: u64 = kinds.iter().map(|kind| of(&counted, kind)).sum();
        Ok((sum == count).then_some(counted))
    })?;
    let took = began.elapsed();
    let sent = Burst {
        whole: of(&counted, "reply_answer"),
        truncated: of(&counted, "limited_slip"),
        dropped: of(&counted, "limited_drop"),
        took,
    };
    // What was counted is what comes.
    let replies: Vec<Message> = (0..sent.whole + sent.truncated)
        .map(|_| client.next())
        .collect::<Result<_>>()?;
    let truncated = replies.iter().filter(|reply| reply.metadata.truncation);
    ensure!(truncated.clone().all(|reply| reply.answers.is_empty()));
    ensure!(truncated.count() as u64 == sent.truncated, "{sent:?}");
    Ok(sent)
}

/// A cookie of ours, for `place`.
fn cookie(world: &World, place: Place) -> Result<Vec<u8>> {
    let client = Client::new(world.client(place), EDGE_V4)?;
    let mut asked = query(WWW, RecordType::A, true)?;
    let edns = asked.edns.as_mut().context("it was asked for")?;
    let option = EdnsOption::Unknown(EdnsCode::Cookie.into(), b"12345678".to_vec());
    edns.options_mut().insert(option);
    let reply = client.send(&asked)?.message;
    let edns = reply.edns.as_ref().context("an OPT")?;
    match edns.option(EdnsCode::Cookie) {
        Some(EdnsOption::Unknown(_, octets)) => Ok(octets.clone()),
        other => anyhow::bail!("{other:?}"),
    }
}

#[test]
fn a_prefix_over_its_rate_is_truncated_and_dropped_and_others_are_not() -> Result<()> {
    let world = World::new("limits")?;
    let unlimited = plain(&world, "xdp = \"native\"");
    let limited = format!("{unlimited}[limits]\nresponses_per_second = {RATE}\nslip = 2\n");
    let daemon = start(&world, &limited)?;
    let known = cookie(&world, Place::Unicom)?;
    ensure!(known.len() == 24, "{known:?}");

    let sent = burst(&world, &daemon, Place::Telecom, BURST, &[])?;
    println!("a burst of {BURST}: {sent:?}");
    // A second's worth at once, and what the time brings; each CPU may let a few more through.
    let most = RATE + 1 + RATE * (sent.took.as_millis() as u64 + 1000) / 1000;
    ensure!((RATE..=most).contains(&sent.whole), "{sent:?}");
    // Every other of the limited ones.
    ensure!(sent.truncated.abs_diff(sent.dropped) <= 2, "{sent:?}");

    // Another prefix has its own, and TCP has none.
    let other = burst(&world, &daemon, Place::Other, RATE / 2, &[])?;
    ensure!(other.whole == RATE / 2, "{other:?}");
    let telecom = Client::new(world.client(Place::Telecom), EDGE_V4)?;
    for _ in 0..2 * RATE {
        let reply = telecom.ask_tcp(WWW, RecordType::A)?;
        ensure!(reply.addresses().len() == 2, "{reply:?}");
    }
    // Who shows a cookie of ours is where it says.
    let cookied = burst(&world, &daemon, Place::Unicom, BURST, &known)?;
    ensure!(cookied.whole == BURST, "{cookied:?}");
    // It is the source's own: shown by another it is worth nothing.
    let stolen = burst(&world, &daemon, Place::Telecom, BURST, &known)?;
    ensure!(stolen.whole < BURST / 2, "{stolen:?}");

    reload(&daemon, &unlimited)?;
    wait::until("the reload", PATIENCE, || {
        Ok(daemon.log().contains("reloaded file=").then_some(()))
    })?;
    let free = burst(&world, &daemon, Place::Telecom, BURST, &[])?;
    ensure!(free.whole == BURST, "{free:?}");
    daemon.stop()
}

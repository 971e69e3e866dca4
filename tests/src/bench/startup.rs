//! How long a large configuration takes to become the answer: at a start, and at a reload under
//! queries of which none may be lost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use super::report::{Goal, Row};
use super::scale::{LINES, POOLS, Scale};
use super::stats::Sample;
use crate::daemon::{Daemon, igtm_beside_tests};
use crate::dns::Client;
use crate::load::Load;
use crate::wait;
use crate::world::{EDGE_V4, Place, World};

/// Queries a second during a reload.
const RATE: u32 = 2_000;
/// Of queries before and after the reload itself.
const MARGIN: Duration = Duration::from_millis(200);
/// What it may take, seconds.
const GOAL: Goal = Goal::AtMost(2.0);

/// Starts and reloads a daemon of `instances` instances, `rounds` times.
pub fn measure(instances: usize, rounds: usize) -> Result<Vec<Row>> {
    let over = format!(
        "{instances} instances × {} lines (a strategy for {LINES}, one for default), {POOLS} pools, \
         {rounds} rounds",
        LINES + 1
    );
    let mut starts = Vec::new();
    let mut reloads = Vec::new();
    let mut queries = 0;
    for round in 1..=rounds {
        let (start, reload, answered) = one(instances)?;
        println!(
            "round {round}: start {:.2} s, reload {:.2} s, {answered} queries meanwhile, all answered",
            start.as_secs_f64(),
            reload.as_secs_f64()
        );
        starts.push(start.as_secs_f64());
        reloads.push(reload.as_secs_f64());
        queries += answered;
    }
    let row = |name: &str, over: String, values| {
        let sample = Sample::new(values).context("no rounds")?;
        anyhow::Ok(Row::of(name, over, &sample, "s").with_goal(GOAL))
    };
    Ok(vec![
        row(
            "start of a large configuration",
            format!("process to READY=1, empty maps; {over}"),
            starts,
        )?,
        row(
            "reload of a large configuration",
            format!(
                "SIGHUP to READY=1, every address changed, {queries} queries meanwhile, none lost; {over}"
            ),
            reloads,
        )?,
    ])
}

/// Time of the start, time of the reload, and how many queries were answered during the latter.
fn one(instances: usize) -> Result<(Duration, Duration, u32)> {
    let world = World::new("bench-start")?;
    let (before, after) = (
        Scale::unmonitored(instances, 1),
        Scale::unmonitored(instances, 2),
    );
    let text = before.configuration(&world);
    let igtm = igtm_beside_tests()?;
    let began = Instant::now();
    let mut daemon = Daemon::start(&world, &igtm, &text)?;
    let start = began.elapsed();
    let last = instances - 1;
    expect(&world, &before, last)?;

    daemon.rewrite_config(&after.configuration(&world))?;
    let expected = before.addresses().chain(after.addresses());
    let name = Scale::name(last / 2);
    let client = world.client(Place::Other);
    let load = Load::start(client, EDGE_V4, (&name, RecordType::A), RATE, expected)?;
    wait::pause(MARGIN);
    let began = Instant::now();
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_notification("READY=1")?;
    let reload = began.elapsed();
    wait::pause(MARGIN);
    let tally = load.stop()?;
    ensure!(
        tally.lost == 0 && tally.wrong == 0,
        "queries were lost or answered wrong during a reload: {tally:?}"
    );
    expect(&world, &after, last)?;
    daemon.stop()?;
    Ok((start, reload, tally.right))
}

/// The answer of `instance` must be that of `scale`.
fn expect(world: &World, scale: &Scale, instance: usize) -> Result<()> {
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let found = client
        .ask(&Scale::name(instance), RecordType::A)?
        .addresses();
    let expected = scale.answer(instance);
    ensure!(found == [expected], "{found:?}, not {expected}");
    Ok(())
}

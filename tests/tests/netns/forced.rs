//! An operator's word goes before what is measured: at once, with its alert or without, for its
//! time, and over a kill.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::receiver::Receiver;
use igtm_tests::wait;
use igtm_tests::world::{World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, SECRET, WWW, answered, backend_pool, igtm, instance, pool, receiver, server, set,
    start, strategy, times, told, until_answered, web, webhook,
};

/// Longer than the subscription waits for company, and than a delivery takes here.
const DELIVERED: Duration = Duration::from_millis(1500);

fn config(world: &World, receiver: &Receiver) -> String {
    server(world, "xdp = \"native\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &pool("idle", "", &[(&backend_v4(1).to_string(), 100)])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second")
        + &webhook(receiver, "50ms")
}

/// `igtm force ARGS… --json`: exit code and reply.
fn force(daemon: &Daemon, args: &[&str]) -> Result<(i32, Value)> {
    let said = Command::new(igtm()?)
        .arg("force")
        .args(args)
        .arg("--json")
        .arg("-c")
        .arg(daemon.config())
        .output()?;
    let code = said.status.code().context("it ended by itself")?;
    let text = String::from_utf8(said.stdout)?;
    let reply = serde_json::from_str(&text).with_context(|| format!("{code}: {text}"))?;
    Ok((code, reply))
}

fn one(backend: u8) -> BTreeSet<IpAddr> {
    set(&[backend_v4(backend)])
}

#[test]
fn an_operators_word_holds_at_once_for_its_time_and_over_a_kill() -> Result<()> {
    let world = World::new("forced")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let config = config(&world, &receiver);
    let mut daemon = start(&world, &config)?;
    until_answered(&world, &one(1))?;
    let address = backend_v4(1).to_string();

    // What does not fit changes nothing.
    for (args, part) in [
        (
            &["192.0.2.250", "down", "--reason", "x"][..],
            "stands in no pool",
        ),
        (
            &[&address, "down", "--reason", "x", "--pool", "secnd"],
            "did you mean `second`?",
        ),
        (
            &[&address, "down", "--reason", "x", "--pool", "second"],
            "but in first, idle",
        ),
        (&[&address, "down", "--reason", " "], "--reason is empty"),
    ] {
        let (code, reply) = force(&daemon, args)?;
        let error = reply["error"].as_str().unwrap_or_default();
        ensure!(
            code == 1 && error.contains(part),
            "{args:?}: {code} {reply}"
        );
    }
    answered(&world, &one(1))?;

    // Down: when the command is back, the answer is another; whoever is told learns why.
    let (code, reply) = force(&daemon, &[&address, "down", "--reason", "disk swap"])?;
    ensure!(code == 0, "{reply}");
    answered(&world, &one(2))?;
    ensure!(reply["pools"][0]["pool"] == "first", "{reply}");
    ensure!(reply["pools"][0]["before"] == "ok", "{reply}");
    ensure!(
        reply["pools"][0]["after"] == "forced down (disk swap)",
        "{reply}"
    );
    ensure!(reply["pools"][1]["pool"] == "idle", "{reply}");
    ensure!(reply["moved"][0]["to"] == "tier 2", "{reply}");
    ensure!(reply["notes"] == serde_json::json!([]), "{reply}");
    let event = told(&receiver, "address_down")?;
    ensure!(
        event["reason"][0]["reason"] == "forced down: disk swap",
        "{event}"
    );
    told(&receiver, "tier_switched")?;

    ensure!(
        times(&receiver, "pool_down") >= 1,
        "one for each pool that holds nothing else"
    );

    // It survives a kill, and is not told again. Who said it stays known.
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let daemon = start(&world, &config)?;
    answered(&world, &one(2))?;
    let status = daemon.query(&world, &["status"])?;
    let forced = &status["pools"][0]["addresses"][0]["forced"];
    ensure!(
        forced["to"] == "down" && forced["reason"] == "disk swap",
        "{status}"
    );
    let user = nix::unistd::User::from_uid(nix::unistd::getuid())?.context("a name")?;
    ensure!(forced["who"] == user.name, "{forced}");
    ensure!(
        status["pools"][0]["addresses"][0]["state"] == "ok",
        "as measured: {status}"
    );
    ensure!(status["pools"][0]["state"] == "down", "{status}");
    ensure!(status["forces"][0]["address"] == address, "{status}");
    ensure!(status["nodes"][0]["node"] == "local", "{status}");
    let live = ["explain", "--live", "--client", "192.0.2.7", WWW];
    let explained = daemon.query(&world, &live)?;
    ensure!(explained["active"] == "tier 2", "{explained}");
    let said = format!(
        "{address} is forced down in pool first by {}: disk swap",
        user.name
    );
    ensure!(explained.to_string().contains(&said), "{explained}");
    wait::pause(DELIVERED);
    ensure!(
        times(&receiver, "address_down") == 2,
        "one for each of its pools"
    );

    // Its end is told as well.
    let (code, reply) = force(&daemon, &[&address, "auto"])?;
    ensure!(code == 0 && reply["pools"][0]["after"] == "ok", "{reply}");
    answered(&world, &one(1))?;
    told(&receiver, "address_up")?;

    // Drained: withheld, and nobody is alerted of the address. For its time only.
    told(&receiver, "tier_restored")?;
    let alerts = || {
        [
            "address_down",
            "pool_down",
            "tier_switched",
            "tier_restored",
        ]
        .map(|kind| times(&receiver, kind))
    };
    let before = alerts();
    let drain = [
        &*address, "drain", "--reason", "upgrade", "--pool", "first", "--for", "3s",
    ];
    let (code, reply) = force(&daemon, &drain)?;
    ensure!(code == 0 && reply["until"].is_string(), "{reply}");
    answered(&world, &one(2))?;
    until_answered(&world, &one(1))?;
    wait::pause(DELIVERED);
    ensure!(
        alerts() == before,
        "a drain is no alert, nor what it moves: {before:?}, {:?}",
        alerts()
    );
    // The history has both ways, and why.
    let history = daemon.query(&world, &["events", "--kind", "tier_switched"])?;
    let history = history.to_string();
    let why = format!("{address} of pool first is forced drain: upgrade");
    ensure!(history.contains(&why), "{history}");

    // What ended while nobody was there is not taken up again.
    let brief = [&*address, "down", "--reason", "brief", "--for", "1s"];
    let kinds = [
        "address_down",
        "pool_down",
        "fallback_entered",
        "tier_switched",
    ];
    let downs = kinds.map(|kind| times(&receiver, kind));
    let ends = || ["address_up", "pool_up", "tier_restored"].map(|kind| times(&receiver, kind));
    let former = ends();
    force(&daemon, &brief)?;
    wait::until("the word's alerts", PATIENCE, || {
        let told = kinds.map(|kind| times(&receiver, kind));
        Ok(
            (told[0] == downs[0] + 2 && told[1] == downs[1] + 2 && told[3] > downs[3])
                .then_some(()),
        )
    })?;
    let mut daemon = daemon;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    wait::pause(Duration::from_millis(1200));
    let daemon = start(&world, &config)?;
    until_answered(&world, &one(1))?;
    let status = daemon.query(&world, &["status"])?;
    ensure!(status["forces"] == serde_json::json!([]), "{status}");
    // Whoever was told of it is told that it is over: in both of its pools.
    wait::until("the ends of what the word began", PATIENCE, || {
        let told = ends();
        let over = told[0] == former[0] + 2 && told[1] == former[1] + 2 && told[2] > former[2];
        Ok(over.then_some(()))
    })
    .with_context(|| format!("{former:?}, then {:?}", ends()))?;
    daemon.stop()
}

/// The other way round: what is measured as down is answered, and told of as up, until it is not.
#[test]
fn what_is_forced_up_is_answered_and_told_of() -> Result<()> {
    let world = World::new("forced-up")?;
    // Nobody is at backend 1.
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let daemon = start(&world, &config(&world, &receiver))?;
    until_answered(&world, &one(2))?;
    let address = backend_v4(1).to_string();
    let told = |kind: &str, times_told: usize| {
        wait::until(kind, PATIENCE, || {
            Ok((times(&receiver, kind) == times_told).then_some(()))
        })
    };
    for kind in ["address_down", "pool_down", "tier_switched"] {
        told(kind, 1)?;
    }
    let up = [
        &*address,
        "up",
        "--reason",
        "the probe lies",
        "--pool",
        "first",
    ];
    let (code, reply) = force(&daemon, &up)?;
    ensure!(code == 0 && reply["moved"][0]["to"] == "tier 1", "{reply}");
    answered(&world, &one(1))?;
    for kind in ["address_up", "pool_up", "tier_restored"] {
        told(kind, 1)?;
    }
    // Rounds that fail meanwhile change nothing.
    wait::pause(DELIVERED);
    answered(&world, &one(1))?;
    ensure!(times(&receiver, "address_down") == 1, "it is held up");
    let (code, reply) = force(&daemon, &[&address, "auto", "--pool", "first"])?;
    ensure!(code == 0 && reply["pools"][0]["after"] == "down", "{reply}");
    answered(&world, &one(2))?;
    for kind in ["address_down", "pool_down", "tier_switched"] {
        told(kind, 2)?;
    }
    daemon.stop()
}

#[test]
fn a_file_is_told_when_it_is_applied_and_when_it_is_refused() -> Result<()> {
    let world = World::new("told")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let receiver = receiver(&world)?;
    let good = config(&world, &receiver);
    let daemon = start(&world, &good)?;
    daemon.rewrite_config(&good.replace("ttl = \"5s\"", "ttl = \"7s\""))?;
    daemon.signal(Signal::SIGHUP)?;
    let event = told(&receiver, "config_applied")?;
    let title = event["title"].as_str().unwrap_or_default();
    ensure!(
        title.contains("0 added, 0 removed, 1 changed (instance www); 1 name answered otherwise"),
        "{event}"
    );
    daemon.rewrite_config(&good.replace("type = \"ipv4\"", "type = \"ipv9\""))?;
    daemon.signal(Signal::SIGHUP)?;
    let event = told(&receiver, "config_rejected")?;
    let title = event["title"].as_str().unwrap_or_default();
    ensure!(
        title.contains("ipv9") && title.contains("more problem"),
        "{event}"
    );
    ensure!(!title.contains(SECRET), "{event}");
    daemon.stop()
}

/// Told as down, drained for its repair, well when the drain ends: that is its end.
#[test]
fn what_recovers_while_it_is_drained_is_told_when_the_drain_ends() -> Result<()> {
    let world = World::new("repaired")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let daemon = start(&world, &config(&world, &receiver))?;
    until_answered(&world, &one(1))?;
    first.stop();
    for kind in ["address_down", "pool_down", "tier_switched"] {
        told(&receiver, kind)?;
    }
    let address = backend_v4(1).to_string();
    force(&daemon, &[&address, "drain", "--reason", "new disk"])?;
    first.resume()?;
    wait::until("the address is measured as well", PATIENCE, || {
        let status = daemon.query(&world, &["status"])?;
        let state = &status["pools"][0]["addresses"][0]["state"];
        Ok((*state == "ok").then_some(()))
    })?;
    wait::pause(DELIVERED);
    ensure!(times(&receiver, "address_up") == 0, "it is still withheld");
    force(&daemon, &[&address, "auto"])?;
    let up = told(&receiver, "address_up")?;
    ensure!(
        up["reason"][0]["reason"] == "no longer forced: new disk",
        "{up}"
    );
    for kind in ["pool_up", "tier_restored"] {
        told(&receiver, kind)?;
    }
    daemon.stop()
}

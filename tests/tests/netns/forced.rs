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
use igtm_tests::world::{RECEIVER, World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, igtm, instance, pool, server, set, start, strategy,
    until_answered, web, webhook,
};

const SECRET: &str = "whsec_aWd0bSBlbmQgdG8gZW5kIHRlc3RzIHNpZ24gdG9v";
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
        + &webhook(receiver.url(), SECRET, "50ms")
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

/// How many events of `kind` were delivered. A message that a killed daemon had not noted as taken
/// comes again under its id: like any receiver, this one drops it.
fn times(receiver: &Receiver, kind: &str) -> usize {
    let mut deliveries = receiver.deliveries();
    let mut known = BTreeSet::new();
    deliveries.retain(|delivery| known.insert(delivery.id.clone()));
    let events = deliveries.iter().flat_map(|delivery| delivery.events());
    events.filter(|event| event["kind"] == kind).count()
}

fn one(backend: u8) -> BTreeSet<IpAddr> {
    set(&[backend_v4(backend)])
}

#[test]
fn an_operators_word_holds_at_once_for_its_time_and_over_a_kill() -> Result<()> {
    let world = World::new("forced")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = Receiver::start(world.backends(), (RECEIVER, 80).into(), SECRET)?;
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
        (
            &[&address, "up", "--reason", "x", "--for", "1 h"],
            "--for is",
        ),
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
    let told = receiver.wait_for("address_down", PATIENCE, |delivery| {
        delivery.event("address_down").is_some()
    })?;
    let event = told.event("address_down").context("it is there")?;
    ensure!(
        event["reason"][0]["reason"] == "forced down: disk swap",
        "{event}"
    );
    receiver.wait_for("tier_switched", PATIENCE, |delivery| {
        delivery.event("tier_switched").is_some()
    })?;

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
    receiver.wait_for("address_up", PATIENCE, |delivery| {
        delivery.event("address_up").is_some()
    })?;

    // Drained: withheld, and nobody is alerted of the address. For its time only.
    let before = times(&receiver, "address_down");
    let drain = [
        &*address, "drain", "--reason", "upgrade", "--pool", "first", "--for", "3s",
    ];
    let (code, reply) = force(&daemon, &drain)?;
    ensure!(code == 0 && reply["until"].is_string(), "{reply}");
    answered(&world, &one(2))?;
    until_answered(&world, &one(1))?;
    wait::pause(DELIVERED);
    ensure!(
        times(&receiver, "address_down") == before,
        "a drain is no alert"
    );

    // What ended while nobody was there is not taken up again.
    let brief = [&*address, "down", "--reason", "brief", "--for", "1s"];
    force(&daemon, &brief)?;
    let mut daemon = daemon;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    wait::pause(Duration::from_millis(1200));
    let daemon = start(&world, &config)?;
    until_answered(&world, &one(1))?;
    let status = daemon.query(&world, &["status"])?;
    ensure!(status["forces"] == serde_json::json!([]), "{status}");
    daemon.stop()
}

#[test]
fn a_file_is_told_when_it_is_applied_and_when_it_is_refused() -> Result<()> {
    let world = World::new("told")?;
    let _first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let receiver = Receiver::start(world.backends(), (RECEIVER, 80).into(), SECRET)?;
    let good = config(&world, &receiver);
    let daemon = start(&world, &good)?;
    daemon.rewrite_config(&good.replace("ttl = \"5s\"", "ttl = \"7s\""))?;
    daemon.signal(Signal::SIGHUP)?;
    let told = receiver.wait_for("config_applied", PATIENCE, |delivery| {
        delivery.event("config_applied").is_some()
    })?;
    let event = told.event("config_applied").context("it is there")?;
    let title = event["title"].as_str().unwrap_or_default();
    ensure!(
        title.contains("0 added, 0 removed, 1 changed (instance www); 1 name answered otherwise"),
        "{event}"
    );
    daemon.rewrite_config(&good.replace("type = \"ipv4\"", "type = \"ipv9\""))?;
    daemon.signal(Signal::SIGHUP)?;
    let told = receiver.wait_for("config_rejected", PATIENCE, |delivery| {
        delivery.event("config_rejected").is_some()
    })?;
    let event = told.event("config_rejected").context("it is there")?;
    let title = event["title"].as_str().unwrap_or_default();
    ensure!(
        title.contains("ipv9") && title.contains("more problem"),
        "{event}"
    );
    ensure!(!title.contains(SECRET), "{event}");
    daemon.stop()
}

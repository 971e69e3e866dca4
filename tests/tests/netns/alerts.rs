//! Alerts from a dying backend to the receiver: in time, over a kill, muted, recorded, replayed.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::receiver::{Delivery, Receiver};
use igtm_tests::wait;
use igtm_tests::world::{RECEIVER, World, backend_v4};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::scene::{
    PATIENCE, WWW, backend_pool, igtm, instance, server, set, start, strategy, until_answered, web,
};

const SECRET: &str = "whsec_aWd0bSBlbmQgdG8gZW5kIHRlc3RzIHNpZ24gdG9v";
const GROUP_WAIT: Duration = Duration::from_secs(1);
/// What issue 6 allows beyond `group_wait`.
const ALLOWED: Duration = Duration::from_secs(2);

fn config(world: &World, url: &str) -> String {
    server(world, "xdp = \"off\"")
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first"], "second")
        + &format!(
            "[[channel]]\nname = \"ops\"\ntype = \"webhook\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n\
             allow_private = true\n\
             [[channel]]\nname = \"off\"\ntype = \"webhook\"\nurl = \"{url}/off\"\nenabled = false\n\
             allow_private = true\n\
             [[channel]]\nname = \"dead\"\ntype = \"webhook\"\nurl = \"http://{RECEIVER}:81/\"\n\
             allow_private = true\n\
             [[subscription]]\nname = \"severe\"\nchannels = [\"ops\", \"off\", \"dead\"]\n\
             match = {{ severity = \"warning\" }}\ngroup_wait = \"{}s\"\n",
            GROUP_WAIT.as_secs()
        )
}

/// The first message since `began` that tells `kind`.
fn told(receiver: &Receiver, began: Instant, kind: &str) -> Result<Delivery> {
    receiver.wait_for(kind, PATIENCE, |delivery| {
        delivery.at > began && delivery.event(kind).is_some()
    })
}

/// `igtm ARGS… --json -c FILE` in the edge's namespace: exit code and what it printed.
fn said(world: &World, daemon: &Daemon, args: &[&str]) -> Result<(i32, Value)> {
    let mut command = Command::new(igtm()?);
    command
        .args(args)
        .arg("--json")
        .arg("-c")
        .arg(daemon.config());
    let said = world.edge().enter(|| Ok(command.output()?))?;
    let code = said.status.code().context("it ended by itself")?;
    let text = String::from_utf8(said.stdout)?;
    let reply = serde_json::from_str(&text).with_context(|| format!("{args:?} {code}: {text}"))?;
    Ok((code, reply))
}

fn events_of(receiver: &Receiver, began: Instant) -> Vec<String> {
    let deliveries = receiver.deliveries().into_iter();
    let since = deliveries.filter(|one| one.at > began);
    let kinds = since.flat_map(|one| {
        let kinds = one.events().iter().map(|event| event["kind"].to_string());
        kinds.collect::<Vec<_>>()
    });
    kinds.collect()
}

#[test]
fn a_death_is_told_in_time_and_its_end_to_whoever_was_told_also_over_a_kill() -> Result<()> {
    let world = World::new("alerts")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = Receiver::start(world.backends(), (RECEIVER, 80).into(), SECRET)?;
    let config = config(&world, receiver.url());
    let mut daemon = start(&world, &config)?;
    until_answered(&world, &set(&[backend_v4(1)]))?;

    let began = Instant::now();
    first.stop();
    until_answered(&world, &set(&[backend_v4(2)]))?;
    let switched = Instant::now();
    let delivery = told(&receiver, began, "fallback_entered")?;
    let took = delivery.at.saturating_duration_since(switched);
    ensure!(
        took <= GROUP_WAIT + ALLOWED,
        "{took:?} after the answer changed"
    );
    println!("alerts: told {took:?} after the answer changed, group_wait {GROUP_WAIT:?}");
    ensure!(
        delivery.event("address_down").is_some(),
        "one message: {}",
        delivery.body
    );
    ensure!(delivery.signature.is_ok());

    // Killed and started again: who was told is told of the end, although it is no warning.
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let daemon = start(&world, &config)?;
    let began = Instant::now();
    first.resume()?;
    let delivery = told(&receiver, began, "address_up")?;
    ensure!(
        delivery
            .event("fallback_left")
            .or(delivery.event("tier_restored"))
            .is_some(),
        "{}",
        delivery.body
    );
    let ids: Vec<String> = receiver
        .deliveries()
        .into_iter()
        .map(|one| one.id)
        .collect();
    let (_, pushes) = said(&world, &daemon, &["pushes", "--channel", "ops"])?;
    for id in &ids {
        let pushes = pushes.as_array().context("a list")?;
        let push = pushes.iter().find(|push| push["id"] == id.as_str());
        let push = push.with_context(|| format!("{id} is not recorded: {pushes:#?}"))?;
        ensure!(push["state"] == "delivered", "{push:#}");
    }
    let (_, off) = said(
        &world,
        &daemon,
        &["pushes", "--channel", "off", "--result", "suppressed"],
    )?;
    ensure!(off.as_array().is_some_and(|all| !all.is_empty()), "{off:#}");
    // A channel that nobody answers at has delayed no other, and is shown.
    let (_, status) = said(&world, &daemon, &["status"])?;
    let channels = status["channels"].as_array().context("channels")?;
    let dead = channels
        .iter()
        .find(|one| one["name"] == "dead")
        .context("dead")?;
    ensure!(dead["trouble"]["class"] == "transient", "{dead:#}");
    ensure!(dead["pending"].as_u64() > Some(0), "{dead:#}");
    daemon.stop()
}

#[test]
fn operators_mute_test_look_up_and_replay() -> Result<()> {
    let world = World::new("orders")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = Receiver::start(world.backends(), (RECEIVER, 80).into(), SECRET)?;
    let config = config(&world, receiver.url());
    let mut daemon = start(&world, &config)?;
    until_answered(&world, &set(&[backend_v4(1)]))?;

    // A test event goes through subscription and outbox.
    let began = Instant::now();
    let (code, sent) = said(
        &world,
        &daemon,
        &["events", "send", "fallback_entered", "--instance", "www"],
    )?;
    ensure!(
        code == 0 && sent["subscriptions"][0]["subscription"] == "severe",
        "{sent:#}"
    );
    let delivery = told(&receiver, began, "fallback_entered")?;
    ensure!(delivery.events()[0]["test"] == true, "{}", delivery.body);
    let (code, sent) = said(
        &world,
        &daemon,
        &["events", "send", "address_up", "--instance", "www"],
    )?;
    ensure!(
        code == 0 && sent["subscriptions"] == serde_json::json!([]),
        "no warning: {sent:#}"
    );
    let (code, refused) = said(
        &world,
        &daemon,
        &["events", "send", "test", "--instance", "ww"],
    )?;
    ensure!(
        code == 1 && refused["error"].to_string().contains("did you mean"),
        "{refused}"
    );

    // What was sent, and once more.
    let (code, push) = said(&world, &daemon, &["pushes", "show", &delivery.id])?;
    let sent = push["parts"][0]["body"].as_str().context("a body")?;
    ensure!(
        code == 0 && serde_json::from_str::<Value>(sent)? == delivery.body,
        "{push:#}"
    );
    let (code, replay) = said(&world, &daemon, &["pushes", "replay", &delivery.id])?;
    let id = replay["id"].as_str().context("an id")?;
    ensure!(code == 0 && replay["origin"] == "replay", "{replay:#}");
    let again = receiver.wait_for("the replay", PATIENCE, |one| one.id == id)?;
    ensure!(again.body == delivery.body);
    let (code, _) = said(&world, &daemon, &["pushes", "show", "msg_none"])?;
    ensure!(code == 1);

    // No alerts while it is muted, also over a restart; what still lasts is told afterwards.
    let (code, muted) = said(
        &world,
        &daemon,
        &["mute", "www", "--for", "1h", "--reason", "moving"],
    )?;
    ensure!(
        code == 0 && muted["mute"]["reason"] == "moving",
        "{muted:#}"
    );
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let daemon = start(&world, &config)?;
    let (_, status) = said(&world, &daemon, &["status"])?;
    ensure!(status["mutes"][0]["instance"] == "www", "{status:#}");
    let began = Instant::now();
    first.stop();
    until_answered(&world, &set(&[backend_v4(2)]))?;
    wait::pause(GROUP_WAIT + ALLOWED);
    let kinds = events_of(&receiver, began);
    ensure!(kinds.is_empty(), "{kinds:?}");
    let (code, ended) = said(&world, &daemon, &["mute", "www", "--for", "0"])?;
    ensure!(
        code == 0 && ended["mute"].is_null() && !ended["ended"].is_null(),
        "{ended:#}"
    );
    told(&receiver, began, "fallback_entered")?;
    let (code, unknown) = said(&world, &daemon, &["mute", "ww", "--for", "1h"])?;
    ensure!(
        code == 1 && unknown["error"].to_string().contains("did you mean"),
        "{unknown}"
    );

    // A test message: what the receiver says is the exit code, with a daemon and without.
    let (code, tested) = said(&world, &daemon, &["notify", "test", "ops"])?;
    ensure!(code == 0 && tested["ok"] == true, "{tested:#}");
    receiver.answer_next_with(&[403]);
    let (code, tested) = said(&world, &daemon, &["notify", "test", "ops"])?;
    let note = tested["messages"][0]["note"].to_string();
    ensure!(code == 1 && note.contains("403"), "{tested:#}");
    let file = daemon.config().to_owned();
    let (code, dead) = said(&world, &daemon, &["notify", "test", "dead"])?;
    ensure!(code == 1 && dead["ok"] == false, "{dead:#}");
    daemon.stop()?;
    let alone = |channel: &str| -> Result<(i32, String)> {
        let mut command = Command::new(igtm()?);
        command.args(["notify", "test", channel, "-c"]).arg(&file);
        // The receiver is only to be reached from where the daemon was.
        let said = world.edge().enter(|| Ok(command.output()?))?;
        let code = said.status.code().context("it ended by itself")?;
        Ok((
            code,
            String::from_utf8(said.stdout)? + &String::from_utf8(said.stderr)?,
        ))
    };
    let (code, text) = alone("ops")?;
    ensure!(
        code == 0 && text.contains("ops (webhook): delivered"),
        "{code} {text}"
    );
    let (code, text) = alone("dead")?;
    ensure!(code == 1 && text.contains("NOT delivered"), "{code} {text}");
    let (code, text) = alone("opss")?;
    ensure!(code == 1 && text.contains("did you mean"), "{code} {text}");
    Ok(())
}

//! `keep`: the last answers of a strategy that is gone, from the kernel, over kill -9, until they
//! are released.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;

use anyhow::{Result, ensure};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::{Daemon, counted};
use igtm_tests::dns::Client;
use igtm_tests::world::{EDGE_V4, Place, World};
use nix::sys::signal::Signal;

use crate::admin::run;
use crate::scene::{WWW, asked, igtm, instance, operators, pool, server, set, start, strategy};

const SOUTH: &str = "10.9.9.1";
const REST: &str = "10.9.9.9";

/// Everything but the instance.
fn ground(world: &World) -> String {
    server(world, "xdp = \"native\"")
        + &operators()
        + &pool("south", "", &[(SOUTH, 100)])
        + &pool("rest", "", &[(REST, 100)])
}

fn default() -> String {
    instance(WWW) + &strategy("default", "default", &["rest"], "rest")
}

fn kept() -> String {
    strategy("south", "telecom", &["south"], "rest").replace("fallback", "keep = true\nfallback")
}

/// Has the daemon apply `config`, which it may be doing already: it watches the file.
fn reload(daemon: &Daemon, config: &str) -> Result<()> {
    daemon.rewrite_config(config)?;
    let (code, text) = run(daemon, &["reload"])?;
    ensure!(code == 0, "{text}");
    Ok(())
}

fn said(daemon: &Daemon, words: &str) -> Result<()> {
    let log = daemon.log();
    ensure!(log.contains(words), "no {words:?} in\n{log}");
    Ok(())
}

fn at(world: &World, place: Place) -> Result<BTreeSet<IpAddr>> {
    asked(world, place, WWW, RecordType::A)
}

#[test]
fn a_strategy_that_is_gone_is_answered_as_last_until_it_is_released() -> Result<()> {
    let world = World::new("frozen")?;
    let with = ground(&world) + &default() + &kept();
    let without = ground(&world) + &default();
    let mut daemon = start(&world, &with)?;
    ensure!(at(&world, Place::Telecom)? == set(&[SOUTH]));

    // What applying it would do is told before.
    let other = world.directory().join("other.toml");
    std::fs::write(&other, &without)?;
    let mut check = Command::new(igtm()?);
    let told = check.arg("check").arg(&other).arg("--against-running");
    let told = String::from_utf8(told.output()?.stdout)?;
    ensure!(
        told.contains(
            "no name is answered otherwise\nfrozen: A on telecom, of strategy south of www\n"
        ),
        "{told}"
    );

    reload(&daemon, &without)?;
    said(
        &daemon,
        "A on telecom, of strategy south of www name=www.example.com.",
    )?;

    let before = daemon.counters(&world)?;
    ensure!(at(&world, Place::Telecom)? == set(&[SOUTH]));
    ensure!(at(&world, Place::Other)? == set(&[REST]));
    let counted = counted(&before, &daemon.counters(&world)?);
    ensure!(counted.get("reply_answer") == Some(&2), "{counted:?}");
    let frozen = &daemon.query(&world, &["status"])?["frozen"];
    ensure!(frozen[0]["answers"][0] == SOUTH, "{frozen}");
    let client = Place::Telecom.v4(9).to_string();
    let (_, text) = run(&daemon, &["explain", "--live", "--client", &client, WWW])?;
    ensure!(text.contains("frozen     since 2"), "{text}");

    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let daemon = start(&world, &without)?;
    ensure!(at(&world, Place::Telecom)? == set(&[SOUTH]));
    let again = &daemon.query(&world, &["status"])?["frozen"];
    ensure!(again == frozen, "{again} instead of {frozen}");

    let (code, text) = run(&daemon, &["release", "north"])?;
    ensure!(code == 1 && text.contains("south of www"), "{text}");
    let (code, text) = run(&daemon, &["release", "south"])?;
    ensure!(code == 0, "{text}");
    ensure!(text.contains("released: A on telecom"), "{text}");
    ensure!(at(&world, Place::Telecom)? == set(&[REST]));
    daemon.stop()?;
    let daemon = start(&world, &without)?;
    ensure!(at(&world, Place::Telecom)? == set(&[REST]));
    daemon.stop()
}

#[test]
fn of_an_instance_that_is_gone_only_the_frozen_lines_are_answered() -> Result<()> {
    let world = World::new("frozen-alone")?;
    let daemon = start(&world, &(ground(&world) + &default() + &kept()))?;
    reload(&daemon, &ground(&world))?;
    ensure!(at(&world, Place::Telecom)? == set(&[SOUTH]));
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let code = |expected: ResponseCode| -> Result<()> {
        let reply = client.ask(WWW, RecordType::A)?;
        let found = reply.message.metadata.response_code;
        ensure!(found == expected && reply.addresses().is_empty(), "{found}");
        Ok(())
    };
    code(ResponseCode::NoError)?;

    // Who claims the line takes over.
    let north = strategy("north", "telecom", &["rest"], "rest");
    reload(&daemon, &(ground(&world) + &default() + &north))?;
    said(&daemon, "why=strategy north of www claims the line")?;
    ensure!(at(&world, Place::Telecom)? == set(&[REST]));
    reload(&daemon, &ground(&world))?;
    code(ResponseCode::NXDomain)?;
    daemon.stop()
}

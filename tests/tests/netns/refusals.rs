//! Set-ups that cannot work: each ends with exit code 1 and says where and why.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::Daemon;
use igtm_tests::dns::Client;
use igtm_tests::world::{EDGE_V4, Place, World};

use crate::scene::{WWW, answered, igtm, igtm_by, plain, set, start, without};
use crate::survival::pins;

/// igtm by `program` with `config` must end with 1 and a last line that holds every one of `said`.
fn refused_by(world: &World, program: &Path, config: &str, said: &[&str]) -> Result<()> {
    let already = fs::read_to_string(world.directory().join("igtm.log")).unwrap_or_default();
    let mut daemon = Daemon::spawn(world, program, config)?;
    let status = daemon.wait()?;
    let log = daemon.log();
    let log = log.strip_prefix(&already).context("it only grows")?;
    ensure!(status.code() == Some(1), "{status}: {log}");
    let errors: Vec<&str> = log.split("ERROR").skip(1).collect();
    ensure!(errors.len() == 1, "one error, not {}: {log}", errors.len());
    for part in said {
        ensure!(errors[0].contains(part), "no {part:?} in: {log}");
    }
    println!("refused: {}", errors[0].trim().replace('\n', " / "));
    Ok(())
}

fn refused(world: &World, config: &str, said: &[&str]) -> Result<()> {
    refused_by(world, &igtm()?, config, said)
}

#[test]
fn wrong_settings_are_named() -> Result<()> {
    let world = World::new("wrong")?;
    let good = plain(&world, "xdp = \"native\"");

    let config = good.replace("\"edge0\"", "\"edge9\"");
    refused(
        &world,
        &config,
        &["server.interfaces", "edge9", "does not exist", "edge0"],
    )?;

    let socket = world.edge().enter(|| Ok(UdpSocket::bind((EDGE_V4, 53))?))?;
    refused(
        &world,
        &good,
        &["server.listen", "10.53.0.53:53", "UDP", "in use"],
    )?;
    drop(socket);

    let config = good.replace("\"10.53.0.53\"", "\"10.53.0.54\"");
    refused(
        &world,
        &config,
        &[
            "server.listen",
            "10.53.0.54:53",
            "this host does not have it",
        ],
    )?;

    let plain_directory = world.directory().join("plain");
    fs::create_dir(&plain_directory)?;
    let here = plain_directory.display().to_string();
    let config = good.replace(&world.bpffs().display().to_string(), &here);
    refused(
        &world,
        &config,
        &["server.bpffs", &here, "not on a BPF file system", "mount"],
    )?;

    let config = good.replace("ttl = \"5s\"", "ttl = \"soon\"");
    let line = config.lines().position(|line| line.contains("soon"));
    let place = format!("igtm.toml:{}:", line.context("it is there")? + 1);
    refused(&world, &config, &[&place, "soon"])?;

    // None of them left anything behind, or in the way.
    ensure!(!pins(&world).exists(), "pins of a start that failed");
    let daemon = start(&world, &good)?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    daemon.stop()
}

#[test]
fn a_state_directory_that_another_daemon_has_is_refused() -> Result<()> {
    let world = World::new("state")?;
    let good = plain(&world, "xdp = \"off\"");
    let path = world.directory().join("state").display().to_string();
    let daemon = start(&world, &good)?;
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    refused(
        &world,
        &good,
        &["server.state_dir", &path, "in use by another igtm"],
    )?;
    client.ask(WWW, RecordType::A)?;
    daemon.stop()
}

#[test]
fn without_bpf_permission_native_is_refused_and_auto_answers_in_userspace() -> Result<()> {
    let world = World::new("caps")?;
    let powerless = igtm_by(
        &world,
        &without(&["bpf", "perfmon", "net_admin", "sys_admin"]),
    )?;
    refused_by(
        &world,
        &powerless,
        &plain(&world, "xdp = \"native\""),
        &["permission", "CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"],
    )?;

    let log = world.directory().join("igtm.log");
    fs::remove_file(&log)?;
    let daemon = Daemon::start(&world, &powerless, &plain(&world, "xdp = \"auto\""))?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    let said = daemon.log();
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARN")).collect();
    ensure!(
        warnings.len() == 1 && warnings[0].contains("CAP_BPF") && warnings[0].contains("userspace"),
        "one warning that says why: {said}"
    );
    daemon.stop()
}

#[test]
fn a_pinned_map_of_another_layout_is_refused_by_name() -> Result<()> {
    let world = World::new("layout")?;
    let answers = pins(&world).join("ANSWERS");
    fs::create_dir_all(pins(&world))?;
    let path = answers.display().to_string();
    let create = [
        "map", "create", &path, "type", "hash", "key", "4", "value", "8", "entries", "16", "name",
        "ANSWERS",
    ];
    world.edge().output(Command::new("bpftool").args(create))?;
    let good = plain(&world, "xdp = \"native\"");
    refused(&world, &good, &[&path, "another layout", "igtm detach"])?;
    ensure!(answers.exists(), "it is somebody's: it stays");

    // What the message advises works.
    let detach = Command::new(igtm()?)
        .args(["detach", "--bpffs"])
        .arg(world.bpffs())
        .output()?;
    ensure!(detach.status.success(), "{detach:?}");
    start(&world, &good)?.stop()
}

//! What an operator sees of the data plane, with the daemon stopped; and `igtm detach`.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::dns::Client;
use igtm_tests::pass::Pass;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, Place, World};
use serde_json::{Value, json};

use crate::growth::staging;
use crate::scene::{
    WWW, answered, igtm, instance, operators, plain, pool, server, set, start, strategy,
};
use crate::survival::{bpftool, pins};

/// `igtm ARGS --bpffs …` on the edge.
pub(crate) fn run(world: &World, args: &[&str]) -> Result<Output> {
    let mut command = Command::new(igtm()?);
    command.args(args).arg("--bpffs").arg(world.bpffs());
    world.edge().enter(|| Ok(command.output()?))
}

pub(crate) fn text(world: &World, args: &[&str]) -> Result<String> {
    let output = run(world, args)?;
    ensure!(output.status.success(), "igtm {args:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) fn read(world: &World, args: &[&str]) -> Result<Value> {
    let text = text(world, &[args, &["--json"]].concat())?;
    serde_json::from_str(&text).context(text)
}

fn config(world: &World) -> String {
    server(world, "xdp = \"native\"")
        + &operators()
        + &pool(
            "telecom",
            "policy = \"weight\"",
            &[("192.0.2.1", 80), ("192.0.2.2", 20)],
        )
        + &pool("rest", "", &[("192.0.2.3", 100)])
        + &pool("rest-6", "", &[("2001:db8:99::3", 100)])
        + &instance(WWW)
        + &strategy("telecom", "telecom", &["telecom"], "rest").replace(
            "pools = [\"telecom\"]",
            "pools = [\"telecom\"]\npolicy = \"weight\"",
        )
        + &strategy("default", "default", &["rest"], "rest")
        + &strategy("default-6", "default", &["rest-6"], "rest-6")
}

#[test]
fn the_data_plane_is_readable_with_the_daemon_stopped() -> Result<()> {
    let world = World::new("map")?;
    start(&world, &config(&world))?.stop()?;

    let answers = read(&world, &["map", "answers"])?;
    let rows = answers["answers"].as_array().context("rows")?;
    let row = |r#type: &str, line: &str| {
        rows.iter()
            .find(|row| row["name"] == WWW && row["type"] == r#type && row["line"] == line)
            .with_context(|| format!("{type} of {line} in {answers}"))
    };
    ensure!(rows.len() == 3 && answers["ready"] == true, "{answers}");
    let telecom = row("A", "telecom")?;
    ensure!(telecom["addresses"] == "192.0.2.1 weight 8000, 192.0.2.2 weight 2000");
    ensure!(telecom["draw"] == "weight", "{telecom}");
    ensure!(row("A", "default")?["addresses"] == "192.0.2.3");
    ensure!(row("AAAA", "default")?["addresses"] == "2001:db8:99::3");
    for view in [&["map"][..], &["map", "answers"]] {
        let said = text(&world, view)?;
        let line = said.lines().find(|line| line.contains("telecom"));
        let line = line.with_context(|| said.clone())?;
        for part in [
            WWW,
            " A ",
            "weight",
            "192.0.2.1 weight 8000, 192.0.2.2 weight 2000",
        ] {
            ensure!(line.contains(part), "{part} in {said}");
        }
    }

    // A claims two lines, AAAA one.
    let lines = read(&world, &["map", "lines"])?;
    let views = lines["lines"].as_array().context("views")?;
    ensure!(views.len() == 2, "{lines}");
    for claimed in [&["default", "telecom"][..], &["default"]] {
        let view = views.iter().find(|view| view["lines"] == json!(claimed));
        let view = view.with_context(|| lines.to_string())?;
        ensure!(view["names"] == 1 && view["example"] == WWW, "{lines}");
    }
    ensure!(text(&world, &["map", "lines"])?.contains("default, telecom"));

    // unicom is claimed by nobody.
    for (address, expected) in [
        ("203.0.113.77", "telecom"),
        ("2001:db8:a::7", "telecom"),
        ("2001:db8:b::7", "default"),
        ("192.0.2.7", "default"),
    ] {
        let said = text(&world, &["map", "line", address])?;
        let row = said.lines().find(|line| line.contains("default, telecom"));
        let row = row.with_context(|| said.clone())?;
        ensure!(row.starts_with(expected), "{address}: {said}");
    }

    let before = read(&world, &["map", "counters"])?["counters"]["reply_answer"].as_u64();
    Client::new(world.client(Place::Other), EDGE_V4)?.ask(WWW, RecordType::A)?;
    let after = read(&world, &["map", "counters"])?["counters"]["reply_answer"].as_u64();
    ensure!(
        after == before.map(|count| count + 1),
        "{before:?} {after:?}"
    );
    ensure!(text(&world, &["map", "counters"])?.contains("reply_answer"));
    Ok(())
}

#[test]
fn bpftool_shows_names_lines_and_addresses_as_text() -> Result<()> {
    let world = World::new("btf")?;
    let daemon = start(&world, &config(&world))?;
    for (name, parts) in [
        ("NAMES", &["\"www.example.com\""][..]),
        (
            "ANSWERS",
            &[
                "\"addresses\": \"192.0.2.1 weight 8000, 192.0.2.2 weight 2000\"",
                "\"addresses\": \"2001:db8:99::3\"",
            ],
        ),
        (
            "LINE_NAMES",
            &["\"name\": \"telecom\"", "\"name\": \"default\""],
        ),
        ("ZONES", &["\"origin\": \"example.com\""]),
        ("INTERFACES", &["\"name\": \"edge0\""]),
    ] {
        let path = pins(&world).join(name).display().to_string();
        let dump = world
            .edge()
            .output(Command::new("bpftool").args(["map", "dump", "pinned", &path]))?;
        for part in parts {
            let shown = &dump[..dump.len().min(4000)];
            ensure!(dump.contains(part), "no {part} in {name}: {shown}");
        }
    }
    // Every pin opens, and names its fields.
    for name in [
        "SETTINGS",
        "VIEWS",
        "LINES",
        "SLOTS",
        "LARGE_ANSWERS",
        "LISTEN",
        "COUNTERS",
        "SLOT_COUNTS",
        "SAMPLES",
        "SAMPLED",
    ] {
        let path = pins(&world).join(name).display().to_string();
        let dump = bpftool(&world, &["map", "dump", "pinned", &path])?;
        ensure!(dump[0].is_object(), "{name}: {dump}");
    }
    daemon.stop()
}

#[test]
fn detach_leaves_nothing() -> Result<()> {
    let world = World::new("detach")?;
    let attached = || -> Result<bool> {
        let shown =
            world
                .edge()
                .output(Command::new("ip").args(["-d", "link", "show", EDGE_INTERFACE]))?;
        Ok(shown.contains("prog/xdp"))
    };
    start(&world, &config(&world))?.stop()?;
    ensure!(attached()?, "native XDP is on the interface");
    // An older layout's link on another interface, and what a growth left.
    let (older, next) = (world.bpffs().join("v1"), staging(&world));
    fs::create_dir(&older)?;
    fs::create_dir(&next)?;
    world
        .edge()
        .ip_batch("link add old0 type veth peer name old1\n")?;
    Pass::pin(world.edge(), "old0", &older.join("link_old0"))?;
    let counters = [pins(&world), next].map(|path| path.join("COUNTERS").display().to_string());
    bpftool(
        &world,
        &["map", "pin", "pinned", &counters[0], &counters[1]],
    )?;
    let said = text(&world, &["detach"])?;
    ensure!(
        said.contains(EDGE_INTERFACE) && said.contains("old0"),
        "{said}"
    );
    let shown = world
        .edge()
        .output(Command::new("ip").args(["link", "show"]))?;
    ensure!(!shown.contains("xdp"), "{shown}");
    ensure!(!attached()?, "no program is left");
    ensure!(!world.bpffs().exists(), "no pin is left, nor our directory");

    // Again: nothing to do is no failure. And what needs pins says that there are none.
    let said = text(&world, &["detach"])?;
    ensure!(said.contains("nothing is pinned"), "{said}");
    let map = run(&world, &["map"])?;
    ensure!(map.status.code() == Some(1), "{map:?}");
    ensure!(String::from_utf8_lossy(&map.stderr).contains("nothing is pinned"));

    // A new start has all again.
    let daemon = start(&world, &config(&world))?;
    answered(&world, &set(&["192.0.2.3"]))?;
    ensure!(attached()?);
    daemon.stop()
}

#[test]
fn xdp_off_answers_without_bpf_and_lets_go_of_the_interface() -> Result<()> {
    let world = World::new("off")?;
    let expected = set(&["192.0.2.1", "192.0.2.2"]);
    start(&world, &plain(&world, "xdp = \"native\""))?.stop()?;
    let daemon = start(&world, &plain(&world, "xdp = \"off\""))?;
    answered(&world, &expected)?;
    let shown = world
        .edge()
        .output(Command::new("ip").args(["link", "show", EDGE_INTERFACE]))?;
    ensure!(!shown.contains("xdp"), "{shown}");
    daemon.stop()
}

#[test]
fn generic_mode_answers_the_same() -> Result<()> {
    let world = World::new("generic")?;
    let daemon = start(&world, &plain(&world, "xdp = \"generic\""))?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    ensure!(daemon.counters(&world)?["reply_answer"] == 1);
    let log = daemon.log();
    ensure!(log.contains("generic"), "{log}");
    daemon.stop()
}

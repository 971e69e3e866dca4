//! A configuration that the maps are too small for: they are made anew, larger, and nobody notices.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::counted;
use igtm_tests::dns::Client;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, Place, World};
use nix::sys::signal::Signal;

use crate::inspection::read;
use crate::reload::reload;
use crate::scene::{PATIENCE, WWW, answered, instance, plain, pool, set, start, strategy};
use crate::survival::{bpftool, link, load, lost_nothing, pins};

/// More than the 1024 names and 256 answers that small maps have room for.
const NAMES: u32 = 1500;
const ANSWERS: u32 = 300;
/// More than the 64 lines there is room for.
const LINES: u32 = 80;
/// Queries before the maps grow.
const EARLIER: u64 = 10;

/// [`plain`] with so many more instances, each with one of so many addresses.
fn large(world: &World) -> String {
    let address = |n: u32| format!("10.77.{}.{}", n / 200, 1 + n % 200);
    let pools: String = (0..ANSWERS)
        .map(|n| pool(&format!("p{n}"), "", &[(&address(n), 1)]))
        .collect();
    let instances: String = (0..NAMES)
        .map(|n| {
            let pool = format!("p{}", n % ANSWERS);
            instance(&format!("n{n}.example.com")) + &strategy("s", "default", &[&pool], &pool)
        })
        .collect();
    let lines: String = (0..LINES)
        .map(|n| format!("[[line]]\nname = \"l{n}\"\nprefixes = [\"100.64.{n}.0/24\"]\n"))
        .collect();
    plain(world, "xdp = \"native\"") + &lines + &pools + &instances
}

/// Where larger maps are made.
pub(crate) fn staging(world: &World) -> PathBuf {
    let name = format!("v{}-next", igtm_common::layout::ABI_VERSION);
    world.bpffs().join(name)
}

/// How many elements the pinned map `name` has.
fn capacity(world: &World, name: &str) -> Result<u64> {
    let path = pins(world).join(name);
    let map = bpftool(world, &["map", "show", "pinned", &path.to_string_lossy()])?;
    map["max_entries"].as_u64().with_context(|| map.to_string())
}

fn is_answered(world: &World, name: &str, expected: &str) -> Result<()> {
    let client = Client::new(world.client(Place::Other), EDGE_V4)?;
    let found = client.ask(name, RecordType::A)?.addresses();
    ensure!(
        found == [expected.parse::<std::net::IpAddr>()?],
        "{found:?}"
    );
    Ok(())
}

#[test]
fn maps_grow_under_load_and_are_adopted_after_a_kill() -> Result<()> {
    let world = World::new("growth")?;
    let small = plain(&world, "xdp = \"native\"");
    let mut daemon = start(&world, &small)?;
    let expected = set(&["192.0.2.1", "192.0.2.2"]);
    let (link_before, names_before) = (link(&world)?, capacity(&world, "NAMES")?);
    for _ in 0..EARLIER {
        answered(&world, &expected)?;
    }
    let before = daemon.counters(&world)?;
    let load = load(&world, expected.clone())?;

    reload(&daemon, &large(&world))?;
    wait::until("the reload", PATIENCE, || {
        Ok(daemon.log().contains("reloaded file=").then_some(()))
    })
    .map_err(|error| error.context(daemon.log()))?;
    ensure!(
        daemon.log().contains("the maps are made anew, larger"),
        "{}",
        daemon.log()
    );
    ensure!(!staging(&world).exists(), "nothing is left of the growth");
    let names = capacity(&world, "NAMES")?;
    ensure!(
        // Two in a bucket, and a bucket for each epoch.
        names >= u64::from(NAMES),
        "{names} after {names_before}"
    );
    is_answered(&world, "n1499.example.com", "10.77.1.100")?;

    // Killed right after; and the next one adopts what grew.
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let link_grown = link(&world)?;
    daemon = start(&world, &large(&world))?;
    let log = daemon.log();
    ensure!(log.matches("adopted=true").count() == 1, "{log}");
    ensure!(
        capacity(&world, "NAMES")? == names,
        "adopted, not made anew"
    );
    is_answered(&world, "n1499.example.com", "10.77.1.100")?;

    let tally = load.stop()?;
    lost_nothing(&tally)?;
    // One more for each of the two above.
    let counted = counted(&before, &daemon.counters(&world)?);
    let asked = u64::from(tally.sent) + 2;
    ensure!(
        counted.get("reply_answer") == Some(&asked),
        "{asked} in {counted:?}"
    );
    // What was counted for the name before the growth is there still.
    let by_name = read(&world, &["map", "counters"])?;
    let rows = by_name["answers"].as_array().context("rows")?;
    let www = rows
        .iter()
        .find(|row| row["name"] == WWW)
        .context("its row")?;
    ensure!(www["replies"].as_u64() >= Some(EARLIER), "{www}");
    for link_now in [&link_grown, &link(&world)?] {
        ensure!(
            link_now["id"] == link_before["id"],
            "another link: {link_now}"
        );
        ensure!(link_now["prog_id"] != link_before["prog_id"], "{link_now}");
    }

    // What is smaller again fits as well.
    reload(&daemon, &small)?;
    wait::until("the way back", PATIENCE, || {
        let client = Client::new(world.client(Place::Other), EDGE_V4)?;
        let gone = client.ask("n1499.example.com", RecordType::A)?;
        Ok(gone.addresses().is_empty().then_some(()))
    })?;
    answered(&world, &expected)?;
    daemon.stop()
}

/// Killed before the larger maps took the place of the others: the next start removes them.
#[test]
fn what_a_kill_in_the_middle_left_is_repaired() -> Result<()> {
    let world = World::new("half")?;
    let config = plain(&world, "xdp = \"native\"");
    let mut daemon = start(&world, &config)?;
    let load = load(&world, set(&["192.0.2.1", "192.0.2.2"]))?;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    let link_before = link(&world)?;

    let next = staging(&world);
    fs::create_dir(&next)?;
    for (kind, pin) in [
        ("map", "COUNTERS".to_owned()),
        ("map", "NAMES".to_owned()),
        ("link", format!("link_{EDGE_INTERFACE}")),
    ] {
        let (from, to) = (pins(&world).join(&pin), next.join(&pin));
        let [from, to] = [from, to].map(|path| path.display().to_string());
        bpftool(&world, &[kind, "pin", "pinned", &from, &to])?;
    }

    daemon = start(&world, &config)?;
    ensure!(!next.exists(), "it is gone");
    ensure!(daemon.log().contains("adopted=true"), "{}", daemon.log());
    ensure!(link(&world)?["id"] == link_before["id"], "the same link");

    // And wherever a kill meets a real one.
    reload(&daemon, &large(&world))?;
    wait::until("the growth", PATIENCE, || {
        Ok(daemon.log().contains("made anew").then_some(()))
    })?;
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    daemon = start(&world, &large(&world))?;
    is_answered(&world, "n1499.example.com", "10.77.1.100")?;
    ensure!(!staging(&world).exists(), "nothing is left of the growth");
    lost_nothing(&load.stop()?)?;
    daemon.stop()
}

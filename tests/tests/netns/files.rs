//! Files of the configuration change, and nobody sends a signal.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use igtm_tests::daemon::Daemon;
use igtm_tests::wait;
use igtm_tests::world::{Place, World};

use crate::scene::{
    PATIENCE, WWW, answered, asked, instance, pool, server, set, start, strategy, until_answered,
};

/// The daemon waits for a second of quiet; as long again, for a busy host.
const QUIET: Duration = Duration::from_secs(3);

fn config(world: &World) -> String {
    server(world, "xdp = \"native\"")
        + "[[line]]\nname = \"operator\"\nkind = \"operator\"\nprefix_files = [\"lists/operator.txt\"]\n"
        + &pool("here", "", &[("192.0.2.1", 1)])
        + &pool("there", "", &[("192.0.2.2", 1)])
        + &instance(WWW)
        + &strategy("operator", "operator", &["here"], "here")
        + &strategy("default", "default", &["there"], "there")
}

/// As whoever keeps lists does it: written aside, moved into place.
fn replace(list: &Path, text: &str) -> Result<()> {
    let aside = list.with_extension("new");
    fs::write(&aside, text)?;
    Ok(fs::rename(&aside, list)?)
}

fn count(daemon: &Daemon, what: &str) -> usize {
    daemon.log().matches(what).count()
}

fn until_line_is(world: &World, place: Place, address: &str) -> Result<()> {
    wait::until("the other line", PATIENCE, || {
        let answer = asked(world, place, WWW, RecordType::A)?;
        Ok((answer == set(&[address])).then_some(()))
    })
    .with_context(|| format!("{place:?}"))
}

fn until_logged(daemon: &Daemon, what: &str, times: usize) -> Result<()> {
    wait::until(what, PATIENCE, || {
        Ok((count(daemon, what) >= times).then_some(()))
    })
    .with_context(|| daemon.log())
}

#[test]
fn lists_are_reread_when_they_change_and_only_then() -> Result<()> {
    let world = World::new("files")?;
    let list = world.directory().join("lists/operator.txt");
    fs::create_dir(world.directory().join("lists"))?;
    fs::write(&list, Place::Telecom.prefix_v4())?;
    let daemon = start(&world, &config(&world))?;
    until_line_is(&world, Place::Telecom, "192.0.2.1")?;
    until_line_is(&world, Place::Unicom, "192.0.2.2")?;

    replace(&list, Place::Unicom.prefix_v4())?;
    until_line_is(&world, Place::Unicom, "192.0.2.1")?;
    until_line_is(&world, Place::Telecom, "192.0.2.2")?;
    until_logged(&daemon, " reloaded ", 1)?;

    // Touched, and the same written anew: nothing is reloaded, nothing is written.
    let written = count(&daemon, "answers changed");
    fs::File::open(&list)?.set_modified(SystemTime::now())?;
    wait::pause(QUIET);
    replace(&list, Place::Unicom.prefix_v4())?;
    wait::pause(QUIET);
    ensure!(count(&daemon, " reloaded ") == 1, "{}", daemon.log());
    ensure!(
        count(&daemon, "answers changed") == written,
        "{}",
        daemon.log()
    );

    // Gone: said once, and what was read of it goes on.
    fs::remove_file(&list)?;
    until_logged(&daemon, "gone; what was read of it goes on", 1)?;
    fs::write(world.directory().join("lists/other.txt"), "x")?;
    wait::pause(QUIET);
    ensure!(count(&daemon, "gone;") == 1, "{}", daemon.log());
    until_line_is(&world, Place::Unicom, "192.0.2.1")?;

    // Bad: refused with its place, and good again by itself.
    fs::write(&list, "192.0.2.0/240\n")?;
    until_logged(&daemon, "operator.txt:1:1: ", 1)?;
    until_line_is(&world, Place::Unicom, "192.0.2.1")?;
    replace(&list, Place::Telecom.prefix_v4())?;
    until_line_is(&world, Place::Telecom, "192.0.2.1")?;
    daemon.stop()
}

#[test]
fn the_file_itself_is_reread_when_it_changes() -> Result<()> {
    let world = World::new("itself")?;
    fs::create_dir(world.directory().join("lists"))?;
    fs::write(world.directory().join("lists/operator.txt"), "")?;
    let good = config(&world);
    let daemon = start(&world, &good)?;
    answered(&world, &set(&["192.0.2.2"]))?;
    replace(daemon.config(), &good.replace("192.0.2.2", "192.0.2.3"))?;
    until_answered(&world, &set(&["192.0.2.3"]))?;
    daemon.rewrite_config(&good.replace("ipv4", "ipv9"))?;
    until_logged(&daemon, "refused", 1)?;
    answered(&world, &set(&["192.0.2.3"]))?;
    daemon.rewrite_config(&good)?;
    until_answered(&world, &set(&["192.0.2.2"]))?;
    daemon.stop()
}

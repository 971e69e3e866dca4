//! What outlives the daemon: health, alerts, the history; and a disk that is full, read-only or
//! not there.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use igtm::state::{Filter, Store, StoredEvent};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::Daemon;
use igtm_tests::receiver::Receiver;
use igtm_tests::undo::{Guard, Undo};
use igtm_tests::wait;
use igtm_tests::world::{World, backend_v4};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;

use crate::scene::{
    PATIENCE, WWW, answered, backend_pool, igtm_by, instance, plain, receiver, server, set, start,
    strategy, times, told, until_answered, web, webhook, without,
};

/// Enough for each target's first rounds, and for what they raise to be delivered.
const ROUNDS: Duration = Duration::from_millis(2500);
/// After so long whatever is newest is on the disk.
const WRITTEN: Duration = Duration::from_millis(500);
/// What a death of backend 1 and its return leave in the history.
const FAILOVER: [&str; 6] = [
    "address_down",
    "pool_down",
    "tier_switched",
    "address_up",
    "pool_up",
    "tier_restored",
];
/// Said when there is no disk, and when there is one again.
const WITHOUT: &str = "the state database cannot be written";
const AGAIN: &str = "the state database is written again";

/// Backends 1 and 2, a tier each, and who is told.
fn config(world: &World, xdp: &str, receiver: &Receiver) -> String {
    server(world, &format!("xdp = \"{xdp}\""))
        + &web("1s", "300ms", 0)
        + &backend_pool("first", &[1])
        + &backend_pool("second", &[2])
        + &instance(WWW)
        + &strategy("default", "default", &["first", "second"], "second")
        + &webhook(receiver, "50ms")
}

fn kill(daemon: &mut Daemon) -> Result<()> {
    daemon.signal(Signal::SIGKILL)?;
    daemon.wait()?;
    Ok(())
}

/// The history that a daemon left, oldest first.
fn history(world: &World) -> Result<Vec<StoredEvent>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (store, _) = Store::open(&world.directory().join("state"))?;
        let mut events = store.events(Filter::default()).await?;
        store.close(PATIENCE).await;
        events.reverse();
        Ok(events)
    })
}

fn kinds(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|event| event.text("kind")).collect()
}

#[test]
fn a_lasting_failure_is_told_once_over_kill_9_and_its_end_as_well() -> Result<()> {
    let world = World::new("lasting")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let config = config(&world, "native", &receiver);
    let mut daemon = start(&world, &config)?;
    until_answered(&world, &set(&[backend_v4(1)]))?;

    first.stop();
    told(&receiver, "address_down")?;
    told(&receiver, "tier_switched")?;
    wait::pause(WRITTEN);
    for _ in 0..2 {
        kill(&mut daemon)?;
        daemon = start(&world, &config)?;
        answered(&world, &set(&[backend_v4(2)]))?;
        wait::pause(ROUNDS);
        answered(&world, &set(&[backend_v4(2)]))?;
    }
    for kind in ["address_down", "tier_switched"] {
        let times = times(&receiver, kind);
        ensure!(times == 1, "{kind} was told {times} times");
    }

    first.resume()?;
    told(&receiver, "address_up")?;
    told(&receiver, "tier_restored")?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    daemon.stop()?;
    let events = history(&world)?;
    ensure!(kinds(&events) == FAILOVER, "{events:#?}");
    // It lasted over both deaths.
    for event in &events[3..] {
        let lasted = event.event["duration_s"].as_u64();
        ensure!(lasted >= Some(5), "{event:#?}");
    }
    for event in &events[..3] {
        let [cause] = &event.cause[..] else {
            anyhow::bail!("one cause: {event:#?}");
        };
        ensure!(cause.monitor == "web" && cause.rounds == 1, "{cause:?}");
        ensure!(cause.address == backend_v4(1).to_string(), "{cause:?}");
        ensure!(cause.host.as_deref() == Some(WWW), "{cause:?}");
        let reason = cause.nodes[0].reason.as_deref();
        ensure!(reason == Some("connection refused"), "{cause:?}");
    }
    Ok(())
}

#[test]
fn a_recovery_while_the_daemon_was_dead_is_told() -> Result<()> {
    let world = World::new("meanwhile")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let config = config(&world, "native", &receiver);
    let mut daemon = start(&world, &config)?;
    first.stop();
    told(&receiver, "tier_switched")?;
    told(&receiver, "address_down")?;
    wait::pause(WRITTEN);
    kill(&mut daemon)?;
    first.resume()?;
    let daemon = start(&world, &config)?;
    answered(&world, &set(&[backend_v4(1)]))?;
    told(&receiver, "address_up")?;
    told(&receiver, "tier_restored")?;
    ensure!(times(&receiver, "address_down") == 1, "told again");
    daemon.stop()
}

/// `bad_rounds` go on over a restart: two rounds before it and one after it are three.
#[test]
fn damping_goes_on_over_a_restart() -> Result<()> {
    let world = World::new("damped")?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let config = config(&world, "off", &receiver)
        .replace("path = \"/healthz\"", "path = \"/healthz\"\nbad_rounds = 3");
    let mut daemon = start(&world, &config)?;
    first.stop();
    // The first bad round makes it warn.
    wait::until("a bad round", PATIENCE, || {
        Ok(daemon.log().contains("to=Warn").then_some(()))
    })?;
    wait::pause(Duration::from_millis(1500));
    kill(&mut daemon)?;
    let started = Instant::now();
    let daemon = start(&world, &config)?;
    answered(&world, &set(&[backend_v4(2)]))
        .with_context(|| format!("{:?} after the start", started.elapsed()))?;
    told(&receiver, "address_down")?;
    daemon.stop()
}

/// A small disk of its own where the state is.
fn small_disk(world: &World) -> Result<(PathBuf, Guard)> {
    let path = world.directory().join("state");
    fs::create_dir(&path)?;
    mount(
        Some("tmpfs"),
        &path,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("size=1m"),
    )?;
    let guard = Guard::new(Undo::Mount(path.clone()));
    Ok((path, guard))
}

/// Writes until nothing fits any more; where to.
fn fill(disk: &Path) -> Result<PathBuf> {
    let path = disk.join("filler");
    let mut file = fs::File::create(&path)?;
    for _ in 0..4096 {
        if let Err(error) = file.write_all(&[0; 4096]) {
            ensure!(error.kind() == std::io::ErrorKind::StorageFull, "{error}");
            return Ok(path);
        }
    }
    anyhow::bail!("{} is not small", path.display())
}

fn log_since<'a>(log: &'a str, before: &str) -> &'a str {
    log.strip_prefix(before).unwrap_or(log)
}

#[test]
fn a_full_disk_is_said_once_and_refuses_no_start_and_no_failover() -> Result<()> {
    let world = World::new("full")?;
    let (disk, _mounted) = small_disk(&world)?;
    let mut first = Backend::start(world.backends(), "first", backend_v4(1))?;
    let _second = Backend::start(world.backends(), "second", backend_v4(2))?;
    let receiver = receiver(&world)?;
    let config = config(&world, "off", &receiver);

    // Full before there is a database.
    let filler = fill(&disk)?;
    let mut daemon = start(&world, &config)?;
    answered(&world, &set(&[backend_v4(1)]))?;
    first.stop();
    until_answered(&world, &set(&[backend_v4(2)]))?;
    told(&receiver, "address_down")?;
    let log = daemon.log();
    ensure!(log.matches(WITHOUT).count() == 1, "{log}");
    fs::remove_file(&filler)?;
    wait::until("a written database", PATIENCE * 2, || {
        Ok(daemon.log().contains(AGAIN).then_some(()))
    })?;
    wait::pause(WRITTEN);
    kill(&mut daemon)?;

    // Full with one: what it knows is read, what is new is written later.
    let filler = fill(&disk)?;
    let before = daemon.log();
    let daemon = start(&world, &config)?;
    answered(&world, &set(&[backend_v4(2)]))?;
    wait::pause(ROUNDS);
    ensure!(times(&receiver, "address_down") == 1, "told again");
    first.resume()?;
    until_answered(&world, &set(&[backend_v4(1)]))?;
    told(&receiver, "address_up")?;
    let log = daemon.log();
    let log = log_since(&log, &before);
    ensure!(log.contains("health restored"), "{log}");
    ensure!(log.matches(WITHOUT).count() == 1, "{log}");
    fs::remove_file(&filler)?;
    // Said again or not, at its end at the latest all of it is there.
    daemon.stop()?;
    let events = history(&world)?;
    ensure!(kinds(&events) == FAILOVER, "{events:#?}");
    Ok(())
}

#[test]
fn no_state_directory_refuses_a_start() -> Result<()> {
    let world = World::new("nostate")?;
    let config = plain(&world, "xdp = \"off\"");
    let state = world.directory().join("state");
    let answers = |program: &Path, why: &str| -> Result<()> {
        let before = fs::read_to_string(world.directory().join("igtm.log")).unwrap_or_default();
        let daemon = Daemon::start(&world, program, &config)?;
        answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
        let log = daemon.log();
        let log = log_since(&log, &before);
        ensure!(log.matches(WITHOUT).count() == 1, "{log}");
        ensure!(
            log.contains(why) && log.contains(&*state.to_string_lossy()),
            "no {why:?} in {log}"
        );
        daemon.stop()
    };
    let igtm = crate::scene::igtm()?;

    fs::write(&state, "a file")?;
    answers(&igtm, "File exists")?;
    fs::remove_file(&state)?;

    // Root writes anywhere, unless it may not override permissions.
    fs::create_dir(&state)?;
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755))?;
    chown(&state, Some(65534), Some(65534))?;
    let weak = igtm_by(&world, &without(&["dac_override", "dac_read_search"]))?;
    answers(&weak, "Permission denied")?;
    fs::remove_dir(&state)?;

    let (_, _mounted) = small_disk(&world)?;
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, &state, None::<&str>, read_only, None::<&str>)?;
    answers(&igtm, "Read-only file system")
}

#[test]
fn a_database_of_something_else_is_moved_aside() -> Result<()> {
    let world = World::new("aside")?;
    let config = plain(&world, "xdp = \"off\"");
    let state = world.directory().join("state");
    fs::create_dir(&state)?;
    fs::write(state.join("igtm.db"), vec![b'x'; 10_000])?;
    let daemon = start(&world, &config)?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    let log = daemon.log();
    ensure!(log.contains("a new one begins"), "{log}");
    daemon.stop()?;
    let names: Vec<String> = fs::read_dir(&state)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    let aside = names.iter().find(|name| name.starts_with("igtm.db.aside-"));
    let aside = aside.with_context(|| format!("{names:?}"))?;
    ensure!(log.contains(aside), "{aside} is named in {log}");
    ensure!(fs::read(state.join(aside))? == vec![b'x'; 10_000]);
    Ok(())
}

//! Signals at the worst moment: a SIGHUP that comes while igtm has hardly begun to run.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use igtm_tests::daemon::Daemon;
use igtm_tests::wait;
use igtm_tests::world::World;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scene::{PATIENCE, answered, igtm, plain, set};

const STARTS: usize = 60;

/// Whether `signal` is in the mask that /proc/PID/status names `field` (proc(5)).
fn in_mask(pid: Pid, field: &str, signal: Signal) -> Result<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mask = status.lines().find_map(|line| line.strip_prefix(field));
    let mask = mask.with_context(|| format!("no {field} in {status}"))?;
    let mask = u64::from_str_radix(mask.trim(), 16)?;
    Ok(mask >> (signal as i32 - 1) & 1 == 1)
}

/// Waits until a SIGHUP is held back, which is the first thing that igtm itself does. Before it the
/// dynamic linker and Rust's runtime run, which no program can help. `false`: it ended meanwhile.
fn until_held(child: &mut Child, pid: Pid) -> Result<bool> {
    let begun = Instant::now();
    while !in_mask(pid, "SigBlk:", Signal::SIGHUP)? {
        ensure!(begun.elapsed() < PATIENCE, "it does not begin");
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Parsing arguments and starting threads takes milliseconds, in which a SIGHUP ended it.
#[test]
fn a_hangup_at_the_first_moment_ends_nothing() -> Result<()> {
    let mut seen = 0;
    for _ in 0..10 * STARTS {
        if seen == STARTS {
            break;
        }
        let mut child = Command::new(igtm()?)
            .args(["run", "-c", "/nonexistent/igtm.toml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = Pid::from_raw(child.id().try_into()?);
        if !until_held(&mut child, pid)? {
            continue;
        }
        seen += 1;
        kill(pid, Signal::SIGHUP)?;
        let status = wait::until("its end", PATIENCE, || Ok(child.try_wait()?))?;
        // It has no file to run with, and says so.
        ensure!(status.code() == Some(1), "{status}");
    }
    ensure!(seen == STARTS, "only {seen} starts were seen");
    Ok(())
}

#[test]
fn hangups_from_the_first_moment_on_do_not_keep_it_from_answering() -> Result<()> {
    let world = World::new("hangups")?;
    let mut daemon = Daemon::spawn(&world, &igtm()?, &plain(&world, "xdp = \"off\""))?;
    let pid = daemon.pid();
    let held = || -> Result<bool> {
        let waits = in_mask(pid, "SigBlk:", Signal::SIGHUP)?;
        Ok(waits || in_mask(pid, "SigCgt:", Signal::SIGHUP)?)
    };
    wait::until("a SIGHUP that would be taken", PATIENCE, || {
        Ok(held()?.then_some(()))
    })?;
    for _ in 0..200 {
        kill(pid, Signal::SIGHUP)?;
        wait::pause(Duration::from_micros(500));
    }
    daemon.wait_until_ready()?;
    answered(&world, &set(&["192.0.2.1", "192.0.2.2"]))?;
    // What came while it started is not lost, and neither is what comes later.
    daemon.signal(Signal::SIGHUP)?;
    wait::until("a reload", PATIENCE, || {
        Ok(daemon.log().contains("reloaded").then_some(()))
    })?;
    daemon.stop()
}

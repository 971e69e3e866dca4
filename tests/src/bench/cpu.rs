//! Who runs on which CPU, and how long they ran.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, gettid};

/// The CPU of the generator, and of whatever receives at the client's end.
pub const GENERATOR: usize = 0;
/// The CPU of the server, and of whatever receives at its end.
pub const SERVER: usize = 1;

/// Real-time priorities: a host with other work would delay the waking of anything else by a few
/// milliseconds, and a queue of 256 packets is full in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before everything that is not real-time: servers and the generator.
    Work = 1,
    /// Before those: what receives for them, as interrupts do, and what ends them.
    Urgent = 2,
}

/// Moves the thread `id` to `cpu` only and gives it `priority`. Its children inherit both.
pub fn pin(id: u32, cpu: usize, priority: Priority) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    let pid = Pid::from_raw(id.try_into()?);
    sched_setaffinity(pid, &set).with_context(|| format!("pinning {id} to CPU {cpu}"))?;
    schedule(pid, priority).with_context(|| format!("giving {id} priority"))
}

/// The first version of `struct sched_attr` (sched_setattr(2)).
#[repr(C)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

fn schedule(pid: Pid, priority: Priority) -> Result<()> {
    let attr = SchedAttr {
        size: size_of::<SchedAttr>() as u32,
        policy: libc::SCHED_FIFO as u32,
        flags: 0,
        nice: 0,
        priority: priority as u32,
        runtime: 0,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the structure lives until the call returns, and says how long it is.
    let failed =
        unsafe { libc::syscall(libc::SYS_sched_setattr, pid.as_raw(), &raw const attr, 0) };
    Errno::result(failed).map(drop).context("sched_setattr")
}

/// [`pin`] for the calling thread.
pub fn pin_self(cpu: usize, priority: Priority) -> Result<()> {
    pin(gettid().as_raw().try_into()?, cpu, priority)
}

/// The kernel threads that receive for the interface `name` by threaded NAPI.
pub fn napi_threads(name: &str) -> Result<Vec<u32>> {
    // The kernel keeps 15 octets of a thread's name.
    let mut prefix = format!("napi/{name}-");
    prefix.truncate(15);
    let mut found = Vec::new();
    for id in processes()? {
        let comm = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        if comm.starts_with(&prefix) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Processor time that `process`, its threads and its descendants have used.
pub fn used(process: u32) -> Result<Duration> {
    family(process)?.into_iter().map(used_alone).sum()
}

/// [`pin`] for `process`, its threads and its descendants: some servers choose CPUs for theirs.
pub fn pin_server(process: u32) -> Result<()> {
    for member in family(process)? {
        for task in fs::read_dir(format!("/proc/{member}/task"))? {
            let name = task?.file_name();
            let id = name.to_str().and_then(|name| name.parse().ok());
            let id = id.with_context(|| format!("thread {name:?}"))?;
            pin(id, SERVER, Priority::Work)?;
        }
    }
    Ok(())
}

/// `process` and its descendants.
fn family(process: u32) -> Result<Vec<u32>> {
    let mut parents = BTreeMap::new();
    for id in processes()? {
        if let Some(parent) = parent(id) {
            parents.insert(id, parent);
        }
    }
    let mut family = vec![process];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        let children = parents.iter().filter(|(_, p)| **p == parent);
        family.extend(children.map(|(id, _)| *id));
        at += 1;
    }
    Ok(family)
}

fn used_alone(process: u32) -> Result<Duration> {
    let tasks = format!("/proc/{process}/task");
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(&tasks).with_context(|| tasks.clone())? {
        let path = task?.path().join("schedstat");
        // A thread may have ended since the directory was read.
        let text = fs::read_to_string(path).unwrap_or_default();
        let ns = text.split(' ').next().and_then(|ns| ns.parse().ok());
        sum += Duration::from_nanos(ns.unwrap_or_default());
    }
    Ok(sum)
}

fn processes() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn time_of_a_child_is_its_parents() {
        let ourselves = std::process::id();
        let before = used(ourselves).expect("we are in /proc");
        let mut child = Command::new("sh")
            .args([
                "-c",
                "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 9",
            ])
            .spawn()
            .expect("there is a shell");
        crate::wait::pause(Duration::from_millis(300));
        let after = used(ourselves);
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
        assert!(after.expect("we are in /proc") - before > Duration::from_millis(20));
    }
}

//! One network namespace: made, entered, deleted.
//!
//! A thread that enters keeps everything else (mounts, /sys, /run), and sockets and children
//! made there stay in the namespace wherever they are used from.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use nix::sched::{CloneFlags, setns};

use crate::undo::{Guard, Undo};

/// A named network namespace, deleted on drop.
#[derive(Debug)]
pub struct Netns {
    name: String,
    handle: File,
    _guard: Guard,
}

impl Netns {
    /// Makes the namespace `name`, with its loopback up.
    pub fn create(name: &str) -> Result<Self> {
        ip(&["netns", "add", name])?;
        let guard = Guard::new(Undo::Namespace(name.to_owned()));
        let path = Path::new("/run/netns").join(name);
        let handle = File::open(&path).with_context(|| format!("{}", path.display()))?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(Self {
            name: name.to_owned(),
            handle,
            _guard: guard,
        })
    }

    /// What `ip netns` calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` in a thread inside the namespace.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            scope
                .spawn(|| {
                    setns(&self.handle, CloneFlags::CLONE_NEWNET)
                        .with_context(|| format!("cannot enter {}", self.name))?;
                    work()
                })
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `command` inside and returns what it printed; fails when it does.
    pub fn output(&self, command: &mut Command) -> Result<String> {
        self.enter(|| output(command))
    }

    /// Sets `net.KEY` (dots are slashes) of this namespace.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        self.enter(|| {
            let path = Path::new("/proc/sys/net").join(key);
            std::fs::write(&path, value).with_context(|| format!("{}", path.display()))
        })
    }

    /// Gives `ip` several commands at once, inside.
    pub fn ip_batch(&self, commands: &str) -> Result<()> {
        ip_batch(&["-n", &self.name], commands)
    }

    /// `ethtool` with `args`, inside.
    pub fn ethtool(&self, args: &[&str]) -> Result<()> {
        self.output(Command::new("ethtool").args(args)).map(drop)
    }
}

/// Runs `ip` with `args`.
pub fn ip(args: &[&str]) -> Result<String> {
    output(Command::new("ip").args(args))
}

/// Gives `ip` several commands at once: one process instead of one each.
pub fn ip_batch(args: &[&str], commands: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(args)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run ip (package iproute2)")?;
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(commands.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "ip -batch: {}\n{commands}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// What `command` prints; its error output is part of the error.
fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!(
            "{shown}: {status}: {}",
            String::from_utf8_lossy(&stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

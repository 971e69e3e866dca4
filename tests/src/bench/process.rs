//! A server's process: in the server's namespace, killed on drop; on the server's CPU where it is
//! measured.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

use super::cpu::{self, Priority};
use crate::netns::Netns;
use crate::undo::{Guard, Undo};

/// A running server.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guard: Option<Guard>,
    log: PathBuf,
}

impl Process {
    /// Starts `command` on the server's CPU, before everything else there; what it prints goes to
    /// `log`.
    pub fn start(netns: &Netns, command: &mut Command, log: &Path) -> Result<Self> {
        Self::spawn(netns, command, log, || {
            cpu::pin_self(cpu::SERVER, Priority::Work)
        })
    }

    /// The same wherever there is room: nobody measures it.
    pub fn start_anywhere(netns: &Netns, command: &mut Command, log: &Path) -> Result<Self> {
        Self::spawn(netns, command, log, || Ok(()))
    }

    fn spawn(
        netns: &Netns,
        command: &mut Command,
        log: &Path,
        prepare: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("{}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for whoever started us: we end it ourselves.
            .process_group(0);
        let child = netns.enter(|| {
            prepare()?;
            let child = command.spawn();
            child.with_context(|| format!("cannot run {command:?}"))
        })?;
        let pid = Pid::from_raw(child.id().try_into().expect("a process id fits pid_t"));
        Ok(Self {
            child,
            guard: Some(Guard::new(Undo::ProcessGroup(pid))),
            log: log.to_owned(),
        })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with what it said, when it has ended.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("ended ({status}):\n{}", self.log());
        }
        Ok(())
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else {
            return;
        };
        match self.child.try_wait() {
            // Waited for: its id may be another's by now.
            Ok(Some(_)) => guard.disarm(),
            _ => drop(guard),
        }
    }
}

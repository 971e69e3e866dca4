//! The real daemon, started on the edge host with a configuration of its own.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::undo::{Guard, Undo};
use crate::wait;
use crate::world::World;

/// How long a start or an end may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `igtm run`; killed on drop. Its pins and XDP program stay: they are the world's.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    guard: Option<Guard>,
    igtm: PathBuf,
    config: PathBuf,
    log: PathBuf,
    notify: UnixDatagram,
}

/// The `igtm` that `cargo xtask build` leaves beside the test binaries.
pub fn igtm_beside_tests() -> Result<PathBuf> {
    let ourselves = std::env::current_exe()?;
    // target/PROFILE/deps/TEST or target/PROFILE/PROGRAM
    let found = ourselves
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("igtm"))
        .find(|file| file.is_file());
    found.with_context(|| {
        format!(
            "no igtm beside {}: run `cargo xtask build` first",
            ourselves.display()
        )
    })
}

impl Daemon {
    /// Writes `config` to `igtm.toml` in the world's directory, starts `igtm` with it and waits
    /// until it says that it is ready.
    pub fn start(world: &World, igtm: &Path, config: &str) -> Result<Self> {
        let mut daemon = Self::spawn(world, igtm, config)?;
        daemon.wait_until_ready()?;
        Ok(daemon)
    }

    /// The same without waiting.
    pub fn spawn(world: &World, igtm: &Path, config: &str) -> Result<Self> {
        let path = write_config(world, config)?;
        let log = world.directory().join("igtm.log");
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("{}", log.display()))?;

        let socket = world.directory().join("notify.sock");
        let _ = fs::remove_file(&socket); // of a daemon before this one
        let notify = UnixDatagram::bind(&socket)?;
        notify.set_nonblocking(true)?;

        let mut command = Command::new(igtm);
        command
            .arg("run")
            .arg("-c")
            .arg(&path)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for whoever started us: we end the daemon ourselves.
            .process_group(0);
        let child = world.edge().enter(|| {
            command
                .spawn()
                .with_context(|| format!("cannot run {command:?}"))
        })?;
        let guard = Guard::new(Undo::Process(pid(&child)));
        Ok(Self {
            child,
            guard: Some(guard),
            igtm: igtm.to_owned(),
            config: path,
            log,
            notify,
        })
    }

    /// Waits for `READY=1`, and fails with the log when the daemon ends instead.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_for_notification("READY=1")
    }

    /// Waits for a line of sd_notify(3).
    pub fn wait_for_notification(&mut self, line: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.notifications()?.lines().any(|said| said == line) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("igtm ended ({status}) before {line}:\n{}", self.log());
            }
            wait::pause(wait::STEP);
        }
        bail!("no {line} within {PATIENCE:?}:\n{}", self.log())
    }

    fn notifications(&self) -> Result<String> {
        let mut buffer = [0; 1024];
        match self.notify.recv(&mut buffer) {
            Ok(length) => Ok(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        pid(&self.child)
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Where it logs.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it has logged so far, and earlier daemons of this world before it.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal. What it said to sd_notify(3) before is forgotten: with a full queue it
    /// would wait for us.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.forget_notifications()?;
        signal::kill(pid(&self.child), signal).with_context(|| format!("{signal} to igtm"))
    }

    /// Forgets what it said to sd_notify(3): with a full queue it would wait for us.
    pub fn forget_notifications(&self) -> Result<()> {
        while !self.notifications()?.is_empty() {}
        Ok(())
    }

    /// Writes another configuration; the daemon reads it on SIGHUP, or a second later by itself.
    pub fn rewrite_config(&self, config: &str) -> Result<()> {
        self.forget_notifications()?; // a reload says something too
        fs::write(&self.config, config).with_context(|| format!("{}", self.config.display()))
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let log = self.log.clone();
        let status = wait::until("the end of igtm", PATIENCE, || Ok(self.child.try_wait()?))
            .with_context(|| fs::read_to_string(log).unwrap_or_default())?;
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
        Ok(status)
    }

    /// SIGTERM, and the exit status must be 0.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.wait()?;
        ensure!(
            status.success(),
            "igtm ended with {status}:\n{}",
            self.log()
        );
        Ok(())
    }

    /// `igtm ARGS… -c FILE --json` in the edge's namespace, parsed.
    pub fn query(&self, world: &World, args: &[&str]) -> Result<Value> {
        let text = world.edge().output(
            Command::new(&self.igtm)
                .args(args)
                .arg("-c")
                .arg(&self.config)
                .arg("--json"),
        )?;
        serde_json::from_str(&text).with_context(|| format!("igtm {args:?} printed {text}"))
    }

    /// `igtm map counters`: name and count, summed over CPUs.
    pub fn counters(&self, world: &World) -> Result<Counters> {
        let json = self.query(world, &["map", "counters"])?;
        let counters = json["counters"].as_object();
        let counters = counters.with_context(|| format!("no counters in {json}"))?;
        counters
            .iter()
            .map(|(name, count)| {
                let count = count
                    .as_u64()
                    .with_context(|| format!("{name} is {count}"))?;
                Ok((name.clone(), count))
            })
            .collect()
    }
}

/// Counters by name.
pub type Counters = std::collections::BTreeMap<String, u64>;

/// What was counted between `before` and `after`; counters that stand still are left out.
pub fn counted(before: &Counters, after: &Counters) -> Counters {
    after
        .iter()
        .map(|(name, count)| (name.clone(), count - before.get(name).unwrap_or(&0)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn write_config(world: &World, config: &str) -> Result<PathBuf> {
    let path = world.directory().join("igtm.toml");
    fs::write(&path, config).with_context(|| format!("{}", path.display()))?;
    Ok(path)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().expect("a process id fits pid_t"))
}

impl Drop for Daemon {
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

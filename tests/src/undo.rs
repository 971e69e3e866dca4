//! What has been made on this host and must be unmade: on drop, on panic and on Ctrl-C.
//!
//! A [`Guard`] unmakes one thing when dropped. SIGINT and SIGTERM unmake everything still
//! guarded, newest first, and end the process. SIGKILL cannot be caught: the next
//! [`crate::world::World`] sweeps up after it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

/// One thing and how it is unmade.
#[derive(Debug)]
pub enum Undo {
    /// A child of ours, not waited for yet: killed, and waited for.
    Process(Pid),
    /// The same with everything in its process group, which it leads.
    ProcessGroup(Pid),
    /// A named network namespace: deleted.
    Namespace(String),
    /// A mount point of ours: detached.
    Mount(PathBuf),
    /// A directory of ours: removed with its content.
    Directory(PathBuf),
    /// A setting of the host, and what it was: written back.
    Setting(PathBuf, String),
}

impl Undo {
    fn perform(self) {
        let done = match &self {
            Self::Process(pid) => kill(*pid, Signal::SIGKILL)
                .and_then(|()| waitpid(*pid, None))
                .map(drop)
                .map_err(|error| error.to_string()),
            Self::ProcessGroup(pid) => killpg(*pid, Signal::SIGKILL)
                .and_then(|()| waitpid(*pid, None))
                .map(drop)
                .map_err(|error| error.to_string()),
            Self::Namespace(name) => delete_namespace(name),
            Self::Mount(path) => {
                umount2(path, MntFlags::MNT_DETACH).map_err(|error| error.to_string())
            }
            Self::Directory(path) => fs::remove_dir_all(path).map_err(|error| error.to_string()),
            Self::Setting(path, value) => fs::write(path, value).map_err(|error| error.to_string()),
        };
        if let Err(error) = done {
            println!("left behind: {self:?}: {error}");
        }
    }
}

fn delete_namespace(name: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(["netns", "del", name])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

static PENDING: Mutex<Vec<(u64, Undo)>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
/// 128 + SIGINT, as a shell would say it.
static EXIT_CODE: AtomicI32 = AtomicI32::new(130);

/// A panic elsewhere must not keep things from being unmade.
fn pending() -> MutexGuard<'static, Vec<(u64, Undo)>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unmakes one thing when dropped.
#[derive(Debug)]
pub struct Guard(u64);

impl Guard {
    /// Takes charge of `undo`.
    pub fn new(undo: Undo) -> Self {
        static WATCH: Once = Once::new();
        WATCH.call_once(watch_signals);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        pending().push((id, undo));
        Self(id)
    }

    /// It is gone already, and must not be unmade: its name may be another's by now.
    pub fn disarm(self) {
        drop(self.take());
    }

    fn take(&self) -> Option<Undo> {
        let mut pending = pending();
        let at = pending.iter().position(|(id, _)| *id == self.0)?;
        Some(pending.remove(at).1)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(undo) = self.take() {
            undo.perform();
        }
    }
}

/// The exit code after Ctrl-C from now on; 130 before.
pub fn exit_with(code: i32) {
    EXIT_CODE.store(code, Ordering::Relaxed);
}

fn watch_signals() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs an epoll descriptor only");
    let streams = {
        // Taken here, not in the thread: from the first guard on, no signal may go astray.
        let _entered = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    let [Ok(mut interrupt), Ok(mut terminate)] = streams else {
        panic!("SIGINT and SIGTERM can be handled");
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        });
        // Held to the end: nothing new may be made while the process goes down.
        let mut pending = pending();
        while let Some((_, undo)) = pending.pop() {
            undo.perform();
        }
        std::process::exit(EXIT_CODE.load(Ordering::Relaxed));
    });
}

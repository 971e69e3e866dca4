//! What the daemon and the system's service manager say to each other: signals, sd_notify(3).

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal as Name};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

/// Lets SIGHUP wait until [`super::run`] takes it, or it is [released](release_hangups): what is not taken ends a process (signal(7)), and
/// whoever reloads cannot know how far a start is.
///
/// Of the thread that calls it, and those that it starts: to be called by the first one of the
/// process, before anything else.
pub fn hold_hangups() {
    // Fails only for what is no signal.
    let _held = hangups().thread_block();
}

/// SIGHUP ends the process, as it does others; at once, if one waits.
pub fn release_hangups() {
    let _released = hangups().thread_unblock();
}

fn hangups() -> SigSet {
    SigSet::from_iter([Name::SIGHUP])
}

/// SIGHUP, from now on; also what came since [`hold_hangups`].
pub(super) fn take_hangups() -> anyhow::Result<Signal> {
    let taken = signal(SignalKind::hangup()).context("SIGHUP")?;
    hangups().thread_unblock().context("SIGHUP")?;
    Ok(taken)
}

/// SIGTERM and SIGINT.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT")?,
        })
    }

    /// The name of the first that comes.
    pub(super) async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Tells systemd, where there is one (sd_notify(3)).
pub(super) fn notify_service(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "sd_notify");
    }
}

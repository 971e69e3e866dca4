//! Ends one long system call of this thread by a signal.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::cpu::{self, Priority};
use crate::wait;

/// Runs `call`, which is interrupted (EINTR) after `time`, if it takes that long and is one that
/// signals end (signal(7) lists those that begin anew).
pub(super) fn after<T>(time: Duration, call: impl FnOnce() -> T) -> Result<T> {
    handle_signal()?;
    let ended = AtomicBool::new(false);
    let caller = pthread_self();
    Ok(thread::scope(|scope| {
        scope.spawn(|| {
            // Or it would have to wait for a caller that leaves its CPU to nobody.
            let _ = cpu::pin_self(cpu::GENERATOR, Priority::Urgent);
            wait::pause(time);
            // Again and again: a signal just before the call began would be lost.
            while !ended.load(Ordering::Acquire) {
                let _ = pthread_kill(caller, Signal::SIGALRM); // it waits for us, so it is there
                wait::pause(Duration::from_millis(5));
            }
        });
        let result = call();
        ended.store(true, Ordering::Release);
        result
    }))
}

/// A signal that is ignored interrupts nothing, and one without a handler ends the process.
fn handle_signal() -> Result<()> {
    static HANDLED: Once = Once::new();
    let mut outcome = Ok(());
    HANDLED.call_once(|| {
        outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .and_then(|runtime| {
                let _entered = runtime.enter();
                // The handler outlives stream and runtime.
                signal(SignalKind::alarm()).map(drop)
            });
    });
    outcome.context("handling SIGALRM")
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_call_that_waits_is_ended() {
        let (mut ours, _theirs) = UnixStream::pair().expect("two sockets");
        // Without a timeout the kernel would begin the call anew (signal(7)).
        let timeout = Some(Duration::from_secs(20));
        ours.set_read_timeout(timeout).expect("more than nothing");
        let start = Instant::now();
        let read = after(Duration::from_millis(50), || ours.read(&mut [0]));
        let error = read
            .expect("a handler can be set")
            .expect_err("nothing came");
        assert_eq!(error.kind(), std::io::ErrorKind::Interrupted);
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

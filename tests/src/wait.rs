//! Waiting for what happens elsewhere: by asking again until it has, or time is up.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two questions of [`until`].
pub const STEP: Duration = Duration::from_millis(10);

/// Sleeps; tests and the demonstration have no worker to block.
#[expect(
    clippy::disallowed_methods,
    reason = "no async worker here that it could block"
)]
pub fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// Asks `probe` until it answers, for at most `timeout`; `what` names it in the error.
pub fn until<T>(
    what: &str,
    timeout: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = probe()? {
            return Ok(answer);
        }
        if start.elapsed() >= timeout {
            bail!("{what}: not within {timeout:?}");
        }
        pause(STEP);
    }
}

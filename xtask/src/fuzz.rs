//! `cargo xtask fuzz`: the targets that every test run tries for seconds, for as long as wanted.
//!
//! As tests are built: an overflow is a panic there. Knows no target: `cargo test` does, by the name of its test.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::shell;

/// Tries `target`, or all of them one after the other, for `minutes` each; another sequence of
/// inputs every time, unless `seed` says which.
pub(crate) fn fuzz(target: Option<&str>, minutes: u64, seed: Option<u64>) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = match seed {
        Some(seed) => seed,
        None => now.context("the clock is before 1970")?.as_secs(),
    };
    let named = target.map(|name| format!("fuzz::{name}"));
    let mut command = shell::cargo();
    command
        .args([
            "test",
            "--release",
            "--package=igtm-userspace",
            "--lib",
            "--",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .env("IGTM_FUZZ_SECONDS", (minutes * 60).to_string())
        .env("IGTM_FUZZ_SEED", seed.to_string());
    match named {
        Some(name) => command.arg(name),
        None => command.args(["dns::tests::fuzz::", "config::tests::fuzz::"]),
    };
    shell::run(&mut command)
}

//! `cargo xtask fuzz`: the targets that `cargo xtask test` tries for minutes, for as long as wanted.
//!
//! As tests are built: an overflow is a panic there. Knows no target: `cargo test` does, by the name of its test.

use std::env;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::shell;

/// How long a target is tried, seconds, and with which sequence of inputs; `igtm-userspace/src/fuzz.rs`
/// reads them.
const SECONDS: &str = "IGTM_FUZZ_SECONDS";
const SEED: &str = "IGTM_FUZZ_SEED";
/// How long each of the six is tried by `cargo xtask test`: two minutes in all, half of that on two cores.
const TESTED: Duration = Duration::from_secs(20);
/// What every run within a day tries is the same inputs in the same order.
const DAY: Duration = Duration::from_secs(86_400);

/// Tries `target`, or all of them one after the other, for `minutes` each; another sequence of
/// inputs every time, unless `seed` says which.
pub(crate) fn fuzz(target: Option<&str>, minutes: u64, seed: Option<u64>) -> Result<()> {
    let seed = match seed {
        Some(seed) => seed,
        None => since_1970()?.as_secs(),
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
        .env(SECONDS, (minutes * 60).to_string())
        .env(SEED, seed.to_string());
    match named {
        Some(name) => command.arg(name),
        None => command.args(["dns::tests::fuzz::", "config::tests::fuzz::"]),
    };
    shell::run(&mut command)
}

/// Has the targets tried among other tests, with the inputs of today; what the environment says already
/// stands.
pub(crate) fn for_a_test_run(tests: &mut Command) -> Result<()> {
    let seed = since_1970()?.as_secs() / DAY.as_secs();
    for (name, value) in [(SECONDS, TESTED.as_secs()), (SEED, seed)] {
        let value = env::var(name).unwrap_or_else(|_| value.to_string());
        println!("test: {name}={value}");
        tests.env(name, value);
    }
    Ok(())
}

fn since_1970() -> Result<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.context("the clock is before 1970")
}

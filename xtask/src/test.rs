//! `cargo xtask test`: the levels of tests, and what they came to.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::build::{self, Profile};
use crate::fuzz;
use crate::host;
use crate::peers;
use crate::shell;

/// What tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Nothing: no root, no BPF.
    Unit,
    /// `BPF_PROG_TEST_RUN` of the XDP program over golden packets.
    Bpf,
    /// The real daemon between real veth pairs.
    Netns,
    /// The real daemon beside Knot DNS and NSD, asked by dnspython: all three are installed first.
    Conformance,
}

impl Level {
    const ALL: [Self; 4] = [Self::Unit, Self::Bpf, Self::Netns, Self::Conformance];

    fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Bpf => "bpf",
            Self::Netns => "netns",
            Self::Conformance => "conformance",
        }
    }

    /// `cargo test` of this level.
    fn command(self) -> Command {
        let mut command = shell::cargo();
        command.args(["test", "--no-fail-fast"]);
        command.args(match self {
            Self::Unit => &[
                "--package=igtm-common",
                "--package=igtm-userspace",
                "--package=xtask",
            ][..],
            Self::Bpf => &["--package=igtm-tests", "--test=bpf"],
            Self::Netns => &[
                "--package=igtm-tests",
                "--lib",
                "--test=harness",
                "--test=netns",
            ],
            Self::Conformance => &["--package=igtm-tests", "--test=conformance"],
        });
        command.args(["--", "--show-output"]);
        if matches!(self, Self::Netns | Self::Conformance) {
            // Times are measured there, and two cores are soon busy.
            command.arg("--test-threads=1");
        }
        command
    }
}

/// What one level came to.
struct Outcome {
    level: Level,
    passed: bool,
    /// libtest's closing lines.
    results: Vec<String>,
    /// Why tests were skipped.
    skipped: Vec<String>,
}

/// Runs one level, or all of them and tells of every failure.
pub(crate) fn test(level: Option<Level>) -> Result<()> {
    let levels = level.map_or(Level::ALL.to_vec(), |level| vec![level]);
    if levels != [Level::Unit] {
        require_root()?;
        build::build(Profile::Debug)?;
    }
    // Tests that need what cannot be had skip, which the report says.
    let said = |done: Result<()>| {
        if let Err(error) = done {
            println!("test: {error:#}");
        }
    };
    if levels.contains(&Level::Unit) {
        said(peers::install_python("test"));
        said(peers::install("test", &peers::ALERTED));
    }
    if levels.contains(&Level::Conformance) {
        said(peers::install("test", &peers::COMPARED));
    }
    let outcomes: Vec<Outcome> = levels.into_iter().map(run).collect::<Result<_>>()?;
    report(&outcomes);
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|outcome| outcome.level.name())
        .collect();
    if !failed.is_empty() {
        bail!("tests failed: {}", failed.join(", "));
    }
    Ok(())
}

fn require_root() -> Result<()> {
    if host::is_root() {
        return Ok(());
    }
    bail!(
        "all tests but unit load programs and make network namespaces, which needs root:\n  \
         sudo -E env \"PATH=$PATH\" cargo xtask test\n\
         without root: cargo xtask test unit"
    )
}

fn run(level: Level) -> Result<Outcome> {
    println!("test: {}", level.name());
    let mut command = level.command();
    if level == Level::Unit {
        fuzz::for_a_test_run(&mut command)?;
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{}`", shell::shown(&command)))?;
    let mut outcome = Outcome {
        level,
        passed: false,
        results: Vec::new(),
        skipped: Vec::new(),
    };
    let output = child.stdout.take().expect("it is piped");
    let mut listing = Listing::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("the tests' output is not UTF-8")?;
        if line.starts_with("test result:") {
            outcome.results.push(line.clone());
        }
        if let Some((_, why)) = line.split_once("SKIP: ") {
            outcome.skipped.push(why.to_owned());
        }
        if listing.is_worth_showing(&line) {
            println!("{line}");
        }
    }
    outcome.passed = child.wait().context("waiting for the tests")?.success();
    Ok(outcome)
}

/// `--show-output` is what lets a passing test say why it skipped; it also lists every
/// passing test a second time, which says nothing.
#[derive(Default)]
struct Listing {
    in_successes: bool,
}

impl Listing {
    fn is_worth_showing(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ if line.starts_with("test result:") => self.in_successes = false,
            _ => {}
        }
        let is_listed = line.is_empty() || line == "successes:" || line.starts_with("    ");
        !(self.in_successes && is_listed)
    }
}

fn report(outcomes: &[Outcome]) {
    println!("\ntests:");
    for outcome in outcomes {
        for result in &outcome.results {
            println!("  {:11}  {result}", outcome.level.name());
        }
        if outcome.results.is_empty() {
            println!("  {:11}  did not run", outcome.level.name());
        }
    }
    let mut skipped = outcomes
        .iter()
        .flat_map(|outcome| outcome.skipped.iter().map(|why| (outcome.level, why)))
        .peekable();
    if skipped.peek().is_none() {
        println!("skipped: nothing");
    }
    for (level, why) in skipped {
        println!("skipped: {}: {why}", level.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_tests_are_listed_once_but_may_speak() {
        let output = "test a ... ok\n\nsuccesses:\n\n---- a stdout ----\nSKIP: no BPF\n\n\nsuccesses:\n    a\n\ntest result: ok.";
        let mut listing = Listing::default();
        let shown: Vec<&str> = output
            .lines()
            .filter(|line| listing.is_worth_showing(line))
            .collect();
        assert_eq!(
            shown,
            [
                "test a ... ok",
                "",
                "---- a stdout ----",
                "SKIP: no BPF",
                "test result: ok."
            ]
        );
    }

    #[test]
    fn failures_are_shown_whole() {
        let output = "successes:\n    a\n\nfailures:\n\n---- b stdout ----\n    left: 1\n\nfailures:\n    b\n";
        let mut listing = Listing::default();
        let shown: Vec<&str> = output
            .lines()
            .filter(|line| listing.is_worth_showing(line))
            .collect();
        assert_eq!(
            shown,
            [
                "failures:",
                "",
                "---- b stdout ----",
                "    left: 1",
                "",
                "failures:",
                "    b"
            ]
        );
    }
}

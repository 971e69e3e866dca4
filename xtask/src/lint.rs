//! `cargo xtask lint`: formatting, clippy, documentation and the systemd unit.
//!
//! Runs every check and reports all that fail.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::toolchain::UNSTABLE;

/// Everything but the XDP program.
const HOST_CRATES: [&str; 4] = ["igtm-common", "igtm-userspace", "igtm-tests", "xtask"];

/// A check's name and what it does.
type Check = (&'static str, fn() -> Result<()>);

/// Runs every check.
pub(crate) fn lint() -> Result<()> {
    let checks: [Check; 5] = [
        ("formatting", formatting),
        ("clippy", clippy),
        ("clippy of the XDP program", clippy_bpf),
        ("documentation", documentation),
        ("etc/igtm.service", unit),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        println!("lint: {name}");
        if let Err(error) = check() {
            println!("lint: {name}: {error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("lint failed: {}", failed.join(", "));
    }
    println!("lint: all {} checks passed", checks.len());
    Ok(())
}

fn formatting() -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let mut command = shell::cargo();
    command.args(["clippy", "--quiet", "--all-targets"]);
    for name in HOST_CRATES {
        command.args(["--package", name]);
    }
    shell::run(command.args(["--", "-D", "warnings"]))
}

/// Checked for the host: no distribution ships a clippy with a `core` for BPF. What only the
/// BPF target knows is compiled by `cargo xtask build`.
fn clippy_bpf() -> Result<()> {
    let flags = [
        "-Cpanic=abort".into(), // a no_std program brings no unwinder
        format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH),
    ];
    shell::run(
        shell::cargo()
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("RUSTC_BOOTSTRAP", UNSTABLE)
            .args(["clippy", "--quiet", "--package", "igtm-ebpf"])
            .args(["--target-dir", "target/bpf-lint"])
            .args(["--", "-D", "warnings"]),
    )
}

/// Private items are documented too, for whoever works on igtm: links to them are fine.
fn documentation() -> Result<()> {
    const FLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";
    let mut command = shell::cargo();
    command.env("RUSTDOCFLAGS", FLAGS).args([
        "doc",
        "--quiet",
        "--no-deps",
        "--document-private-items",
    ]);
    for name in HOST_CRATES {
        command.args(["--package", name]);
    }
    shell::run(&mut command)
}

/// systemd insists that the program exists: the copy it verifies starts ourselves instead.
fn unit() -> Result<()> {
    if shell::find("systemd-analyze").is_none() {
        println!("SKIP: etc/igtm.service: systemd-analyze is not installed (package systemd)");
        return Ok(());
    }
    let source = shell::workspace().join("etc/igtm.service");
    let text =
        fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let installed = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=")?.split(' ').next())
        .context("no ExecStart=")?;
    let ourselves = env::current_exe().context("cannot find xtask itself")?;
    let directory = shell::workspace().join("target/lint");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let copy = directory.join("igtm.service");
    fs::write(&copy, text.replace(installed, &ourselves.to_string_lossy()))
        .with_context(|| format!("cannot write {}", copy.display()))?;
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&copy)
        .output()
        .context("cannot run systemd-analyze")?;
    // It exits 0 after a warning about an unknown key: what it says about our file counts.
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("igtm.service"))
        .collect();
    if !output.status.success() || !ours.is_empty() {
        bail!("systemd-analyze verify: {}\n{said}", output.status);
    }
    Ok(())
}

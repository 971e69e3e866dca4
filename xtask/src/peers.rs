//! Programs of others that unit tests check igtm against, installed before the tests run.
//!
//! Must not end the run when one cannot be had: the test that needs it says that it skips, and the
//! list of what was skipped shows it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::host::{self, Apt};
use crate::shell;

/// From PyPI: an SMTP server, and what receivers of Standard Webhooks check signatures with.
const PYTHON_PACKAGES: [&str; 2] = ["aiosmtpd==1.4.6", "standardwebhooks==1.1.0"];

/// Debian's Alertmanager: the package, its program and its service have one name.
const ALERTMANAGER: &str = "prometheus-alertmanager";

/// Installs what is missing, and says what cannot be had.
pub(crate) fn install() {
    for (what, done) in [
        ("the Python packages", python()),
        (ALERTMANAGER, alertmanager()),
    ] {
        if let Err(error) = done {
            println!("test: {what} cannot be installed, tests that need them will skip: {error:#}");
        }
    }
}

/// A virtual environment of our own, target/peers: the host's Python stays as it is.
fn python() -> Result<()> {
    let directory = shell::workspace().join("target/peers");
    let installed = directory.join("installed");
    let wanted = PYTHON_PACKAGES.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    println!(
        "test: installing {} into target/peers",
        PYTHON_PACKAGES.join(" ")
    );
    shell::run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    shell::run_quietly(
        Command::new(directory.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet"])
            .args(PYTHON_PACKAGES),
    )?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

fn alertmanager() -> Result<()> {
    if shell::find(ALERTMANAGER).is_some() {
        return Ok(());
    }
    let Some(mut apt) = Apt::find() else {
        bail!("this host has no package manager that setup knows");
    };
    if !apt.unknown(&[ALERTMANAGER])?.is_empty() {
        bail!("no package source of this host has it");
    }
    println!("test: installing {ALERTMANAGER}, and not starting it");
    apt.install_idle(&[ALERTMANAGER])?;
    host::stop_for_good(ALERTMANAGER)
}

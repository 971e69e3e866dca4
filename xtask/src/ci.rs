//! `cargo xtask ci`: exactly what CI runs.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The steps of `.ci/run`, each a process of its own as it is there.
pub(crate) fn ci() -> Result<()> {
    let xtask = env::current_exe().context("cannot find xtask itself")?;
    for arguments in [&["lint"][..], &["test"], &["run", "--once"]] {
        println!("ci: cargo xtask {}", arguments.join(" "));
        shell::run(Command::new(&xtask).args(arguments))?;
    }
    Ok(())
}

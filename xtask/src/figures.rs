//! `cargo xtask figures`: what a packet costs in the kernel, or what probes cost, on this host.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::host;
use crate::shell;

/// Builds, then becomes the program that measures.
pub(crate) fn figures(json: bool, only: &[String]) -> Result<()> {
    build::build(Profile::Release)?;
    let (program, only) = match only {
        [first, rest @ ..] if first == "probes" => ("igtm-probe-figures", rest),
        all => ("igtm-figures", all),
    };
    let program = Profile::Release.directory().join(program);
    let program = program
        .to_str()
        .with_context(|| format!("{} is not UTF-8", program.display()))?;
    let mut command = host::as_root(program)?;
    if json {
        command.arg("--json");
    }
    command.args(only);
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run `{}`", shell::shown(&command)))
}

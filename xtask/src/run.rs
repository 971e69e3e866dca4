//! `cargo xtask run`: the demonstration, or the daemon on this host with the user's arguments.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::host;
use crate::shell;

/// Builds, then becomes the program, so that signals and exit codes are its own.
pub(crate) fn run(once: bool, args: &[OsString]) -> Result<()> {
    build::build(Profile::Release)?;
    let igtm = Profile::Release.directory().join("igtm");
    let demo = Profile::Release.directory().join("igtm-demo");
    let program = if args.is_empty() { &demo } else { &igtm };
    let program = program
        .to_str()
        .with_context(|| format!("{} is not UTF-8", program.display()))?;
    let mut command = host::as_root(program)?;
    if args.is_empty() {
        command.arg("--igtm").arg(&igtm);
        if once {
            command.arg("--once");
        }
    } else {
        command.arg("run").args(args);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run `{}`", shell::shown(&command)))
}

//! `cargo xtask bench`: igtm and its peers, measured on this host with real packets.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::host;
use crate::peers;
use crate::shell;

/// What is asked for on the command line.
pub(crate) struct Options {
    /// Install what igtm is compared with, first.
    pub(crate) install_peers: bool,
    /// One short round of everything.
    pub(crate) quick: bool,
    /// Put the figures into README.md.
    pub(crate) write_readme: bool,
    /// Compare only these servers.
    pub(crate) only: Option<String>,
}

/// Builds, then becomes the program that measures.
pub(crate) fn bench(options: &Options) -> Result<()> {
    if options.install_peers {
        peers::install("bench", &peers::MEASURED)?;
    }
    build::build(Profile::Release)?;
    let program = Profile::Release.directory().join("igtm-bench");
    let program = program
        .to_str()
        .with_context(|| format!("{} is not UTF-8", program.display()))?;
    let mut command = host::as_root(program)?;
    let report = shell::workspace().join("target/bench/report.json");
    command.arg("--report").arg(report);
    if options.quick {
        command.arg("--quick");
    }
    if options.write_readme {
        let readme = shell::workspace().join("README.md");
        command.arg("--write-readme").arg(readme);
    }
    if let Some(servers) = &options.only {
        command.args(["--only", servers]);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run `{}`", shell::shown(&command)))
}

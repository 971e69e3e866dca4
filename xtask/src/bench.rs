//! `cargo xtask bench`: igtm and its peers, measured on this host with real packets.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, bail};

use crate::build::{self, Profile};
use crate::host::{self, Apt};
use crate::shell;

/// What is asked for on the command line.
pub(crate) struct Options {
    /// Install what igtm is compared with, first.
    pub(crate) install_peers: bool,
    /// One short round of everything.
    pub(crate) quick: bool,
    /// Put the figures into README.md.
    pub(crate) write_readme: bool,
}

/// A program of another project that is measured or measures.
struct Peer {
    program: &'static str,
    package: &'static str,
    /// What the package would start, if anything.
    service: Option<&'static str>,
}

const PEERS: [Peer; 5] = [
    Peer {
        program: "knotd",
        package: "knot",
        service: Some("knot"),
    },
    Peer {
        program: "kxdpgun",
        package: "knot-dnsutils",
        service: None,
    },
    Peer {
        program: "gdnsd",
        package: "gdnsd",
        service: Some("gdnsd"),
    },
    Peer {
        program: "nsd",
        package: "nsd",
        service: Some("nsd"),
    },
    Peer {
        program: "dnsperf",
        package: "dnsperf",
        service: None,
    },
];

/// Builds, then becomes the program that measures.
pub(crate) fn bench(options: &Options) -> Result<()> {
    if options.install_peers {
        install_peers()?;
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
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run `{}`", shell::shown(&command)))
}

/// Installs the peers that are missing, so that none of them runs now or after the next boot. Those
/// that were here before are left as they are.
fn install_peers() -> Result<()> {
    let missing: Vec<&Peer> = PEERS
        .iter()
        .filter(|peer| shell::find(peer.program).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|peer| peer.package).collect();
    let Some(mut apt) = Apt::find() else {
        bail!(
            "this host has no package manager that setup knows; install {} yourself",
            packages.join(", ")
        );
    };
    let unknown = apt.unknown(&packages)?;
    if !unknown.is_empty() {
        bail!("no package source of this host has {}", unknown.join(", "));
    }
    println!(
        "bench: installing {}, and starting none of them",
        packages.join(" ")
    );
    apt.install_idle(&packages)?;
    let mut services = missing.iter().filter_map(|peer| peer.service);
    services.try_for_each(host::stop_for_good)
}

//! Programs of other projects that igtm is measured beside, compared with and checked against:
//! Debian's packages, and some from PyPI.
//!
//! Must not start any of them: whoever measures or compares does that, with a configuration of its
//! own.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::host::{self, Apt};
use crate::shell;

/// Debian's Python, for which Debian's packages of modules are.
const PYTHON: &str = "/usr/bin/python3";

/// How it is seen that a package is here.
#[derive(Clone, Copy)]
enum Presence {
    /// By a program.
    Program(&'static str),
    /// By a module of Debian's Python.
    Module(&'static str),
}

/// A package of another project.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    package: &'static str,
    presence: Presence,
    /// What the package would start, if anything.
    service: Option<&'static str>,
}

impl Peer {
    const fn server(program: &'static str, package: &'static str) -> Self {
        Self {
            package,
            presence: Presence::Program(program),
            service: Some(package),
        }
    }

    const fn tool(program: &'static str, package: &'static str) -> Self {
        Self {
            package,
            presence: Presence::Program(program),
            service: None,
        }
    }

    fn is_here(&self) -> bool {
        match self.presence {
            Presence::Program(program) => shell::find(program).is_some(),
            Presence::Module(module) => {
                let import = format!("import {module}");
                shell::printed(Command::new(PYTHON).args(["-c", &import])).is_some()
            }
        }
    }
}

const KNOT: Peer = Peer::server("knotd", "knot");
const NSD: Peer = Peer::server("nsd", "nsd");

/// What `bench` measures, and measures with.
pub(crate) const MEASURED: [Peer; 5] = [
    KNOT,
    Peer::tool("kxdpgun", "knot-dnsutils"),
    Peer::server("gdnsd", "gdnsd"),
    NSD,
    Peer::tool("dnsperf", "dnsperf"),
];

/// What the conformance tests compare, and ask with.
pub(crate) const COMPARED: [Peer; 3] = [
    KNOT,
    NSD,
    Peer {
        package: "python3-dnspython",
        presence: Presence::Module("dns.message"),
        service: None,
    },
];

/// What alerts are sent to in the unit tests.
pub(crate) const ALERTED: [Peer; 1] = [Peer::server(
    "prometheus-alertmanager",
    "prometheus-alertmanager",
)];

/// From PyPI: an SMTP server, and what receivers of Standard Webhooks check signatures with.
const PYTHON_PACKAGES: [&str; 2] = ["aiosmtpd==1.4.6", "standardwebhooks==1.1.0"];

/// Installs the peers that are missing, so that none of them runs now or after the next boot. Those
/// that were here before are left as they are.
pub(crate) fn install(who: &str, peers: &[Peer]) -> Result<()> {
    let missing: Vec<&Peer> = peers.iter().filter(|peer| !peer.is_here()).collect();
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
        "{who}: installing {}, and starting none of them",
        packages.join(" ")
    );
    apt.install_idle(&packages)?;
    let mut services = missing.iter().filter_map(|peer| peer.service);
    services.try_for_each(host::stop_for_good)
}

/// Installs what is from PyPI, in a virtual environment of our own, target/peers: the host's Python
/// stays as it is.
pub(crate) fn install_python(who: &str) -> Result<()> {
    let directory = shell::workspace().join("target/peers");
    let installed = directory.join("installed");
    let wanted = PYTHON_PACKAGES.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    println!(
        "{who}: installing {} into target/peers",
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

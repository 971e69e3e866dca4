//! Debian's Knot DNS and NSD with the zones of the tests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use igtm_tests::bench::process::Process;
use igtm_tests::world::{EDGE_V4, World};

use crate::scene::ZONES;

/// Where a peer's program is; Debian keeps servers where a user's PATH does not look.
pub(crate) fn program(peer: &str) -> Option<PathBuf> {
    let name = match peer {
        "knot" => "knotd",
        other => other,
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Starts a peer on the edge host. Its zone files are in the world's directory.
pub(crate) fn start(world: &World, peer: &str, port: u16) -> Result<Process> {
    let program = program(peer).with_context(|| format!("no {peer}"))?;
    let directory = world.directory().join(peer);
    fs::create_dir(&directory)?;
    let own = directory.display().to_string();
    let zones = world.directory().display().to_string();
    let (config, flags): (String, &[&str]) = match peer {
        "knot" => (knot(&own, &zones, port), &["-c"]),
        "nsd" => (nsd(&own, &zones, port), &["-d", "-c"]),
        _ => bail!("no peer is called {peer}"),
    };
    let file = directory.join("config");
    fs::write(&file, config)?;
    let mut command = Command::new(program);
    command.args(flags).arg(file);
    Process::start_anywhere(world.edge(), &mut command, &directory.join("log"))
}

fn knot(own: &str, zones: &str, port: u16) -> String {
    let mut text = format!(
        r#"server:
  rundir: "{own}"
  listen: {EDGE_V4}@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{own}"
log:
  - target: stderr
    any: warning
acl:
  - id: here
    address: {EDGE_V4}
    action: transfer
template:
  - id: default
    storage: "{zones}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
    acl: here
zone:
"#
    );
    for zone in ZONES {
        text += &format!("  - domain: {zone}\n    file: {zone}.zone\n");
    }
    text
}

fn nsd(own: &str, zones: &str, port: u16) -> String {
    let mut text = format!(
        r#"server:
  server-count: 1
  ip-address: {EDGE_V4}@{port}
  username: ""
  chroot: ""
  zonesdir: "{zones}"
  database: ""
  pidfile: "{own}/nsd.pid"
  xfrdfile: "{own}/xfrd.state"
  zonelistfile: "{own}/zone.list"
  xfrdir: "{own}"
  minimal-responses: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"#
    );
    for zone in ZONES {
        text += &format!(
            "zone:\n  name: {zone}\n  zonefile: {zone}.zone\n  provide-xfr: {EDGE_V4} NOKEY\n"
        );
    }
    text
}

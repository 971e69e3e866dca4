//! Knot DNS, by AF_XDP or by sockets, one worker.

use std::process::Command;

use anyhow::Result;

use super::{Place, installed};
use crate::bench::process::Process;
use crate::bench::query::{ZONE, zone_file};
use crate::bench::wire::{self, Wire};

/// Starts it.
pub(super) fn start(place: &Place<'_>, xdp: bool) -> Result<Process> {
    let program = installed("knotd")?;
    place.write("zone", &zone_file())?;
    let directory = place.directory.display();
    let (sockets, rings) = match xdp {
        true => (
            String::new(),
            format!("xdp:\n  listen: {}@53\n", Wire::server_interface()),
        ),
        false => (format!("  listen: {}@53\n", wire::SERVER), String::new()),
    };
    let config = format!(
        r#"server:
  rundir: "{directory}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
{sockets}{rings}database:
  storage: "{directory}"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{directory}"
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {ZONE}
    file: zone
"#
    );
    let config = place.write("knot.conf", &config)?;
    place.start(Command::new(program).arg("-c").arg(config))
}

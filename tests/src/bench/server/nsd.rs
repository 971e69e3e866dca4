//! NSD, one server process, replies as short as the others'.

use std::process::Command;

use anyhow::Result;

use super::{Place, installed};
use crate::bench::process::Process;
use crate::bench::query::{ZONE, zone_file};
use crate::bench::wire;

/// Starts it.
pub(super) fn start(place: &Place<'_>) -> Result<Process> {
    let program = installed("nsd")?;
    place.write("zone", &zone_file())?;
    let directory = place.directory.display();
    let config = format!(
        r#"server:
  server-count: 1
  ip-address: {}
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  database: ""
  pidfile: "{directory}/nsd.pid"
  xfrdfile: "{directory}/xfrd.state"
  zonelistfile: "{directory}/zone.list"
  xfrdir: "{directory}"
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: {ZONE}
  zonefile: zone
"#,
        wire::SERVER
    );
    let config = place.write("nsd.conf", &config)?;
    place.start(Command::new(program).arg("-d").arg("-c").arg(config))
}

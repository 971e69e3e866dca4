//! gdnsd, one UDP thread.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::{Place, installed};
use crate::bench::process::Process;
use crate::bench::query::{ZONE, zone_file};
use crate::bench::wire;

/// Starts it.
pub(super) fn start(place: &Place<'_>) -> Result<Process> {
    let program = installed("gdnsd")?;
    let zones = place.make("zones")?;
    fs::write(zones.join(ZONE), zone_file())?;
    let config = format!(
        "options => {{\n  listen => {}\n  run_dir => {}\n  state_dir => {}\n  \
         udp_threads => 1\n  tcp_threads => 1\n}}\n",
        wire::SERVER,
        place.make("run")?.display(),
        place.make("state")?.display(),
    );
    place.write("config", &config)?;
    place.start(
        Command::new(program)
            .arg("-c")
            .arg(&place.directory)
            .arg("start"),
    )
}

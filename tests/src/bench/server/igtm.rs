//! igtm: every name an instance, a line of 10 000 prefixes in which half of all clients are.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::Result;
use igtm_common::generator::{SOURCE_NET, TEMPLATES};

use super::Place;
use crate::bench::process::Process;
use crate::bench::query::{ANSWER, PREFIXES, ZONE, name};
use crate::bench::wire::{self, Wire};
use crate::daemon::igtm_beside_tests;

/// Starts it, by native XDP or by sockets alone.
pub(super) fn start(place: &Place<'_>, xdp: bool) -> Result<Process> {
    let config = configuration(place, xdp)?;
    let config = place.write("igtm.toml", &config)?;
    place.start(
        Command::new(igtm_beside_tests()?)
            .args(["run", "-c"])
            .arg(config),
    )
}

fn configuration(place: &Place<'_>, xdp: bool) -> Result<String> {
    let dataplane = match xdp {
        true => format!(
            "interfaces = [\"{}\"]\nxdp = \"native\"",
            Wire::server_interface()
        ),
        false => "xdp = \"off\"".to_owned(),
    };
    let addresses = ANSWER.map(|address| format!("{{ value = \"{address}\" }}"));
    let prefixes: Vec<String> = (0..PREFIXES)
        .map(|at| Ipv4Addr::from_bits((u32::from(SOURCE_NET) << 24) + 512 * at))
        .map(|network| format!("\"{network}/24\""))
        .collect();
    let mut text = format!(
        r#"version = 1
[server]
node = "bench"
listen = ["{}"]
{dataplane}
state_dir = "{}"
bpffs = "{}"
[admin]
socket = "{}"
[[zone]]
origin = "{ZONE}"
ns = ["ns1.example.net"]
contact = "hostmaster.example.net"
[[line]]
name = "operator"
kind = "operator"
prefixes = [{}]
[[pool]]
name = "two"
type = "ipv4"
address = [{}]
"#,
        wire::SERVER,
        place.make("state")?.display(),
        place.ground.pins(&place.directory).display(),
        place.directory.join("admin.sock").display(),
        prefixes.join(", "),
        addresses.join(", "),
    );
    for number in 0..TEMPLATES {
        write!(
            text,
            "[[instance]]\nname = \"{number}\"\ndomain = \"{}\"\n",
            name(number)
        )?;
        for line in ["operator", "default"] {
            write!(
                text,
                "[[instance.strategy]]\nname = \"{line}\"\nlines = [\"{line}\"]\n\
                 fallback = \"two\"\ntier = [{{ pools = [\"two\"] }}]\n"
            )?;
        }
    }
    Ok(text)
}

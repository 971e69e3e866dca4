//! igtm: every name an instance, a line of 10 000 prefixes in which half of all clients are; or
//! every name a static record of the zone file that the others have.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::Result;
use igtm_common::generator::{SOURCE_NET, TEMPLATES};

use super::Place;
use crate::bench::process::Process;
use crate::bench::query::{ANSWER, PREFIXES, ZONE, name, zone_file};
use crate::bench::wire::{self, Wire};
use crate::daemon::igtm_beside_tests;

/// From where it answers, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Instances, by native XDP.
    Xdp,
    /// Instances, by sockets alone.
    Sockets,
    /// Static records, by sockets alone.
    Static,
}

/// Starts it.
pub(super) fn start(place: &Place<'_>, kind: Kind) -> Result<Process> {
    let config = configuration(place, kind)?;
    let config = place.write("igtm.toml", &config)?;
    place.start(
        Command::new(igtm_beside_tests()?)
            .args(["run", "-c"])
            .arg(config),
    )
}

fn configuration(place: &Place<'_>, kind: Kind) -> Result<String> {
    let dataplane = match kind {
        Kind::Xdp => format!(
            "interfaces = [\"{}\"]\nxdp = \"native\"",
            Wire::server_interface()
        ),
        Kind::Sockets | Kind::Static => "xdp = \"off\"".to_owned(),
    };
    let (zone, count) = match kind {
        Kind::Static => {
            place.write("zone", &zone_file())?;
            ("file = \"zone\"", 0)
        }
        _ => (
            "ns = [\"ns1.example.net\"]\ncontact = \"hostmaster.example.net\"",
            TEMPLATES,
        ),
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
{zone}
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
    for number in 0..count {
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

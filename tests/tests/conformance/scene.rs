//! The three servers with one zone, on the edge host of a world; each on a port of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use hickory_proto::rr::RecordType;
use igtm_tests::bench::process::Process;
use igtm_tests::daemon::{Daemon, igtm_beside_tests};
use igtm_tests::dns;
use igtm_tests::wait;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, EDGE_V6, World};

use crate::peers;

/// Debian's, which has the dnspython of Debian's package.
pub(crate) const PYTHON: &str = "/usr/bin/python3";
/// igtm's port.
pub(crate) const IGTM_PORT: u16 = 53;
/// The peers and their ports.
pub(crate) const PEERS: [(&str, u16); 2] = [("knot", 5301), ("nsd", 5302)];
/// The zones that all of them serve.
pub(crate) const ZONES: [&str; 2] = ["conf.example", "child.conf.example"];
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file of tests/conformance.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conformance")
        .join(name)
}

/// What has to be installed and is not.
pub(crate) fn missing() -> Vec<&'static str> {
    let mut missing: Vec<_> = PEERS
        .iter()
        .map(|(peer, _)| *peer)
        .filter(|peer| peers::program(peer).is_none())
        .collect();
    let dnspython = std::process::Command::new(PYTHON)
        .args(["-c", "import dns.message"])
        .output();
    if !dnspython.is_ok_and(|output| output.status.success()) {
        missing.push("python3-dnspython");
    }
    missing
}

/// All three, until dropped.
pub(crate) struct Scene {
    daemon: Daemon,
    directory: PathBuf,
    _peers: Vec<Process>,
}

impl Scene {
    /// Starts them and waits until each answers.
    pub(crate) fn start(world: &World) -> Result<Self> {
        let directory = world.directory();
        for file in fs::read_dir(data(""))? {
            let path = file?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "zone")
            {
                let name = path.file_name().context("a file has a name")?;
                fs::copy(&path, directory.join(name))?;
            }
        }
        let server = format!("interfaces = [\"{EDGE_INTERFACE}\"]\nxdp = \"native\"");
        let config = fs::read_to_string(data("igtm.toml"))?
            .replace("DIRECTORY", &directory.display().to_string())
            .replace("BPFFS", &world.bpffs().display().to_string())
            .replace("ADDRESS6", &EDGE_V6.to_string())
            .replace("ADDRESS", &EDGE_V4.to_string())
            .replace("\nSERVER\n", &format!("\n{server}\n"));
        let daemon = Daemon::start(world, &igtm_beside_tests()?, &config)?;
        let mut scene = Self {
            daemon,
            directory: directory.to_owned(),
            _peers: Vec::new(),
        };
        for (peer, port) in PEERS {
            let mut process = peers::start(world, peer, port)?;
            wait_for(world, port, &mut process).with_context(|| peer)?;
            scene._peers.push(process);
        }
        Ok(scene)
    }

    /// igtm.
    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// For files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends igtm, which must end well.
    pub(crate) fn stop(self) -> Result<()> {
        self.daemon.stop()
    }
}

fn wait_for(world: &World, port: u16, process: &mut Process) -> Result<()> {
    let server = SocketAddr::new(EDGE_V4.into(), port);
    let query = dns::query("conf.example", RecordType::SOA, false)?.to_vec()?;
    wait::until("an answer", PATIENCE, || {
        process.check()?;
        world.edge().enter(|| {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
            socket.connect(server)?;
            socket.set_read_timeout(Some(Duration::from_millis(200)))?;
            let mut buffer = [0; 512];
            // Refused as long as nobody listens there.
            let length = socket.send(&query).and_then(|_| socket.recv(&mut buffer));
            // NOERROR with an answer: the zone is loaded.
            Ok((length.is_ok() && buffer[3] & 15 == 0 && buffer[7] == 1).then_some(()))
        })
    })
    .with_context(|| process.log())
}

//! The servers that are compared, each started on one CPU with the same zone, and asked once before
//! anything is measured.

mod gdnsd;
mod igtm;
mod knot;
mod nsd;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aya::Ebpf;
use hickory_proto::rr::RecordType;
use igtm_common::generator::TEMPLATES;

use super::ground::Ground;
use super::process::Process;
use super::wire::{self, Wire};
use super::{cpu, generator, query};
use crate::dns::Client;
use crate::pass::Pass;
use crate::wait;
use igtm::Kind;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// No server: the least that answers, for the most that can be.
    Reflector,
    /// igtm by XDP.
    Igtm,
    /// igtm with `xdp = "off"`.
    IgtmUserspace,
    /// The same, with every name a static record.
    IgtmStatic,
    /// Knot DNS by AF_XDP.
    KnotXdp,
    /// Knot DNS by sockets.
    KnotUdp,
    /// gdnsd.
    Gdnsd,
    /// NSD.
    Nsd,
}

impl Server {
    /// All of them, in the order of a round.
    pub const ALL: [Self; 8] = [
        Self::Reflector,
        Self::Igtm,
        Self::KnotXdp,
        Self::Gdnsd,
        Self::IgtmUserspace,
        Self::KnotUdp,
        Self::IgtmStatic,
        Self::Nsd,
    ];

    /// As rows call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reflector => "bare reflector",
            Self::Igtm => "igtm",
            Self::IgtmUserspace => "igtm userspace",
            Self::IgtmStatic => "igtm static records",
            Self::KnotXdp => "knot AF_XDP",
            Self::KnotUdp => "knot UDP",
            Self::Gdnsd => "gdnsd",
            Self::Nsd => "nsd",
        }
    }

    /// Starts it on the server's end of `wire`, and waits until it answers right.
    pub fn start(self, wire: &Wire, ground: &Ground) -> Result<Running> {
        let place = Place {
            wire,
            ground,
            directory: ground.directory(&self.name().replace(' ', "-"))?,
        };
        let interface = Wire::server_interface();
        let mut running = match self {
            Self::Reflector => {
                let program = generator::reflector(wire.server(), &interface)?;
                Running::by_xdp(None, Some(program))
            }
            Self::Igtm => Running::by_xdp(Some(igtm::start(&place, Kind::Xdp)?), None),
            Self::KnotXdp => Running::by_xdp(Some(knot::start(&place, true)?), None),
            Self::IgtmUserspace => Running::by_sockets(igtm::start(&place, Kind::Sockets)?, wire)?,
            Self::IgtmStatic => Running::by_sockets(igtm::start(&place, Kind::Static)?, wire)?,
            Self::KnotUdp => Running::by_sockets(knot::start(&place, false)?, wire)?,
            Self::Gdnsd => Running::by_sockets(gdnsd::start(&place)?, wire)?,
            Self::Nsd => Running::by_sockets(nsd::start(&place)?, wire)?,
        };
        if let Some(process) = &mut running.process {
            wait_for_answers(wire, process).with_context(|| self.name())?;
            cpu::pin_server(process.id())?;
        }
        running.napi = wire.pin_server()?;
        Ok(running)
    }
}

/// Where a server is started.
struct Place<'a> {
    wire: &'a Wire,
    ground: &'a Ground,
    directory: PathBuf,
}

impl Place<'_> {
    /// Writes `name` and returns its path.
    fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, content).with_context(|| format!("{}", path.display()))?;
        Ok(path)
    }

    /// Makes a directory and returns its path.
    fn make(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::create_dir(&path).with_context(|| format!("{}", path.display()))?;
        Ok(path)
    }

    fn start(&self, command: &mut Command) -> Result<Process> {
        Process::start(self.wire.server(), command, &self.directory.join("log"))
    }
}

/// A server that answers; stopped on drop.
pub struct Running {
    process: Option<Process>,
    _reflector: Option<Ebpf>,
    _pass: Option<Pass>,
    napi: u32,
}

impl Running {
    fn by_xdp(process: Option<Process>, reflector: Option<Ebpf>) -> Self {
        Self {
            process,
            _reflector: reflector,
            _pass: None,
            napi: 0,
        }
    }

    /// Live frames reach an interface that receives by NAPI, and only XDP makes a veth do that.
    fn by_sockets(process: Process, wire: &Wire) -> Result<Self> {
        let pass = Pass::attach(wire.server(), &Wire::server_interface())?;
        Ok(Self {
            process: Some(process),
            _reflector: None,
            _pass: Some(pass),
            napi: 0,
        })
    }

    /// Processor time used so far: of the process with all its children, and of the kernel thread
    /// that receives for it.
    pub fn used(&self) -> Result<Duration> {
        let process = match &self.process {
            Some(process) => cpu::used(process.id())?,
            None => Duration::ZERO,
        };
        Ok(process + cpu::used(self.napi)?)
    }
}

fn wait_for_answers(wire: &Wire, process: &mut Process) -> Result<()> {
    let client = Client::new(wire.client(), wire::SERVER)?;
    let probe = query::name(0);
    wait::until("an answer", PATIENCE, || {
        process.check()?;
        let reply = client.ask(&probe, RecordType::A);
        Ok(reply.ok().filter(|reply| !reply.addresses().is_empty()))
    })
    .with_context(|| process.log())?;
    for number in [0, TEMPLATES / 2, TEMPLATES - 1] {
        let mut found = client.ask(&query::name(number), RecordType::A)?.addresses();
        found.sort();
        let expected = query::ANSWER.map(IpAddr::from);
        ensure!(found == expected, "{} is {found:?}", query::name(number));
    }
    Ok(())
}

/// An installed program; Debian keeps servers where a user's PATH does not look.
fn installed(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|directory| directory.join(program))
        .find(|file| file.is_file());
    match found {
        Some(found) => Ok(found),
        None => bail!("{program} is not installed: `cargo xtask bench --install-peers` does that"),
    }
}

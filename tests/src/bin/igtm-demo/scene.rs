//! Who takes part: the backends, the webhook receiver and the daemon with its configuration.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use igtm_tests::backend::Backend;
use igtm_tests::daemon::{Counters, Daemon, counted};
use igtm_tests::receiver::Receiver;
use igtm_tests::world::{EDGE_INTERFACE, EDGE_V4, EDGE_V6, Place, RECEIVER, World, backend_v4};

use crate::dig;

/// The receiver's key; public, as it guards nothing.
const SECRET: &str = "whsec_aWd0bSwgc2hvd24gbGl2ZSwgc2lnbnMgd2l0aCB0aGlz";
/// Between two rounds of probes.
pub(crate) const INTERVAL: &str = "1s";

/// The backends, in the order of their addresses.
const BACKENDS: [&str; 5] = [
    "guangzhou",
    "shanghai",
    "beijing-1",
    "beijing-2",
    "frankfurt",
];

/// Everything that runs in the world.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) daemon: Daemon,
    pub(crate) ready_after: Duration,
    pub(crate) backends: Vec<Backend<'a>>,
    pub(crate) receiver: Receiver,
    config: String,
    igtm: &'a Path,
}

impl<'a> Scene<'a> {
    pub(crate) fn open(world: &'a World, igtm: &'a Path) -> Result<Self> {
        let backends = BACKENDS
            .iter()
            .zip(1..)
            .map(|(name, n)| Backend::start(world.backends(), name, backend_v4(n)))
            .collect::<Result<_>>()?;
        let receiver = Receiver::start(world.backends(), (RECEIVER, 80).into(), SECRET)?;
        let config = config(world, receiver.url());
        let start = Instant::now();
        let daemon = Daemon::start(world, igtm, &config)?;
        Ok(Self {
            world,
            daemon,
            ready_after: start.elapsed(),
            backends,
            receiver,
            config,
            igtm,
        })
    }

    /// The program that is shown.
    pub(crate) fn igtm(&self) -> &Path {
        self.igtm
    }

    /// Starts the daemon anew, with the same configuration.
    pub(crate) fn restart_daemon(&mut self) -> Result<()> {
        self.daemon = Daemon::start(self.world, self.igtm, &self.config)?;
        Ok(())
    }

    /// Asks once from every place and holds the answers against `expected`; what the kernel
    /// counted meanwhile must be those replies and nothing passed up.
    pub(crate) fn ask_everywhere(&self, expected: [&[&str]; 3]) -> Result<Asked> {
        let before = self.daemon.counters(self.world)?;
        let mut answers = Vec::new();
        for (place, expected) in Place::ALL.into_iter().zip(expected) {
            let addresses = dig::addresses(self.world.client(place))?;
            let wanted: Vec<String> = expected.iter().map(|name| address_of(name)).collect();
            ensure!(
                addresses == wanted,
                "{} is answered {addresses:?} instead of {wanted:?}",
                place.name()
            );
            answers.push((place, addresses));
        }
        let after = self.daemon.counters(self.world)?;
        let replies = counted(&before, &after)
            .remove("reply_answer")
            .context("the kernel answered nothing")?;
        ensure!(
            replies == answers.len() as u64,
            "{} queries, but {replies} replies by the kernel",
            answers.len()
        );
        Ok(Asked {
            answers,
            before,
            after,
        })
    }
}

/// What [`Scene::ask_everywhere`] saw.
pub(crate) struct Asked {
    pub(crate) answers: Vec<(Place, Vec<String>)>,
    pub(crate) before: Counters,
    pub(crate) after: Counters,
}

/// The address of the backend `name`.
pub(crate) fn address_of(name: &str) -> String {
    BACKENDS
        .iter()
        .zip(1..)
        .find(|(of, _)| **of == name)
        .map(|(_, n)| backend_v4(n).to_string())
        .expect("one of BACKENDS")
}

/// The backend at `address`.
pub(crate) fn name_of(address: &str) -> &'static str {
    BACKENDS
        .into_iter()
        .find(|name| address_of(name) == address)
        .unwrap_or("nobody's")
}

fn config(world: &World, hook: &str) -> String {
    let directory = world.directory().display();
    let bpffs = world.bpffs();
    let bpffs = bpffs.display();
    let name = dig::NAME;
    let [telecom_v4, unicom_v4] = [Place::Telecom, Place::Unicom].map(Place::prefix_v4);
    let [telecom_v6, unicom_v6] = [Place::Telecom, Place::Unicom].map(Place::prefix_v6);
    let pools: String = [
        ("guangzhou", &["guangzhou"][..]),
        ("shanghai", &["shanghai"]),
        ("beijing", &["beijing-1", "beijing-2"]),
        ("frankfurt", &["frankfurt"]),
    ]
    .iter()
    .map(|(pool, backends)| {
        let addresses: Vec<String> = backends
            .iter()
            .map(|backend| format!("{{ value = \"{}\" }}", address_of(backend)))
            .collect();
        format!(
            "[[pool]]\nname = \"{pool}\"\ntype = \"ipv4\"\nmonitor = \"web\"\naddress = [{}]\n\n",
            addresses.join(", ")
        )
    })
    .collect();
    format!(
        r#"# Written by igtm-demo; gone when it ends.
version = 1

[server]
node       = "edge-demo"
listen     = ["{EDGE_V4}", "{EDGE_V6}"]
interfaces = ["{EDGE_INTERFACE}"]
xdp        = "native"
state_dir  = "{directory}/state"
bpffs      = "{bpffs}"

[admin]
socket = "{directory}/admin.sock"

[[zone]]
origin  = "example.com"
ns      = ["ns1.example.net"]
contact = "hostmaster.example.com"

[[line]]
name     = "telecom"
kind     = "operator"
prefixes = ["{telecom_v4}", "{telecom_v6}"]

[[line]]
name     = "unicom"
kind     = "operator"
prefixes = ["{unicom_v4}", "{unicom_v6}"]

[[monitor]]
name     = "web"
protocol = "http"
port     = 80
path     = "/healthz"
interval = "{INTERVAL}"
timeout  = "300ms"
retries  = 1

{pools}[[instance]]
name   = "www"
domain = "{name}"
ttl    = "5s"
[[instance.strategy]]
name     = "telecom"
lines    = ["telecom"]
fallback = "frankfurt"
[[instance.strategy.tier]]
pools = ["guangzhou"]
[[instance.strategy.tier]]
pools = ["shanghai"]
[[instance.strategy]]
name     = "unicom"
lines    = ["unicom"]
fallback = "frankfurt"
[[instance.strategy.tier]]
pools = ["beijing"]
[[instance.strategy]]
name     = "default"
lines    = ["default"]
fallback = "frankfurt"
[[instance.strategy.tier]]
pools = ["frankfurt"]

[[channel]]
name   = "ops"
type   = "webhook"
url    = "{hook}"
secret = "{SECRET}"
allow_private = true

[[subscription]]
name       = "night-watch"
channels   = ["ops"]
group_wait = "50ms"
"#
    )
}

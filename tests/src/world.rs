//! The network that tests and the demonstration run in.
//!
//! ```text
//!  client-telecom  203.0.113.10 ─┐                  ┌─ edge      10.53.0.53   (edge0: XDP)
//!  client-unicom  198.51.100.10 ─┼──── router ──────┤
//!  client-other       192.0.2.10 ─┘                  └─ backends  10.80.0.9, 10.80.0.11–18
//! ```
//! IPv6 is alike: 2001:db8:a::10, 2001:db8:b::10, 2001:db8:c::10, 2001:db8:53::53,
//! 2001:db8:80::9 and 2001:db8:80::11–18. Every link is a veth pair; the router forwards.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::netns::{self, Netns};
use crate::pass::Pass;
use crate::undo::{Guard, Undo};

/// The address the edge host answers DNS on.
pub const EDGE_V4: Ipv4Addr = Ipv4Addr::new(10, 53, 0, 53);
/// The same for IPv6.
pub const EDGE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53);
/// The edge host's interface, where XDP attaches.
pub const EDGE_INTERFACE: &str = "edge0";
/// The edge host's address on its direct link to a client; the client's is the next one.
pub const DIRECT_EDGE: Ipv4Addr = Ipv4Addr::new(10, 54, 0, 1);
/// The client's address there.
pub const DIRECT_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 54, 0, 2);
/// The edge host's interface of that link.
pub const DIRECT_INTERFACE: &str = "edge1";
/// The client's interface of that link.
pub const DIRECT_CLIENT_INTERFACE: &str = "direct0";
/// Where a webhook receiver may listen, among the backends.
pub const RECEIVER: Ipv4Addr = Ipv4Addr::new(10, 80, 0, 9);
/// How many backend addresses there are in each family.
pub const BACKENDS: u8 = 8;

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In the first operator's prefixes.
    Telecom,
    /// In the second operator's prefixes.
    Unicom,
    /// In neither.
    Other,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Telecom, Self::Unicom, Self::Other];

    /// Lower case, as in the namespace's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Telecom => "telecom",
            Self::Unicom => "unicom",
            Self::Other => "other",
        }
    }

    /// The /24 its clients are in.
    pub fn prefix_v4(self) -> &'static str {
        match self {
            Self::Telecom => "203.0.113.0/24",
            Self::Unicom => "198.51.100.0/24",
            Self::Other => "192.0.2.0/24",
        }
    }

    /// The /64 its clients are in.
    pub fn prefix_v6(self) -> &'static str {
        match self {
            Self::Telecom => "2001:db8:a::/64",
            Self::Unicom => "2001:db8:b::/64",
            Self::Other => "2001:db8:c::/64",
        }
    }

    /// Host `last` of its IPv4 prefix; the client is 10, the router 1.
    pub fn v4(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = match self {
            Self::Telecom => [203, 0, 113],
            Self::Unicom => [198, 51, 100],
            Self::Other => [192, 0, 2],
        };
        Ipv4Addr::new(a, b, c, last)
    }

    /// Host `last` (hexadecimal) of its IPv6 prefix; the client is 10, the router 1.
    pub fn v6(self, last: u16) -> Ipv6Addr {
        let net = match self {
            Self::Telecom => 0xa,
            Self::Unicom => 0xb,
            Self::Other => 0xc,
        };
        Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, last)
    }
}

/// The address of backend `n`, 1 to [`BACKENDS`].
pub fn backend_v4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 80, 0, 10 + n)
}

/// The IPv6 address of backend `n`, 1 to [`BACKENDS`].
pub fn backend_v6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0x10 + u16::from(n))
}

/// Where the edge host answers, by family.
pub fn edge(ipv6: bool) -> IpAddr {
    if ipv6 { EDGE_V6.into() } else { EDGE_V4.into() }
}

/// The namespaces, a directory and a BPF file system of its own. Dropped last: whatever runs
/// inside must be declared after it.
#[derive(Debug)]
pub struct World {
    // Without it the replies that XDP sends from the edge's interface are dropped there.
    _edges_other_end: Option<Pass>,
    clients: Vec<(Place, Netns)>,
    edge: Netns,
    backends: Netns,
    router: Netns,
    bpffs: PathBuf,
    // Unmounted before the directory that holds the mount point goes.
    _mount: Guard,
    directory: PathBuf,
    _directory: Guard,
}

impl World {
    /// Makes everything; `label` tells this world from others of the same process.
    pub fn new(label: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        sweep();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("igtm-{}-{number}-{label}", process::id());

        let directory = env::temp_dir().join(&prefix);
        fs::create_dir(&directory).with_context(|| format!("{}", directory.display()))?;
        let directory_guard = Guard::new(Undo::Directory(directory.clone()));
        let bpffs = directory.join("bpf");
        fs::create_dir(&bpffs)?;
        mount(
            Some("bpf"),
            &bpffs,
            Some("bpf"),
            MsFlags::empty(),
            None::<&str>,
        )
        .context("cannot mount a BPF file system: root is needed")?;
        let mount_guard = Guard::new(Undo::Mount(bpffs.clone()));

        let make = |name: &str| Netns::create(&format!("{prefix}-{name}"));
        let clients = Place::ALL
            .into_iter()
            .map(|place| Ok((place, make(&format!("client-{}", place.name()))?)))
            .collect::<Result<_>>()?;
        let mut world = Self {
            _edges_other_end: None,
            clients,
            edge: make("edge")?,
            backends: make("backends")?,
            router: make("router")?,
            bpffs,
            _mount: mount_guard,
            directory,
            _directory: directory_guard,
        };
        world.connect().context("connecting the namespaces")?;
        let other_end = format!("to-{EDGE_INTERFACE}");
        world._edges_other_end = Some(Pass::attach(&world.router, &other_end)?);
        Ok(world)
    }

    /// What the names of everything of this world begin with.
    pub fn prefix(&self) -> &str {
        let name = self.edge.name();
        name.strip_suffix("-edge").unwrap_or(name)
    }

    /// The host that answers DNS.
    pub fn edge(&self) -> &Netns {
        &self.edge
    }

    /// Where the backends and the webhook receiver are.
    pub fn backends(&self) -> &Netns {
        &self.backends
    }

    /// What connects them all.
    pub fn router(&self) -> &Netns {
        &self.router
    }

    /// The client at `place`.
    pub fn client(&self, place: Place) -> &Netns {
        let (_, netns) = self
            .clients
            .iter()
            .find(|(of, _)| *of == place)
            .expect("every place has its client");
        netns
    }

    /// A second network: a veth pair between the edge host and the client at `place`, without the
    /// router. What it gives keeps the client's end receiving what XDP sends.
    pub fn connect_directly(&self, place: Place) -> Result<Pass> {
        let client = self.client(place);
        let (near, far) = (DIRECT_INTERFACE, DIRECT_CLIENT_INTERFACE);
        let (edge, other) = (self.edge.name(), client.name());
        netns::ip_batch(
            &[],
            &format!("link add {near} netns {edge} type veth peer name {far} netns {other}\n"),
        )?;
        self.edge.ip_batch(&format!(
            "link set {near} up\naddr add {DIRECT_EDGE}/24 dev {near}\n"
        ))?;
        client.ip_batch(&format!(
            "link set {far} up\naddr add {DIRECT_CLIENT}/24 dev {far}\n"
        ))?;
        // XDP sees the frame as it is: checksums and tags are in it, or nowhere.
        client.ethtool(&["-K", far, "tx", "off", "txvlan", "off"])?;
        self.edge
            .ethtool(&["-K", near, "rxvlan", "off", "txvlan", "off"])?;
        Pass::attach(client, far)
    }

    /// An empty directory for files, removed with the world.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the daemon may pin, on a BPF file system of this world only. Not under /sys: that
    /// belongs to the host's network namespace.
    pub fn bpffs(&self) -> PathBuf {
        self.bpffs.join("igtm")
    }

    fn connect(&self) -> Result<()> {
        for netns in self.namespaces() {
            // No waiting for duplicate address detection on links that have two ends.
            netns.sysctl("ipv6/conf/default/accept_dad", "0")?;
        }
        self.router.sysctl("ipv4/ip_forward", "1")?;
        self.router.sysctl("ipv6/conf/all/forwarding", "1")?;

        self.link(&self.edge, EDGE_INTERFACE, &[EDGE_V4], &[EDGE_V6])?;

        let numbers = || 1..=BACKENDS;
        let v4: Vec<_> = std::iter::once(RECEIVER)
            .chain(numbers().map(backend_v4))
            .collect();
        let v6: Vec<_> = numbers().map(backend_v6).collect();
        self.link(&self.backends, "back0", &v4, &v6)?;

        for (place, netns) in &self.clients {
            let interface = format!("{}0", place.name());
            self.link(netns, &interface, &[place.v4(10)], &[place.v6(0x10)])?;
            // XDP sees the packet as it is: a checksum left to the hardware would be wrong.
            netns.ethtool(&["-K", &interface, "tx", "off"])?;
        }
        Ok(())
    }

    /// A veth pair `interface` – `to-INTERFACE` between `netns` and the router, which is host 1
    /// of the addresses' /24 and /64 and the default route.
    fn link(&self, netns: &Netns, interface: &str, v4: &[Ipv4Addr], v6: &[Ipv6Addr]) -> Result<()> {
        let [a, b, c, _] = v4[0].octets();
        let gateway_v4 = Ipv4Addr::new(a, b, c, 1);
        let [s0, s1, s2, s3, ..] = v6[0].segments();
        let gateway_v6 = Ipv6Addr::new(s0, s1, s2, s3, 0, 0, 0, 1);

        netns::ip(&[
            "link",
            "add",
            interface,
            "netns",
            netns.name(),
            "type",
            "veth",
            "peer",
            "name",
            &format!("to-{interface}"),
            "netns",
            self.router.name(),
        ])?;
        let mut near = format!("link set {interface} up\n");
        for address in v4 {
            near += &format!("addr add {address}/24 dev {interface}\n");
        }
        for address in v6 {
            near += &format!("addr add {address}/64 dev {interface} nodad\n");
        }
        near += &format!("route add default via {gateway_v4}\nroute add ::/0 via {gateway_v6}\n");
        self.router.ip_batch(&format!(
            "link set to-{interface} up\naddr add {gateway_v4}/24 dev to-{interface}\n\
             addr add {gateway_v6}/64 dev to-{interface} nodad\n"
        ))?;
        netns.ip_batch(&near)
    }

    fn namespaces(&self) -> impl Iterator<Item = &Netns> {
        let clients = self.clients.iter().map(|(_, netns)| netns);
        clients.chain([&self.edge, &self.backends, &self.router])
    }
}

/// What can be seen from outside of the worlds whose [`World::prefix`] is `prefix`: namespaces,
/// directories and mounts.
pub fn traces(prefix: &str) -> Vec<String> {
    let in_directory = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path().display().to_string());
        paths.filter(|path| path.contains(prefix)).collect()
    };
    let mut traces = in_directory(Path::new("/run/netns"));
    traces.extend(in_directory(&env::temp_dir()));
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let ours = mounts.lines().filter(|line| line.contains(prefix));
    traces.extend(ours.map(str::to_owned));
    traces
}

/// Unmakes what processes left that were killed before they could: their names hold their id.
pub(crate) fn sweep() {
    let gone = |name: &str| {
        name.strip_prefix("igtm-")
            .and_then(|rest| rest.split('-').next())
            .and_then(|id| id.parse().ok())
            .is_some_and(|id| kill(Pid::from_raw(id), None) == Err(Errno::ESRCH))
    };
    let names_in = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| gone(name)).collect()
    };
    for name in names_in(Path::new("/run/netns")) {
        drop(Guard::new(Undo::Namespace(name)));
    }
    for name in names_in(&env::temp_dir()) {
        let directory = env::temp_dir().join(name);
        // The file system of the pins may be mounted or not; the directory goes either way.
        let _ = nix::mount::umount2(&directory.join("bpf"), nix::mount::MntFlags::MNT_DETACH);
        drop(Guard::new(Undo::Directory(directory)));
    }
}

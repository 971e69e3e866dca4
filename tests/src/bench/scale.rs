//! Configurations of a size that nobody writes by hand. Synthetic: every run is the same.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use crate::world::{EDGE_INTERFACE, EDGE_V4, World};

/// Lines beside `default`.
pub const LINES: usize = 12;
/// Prefixes of a line; the clients of a [`World`] are in none of them.
pub const PREFIXES: usize = 8;
/// Pools that the instances share, when nothing else is said.
pub const POOLS: usize = 20;

/// What the configuration has many of.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Each with a strategy for the [`LINES`] lines and one for `default`.
    pub instances: usize,
    /// A strategy's first tier is one of them, its second the one behind.
    pub pools: Vec<Pool>,
    /// Which.
    pub spread: Spread,
}

/// How instances are spread over the pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// One after the other.
    InTurn,
    /// All begin with the first pool.
    AllOnTheFirst,
}

/// One pool of one address.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its address.
    pub address: Ipv4Addr,
    is_monitored: bool,
}

impl Pool {
    /// Nothing looks at it.
    pub fn plain(address: Ipv4Addr) -> Self {
        Self {
            address,
            is_monitored: false,
        }
    }

    /// By TCP to port 80, once a second.
    pub fn monitored(address: Ipv4Addr) -> Self {
        Self {
            address,
            is_monitored: true,
        }
    }
}

impl Scale {
    /// `instances` over [`POOLS`] pools that nothing monitors; another `generation`, other addresses.
    pub fn unmonitored(instances: usize, generation: u8) -> Self {
        let address = |number| Ipv4Addr::new(10, 200, generation, number as u8 + 1);
        Self {
            instances,
            pools: (0..POOLS)
                .map(|number| Pool::plain(address(number)))
                .collect(),
            spread: Spread::InTurn,
        }
    }

    /// What an instance answers while all is well.
    pub fn answer(&self, instance: usize) -> Ipv4Addr {
        self.pools[self.first(instance)].address
    }

    fn first(&self, instance: usize) -> usize {
        match self.spread {
            Spread::InTurn => instance % self.pools.len(),
            Spread::AllOnTheFirst => 0,
        }
    }

    /// The name of an instance.
    pub fn name(instance: usize) -> String {
        format!("i{instance}.example.com")
    }

    /// Every address there is.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.pools.iter().map(|pool| pool.address.into())
    }

    /// The file for the edge of `world`.
    pub fn configuration(&self, world: &World) -> String {
        let directory = world.directory().display();
        let bpffs = world.bpffs();
        let mut text = format!(
            r#"version = 1
[server]
node       = "bench"
listen     = ["{EDGE_V4}"]
interfaces = ["{EDGE_INTERFACE}"]
xdp        = "native"
state_dir  = "{directory}/state"
bpffs      = "{}"
[admin]
socket = "{directory}/admin.sock"
[[zone]]
origin  = "example.com"
ns      = ["ns1.example.net"]
contact = "hostmaster.example.com"
[[monitor]]
name = "tcp"
protocol = "tcp"
port = 80
interval = "1s"
timeout = "300ms"
retries = 0
"#,
            bpffs.display()
        );
        for line in 0..LINES {
            text += &line_of(line);
        }
        for (number, pool) in self.pools.iter().enumerate() {
            let monitor = if pool.is_monitored {
                "monitor = \"tcp\"\n"
            } else {
                ""
            };
            text += &format!(
                "[[pool]]\nname = \"p{number}\"\ntype = \"ipv4\"\n{monitor}\
                 address = [{{ value = \"{}\" }}]\n",
                pool.address
            );
        }
        let lines: Vec<String> = (0..LINES).map(|line| format!("\"l{line}\"")).collect();
        let lines = lines.join(", ");
        for instance in 0..self.instances {
            let first = self.first(instance);
            let second = (first + 1) % self.pools.len();
            let written = write!(
                text,
                "[[instance]]\nname = \"i{instance}\"\ndomain = \"{}\"\n\
                 [[instance.strategy]]\nname = \"lines\"\nlines = [{lines}]\nfallback = \"p{second}\"\n\
                 tier = [{{ pools = [\"p{first}\"] }}, {{ pools = [\"p{second}\"] }}]\n\
                 [[instance.strategy]]\nname = \"default\"\nlines = [\"default\"]\nfallback = \"p{second}\"\n\
                 tier = [{{ pools = [\"p{first}\"] }}, {{ pools = [\"p{second}\"] }}]\n",
                Self::name(instance)
            );
            written.expect("a string takes what is written");
        }
        text
    }
}

fn line_of(line: usize) -> String {
    let prefixes = (0..PREFIXES).map(|number| format!("\"100.{line}.{}.0/24\"", 2 * number));
    let prefixes: Vec<String> = prefixes.collect();
    format!(
        "[[line]]\nname = \"l{line}\"\nkind = \"operator\"\nprefixes = [{}]\n",
        prefixes.join(", ")
    )
}

//! The validated configuration: immutable, every reference resolved, every default filled in.
//!
//! Made only by [`super::load`]; whoever holds a [`Config`] need not check a rule again.
//! Must not hold anything observed (health, answers): that is the snapshot's.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hickory_proto::rr::Name;
use ipnet::IpNet;

/// A position in [`Config::lines`]; 0 is always the built-in `default` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u16);

impl LineId {
    /// The built-in line that holds every client.
    pub const DEFAULT: Self = Self(0);
}

/// A position in [`Config::monitors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(pub usize);

/// A position in [`Config::pools`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub usize);

/// A position in [`Config::channels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub usize);

/// Everything that is wanted, as one file says it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The daemon itself.
    pub server: Server,
    /// What this server is authoritative for.
    pub zones: Vec<Zone>,
    /// Lines in order of declaration, `default` first.
    pub lines: Vec<Line>,
    /// Monitors in order of declaration.
    pub monitors: Vec<Monitor>,
    /// Pools in order of declaration.
    pub pools: Vec<Pool>,
    /// Instances in order of declaration.
    pub instances: Vec<Instance>,
    /// Notification channels in order of declaration.
    pub channels: Vec<Channel>,
    /// Subscriptions in order of declaration.
    pub subscriptions: Vec<Subscription>,
}

impl Config {
    /// The line at `id`.
    pub fn line(&self, id: LineId) -> &Line {
        &self.lines[usize::from(id.0)]
    }

    /// The pool at `id`.
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.pools[id.0]
    }

    /// The monitor at `id`.
    pub fn monitor(&self, id: MonitorId) -> &Monitor {
        &self.monitors[id.0]
    }

    /// The zone that `name` lies in: the longest matching origin.
    pub fn zone_of(&self, name: &Name) -> Option<&Zone> {
        self.zones
            .iter()
            .filter(|zone| zone.origin.zone_of(name))
            .max_by_key(|zone| zone.origin.num_labels())
    }

    /// The TTL of an instance's answers: max(instance ttl, zone min_ttl).
    pub fn effective_ttl(&self, instance: &Instance) -> Duration {
        let floor = self
            .zone_of(&instance.access_domain)
            .map_or(Duration::ZERO, |zone| zone.min_ttl);
        instance.ttl.max(floor)
    }
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// This host's name in events and logs.
    pub node: String,
    /// Addresses answered; an unspecified one means all of the host's of that family.
    pub listen: Vec<IpAddr>,
    /// UDP and TCP port.
    pub port: u16,
    /// Interfaces XDP attaches to; empty: userspace only.
    pub interfaces: Vec<String>,
    /// How XDP attaches.
    pub xdp: XdpMode,
    /// What was observed lives here.
    pub state_dir: PathBuf,
    /// The directory on a bpffs under which `v{ABI}/` holds the pins.
    pub bpffs: PathBuf,
    /// Largest UDP reply, octets.
    pub udp_size: u16,
    /// Whether EDNS client subnet chooses the line.
    pub ecs: bool,
    /// How long the first answer waits for the first round.
    pub start_wait: Duration,
    /// How long the kernel answers without a daemon; zero: for ever.
    pub stale_after: Duration,
}

/// `server.xdp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// Native, else generic, else userspace only.
    Auto,
    /// In the driver, or fail.
    Native,
    /// In the stack, or fail.
    Generic,
    /// Userspace only.
    Off,
}

/// `[[zone]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Apex, lower case, fully qualified.
    pub origin: Name,
    /// Name servers, lower case, fully qualified, never empty.
    pub ns: Vec<Name>,
    /// SOA RNAME, as a domain name.
    pub contact: Name,
    /// The lowest TTL of an answer.
    pub min_ttl: Duration,
    /// SOA MINIMUM and the TTL of negative answers.
    pub negative_ttl: Duration,
}

/// How specific a line is, most preferred first (product.md, Line).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are config.md's own")]
pub enum LineKind {
    Custom,
    SearchEngine,
    SearchEngines,
    OperatorProvince,
    CloudProvince,
    Province,
    OperatorRegion,
    Region,
    Operator,
    Cloud,
    Domestic,
    Country,
    Continent,
    Overseas,
    Default,
}

impl LineKind {
    /// Every kind with its name in the file, most preferred first.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Custom, "custom"),
        (Self::SearchEngine, "search_engine"),
        (Self::SearchEngines, "search_engines"),
        (Self::OperatorProvince, "operator_province"),
        (Self::CloudProvince, "cloud_province"),
        (Self::Province, "province"),
        (Self::OperatorRegion, "operator_region"),
        (Self::Region, "region"),
        (Self::Operator, "operator"),
        (Self::Cloud, "cloud"),
        (Self::Domestic, "domestic"),
        (Self::Country, "country"),
        (Self::Continent, "continent"),
        (Self::Overseas, "overseas"),
        (Self::Default, "default"),
    ];
}

/// A named set of prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Unique.
    pub name: String,
    /// How specific it is.
    pub kind: LineKind,
    /// Its own prefixes (files read, host bits cleared), without its children's.
    pub prefixes: Vec<IpNet>,
    /// The line that counts as containing whatever this one contains.
    pub parent: Option<LineId>,
}

/// How an address is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Unique.
    pub name: String,
    /// What is sent.
    pub protocol: Protocol,
    /// A disabled monitor leaves its addresses unmonitored.
    pub enabled: bool,
    /// One round per interval.
    pub interval: Duration,
    /// A later reply counts as none.
    pub timeout: Duration,
    /// A round is bad when failing / reporting nodes ≥ this, percent.
    pub failure_percent: u8,
    /// A node's round fails after 1 + retries failed attempts in a row.
    pub retries: u32,
    /// Consecutive bad rounds before DOWN.
    pub bad_rounds: u32,
    /// Consecutive good rounds before OK again.
    pub good_rounds: u32,
}

/// The protocol of a monitor with its own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// ICMP echo.
    Ping {
        /// Echo requests a round.
        packets: u32,
        /// The round fails when lost / sent ≥ this, percent.
        loss_percent: u8,
    },
    /// A TCP handshake.
    Tcp {
        /// Destination port.
        port: u16,
    },
    /// A GET, with or without TLS.
    Http(HttpCheck),
}

/// The fields of `protocol = "http"` and `"https"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// Destination port.
    pub port: u16,
    /// Host header and SNI; `None`: the instance's domain.
    pub host: Option<String>,
    /// Request target, starts with `/`.
    pub path: String,
    /// A status ≥ this is a failure.
    pub bad_status: u16,
    /// Follow redirects to the same host, at most five.
    pub follow_redirects: bool,
    /// `Some` for https.
    pub tls: Option<TlsCheck>,
}

/// The TLS part of an https monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsCheck {
    /// Send the host in the handshake.
    pub sni: bool,
    /// Check the certificate's chain and name.
    pub verify: bool,
}

/// What a pool's addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolType {
    /// A records.
    Ipv4,
    /// AAAA records.
    Ipv6,
    /// One CNAME, for every type.
    Domain,
}

/// `policy` of a pool or a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// 解析所有健康地址: every usable address.
    All,
    /// 负载均衡: one address by weight.
    Weight,
}

/// Addresses of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Unique.
    pub name: String,
    /// What its addresses are.
    pub r#type: PoolType,
    /// How its addresses stand in a weight tier.
    pub policy: Policy,
    /// What probes them.
    pub monitor: Option<MonitorId>,
    /// In order of declaration, no duplicates, never empty.
    pub addresses: Vec<PoolAddress>,
}

/// One address of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolAddress {
    /// An IP address of the pool's type, or a domain name.
    pub value: Address,
    /// 1–100.
    pub weight: u32,
    /// 归属地域, for people.
    pub region: Option<String>,
    /// A disabled address is not used.
    pub enabled: bool,
}

/// What a pool holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// Of an ipv4 or ipv6 pool.
    Ip(IpAddr),
    /// Of a domain pool: lower case, fully qualified.
    Domain(Name),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Domain(name) => f.write_str(name.to_string().trim_end_matches('.')),
        }
    }
}

/// One business domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Unique.
    pub name: String,
    /// What users type; lower case, fully qualified.
    pub domain: Name,
    /// The name inside a zone served here; lower case, fully qualified; may equal `domain`.
    pub access_domain: Name,
    /// Before the zone's floor; see [`Config::effective_ttl`].
    pub ttl: Duration,
    /// A disabled instance answers NODATA.
    pub enabled: bool,
    /// Most addresses in one answer; `None`: 20 for A, 8 for AAAA.
    pub max_answers: Option<u16>,
    /// In order of declaration; enabled and disabled.
    pub strategies: Vec<Strategy>,
}

impl Instance {
    /// The domain as people write it, without the final dot.
    pub fn domain_text(&self) -> String {
        self.domain.to_string().trim_end_matches('.').to_owned()
    }
}

/// What one set of lines is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Unique within the instance.
    pub name: String,
    /// The lines it claims, for the families of its pools.
    pub lines: Vec<LineId>,
    /// A disabled strategy claims nothing.
    pub enabled: bool,
    /// How it moves between tiers.
    pub switch: Switch,
    /// 1–4, most preferred first.
    pub tiers: Vec<Tier>,
    /// 兜底.
    pub fallback: PoolId,
}

impl Strategy {
    /// Whether it claims its lines for A (`ipv6 == false`) or AAAA queries: the
    /// families of all its pools, a domain pool counting for both.
    pub fn claims(&self, config: &Config, ipv6: bool) -> bool {
        let tiers = self.tiers.iter().flat_map(|tier| &tier.pools);
        tiers
            .map(|member| member.pool)
            .chain([self.fallback])
            .any(|pool| match config.pool(pool).r#type {
                PoolType::Ipv4 => !ipv6,
                PoolType::Ipv6 => ipv6,
                PoolType::Domain => true,
            })
    }
}

/// `switch` of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The first tier with enough usable addresses.
    Auto,
    /// Always the first tier.
    Hold,
}

/// One of a strategy's ordered tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// All of one type, no duplicates, never empty.
    pub pools: Vec<TierPool>,
    /// How its addresses are answered.
    pub policy: Policy,
    /// 切换阈值: active with at least this many usable addresses.
    pub min_healthy: usize,
}

/// A pool's place in a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierPool {
    /// Which.
    pub pool: PoolId,
    /// 1–100.
    pub weight: u32,
}

/// `[[channel]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A disabled channel's messages are suppressed, and that is said.
    pub enabled: bool,
    /// Of one attempt.
    pub timeout: Duration,
    /// Whether loopback, link-local and private addresses may be dialled.
    pub allow_private: bool,
    /// What it speaks.
    pub kind: ChannelKind,
}

/// The type of a channel with its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// The Standard Webhooks convention.
    Webhook {
        /// Where to POST; the path may be a secret.
        url: Secret,
        /// `whsec_…` keys, newest first; every one signs. Empty: unsigned.
        secrets: Vec<Secret>,
        /// Sent besides our own.
        headers: Vec<(String, String)>,
    },
}

/// A text that is never logged nor shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// `[[subscription]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A disabled one matches nothing.
    pub enabled: bool,
    /// Kinds it matches; empty: all.
    pub events: Vec<crate::notify::event::Kind>,
    /// Where its messages go, never empty.
    pub channels: Vec<ChannelId>,
    /// Events that come together within this make one message.
    pub group_wait: Duration,
}

//! An object of a configuration as named texts, so that two of them can be compared.
//!
//! Every struct is taken apart whole: a field that the model gains must be told here, or this
//! does not compile. Must not show a secret.

use std::fmt;
use std::time::Duration;

use crate::config::duration;
use crate::config::model::{
    Address, Admin, Channel, ChannelKind, Config, HttpCheck, Instance, Limits, Line, LineKind,
    Monitor, Policy, Pool, PoolAddress, PoolType, Protocol, Secret, Server, Strategy, Subscription,
    Switch, Tier, XdpMode, Zone,
};

/// Named texts, in the order of the file.
pub(super) type Fields = Vec<(String, Shown)>;

/// A value as text; a secret is compared but not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Plain(String),
    Hidden(Vec<Secret>),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Hidden(secrets) if secrets.is_empty() => f.write_str("none"),
            Self::Hidden(_) => f.write_str("[secret]"),
        }
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) table: &'static str,
    pub(super) name: String,
    pub(super) own: Fields,
    /// Addresses of a pool, strategies of an instance.
    pub(super) parts: Vec<(String, Fields)>,
}

/// The objects of one table that has names.
pub(super) enum Table<'a> {
    Zones(&'a [Zone], Vec<String>),
    Monitors(&'a [Monitor]),
    Pools(&'a [Pool]),
    Instances(&'a [Instance]),
    Channels(&'a [Channel]),
    Subscriptions(&'a [Subscription]),
}

/// The tables that there are once.
pub(super) fn singles(config: &Config) -> [Outline; 3] {
    [
        server(&config.server),
        admin(&config.admin),
        limits(&config.limits),
    ]
}

/// The tables of named objects, lines aside.
pub(super) fn tables(config: &Config) -> [Table<'_>; 6] {
    let Config {
        server: _,
        admin: _,
        limits: _,
        lines: _,
        zones,
        monitors,
        pools,
        instances,
        channels,
        subscriptions,
    } = config;
    let origins = zones.iter().map(|zone| zone.origin.to_string()).collect();
    [
        Table::Zones(zones, origins),
        Table::Monitors(monitors),
        Table::Pools(pools),
        Table::Instances(instances),
        Table::Channels(channels),
        Table::Subscriptions(subscriptions),
    ]
}

/// Whether a reference by position means the same object in both.
pub(super) fn same_places(old: &Config, new: &Config) -> bool {
    let lines = |config: &'_ Config| -> Vec<String> {
        let lines = config.lines.iter().map(|one| one.name.clone());
        let monitors = config.monitors.iter().map(|one| one.name.clone());
        let pools = config.pools.iter().map(|one| one.name.clone());
        let channels = config.channels.iter().map(|one| one.name.clone());
        let all = lines.chain([String::new()]).chain(monitors);
        let all = all.chain([String::new()]).chain(pools);
        all.chain([String::new()]).chain(channels).collect()
    };
    lines(old) == lines(new)
}

impl Table<'_> {
    pub(super) fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Zones(_, origins) => Box::new(origins.iter().map(String::as_str)),
            Self::Monitors(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Pools(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Instances(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Channels(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Subscriptions(all) => Box::new(all.iter().map(|one| one.name.as_str())),
        }
    }

    /// Whether the object at `at` is the same as the one at `there` of another table.
    pub(super) fn equal(&self, at: usize, other: &Self, there: usize) -> bool {
        match (self, other) {
            (Self::Zones(one, _), Self::Zones(other, _)) => one[at] == other[there],
            (Self::Monitors(one), Self::Monitors(other)) => one[at] == other[there],
            (Self::Pools(one), Self::Pools(other)) => one[at] == other[there],
            (Self::Instances(one), Self::Instances(other)) => one[at] == other[there],
            (Self::Channels(one), Self::Channels(other)) => one[at] == other[there],
            (Self::Subscriptions(one), Self::Subscriptions(other)) => one[at] == other[there],
            _ => false,
        }
    }

    pub(super) fn outline(&self, config: &Config, at: usize) -> Outline {
        match self {
            Self::Zones(all, _) => zone(&all[at]),
            Self::Monitors(all) => monitor(&all[at]),
            Self::Pools(all) => pool(config, &all[at]),
            Self::Instances(all) => instance(config, &all[at]),
            Self::Channels(all) => channel(&all[at]),
            Self::Subscriptions(all) => subscription(config, &all[at]),
        }
    }
}

/// "lines telecom, policy all".
pub(super) fn in_words(fields: &Fields) -> String {
    let words = fields.iter().map(|(name, value)| format!("{name} {value}"));
    words.collect::<Vec<_>>().join("; ")
}

fn field(name: &str, value: impl ToString) -> (String, Shown) {
    (name.to_owned(), Shown::Plain(value.to_string()))
}

fn secret(name: &str, secrets: &[Secret]) -> (String, Shown) {
    (name.to_owned(), Shown::Hidden(secrets.to_vec()))
}

fn lasting(name: &str, value: Duration) -> (String, Shown) {
    field(name, duration::format(value))
}

fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let texts = values.into_iter().map(|one| one.to_string());
    texts.collect::<Vec<_>>().join(", ")
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn single(table: &'static str, own: Fields) -> Outline {
    named(table, "", own)
}

fn named(table: &'static str, name: &str, own: Fields) -> Outline {
    Outline {
        table,
        name: name.to_owned(),
        own,
        parts: Vec::new(),
    }
}

fn server(server: &Server) -> Outline {
    let Server {
        node,
        listen,
        port,
        interfaces,
        xdp,
        state_dir,
        bpffs,
        udp_size,
        ecs,
        start_wait,
        stale_after,
    } = server;
    let mode = match xdp {
        XdpMode::Auto => "auto",
        XdpMode::Native => "native",
        XdpMode::Generic => "generic",
        XdpMode::Off => "off",
    };
    let own = vec![
        field("node", node),
        field("listen", list(listen)),
        field("port", port),
        field("interfaces", list(interfaces)),
        field("xdp", mode),
        field("state_dir", state_dir.display()),
        field("bpffs", bpffs.display()),
        field("udp_size", udp_size),
        field("ecs", ecs),
        lasting("start_wait", *start_wait),
        lasting("stale_after", *stale_after),
    ];
    single("server", own)
}

fn admin(admin: &Admin) -> Outline {
    let Admin {
        socket,
        listen,
        token,
    } = admin;
    let token: Vec<Secret> = token.iter().cloned().collect();
    let own = vec![
        field("socket", socket.display()),
        field("listen", or_none(*listen)),
        secret("token", &token),
    ];
    single("admin", own)
}

fn limits(limits: &Limits) -> Outline {
    let Limits {
        responses_per_second,
        slip,
        ipv4_prefix,
        ipv6_prefix,
    } = limits;
    let own = vec![
        field("responses_per_second", responses_per_second),
        field("slip", slip),
        field("ipv4_prefix", ipv4_prefix),
        field("ipv6_prefix", ipv6_prefix),
    ];
    single("limits", own)
}

fn zone(zone: &Zone) -> Outline {
    let Zone {
        origin,
        ns,
        contact,
        min_ttl,
        negative_ttl,
    } = zone;
    let own = vec![
        field("ns", list(ns)),
        field("contact", contact),
        lasting("min_ttl", *min_ttl),
        lasting("negative_ttl", *negative_ttl),
    ];
    named("zone", origin.to_string().trim_end_matches('.'), own)
}

/// Without its prefixes.
pub(super) fn line(config: &Config, line: &Line) -> Outline {
    let Line {
        name,
        kind,
        prefixes: _,
        parent,
    } = line;
    let kind = LineKind::ALL.iter().find(|(one, _)| one == kind);
    let own = vec![
        field("kind", kind.map_or("", |(_, word)| word)),
        field("parent", or_none(parent.map(|id| &config.line(id).name))),
    ];
    named("line", name, own)
}

fn monitor(monitor: &Monitor) -> Outline {
    let Monitor {
        name,
        protocol,
        enabled,
        interval,
        timeout,
        failure_percent,
        retries,
        bad_rounds,
        good_rounds,
    } = monitor;
    let mut own = of_protocol(protocol);
    own.extend([
        field("enabled", enabled),
        lasting("interval", *interval),
        lasting("timeout", *timeout),
        field("failure_percent", failure_percent),
        field("retries", retries),
        field("bad_rounds", bad_rounds),
        field("good_rounds", good_rounds),
    ]);
    named("monitor", name, own)
}

fn of_protocol(protocol: &Protocol) -> Fields {
    let word = field("protocol", protocol.name());
    match protocol {
        Protocol::Ping {
            packets,
            loss_percent,
        } => vec![
            word,
            field("packets", packets),
            field("loss_percent", loss_percent),
        ],
        Protocol::Tcp { port } => vec![word, field("port", port)],
        Protocol::Http(HttpCheck {
            port,
            host,
            path,
            bad_status,
            follow_redirects,
            tls,
        }) => {
            let mut fields = vec![
                word,
                field("port", port),
                field("host", or_none(host.as_ref())),
                field("path", path),
                field("bad_status", bad_status),
                field("follow_redirects", follow_redirects),
            ];
            if let Some(tls) = tls {
                fields.extend([field("sni", tls.sni), field("verify", tls.verify)]);
            }
            fields
        }
    }
}

fn policy_word(policy: Policy) -> &'static str {
    match policy {
        Policy::All => "all",
        Policy::Weight => "weight",
    }
}

fn pool(config: &Config, pool: &Pool) -> Outline {
    let Pool {
        name,
        r#type,
        policy,
        monitor,
        addresses,
    } = pool;
    let word = match r#type {
        PoolType::Ipv4 => "ipv4",
        PoolType::Ipv6 => "ipv6",
        PoolType::Domain => "domain",
    };
    let monitor = monitor.map(|id| &config.monitor(id).name);
    let own = vec![
        field("type", word),
        field("policy", policy_word(*policy)),
        field("monitor", or_none(monitor)),
    ];
    let parts = addresses.iter().map(address).collect();
    Outline {
        parts,
        ..named("pool", name, own)
    }
}

fn address(address: &PoolAddress) -> (String, Fields) {
    let PoolAddress {
        value,
        weight,
        region,
        enabled,
    } = address;
    let fields = vec![
        field("weight", weight),
        field("region", or_none(region.as_ref())),
        field("enabled", enabled),
    ];
    (format!("address {}", in_text(value)), fields)
}

fn in_text(address: &Address) -> String {
    address.to_string()
}

fn instance(config: &Config, instance: &Instance) -> Outline {
    let Instance {
        name,
        domain,
        access_domain,
        ttl,
        enabled,
        max_answers,
        strategies,
    } = instance;
    let own = vec![
        field("domain", domain),
        field("access_domain", access_domain),
        lasting("ttl", *ttl),
        field("enabled", enabled),
        field("max_answers", or_none(*max_answers)),
    ];
    let parts = strategies.iter().map(|one| strategy(config, one)).collect();
    Outline {
        parts,
        ..named("instance", name, own)
    }
}

fn strategy(config: &Config, strategy: &Strategy) -> (String, Fields) {
    let Strategy {
        name,
        lines,
        enabled,
        switch,
        tiers,
        fallback,
    } = strategy;
    let lines = lines.iter().map(|id| &config.line(*id).name);
    let switch = match switch {
        Switch::Auto => "auto",
        Switch::Hold => "hold",
    };
    let mut fields = vec![
        field("lines", list(lines)),
        field("enabled", enabled),
        field("switch", switch),
        field("fallback", &config.pool(*fallback).name),
    ];
    let numbered = tiers.iter().zip(1..);
    fields.extend(numbered.map(|(one, at)| field(&format!("tier {at}"), tier(config, one))));
    (format!("strategy {name}"), fields)
}

fn tier(config: &Config, tier: &Tier) -> String {
    let Tier {
        pools,
        policy,
        min_healthy,
    } = tier;
    let pools = pools.iter().map(|place| {
        let pool = &config.pool(place.pool).name;
        format!("{pool} × {}", place.weight)
    });
    let word = policy_word(*policy);
    format!("{} ({word}, min_healthy {min_healthy})", list(pools))
}

fn channel(channel: &Channel) -> Outline {
    let Channel {
        name,
        description,
        enabled,
        timeout,
        allow_private,
        kind,
    } = channel;
    let mut own = vec![
        field("description", or_none(description.as_ref())),
        field("enabled", enabled),
        lasting("timeout", *timeout),
        field("allow_private", allow_private),
    ];
    match kind {
        ChannelKind::Webhook {
            url,
            secrets,
            headers,
        } => {
            own.extend([
                field("type", "webhook"),
                secret("url", std::slice::from_ref(url)),
                secret("secret", secrets),
            ]);
            let headers = headers.iter();
            own.extend(headers.map(|(name, value)| {
                secret(&format!("header {name}"), std::slice::from_ref(value))
            }));
        }
    }
    named("channel", name, own)
}

fn subscription(config: &Config, subscription: &Subscription) -> Outline {
    let Subscription {
        name,
        description,
        enabled,
        events,
        channels,
        group_wait,
    } = subscription;
    let channels = channels.iter().map(|id| &config.channels[id.0].name);
    let own = vec![
        field("description", or_none(description.as_ref())),
        field("enabled", enabled),
        field("events", list(events.iter().map(|kind| kind.name()))),
        field("channels", list(channels)),
        lasting("group_wait", *group_wait),
    ];
    named("subscription", name, own)
}

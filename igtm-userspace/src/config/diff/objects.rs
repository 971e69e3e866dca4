//! Server, zones, lines, monitors, channels and the like as named texts.
//!
//! Every struct is taken apart whole: a field that the model gains must be told here, or this
//! does not compile. Must not show a secret.

use super::outline::{Fields, Outline, field, lasting, list, or_none, secret};
use crate::config::model::{
    Admin, Channel, ChannelKind, Config, HttpCheck, Limits, Line, LineKind, Monitor, Node, Plan,
    Protocol, Secret, Server, Soa, Subscription, XdpMode, Zone,
};

fn single(table: &'static str, own: Fields) -> Outline {
    named(table, "", own)
}

pub(super) fn named(table: &'static str, name: &str, own: Fields) -> Outline {
    Outline {
        table,
        name: name.to_owned(),
        own,
        parts: Vec::new(),
    }
}

pub(super) fn server(server: &Server) -> Outline {
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
        says,
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
        field("nsid", &says.nsid),
        field("identity", &says.identity),
        field("version", &says.version),
        lasting("start_wait", *start_wait),
        lasting("stale_after", *stale_after),
    ];
    single("server", own)
}

pub(super) fn admin(admin: &Admin) -> Outline {
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

pub(super) fn limits(limits: &Limits) -> Outline {
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

pub(super) fn zone(zone: &Zone) -> Outline {
    let Zone {
        origin,
        ns,
        contact,
        min_ttl,
        negative_ttl,
        transfer,
        soa,
        records: _,
    } = zone;
    let Soa {
        primary,
        refresh,
        retry,
        expire,
        minimum,
        ttl,
    } = soa;
    let own = vec![
        field("ns", list(ns)),
        field("contact", contact),
        lasting("min_ttl", *min_ttl),
        lasting("negative_ttl", *negative_ttl),
        field("transfer", list(transfer)),
        // Without a file it says nothing of its own.
        if *soa == Zone::new(origin.clone(), ns.clone(), contact.clone(), *negative_ttl).soa {
            field("soa", "by `ns` and `negative_ttl`")
        } else {
            field(
                "soa",
                format_args!("{primary} {refresh} {retry} {expire} {minimum}, TTL {ttl} s"),
            )
        },
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

pub(super) fn monitor(config: &Config, monitor: &Monitor) -> Outline {
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
        nodes,
    } = monitor;
    let nodes = nodes.iter().map(|id| &config.node(*id).name);
    let mut own = of_protocol(protocol);
    own.extend([
        field("enabled", enabled),
        lasting("interval", *interval),
        lasting("timeout", *timeout),
        field("failure_percent", failure_percent),
        field("retries", retries),
        field("bad_rounds", bad_rounds),
        field("good_rounds", good_rounds),
        field("nodes", list(nodes)),
    ]);
    named("monitor", name, own)
}

pub(super) fn node(node: &Node) -> Outline {
    let Node {
        name,
        group,
        source_v4,
        source_v6,
        interface,
    } = node;
    let own = vec![
        field("group", or_none(group.as_ref())),
        field("source, IPv4", or_none(*source_v4)),
        field("source, IPv6", or_none(*source_v6)),
        field("interface", or_none(interface.as_ref())),
    ];
    named("node", name, own)
}

/// The fields of a plan.
pub(super) fn plan(plan: &Plan) -> Fields {
    let Plan {
        profile,
        max_addresses,
        max_probe_tasks,
        max_nodes,
        max_lines,
        protocols,
        types,
        weight_policy,
        min_interval,
        min_ttl,
    } = plan;
    vec![
        field("profile", profile.word()),
        field("max_addresses", or_none(*max_addresses)),
        field("max_probe_tasks", or_none(*max_probe_tasks)),
        field("max_nodes", or_none(*max_nodes)),
        field("max_lines", or_none(*max_lines)),
        field("protocols", list(protocols.iter().map(|one| one.word()))),
        field("types", list(types.iter().map(|one| one.name()))),
        field("weight_policy", weight_policy),
        lasting("min_interval", *min_interval),
        lasting("min_ttl", *min_ttl),
    ]
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

pub(super) fn channel(channel: &Channel) -> Outline {
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

pub(super) fn subscription(config: &Config, subscription: &Subscription) -> Outline {
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

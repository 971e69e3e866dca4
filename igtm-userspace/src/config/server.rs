//! `[server]`: the daemon itself.
//!
//! Must not ask the host about interfaces or addresses: whether they exist is the daemon's to
//! find out; the one thing read here is the host's name, the default of `node`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use igtm_common::layout;

use super::model::{Says, Server, XdpMode};
use super::names;
use super::problem::Report;
use super::reader::Section;
use super::value::Value;

const XDP_MODES: [(XdpMode, &str); 4] = [
    (XdpMode::Auto, "auto"),
    (XdpMode::Native, "native"),
    (XdpMode::Generic, "generic"),
    (XdpMode::Off, "off"),
];

/// Longest name of an interface, octets (IFNAMSIZ without the final zero).
const LONGEST_INTERFACE: usize = 15;
/// Longest text of `nsid`, `identity` and `version`, octets: what a string of a TXT record holds.
const LONGEST_TEXT: usize = 255;
/// Longest wait for the first round.
const LONGEST_START_WAIT: Duration = Duration::from_secs(3_600);
/// Longest time the kernel may answer alone, when it is limited at all.
const LONGEST_STALE: Duration = Duration::from_secs(7 * 86_400);

/// Where Linux shows the host's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Reads `[server]`, which may be absent.
pub(super) fn read(root: &mut Section<'_>) -> Server {
    let report = root.report();
    let mut server = Server {
        node: String::new(),
        listen: vec![
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ],
        port: 53,
        interfaces: Vec::new(),
        xdp: XdpMode::Auto,
        state_dir: PathBuf::from("/var/lib/igtm"),
        bpffs: PathBuf::from("/sys/fs/bpf/igtm"),
        udp_size: 1232,
        ecs: true,
        says: Says::default(),
        start_wait: Duration::from_secs(10),
        stale_after: Duration::ZERO,
    };
    let section = root.table("server");
    let at = section.as_ref().map_or(root.at(), Section::at);
    let mut said = Said::default();
    let named =
        section.is_some_and(|section| read_section(section, report, &mut server, &mut said));
    if !named {
        match host_name() {
            Some(name) => server.node = name,
            None => report.problem(
                at,
                "`node` is missing in `server`, and the host's own name cannot be used",
            ),
        }
    }
    server.says = said.by(&server.node);
    server
}

/// The texts of `nsid`, `identity` and `version`, as far as they are there.
#[derive(Default)]
struct Said([Option<String>; 3]);

impl Said {
    /// Who runs several servers behind one address asks which of them it is; which version it is
    /// would help others more.
    fn by(self, node: &str) -> Says {
        let Self([nsid, identity, version]) = self;
        Says {
            nsid: nsid.unwrap_or_else(|| node.to_owned()),
            identity: identity.unwrap_or_else(|| node.to_owned()),
            version: version.unwrap_or_else(|| "igtm".to_owned()),
        }
    }
}

/// Whether `node` was there.
fn read_section(
    mut section: Section<'_>,
    report: &Report<'_>,
    server: &mut Server,
    said: &mut Said,
) -> bool {
    let node = section.take("node");
    let set = |slot: &mut PathBuf, value: Option<Value<'_>>| {
        if let Some(path) = value.and_then(|value| path(&value, report)) {
            *slot = path;
        }
    };
    set(&mut server.state_dir, section.take("state_dir"));
    set(&mut server.bpffs, section.take("bpffs"));
    if let Some(name) = node.and_then(|value| names::name(&value)) {
        server.node = name;
    }
    if let Some(list) = section.take("listen") {
        server.listen = listen(&list);
    }
    if let Some(list) = section.take("interfaces") {
        server.interfaces = interfaces(&list);
    }
    if let Some(port) = section.take("port").and_then(|v| v.integer(1..=u16::MAX)) {
        server.port = port;
    }
    if let Some(mode) = section.take("xdp").and_then(|v| v.one_of(&XDP_MODES)) {
        server.xdp = mode;
    }
    // 512 is what every client takes (RFC 1035), 4096 what EDNS servers give at most (RFC 6891 §6.2.5).
    if let Some(size) = section.take("udp_size").and_then(|v| v.integer(512..=4096)) {
        server.udp_size = size;
    }
    if let Some(ecs) = section.take("ecs").and_then(|v| v.bool()) {
        server.ecs = ecs;
    }
    said.0 = ["nsid", "identity", "version"].map(|key| section.take(key).and_then(|v| text(&v)));
    let wait = section.take("start_wait");
    if let Some(wait) = wait.and_then(|v| v.duration(Duration::ZERO..=LONGEST_START_WAIT)) {
        server.start_wait = wait;
    }
    let stale = section.take("stale_after");
    if let Some(stale) = stale.and_then(|v| v.duration(Duration::ZERO..=LONGEST_STALE)) {
        server.stale_after = stale;
    }
    section.finish();
    node.is_some()
}

fn host_name() -> Option<String> {
    let text = std::fs::read_to_string(HOST_NAME).ok()?;
    let name = text.trim();
    names::is_name(name).then(|| name.to_owned())
}

fn path(value: &Value<'_>, report: &Report<'_>) -> Option<PathBuf> {
    let text = value.string()?;
    if text.is_empty() || text.contains('\0') {
        value.wrong("a path");
        return None;
    }
    Some(report.resolve(value.at, text))
}

/// What clients are shown; it may be empty.
fn text(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.len() > LONGEST_TEXT || text.contains(char::is_control) {
        value.wrong(format_args!(
            "a text of at most {LONGEST_TEXT} octets without control characters"
        ));
        return None;
    }
    Some(text.to_owned())
}

fn listen(list: &Value<'_>) -> Vec<IpAddr> {
    let mut found: Vec<(IpAddr, Value<'_>)> = Vec::new();
    let Some(items) = list.list("a list of addresses") else {
        return Vec::new();
    };
    if items.is_empty() {
        list.problem("`listen` is empty; leave it out to answer on all of the host's addresses");
    }
    for item in items {
        let Some(text) = item.string() else { continue };
        match text.parse::<IpAddr>() {
            Err(_) => item.wrong("an IPv4 or IPv6 address without port or length"),
            Ok(ip) if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => {
                item.wrong("an address of one host");
            }
            Ok(ip) if ip.to_canonical() != ip => {
                item.wrong(format_args!("written as `{}`", ip.to_canonical()));
            }
            Ok(ip) if found.iter().any(|(seen, _)| *seen == ip) => {
                item.problem(format!("`{ip}` stands in this list twice"));
            }
            Ok(ip) => found.push((ip, item)),
        }
    }
    refuse_too_many(list, found.len(), layout::LISTEN);
    for (ip, item) in &found {
        let covers = |(other, _): &&(IpAddr, Value<'_>)| {
            other.is_unspecified() && other != ip && other.is_ipv4() == ip.is_ipv4()
        };
        if let Some((all, _)) = found.iter().find(covers) {
            item.problem(format!(
                "`{ip}` is covered by `{all}`; leave out one of them"
            ));
        }
    }
    found.into_iter().map(|(ip, _)| ip).collect()
}

fn interfaces(list: &Value<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let items = list.list("a list of names of interfaces");
    for item in items.unwrap_or_default() {
        let Some(text) = interface(&item) else {
            continue;
        };
        if found.contains(&text) {
            item.problem(format!("`{text}` stands in this list twice"));
        } else {
            found.push(text);
        }
    }
    refuse_too_many(list, found.len(), layout::INTERFACES);
    found
}

/// The name of an interface, which need not exist.
pub(super) fn interface(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    let sane = (1..=LONGEST_INTERFACE).contains(&text.len())
        && !text.contains(odd)
        && text != "."
        && text != "..";
    if !sane {
        value.wrong("an interface's name of 1 to 15 octets without spaces or `/`");
        return None;
    }
    Some(text.to_owned())
}

/// The kernel's maps hold no more.
fn refuse_too_many(list: &Value<'_>, found: usize, most: usize) {
    if found > most {
        list.problem(format!("this list has {found} entries, at most {most}"));
    }
}

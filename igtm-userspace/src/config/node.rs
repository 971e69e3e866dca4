//! `[[node]]`: from where addresses are probed, and what `monitor.nodes` means.
//!
//! Must not ask the host whether it has an address or interface: that is the prober's to find out.

use std::collections::HashMap;
use std::net::IpAddr;

use super::model::{Node, NodeId};
use super::names::{self, Named, Names};
use super::near_miss::suggestion;
use super::problem::{At, Report};
use super::reader::{Section, not_supported};
use super::server;
use super::value::{Value, shorten};

/// Nodes, and what names mean.
pub(super) struct Nodes {
    pub(super) nodes: Vec<Node>,
    names: Names,
    /// By name; a group has at least one node.
    groups: HashMap<String, Vec<NodeId>>,
}

/// Reads every `[[node]]`; `local` comes first.
pub(super) fn read_all(root: &mut Section<'_>) -> Nodes {
    let report = root.report();
    let mut sections = root.tables("node");
    let (names, named) = Names::declare("node", &mut sections, 1);
    let mut nodes = vec![Node::local()];
    let mut groups: HashMap<String, Vec<NodeId>> = HashMap::new();
    let places: HashMap<String, At> = named
        .iter()
        .map(|named| (named.text.clone(), named.at))
        .collect();
    for (section, named) in sections.into_iter().zip(named) {
        if named.text == Node::LOCAL {
            let message = "the node `local` is built in: it probes as this host's routing says and is not declared";
            report.problem(named.at, message);
        }
        let (node, group_at) = read(section, named, report);
        if let (Some(group), Some(at)) = (&node.group, group_at) {
            refuse_node_as_group(group, at, &places, report);
            let id = NodeId(nodes.len());
            groups.entry(group.clone()).or_default().push(id);
        }
        nodes.push(node);
    }
    Nodes {
        nodes,
        names: names.with(Node::LOCAL, NodeId::LOCAL.0),
        groups,
    }
}

fn refuse_node_as_group(group: &str, at: At, places: &HashMap<String, At>, report: &Report<'_>) {
    if group == Node::LOCAL {
        report.problem(at, "`local` is the built-in node; name the group otherwise");
    } else if let Some(node) = places.get(group) {
        let line = report.line_of(*node);
        let message = format!("`{group}` is the node of line {line}; name the group otherwise");
        report.problem(at, message);
    }
}

/// A node, and where its group stands.
fn read(mut section: Section<'_>, named: Named, report: &Report<'_>) -> (Node, Option<At>) {
    let group = section.take("group");
    let source = section.take("source");
    let interface = section.take("interface");
    let agent = section.take("agent");
    let mut node = Node {
        name: named.text,
        group: group.and_then(|value| names::name(&value)),
        interface: interface.and_then(|value| server::interface(&value)),
        ..Node::local()
    };
    if let Some(source) = source {
        sources(&source, &mut node);
    }
    if agent.and_then(|value| value.bool()) == Some(true) {
        let at = agent.map_or(named.at, |value| value.at);
        report.problem(at, not_supported("node.agent = true"));
    } else if source.is_none() && interface.is_none() {
        let message = "a node has a `source`, an `interface` or both; without them it is `local`";
        report.problem(section.at(), message);
    }
    section.finish();
    (node, group.map(|value| value.at))
}

fn sources(value: &Value<'_>, node: &mut Node) {
    let items = value.one_or_list();
    if items.is_empty() {
        value.problem("`source` is empty; leave it out to send as routing says");
    }
    for item in items {
        match source(&item) {
            Some(IpAddr::V4(ip)) if node.source_v4.replace(ip).is_some() => second(&item, "IPv4"),
            Some(IpAddr::V6(ip)) if node.source_v6.replace(ip).is_some() => second(&item, "IPv6"),
            _ => {}
        }
    }
}

fn second(item: &Value<'_>, family: &str) {
    item.problem(format!(
        "a second {family} source; a node has one of each family at most"
    ));
}

/// An address that packets can be sent from.
fn source(value: &Value<'_>) -> Option<IpAddr> {
    let allowed = match value.string()?.parse::<IpAddr>() {
        Err(_) => "an IPv4 or IPv6 address of this host, without port or length".to_owned(),
        Ok(ip) if ip.to_canonical() != ip => format!("written as `{}`", ip.to_canonical()),
        Ok(IpAddr::V6(ip)) if ip.is_unicast_link_local() => {
            "an address that is not link-local; name an `interface` instead".to_owned()
        }
        Ok(ip) if ip.is_unspecified() || ip.is_multicast() || is_broadcast(ip) => {
            "an address of one host".to_owned()
        }
        Ok(ip) => return Some(ip),
    };
    value.wrong(allowed);
    None
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())
}

impl Nodes {
    /// The nodes that a list of names of nodes and groups means, each once, in its order.
    pub(super) fn resolve_list(&self, list: &Value<'_>) -> Vec<NodeId> {
        let items = list.list("a list of names of nodes and groups");
        if items.as_ref().is_some_and(Vec::is_empty) {
            list.problem("`nodes` is empty; leave it out to probe from `local`");
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut found: Vec<NodeId> = Vec::new();
        for item in items.unwrap_or_default() {
            let Some(text) = item.string() else { continue };
            if seen.contains(&text) {
                item.problem(format!("`{}` stands in this list twice", shorten(text)));
                continue;
            }
            seen.push(text);
            for id in self.meant(text, &item) {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        found
    }

    fn meant(&self, text: &str, item: &Value<'_>) -> Vec<NodeId> {
        if let Some(position) = self.names.position(text) {
            return vec![NodeId(position)];
        }
        if let Some(group) = self.groups.get(text) {
            return group.clone();
        }
        let mut known: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        known.extend(self.names.all());
        known.sort_unstable();
        let near = suggestion(text, known);
        let shown = shorten(text);
        item.problem(format!("no node or group is named `{shown}`{near}"));
        Vec::new()
    }
}

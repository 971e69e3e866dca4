//! Nodes and groups: what they become, and bad ones with their exact messages.

use std::path::Path;

use super::harness::expect;
use crate::config::model::{Config, Node, NodeId};
use crate::config::parse;

const NODES: &str = r#"
version = 1
[[node]]
name = "gz-telecom"
group = "isp"
source = "198.51.100.9"
[[node]]
name = "gz-unicom"
group = "isp"
interface = "eth1"
[[node]]
name = "dual"
source = ["2001:db8::9", "198.51.100.10"]
interface = "eth2"
[[node]]
name = "six"
group = "ipv6"
source = "2001:db8::6"
"#;

fn monitor(nodes: &str) -> String {
    format!("[[monitor]]\nname = \"m\"\nprotocol = \"tcp\"\n{nodes}\n")
}

fn config(text: &str) -> Config {
    parse(text, Path::new("/nowhere/x.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn local_is_always_there_and_names_mean_nodes_or_groups() {
    let smallest = config("version = 1");
    assert_eq!(smallest.nodes, [Node::local()]);
    // nodes, what they are
    let table = [
        ("", &["local"] as &[&str]),
        ("nodes = [\"local\"]", &["local"]),
        ("nodes = [\"isp\"]", &["gz-telecom", "gz-unicom"]),
        (
            "nodes = [\"gz-unicom\", \"isp\", \"local\", \"ipv6\"]",
            &["gz-unicom", "gz-telecom", "local", "six"],
        ),
    ];
    for (nodes, expected) in table {
        let config = config(&format!("{NODES}{}", monitor(nodes)));
        let own = config.monitors[0].nodes.iter();
        let names: Vec<&str> = own.map(|id| config.node(*id).name.as_str()).collect();
        assert_eq!(names, expected, "{nodes}");
    }
}

#[test]
fn a_node_reaches_the_families_that_it_has_sources_of() {
    let config = config(NODES);
    // node, IPv4, IPv6
    let table = [
        ("local", true, true),
        ("gz-telecom", true, false),
        ("gz-unicom", true, true),
        ("dual", true, true),
        ("six", false, true),
    ];
    for (node, (name, v4, v6)) in config.nodes.iter().zip(table) {
        let reached = (node.reaches_family(false), node.reaches_family(true));
        assert_eq!((node.name.as_str(), reached), (name, (v4, v6)));
    }
    let dual = config.node(NodeId(3));
    assert_eq!(dual.interface.as_deref(), Some("eth2"));
    let source = |ip: &str| dual.source(ip.parse().expect("an address"));
    assert_eq!(source("192.0.2.1"), "198.51.100.10".parse().ok());
    assert_eq!(source("2001:db8::1"), "2001:db8::9".parse().ok());
}

#[test]
fn bad_nodes() {
    for (text, expected) in [
        (
            "name = \"local\"\ninterface = \"eth0\"",
            "3:8: the node `local` is built in: it probes as this host's routing says and is not declared",
        ),
        (
            "name = \"a\"",
            "2:1: a node has a `source`, an `interface` or both; without them it is `local`",
        ),
        (
            "name = \"a\"\nsource = \"gz\"",
            "4:10: `source` is \"gz\"; it must be an IPv4 or IPv6 address of this host, without port or length",
        ),
        (
            "name = \"a\"\nsource = \"0.0.0.0\"",
            "4:10: `source` is \"0.0.0.0\"; it must be an address of one host",
        ),
        (
            "name = \"a\"\nsource = \"fe80::1\"",
            "4:10: `source` is \"fe80::1\"; it must be an address that is not link-local; name an `interface` instead",
        ),
        (
            "name = \"a\"\nsource = \"::ffff:192.0.2.1\"",
            "4:10: `source` is \"::ffff:192.0.2.1\"; it must be written as `192.0.2.1`",
        ),
        (
            "name = \"a\"\nsource = [\"192.0.2.1\", \"2001:db8::1\", \"192.0.2.2\"]",
            "4:39: a second IPv4 source; a node has one of each family at most",
        ),
        (
            "name = \"a\"\nsource = []",
            "4:10: `source` is empty; leave it out to send as routing says",
        ),
        (
            "name = \"a\"\ninterface = \"eth 0\"",
            "4:13: `interface` is \"eth 0\"; it must be an interface's name of 1 to 15 octets without spaces or `/`",
        ),
        (
            "name = \"a\"\nintreface = \"eth0\"\nsource = \"192.0.2.1\"",
            "4:1: unknown key `intreface`; did you mean `interface`?",
        ),
        (
            "name = \"a\"\nsource = \"192.0.2.1\"\ngroup = \"local\"",
            "5:9: `local` is the built-in node; name the group otherwise",
        ),
        (
            "name = \"a\"\nsource = \"192.0.2.1\"\ngroup = \"b\"\n[[node]]\nname = \"b\"\nsource = \"192.0.2.2\"",
            "5:9: `b` is the node of line 7; name the group otherwise",
        ),
        (
            "name = \"a\"\nsource = \"192.0.2.1\"\n[[node]]\nname = \"a\"\nsource = \"192.0.2.2\"",
            "6:8: the name `a` is taken by the node of line 3",
        ),
        (
            "name = \"a\"\nagent = true\nsource = \"192.0.2.1\"",
            "4:9: `node.agent = true` is not supported yet",
        ),
    ] {
        expect(&format!("[[node]]\n{text}"), &[expected]);
    }
}

#[test]
fn bad_names_of_nodes() {
    let node = "[[node]]\nname = \"gz\"\ngroup = \"isp\"\nsource = \"192.0.2.9\"\n";
    for (nodes, expected) in [
        (
            "nodes = []",
            "9:9: `nodes` is empty; leave it out to probe from `local`",
        ),
        (
            "nodes = [\"local\", \"isp\", \"local\"]",
            "9:26: `local` stands in this list twice",
        ),
        (
            "nodes = [\"loca\"]",
            "9:10: no node or group is named `loca`; did you mean `local`?",
        ),
        (
            "nodes = [\"ips\"]",
            "9:10: no node or group is named `ips`; did you mean `isp`?",
        ),
        (
            "nodes = \"local\"",
            "9:9: `nodes` is a text; it must be a list of names of nodes and groups",
        ),
    ] {
        expect(&format!("{node}{}", monitor(nodes)), &[expected]);
    }
}

#[test]
fn somebody_must_be_able_to_look() {
    let node = "[[node]]\nname = \"gz\"\nsource = \"192.0.2.9\"\n";
    let pool = "[[pool]]\nname = \"p\"\ntype = \"ipv6\"\nmonitor = \"m\"\naddress = [{ value = \"2001:db8::1\" }]\n";
    expect(
        &format!("{node}{}{pool}", monitor("nodes = [\"gz\"]")),
        &["6:8: no node of the monitor `m` has an IPv6 source, and it probes the pool `p`"],
    );
    let both = monitor("nodes = [\"gz\", \"local\"]");
    expect(&format!("{node}{both}{pool}"), &[]);
}

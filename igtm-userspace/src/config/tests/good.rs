//! Files that are good: the example, the smallest, and what their values become.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::model::{
    Address, ChannelKind, LineId, LineKind, Policy, PoolType, Protocol, Switch, XdpMode,
};
use crate::config::{load, parse};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/igtm.toml")
}

#[test]
fn the_example_is_good() {
    let config = load(&example()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.server.node, "edge-1");
    assert_eq!(config.lines.len(), 5);
    let guangdong = &config.lines[2];
    assert_eq!(guangdong.name, "广东电信");
    assert_eq!(guangdong.kind, LineKind::OperatorProvince);
    assert_eq!(guangdong.parent, Some(LineId(1)));
    assert_eq!(guangdong.prefixes.len(), 2);
    let www = &config.instances[0];
    assert_eq!(www.domain_text(), "www.example.com");
    assert_eq!(www.access_domain.to_string(), "www.gtm.example.com.");
    assert_eq!(www.strategies[0].tiers.len(), 2);
    assert_eq!(www.strategies[0].tiers[0].pools[1].weight, 50);
    assert!(!www.strategies[2].claims(&config, false));
    assert_eq!(config.subscriptions[0].events.len(), 4);
}

/// The keys that the example shows behind a single `#` are the defaults: with them the file means
/// the same, and stays good.
#[test]
fn the_defaults_that_the_example_shows_are_the_defaults() {
    let path = example();
    let text = std::fs::read_to_string(&path).expect("the example is there");
    let shown: String = text
        .lines()
        .map(|line| {
            let key = line.strip_prefix('#').filter(|rest| {
                rest.starts_with(|c: char| c.is_ascii_lowercase()) && rest.contains(" = ")
            });
            format!("{}\n", key.unwrap_or(line))
        })
        .collect();
    assert!(
        shown
            .lines()
            .filter(|line| line.starts_with("port = "))
            .count()
            >= 3
    );
    let without = parse(&text, &path).unwrap_or_else(|problems| panic!("{problems}"));
    let mut with = parse(&shown, &path).unwrap_or_else(|problems| panic!("{problems}"));
    // The one default that differs by family cannot be written down.
    assert_eq!(with.instances[0].max_answers.take(), Some(20));
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn the_smallest_file() {
    let config = parse("version = 1", Path::new("/etc/igtm/igtm.toml"))
        .unwrap_or_else(|problems| panic!("{problems}"));
    let server = &config.server;
    assert!(!server.node.is_empty());
    assert_eq!(server.listen.len(), 2);
    assert_eq!((server.port, server.udp_size), (53, 1232));
    assert_eq!(server.xdp, XdpMode::Auto);
    let says = &server.says;
    assert_eq!((&says.nsid, &says.identity), (&server.node, &server.node));
    assert_eq!(says.version, "igtm");
    assert_eq!(server.start_wait, Duration::from_secs(10));
    assert_eq!(config.line(LineId::DEFAULT).name, "default");
}

#[test]
fn values_end_in_the_model() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &[u8]| {
        std::fs::write(directory.path().join(name), text).expect("it can be written");
    };
    write("hook.url", b"http://127.0.0.1:9/x\n");
    // A comment in GBK: only what stands before it must be text.
    write(
        "a.txt",
        b"# \xb5\xe7\xd0\xc5\n192.0.2.0/24\r\n\n  2001:db8::/32 # b\n192.0.2.0/24",
    );
    let text = r#"
version = 1
[server]
listen = ["127.0.0.1"]
port = 5353
state_dir = "state"
stale_after = 30
node = "edge-1"
nsid = ""
version = "igtm 站"
[[line]]
name = "a"
prefix_files = ["a.txt"]
[[monitor]]
name = "m"
protocol = "https"
host = "WWW.Example.com."
interval = 20
timeout = "1500ms"
[[pool]]
name = "p"
type = "domain"
monitor = "m"
address = [{ value = "CDN.example.org" }]
[[zone]]
origin = "Example.COM"
ns = ["ns.example.net."]
contact = "ops.example.net"
min_ttl = "2m"
transfer = ["192.0.2.7/32", "2001:db8::/48"]
[[instance]]
name = "i"
domain = "www.example.com"
max_answers = 3
[[instance.strategy]]
name = "s"
lines = ["default", "a"]
switch = "hold"
keep = true
fallback = "p"
tier = [{ pools = [{ pool = "p", weight = 7 }], policy = "weight" }]
[[channel]]
name = "c"
type = "webhook"
url_file = "hook.url"
secret = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_aWd0bSBlbmQgdG8gZW5kIHRlc3RzIHNpZ24gdG9v"]
headers = { Authorization = "Bearer x" }
[[subscription]]
name = "all"
channels = ["c"]
group_wait = "0s"
"#;
    let config = parse(text, &directory.path().join("igtm.toml"))
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.server.state_dir, directory.path().join("state"));
    assert_eq!(config.server.stale_after, Duration::from_secs(30));
    let says = &config.server.says;
    let said = [&says.nsid, &says.identity, &says.version];
    assert_eq!(said, ["", "edge-1", "igtm 站"]);
    let transfer = config.zones[0].transfer.iter().map(ToString::to_string);
    assert_eq!(
        transfer.collect::<Vec<_>>(),
        ["192.0.2.7/32", "2001:db8::/48"]
    );
    let prefixes: Vec<String> = config.lines[1]
        .prefixes
        .iter()
        .map(|p| p.to_string())
        .collect();
    assert_eq!(prefixes, ["192.0.2.0/24", "2001:db8::/32"]);
    let Protocol::Http(check) = &config.monitors[0].protocol else {
        panic!("it is https");
    };
    assert_eq!(check.host.as_deref(), Some("www.example.com"));
    assert_eq!(check.port, 443);
    assert!(check.tls.is_some_and(|tls| tls.sni && !tls.verify));
    assert_eq!(config.monitors[0].timeout, Duration::from_millis(1500));
    let pool = &config.pools[0];
    assert_eq!(pool.r#type, PoolType::Domain);
    let Address::Domain(name) = &pool.addresses[0].value else {
        panic!("it is a domain");
    };
    assert_eq!(name.to_string(), "cdn.example.org.");
    let instance = &config.instances[0];
    assert_eq!(config.effective_ttl(instance), Duration::from_secs(120));
    assert_eq!(instance.max_answers, Some(3));
    let strategy = &instance.strategies[0];
    assert_eq!(strategy.switch, Switch::Hold);
    assert!(strategy.keep && strategy.enabled);
    assert_eq!(strategy.lines, [LineId(0), LineId(1)]);
    assert_eq!(strategy.tiers[0].policy, Policy::Weight);
    assert_eq!(strategy.tiers[0].pools[0].weight, 7);
    let ChannelKind::Webhook {
        url,
        secrets,
        headers,
    } = &config.channels[0].kind
    else {
        panic!("it is a webhook");
    };
    assert_eq!(url.reveal(), "http://127.0.0.1:9/x");
    assert_eq!(secrets.len(), 2);
    assert_eq!(headers[0].1.reveal(), "Bearer x");
}

#[test]
fn a_million_prefixes_are_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let lines: String = (0..1_000_000_u32)
        .map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            format!("10.{a}.{b}.{c}/32\n")
        })
        .collect();
    std::fs::write(directory.path().join("big.txt"), lines).expect("it can be written");
    let text = "version = 1\n[[line]]\nname = \"big\"\nprefix_files = [\"big.txt\"]\n";
    let config = parse(text, &directory.path().join("igtm.toml"))
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.lines[1].prefixes.len(), 1_000_000);
}

#[test]
fn an_unspecified_address_stands_for_the_hosts_of_its_family() {
    let ip = |text: &str| text.parse::<std::net::IpAddr>().expect("an address");
    let host = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1"].map(ip);
    let mut server = crate::config::parse("version = 1", "igtm.toml".as_ref())
        .expect("everything has a default")
        .server;
    let answered = |server: &crate::config::model::Server| -> Vec<String> {
        let answered = server.answered(&host).into_iter();
        answered.map(|address| address.to_string()).collect()
    };
    // The default: both families, without what is link-local.
    assert_eq!(answered(&server), ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    server.listen = vec![ip("::"), ip("198.51.100.53")];
    assert_eq!(answered(&server), ["198.51.100.53", "2001:db8::1"]);
}

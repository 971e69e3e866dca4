//! The table of product.md §1, Monitor, row by row: defaults, and the bounds of each value.

use std::time::Duration;

use super::harness::problems;
use crate::config::model::{HttpCheck, Monitor, NodeId, Protocol, TlsCheck};
use crate::config::parse;

const PROTOCOLS: [&str; 4] = ["ping", "tcp", "http", "https"];

fn monitor(protocol: &str, rest: &str) -> String {
    format!("[[monitor]]\nname = \"m\"\nprotocol = \"{protocol}\"\n{rest}")
}

#[test]
fn every_default() {
    for protocol in PROTOCOLS {
        let text = format!("version = 1\n{}", monitor(protocol, ""));
        let mut config = parse(&text, "/nowhere/x.toml".as_ref())
            .unwrap_or_else(|problems| panic!("{problems}"));
        let http = |port, tls| {
            Protocol::Http(HttpCheck {
                port,
                // The instance's domain.
                host: None,
                path: "/".to_owned(),
                bad_status: 500,
                follow_redirects: true,
                tls,
            })
        };
        let expected = Monitor {
            name: "m".to_owned(),
            protocol: match protocol {
                "ping" => Protocol::Ping {
                    packets: 20,
                    loss_percent: 90,
                },
                "tcp" => Protocol::Tcp { port: 443 },
                "http" => http(80, None),
                _ => http(
                    443,
                    Some(TlsCheck {
                        sni: true,
                        verify: false,
                    }),
                ),
            },
            enabled: true,
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            failure_percent: 50,
            retries: 1,
            bad_rounds: 1,
            good_rounds: 1,
            nodes: vec![NodeId::LOCAL],
        };
        assert_eq!(config.monitors.pop(), Some(expected), "{protocol}");
    }
}

#[test]
fn every_row_ends_where_the_table_says() {
    let every = &PROTOCOLS[..];
    let (ping, http, ports) = (&every[..1], &every[2..], &every[1..]);
    // Protocols, key, least, most, one below, one above. The interval is a day unless it is the key.
    for (protocols, key, least, most, below, above) in [
        (every, "interval", "\"1s\"", "\"24h\"", "\"999ms\"", "86401"),
        (every, "timeout", "\"100ms\"", "\"60s\"", "\"99ms\"", "61"),
        (every, "failure_percent", "1", "100", "0", "101"),
        (every, "retries", "0", "5", "-1", "6"),
        (every, "bad_rounds", "1", "10", "0", "11"),
        (every, "good_rounds", "1", "10", "0", "11"),
        (ping, "packets", "1", "100", "0", "101"),
        (ping, "loss_percent", "1", "100", "0", "101"),
        (ports, "port", "1", "65535", "0", "65536"),
        (http, "bad_status", "100", "599", "99", "600"),
    ] {
        for protocol in protocols {
            let others = match key {
                "interval" => "timeout = \"100ms\"\n",
                _ => "interval = \"1d\"\n",
            };
            let found =
                |value: &str| problems(&monitor(protocol, &format!("{others}{key} = {value}\n")));
            for value in [least, most] {
                assert_eq!(found(value), [""; 0], "{protocol} {key} {value}");
            }
            for value in [below, above] {
                let start = format!("6:{}: `{key}` is {value}; it must be ", key.len() + 4);
                let found = found(value);
                assert!(
                    matches!(&found[..], [one] if one.starts_with(&start)),
                    "{protocol} {key}: {found:?} is not {start}…"
                );
            }
        }
    }
    for (key, protocols) in [
        ("enabled", every),
        ("follow_redirects", http),
        ("sni", &every[3..]),
        ("verify", &every[3..]),
    ] {
        for protocol in protocols {
            for value in ["true", "false"] {
                let text = monitor(protocol, &format!("{key} = {value}\n"));
                assert_eq!(problems(&text), [""; 0], "{text}");
            }
        }
    }
}

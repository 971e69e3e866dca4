//! Bad monitors, each with its exact messages.

use super::harness::{INSTANCE, POOL, STRATEGY, ZONE, expect};

#[test]
fn monitors() {
    for (text, expected) in [
        (
            "protcol = \"tcp\"",
            "2:1: `protocol` is missing in `monitor`|4:1: unknown key `protcol`; did you mean `protocol`?",
        ),
        (
            "protocol = \"udp\"",
            "4:12: `protocol` is \"udp\"; it must be \"ping\", \"tcp\", \"http\" or \"https\"",
        ),
        (
            "protocol = \"tcp\"\npackets = 3\npath = \"/\"",
            "5:1: `packets` is a key of ping monitors; this one is `tcp`|6:1: `path` is a key of http and https monitors; this one is `tcp`",
        ),
        (
            "protocol = \"http\"\nverify = true",
            "5:1: `verify` is a key of https monitors; this one is `http`",
        ),
        (
            "protocol = \"ping\"\nport = 1",
            "5:1: `port` is a key of tcp, http and https monitors; this one is `ping`",
        ),
        (
            "protocol = \"tcp\"\ninterval = \"500ms\"",
            "5:12: `interval` is \"500ms\"; it must be a duration from 1s to 1d (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
        ),
        (
            "protocol = \"tcp\"\ntimeout = 61",
            "5:11: `timeout` is 61; it must be a duration from 100ms to 1m (\"500ms\", \"15s\", \"1h30m\", or whole seconds)",
        ),
        (
            "protocol = \"tcp\"\nretries = 6",
            "5:11: `retries` is 6; it must be a whole number from 0 to 5",
        ),
        (
            "protocol = \"tcp\"\nretries = -1",
            "5:11: `retries` is -1; it must be a whole number from 0 to 5",
        ),
        (
            "protocol = \"tcp\"\nfailure_percent = 0.5",
            "5:19: `failure_percent` is 0.5; it must be a whole number from 1 to 100",
        ),
        (
            "protocol = \"tcp\"\ninterval = \"9s\"",
            "5:12: a round can take 10s (timeout 5s, × 2 attempts), longer than the interval of 9s",
        ),
        (
            "protocol = \"ping\"\ninterval = \"15s\"",
            "5:12: a round can take 17s500ms (timeout 5s and 3s750ms to spread the packets, × 2 attempts), longer than the interval of 15s",
        ),
        (
            "protocol = \"http\"\npath = \"healthz\"",
            "5:8: `path` is \"healthz\"; it must be a path that begins with `/`, of at most 2048 ASCII characters without spaces or `#`",
        ),
        (
            "protocol = \"tcp\"\nnodes = []",
            "5:9: `nodes` is empty; leave it out to probe from `local`",
        ),
    ] {
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&format!("[[monitor]]\nname = \"m\"\n{text}"), &expected);
    }
}

#[test]
fn a_monitor_fits_its_interval_exactly() {
    let monitor = |rest: &str| format!("[[monitor]]\nname = \"m\"\n{rest}");
    expect(&monitor("protocol = \"tcp\"\ninterval = \"10s\""), &[]);
    expect(&monitor("protocol = \"ping\"\ninterval = \"20s\""), &[]);
    expect(
        &monitor("protocol = \"ping\"\npackets = 1\ninterval = \"10s\""),
        &[],
    );
}

#[test]
fn a_monitor_without_host_needs_an_instance() {
    let text = "[[monitor]]\nname = \"m\"\nprotocol = \"http\"\n";
    let pool = POOL.replace("type", "monitor = \"m\"\ntype");
    expect(
        &format!("{text}{pool}"),
        &[
            "3:8: the monitor `m` needs a `host`: no instance uses the pool `p`, so there is no domain to ask for",
        ],
    );
    expect(&format!("{text}host = \"a.example\"\n{pool}"), &[]);
    expect(
        &format!("{text}{ZONE}{pool}{INSTANCE}{STRATEGY}enabled = true\n"),
        &[],
    );
}

//! `[[monitor]]`: how addresses are probed; each protocol with its own keys only.
//!
//! Must not probe, and must not look at the pools that use a monitor.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::domain;
use super::duration;
use super::model::{HttpCheck, Monitor, NodeId, Protocol, TlsCheck};
use super::names::{Named, Names};
use super::node::Nodes;
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;

/// What an interval may be.
pub(super) const INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
/// Longest `path`, octets: what common servers take in a request line.
const LONGEST_PATH: usize = 2_048;

/// The word in the file for each protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Ping,
    Tcp,
    Http,
    Https,
}

const WORDS: [(Word, &str); 4] = [
    (Word::Ping, "ping"),
    (Word::Tcp, "tcp"),
    (Word::Http, "http"),
    (Word::Https, "https"),
];

/// Keys that not every protocol has, with whose they are.
const OWN_KEYS: [(&str, &[Word], &str); 9] = [
    ("packets", &[Word::Ping], "ping"),
    ("loss_percent", &[Word::Ping], "ping"),
    (
        "port",
        &[Word::Tcp, Word::Http, Word::Https],
        "tcp, http and https",
    ),
    ("host", &[Word::Http, Word::Https], "http and https"),
    ("path", &[Word::Http, Word::Https], "http and https"),
    ("bad_status", &[Word::Http, Word::Https], "http and https"),
    (
        "follow_redirects",
        &[Word::Http, Word::Https],
        "http and https",
    ),
    ("sni", &[Word::Https], "https"),
    ("verify", &[Word::Https], "https"),
];

/// What the rules need to know of a monitor beside the model.
pub(super) struct MonitorMark {
    /// Where it is named.
    pub(super) at: At,
    /// Whether it was read without a problem.
    pub(super) known: bool,
    /// Where `protocol` stands, or else its name.
    pub(super) protocol: At,
    /// Where `interval` stands, or else its name.
    pub(super) interval: At,
    /// Where `nodes` stands, or else its name.
    pub(super) nodes: At,
}

/// Monitors with what the rules need.
pub(super) struct Monitors {
    pub(super) monitors: Vec<Monitor>,
    pub(super) marks: Vec<MonitorMark>,
    pub(super) names: Names,
}

/// Reads every `[[monitor]]`.
pub(super) fn read_all(root: &mut Section<'_>, nodes: &Nodes) -> Monitors {
    let report = root.report();
    let mut sections = root.tables("monitor");
    let (names, named) = Names::declare("monitor", &mut sections, 0);
    let (monitors, marks) = sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| read(section, named, nodes, report))
        .unzip();
    Monitors {
        monitors,
        marks,
        names,
    }
}

impl Monitor {
    /// The time over which one attempt's echo requests are evenly spread: all attempts together
    /// take half the interval for it. Zero for one request, and for other protocols.
    pub fn ping_spread(&self) -> Duration {
        match self.protocol {
            Protocol::Ping { packets, .. } if packets > 1 => self.interval / 2 / (1 + self.retries),
            _ => Duration::ZERO,
        }
    }

    /// The longest that a round can take: (timeout + spread) × (1 + retries).
    pub fn worst_case(&self) -> Duration {
        (self.timeout + self.ping_spread()) * (1 + self.retries)
    }
}

fn read(
    mut section: Section<'_>,
    named: Named,
    nodes: &Nodes,
    report: &Report<'_>,
) -> (Monitor, MonitorMark) {
    let before = report.count();
    let protocol_value = section.need("protocol");
    let word = protocol_value.and_then(|v| v.one_of(&WORDS));
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let interval = section.take("interval");
    let timeout = section.take("timeout");
    let failure_percent = section.take("failure_percent");
    let retries = section.take("retries").and_then(|v| v.integer(0..=5));
    let bad_rounds = section.take("bad_rounds").and_then(|v| v.integer(1..=10));
    let good_rounds = section.take("good_rounds").and_then(|v| v.integer(1..=10));
    let list = section.take("nodes");
    let nodes = list
        .as_ref()
        .map_or_else(|| vec![NodeId::LOCAL], |list| nodes.resolve_list(list));
    let monitor = Monitor {
        name: named.text,
        protocol: protocol(&mut section, word),
        enabled: enabled.unwrap_or(true),
        interval: interval
            .and_then(|v| v.duration(INTERVAL))
            .unwrap_or(Duration::from_secs(60)),
        timeout: timeout
            .and_then(|v| v.duration(TIMEOUT))
            .unwrap_or(Duration::from_secs(5)),
        failure_percent: failure_percent
            .and_then(|v| v.integer(1..=100))
            .unwrap_or(50),
        retries: retries.unwrap_or(1),
        bad_rounds: bad_rounds.unwrap_or(1),
        good_rounds: good_rounds.unwrap_or(1),
        nodes,
    };
    // With a placeholder in it the sum would be of numbers that nobody wrote.
    if report.count() == before && monitor.worst_case() > monitor.interval {
        let at = interval.or(timeout).map_or(named.at, |value| value.at);
        report.problem(at, too_slow(&monitor));
    }
    let place = |value: Option<Value<'_>>| value.map_or(named.at, |value| value.at);
    let mark = MonitorMark {
        at: named.at,
        known: report.count() == before,
        protocol: place(protocol_value),
        interval: place(interval),
        nodes: place(list),
    };
    section.finish();
    (monitor, mark)
}

fn too_slow(monitor: &Monitor) -> String {
    let show = duration::format;
    let spread = match monitor.ping_spread() {
        Duration::ZERO => String::new(),
        spread => format!(" and {} to spread the packets", show(spread)),
    };
    format!(
        "a round can take {} (timeout {}{spread}, × {} attempts), longer than the interval of {}",
        show(monitor.worst_case()),
        show(monitor.timeout),
        1 + monitor.retries,
        show(monitor.interval)
    )
}

/// The protocol with its keys; a placeholder when `word` was bad, its keys then left unjudged.
fn protocol(section: &mut Section<'_>, word: Option<Word>) -> Protocol {
    for (key, owners, whose) in OWN_KEYS {
        match word {
            Some(word) if !owners.contains(&word) => {
                let (_, ours) = WORDS[word as usize];
                let reason = format!("is a key of {whose} monitors; this one is `{ours}`");
                section.misplaced(&[key], &reason);
            }
            Some(_) => {}
            None => drop(section.take(key)),
        }
    }
    match word {
        Some(Word::Ping) => Protocol::Ping {
            packets: section
                .take("packets")
                .and_then(|v| v.integer(1..=100))
                .unwrap_or(20),
            loss_percent: section
                .take("loss_percent")
                .and_then(|v| v.integer(1..=100))
                .unwrap_or(90),
        },
        Some(Word::Tcp) | None => Protocol::Tcp {
            port: port(section, word).unwrap_or(443),
        },
        Some(Word::Http) => Protocol::Http(http(section, word, 80, None)),
        Some(Word::Https) => {
            let sni = section.take("sni").and_then(|v| v.bool());
            let verify = section.take("verify").and_then(|v| v.bool());
            let tls = TlsCheck {
                sni: sni.unwrap_or(true),
                verify: verify.unwrap_or(false),
            };
            Protocol::Http(http(section, word, 443, Some(tls)))
        }
    }
}

fn port(section: &mut Section<'_>, word: Option<Word>) -> Option<u16> {
    word?;
    section.take("port").and_then(|v| v.integer(1..=u16::MAX))
}

fn http(
    section: &mut Section<'_>,
    word: Option<Word>,
    default_port: u16,
    tls: Option<TlsCheck>,
) -> HttpCheck {
    let host = section.take("host");
    let bad_status = section.take("bad_status");
    let follow = section.take("follow_redirects").and_then(|v| v.bool());
    HttpCheck {
        port: port(section, word).unwrap_or(default_port),
        host: host
            .and_then(|v| domain::domain(&v))
            .map(|name| domain::show(&name)),
        path: section
            .take("path")
            .and_then(|v| path(&v))
            .unwrap_or_else(|| "/".to_owned()),
        bad_status: bad_status.and_then(|v| v.integer(100..=599)).unwrap_or(500),
        follow_redirects: follow.unwrap_or(true),
        tls,
    }
}

fn path(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let sane = text.starts_with('/')
        && text.len() <= LONGEST_PATH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !sane {
        value.wrong(format_args!(
            "a path that begins with `/`, of at most {LONGEST_PATH} ASCII characters without spaces or `#`"
        ));
        return None;
    }
    Some(text.to_owned())
}

//! `igtm check FILE`: every problem of a configuration, or a short summary of what it asks for.
//!
//! Touches nothing but the file and the files it names: not the network, the kernel or a daemon.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use crate::config::{self, Problem, Problems, model};
use crate::health::{self, AddressState, HealthView, Target};
use crate::snapshot::{Ground, Snapshot};
use model::{Config, PoolId, PoolType, Strategy};

/// What a configuration asks for, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `[[zone]]`.
    pub zones: usize,
    /// Lines, the built-in `default` among them.
    pub lines: usize,
    /// Prefixes of all lines.
    pub prefixes: usize,
    /// `[[monitor]]`.
    pub monitors: usize,
    /// `[[pool]]`.
    pub pools: usize,
    /// Addresses of all pools, disabled ones too.
    pub addresses: usize,
    /// `[[instance]]`.
    pub instances: usize,
    /// Strategies of all instances, disabled ones too.
    pub strategies: usize,
    /// `[[channel]]`.
    pub channels: usize,
    /// `[[subscription]]`.
    pub subscriptions: usize,
    /// 监控任务: targets that enabled strategies of enabled instances need probed.
    pub probe_tasks: usize,
    /// Entries of the kernel's maps at worst.
    pub map_use: MapUse,
}

/// Entries of the kernel's maps when everything is enabled and healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MapUse {
    /// One for each instance, line and type (A, AAAA, and CNAME of a domain pool).
    pub answers: usize,
    /// One for each prefix of a line.
    pub prefixes: usize,
}

impl Summary {
    /// Counts `config`.
    pub fn of(config: &Config) -> Self {
        let prefixes = config.lines.iter().map(|line| line.prefixes.len()).sum();
        let strategies = config.instances.iter().flat_map(|i| &i.strategies);
        let answers = strategies
            .clone()
            .filter(|strategy| strategy.enabled)
            .map(|strategy| strategy.lines.len() * types(config, strategy))
            .sum();
        Self {
            zones: config.zones.len(),
            lines: config.lines.len(),
            prefixes,
            monitors: config.monitors.len(),
            pools: config.pools.len(),
            addresses: config.pools.iter().map(|pool| pool.addresses.len()).sum(),
            instances: config.instances.len(),
            strategies: strategies.count(),
            channels: config.channels.len(),
            subscriptions: config.subscriptions.len(),
            probe_tasks: health::targets(config).len(),
            map_use: MapUse { answers, prefixes },
        }
    }
}

fn pools(strategy: &Strategy) -> impl Iterator<Item = PoolId> {
    let tiers = strategy.tiers.iter().flat_map(|tier| &tier.pools);
    tiers.map(|member| member.pool).chain([strategy.fallback])
}

/// How many types a strategy answers on each of its lines.
fn types(config: &Config, strategy: &Strategy) -> usize {
    let cname = pools(strategy).any(|id| config.pool(id).r#type == PoolType::Domain);
    let families = [false, true].map(|ipv6| strategy.claims(config, ipv6));
    families
        .into_iter()
        .chain([cname])
        .filter(|yes| *yes)
        .count()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("zones", self.zones),
            ("lines (with default)", self.lines),
            ("prefixes", self.prefixes),
            ("monitors", self.monitors),
            ("pools", self.pools),
            ("addresses", self.addresses),
            ("instances", self.instances),
            ("strategies", self.strategies),
            ("channels", self.channels),
            ("subscriptions", self.subscriptions),
            ("probe tasks", self.probe_tasks),
            ("answers in maps, at worst", self.map_use.answers),
            ("prefixes in maps", self.map_use.prefixes),
        ];
        for (what, count) in rows {
            writeln!(f, "  {what:<26} {count:>8}")?;
        }
        Ok(())
    }
}

/// Checks `file` and prints what was found; exit code 1 when there is any problem.
pub fn check(file: &Path, json: bool) -> ExitCode {
    let checked = config::load(file).and_then(|config| {
        let summary = Summary::of(&config);
        match fits(config) {
            Ok(()) => Ok(summary),
            Err(error) => Err(Problems::of_file(file, error.to_string())),
        }
    });
    let text = if json {
        as_json(&checked)
    } else {
        as_text(file, &checked)
    };
    // A reader that went away (`| head`) changes nothing about the verdict.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(u8::from(checked.is_err()))
}

/// Whether the lines compile and the answers fit the kernel's maps: what the daemon does first.
fn fits(config: Config) -> anyhow::Result<()> {
    let secret = std::array::from_fn(|_| rand::random());
    let ground = Ground::new(Arc::new(config), secret)?;
    let snapshot = Snapshot::new(Arc::new(ground), &NothingKnown, 0, None)?;
    Ok(snapshot.image.check_capacity()?)
}

/// Health before any round.
struct NothingKnown;

impl HealthView for NothingKnown {
    fn state(&self, _target: &Target) -> AddressState {
        AddressState::Unknown
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict<'a> {
    ok: bool,
    problems: Vec<&'a Problem>,
    summary: Option<Summary>,
}

fn as_json(checked: &Result<Summary, Problems>) -> String {
    let problems = checked.as_ref().err().map(|problems| problems.iter());
    let verdict = Verdict {
        ok: checked.is_ok(),
        problems: problems.into_iter().flatten().collect(),
        summary: checked.as_ref().ok().copied(),
    };
    let text = serde_json::to_string_pretty(&verdict).expect("texts and numbers serialize");
    text + "\n"
}

fn as_text(file: &Path, checked: &Result<Summary, Problems>) -> String {
    match checked {
        Ok(summary) => format!("{}: ok\n{summary}", file.display()),
        Err(problems) => format!("{problems}\n"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GOOD: &str = r#"
version = 1
[[zone]]
origin = "gtm.example.com"
ns = ["ns1.example.net"]
contact = "hostmaster.example.com"
[[line]]
name = "telecom"
prefixes = ["192.0.2.0/25", "2001:db8::/33"]
[[monitor]]
name = "web"
protocol = "http"
[[pool]]
name = "a"
type = "ipv4"
monitor = "web"
address = [{ value = "198.51.100.1" }, { value = "198.51.100.2", enabled = false }]
[[pool]]
name = "d"
type = "domain"
address = [{ value = "cdn.example.org" }]
[[instance]]
name = "one"
domain = "one.gtm.example.com"
[[instance.strategy]]
name = "all"
lines = ["default", "telecom"]
fallback = "d"
tier = [{ pools = ["a"] }]
[[instance]]
name = "two"
domain = "two.gtm.example.com"
[[instance.strategy]]
name = "all"
lines = ["default"]
fallback = "a"
tier = [{ pools = ["a"] }]
"#;

    fn checked(text: &str) -> Result<Summary, Problems> {
        config::parse(text, Path::new("igtm.toml")).map(|config| Summary::of(&config))
    }

    #[test]
    fn the_summary_counts() {
        let summary = checked(GOOD).expect("the file is good");
        // `a` has one enabled address, and each instance asks it for its own domain.
        assert_eq!(summary.probe_tasks, 2);
        // `one`: two lines × A, AAAA, CNAME; `two`: one line × A.
        assert_eq!(summary.map_use.answers, 7);
        assert_eq!(summary.map_use.prefixes, 2);
        assert_eq!((summary.lines, summary.addresses), (2, 3));
        assert!(
            summary
                .to_string()
                .contains("probe tasks                       2\n")
        );
    }

    #[test]
    fn json_says_ok_and_the_problems() {
        let parsed = |text| -> serde_json::Value {
            serde_json::from_str(&as_json(&checked(text))).expect("it is JSON")
        };
        let good = parsed(GOOD);
        assert_eq!(good["ok"], true);
        assert_eq!(good["problems"], json!([]));
        assert_eq!(good["summary"]["map_use"]["answers"], 7);
        let bad = parsed("version = 2");
        assert_eq!(bad["ok"], false);
        assert_eq!(
            bad["problems"],
            json!([{
                "file": "igtm.toml", "line": 1, "column": 11,
                "message": "`version` is 2; it must be 1, the version that this igtm reads"
            }])
        );
    }
}

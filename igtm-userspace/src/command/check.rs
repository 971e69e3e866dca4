//! `igtm check FILE`: every problem of a configuration, or a short summary of what it asks for.
//!
//! Touches nothing but the file and the files it names: not the network, the kernel or a daemon.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use igtm_common::layout::{LargeAnswer, NameBucket, Slot, SmallAnswer, View};
use igtm_common::line::Unit;
use serde::Serialize;

use crate::config::{self, Problem, Problems, model::Config};
use crate::health;
use crate::snapshot::{Ground, SnapshotError};

/// Pools whose probe tasks are printed; JSON has all of them.
const POOLS_SHOWN: usize = 10;

/// What a configuration asks for, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `[[zone]]`.
    pub zones: usize,
    /// Static records of all zones, the NS of their apexes among them.
    pub records: usize,
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
    /// 监控任务: distinct monitors, nodes, addresses and hosts that are probed.
    pub probe_tasks: usize,
    /// The pools that are probed, most tasks first. What several want counts for each.
    pub pool_probe_tasks: Vec<PoolTasks>,
    /// What it takes of the kernel's maps.
    pub map_use: MapUse,
}

/// 监控任务 of one pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolTasks {
    /// Its name.
    pub pool: String,
    /// How many it asks for.
    pub tasks: usize,
}

impl PoolTasks {
    fn of(config: &Config) -> Vec<Self> {
        let counted = config.pools.iter().zip(health::tasks_by_pool(config));
        let mut all: Vec<Self> = counted
            .filter(|(_, tasks)| *tasks > 0)
            .map(|(pool, tasks)| Self {
                pool: pool.name.clone(),
                tasks,
            })
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.tasks));
        all
    }
}

/// What a configuration takes of the kernel's maps, whatever the health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MapUse {
    /// Names that exist in the zones served here.
    pub names: Use,
    /// What is answered: one for each instance, family and line.
    pub slots: Use,
    /// Different answers that always have 7 records at most.
    pub answers: Use,
    /// Different answers that may have more.
    pub large_answers: Use,
    /// Different sets of lines that instances claim.
    pub line_sets: Use,
    /// Units of the table that finds a client's line.
    pub line_units: Use,
}

/// Entries of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// What one configuration needs.
    pub entries: usize,
    /// Octets that they take in both epochs.
    pub octets: usize,
}

impl Use {
    /// Entries that stand twice, once for each epoch.
    fn twice<T>(entries: usize) -> Self {
        let octets = 2 * entries * size_of::<T>();
        Self { entries, octets }
    }
}

impl MapUse {
    fn of(ground: &Ground) -> Self {
        let fixed = &ground.fixed;
        let (small, large) = ground.answers();
        Self {
            // Places for two in a bucket, of which some stay free.
            names: Use {
                entries: fixed.names.len(),
                ..Use::twice::<NameBucket>(fixed.names.buckets().len())
            },
            slots: Use::twice::<Slot>(fixed.slots.len()),
            answers: Use::twice::<SmallAnswer>(small),
            large_answers: Use::twice::<LargeAnswer>(large),
            line_sets: Use::twice::<View>(fixed.views.views().len()),
            line_units: Use::twice::<Unit>(fixed.views.units().len()),
        }
    }
}

impl Summary {
    /// Counts a configuration.
    pub fn of(ground: &Ground) -> Self {
        let config = &*ground.config;
        let prefixes = config.lines.iter().map(|line| line.prefixes.len()).sum();
        let strategies = config.instances.iter().map(|one| one.strategies.len());
        Self {
            zones: config.zones.len(),
            records: config.zones.iter().map(|zone| zone.records.count()).sum(),
            lines: config.lines.len(),
            prefixes,
            monitors: config.monitors.len(),
            pools: config.pools.len(),
            addresses: config.pools.iter().map(|pool| pool.addresses.len()).sum(),
            instances: config.instances.len(),
            strategies: strategies.sum(),
            channels: config.channels.len(),
            subscriptions: config.subscriptions.len(),
            probe_tasks: health::tasks(config),
            pool_probe_tasks: PoolTasks::of(config),
            map_use: MapUse::of(ground),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("zones", self.zones),
            ("static records", self.records),
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
        ];
        for (what, count) in rows {
            writeln!(f, "  {what:<26} {count:>8}")?;
        }
        let pools = &self.pool_probe_tasks;
        let shown = &pools[..pools.len().min(POOLS_SHOWN)];
        let longest = shown.iter().map(|one| one.pool.chars().count()).max();
        let width = longest.unwrap_or_default().max(16);
        for PoolTasks { pool, tasks } in shown {
            writeln!(f, "    of pool {pool:<width$} {tasks:>8}")?;
        }
        if let Some(more) = pools.len().checked_sub(POOLS_SHOWN + 1) {
            writeln!(f, "    and of {} more pools", more + 1)?;
        }
        let maps = &self.map_use;
        let rows = [
            ("names", maps.names),
            ("slots", maps.slots),
            ("answers", maps.answers),
            ("large answers", maps.large_answers),
            ("sets of lines", maps.line_sets),
            ("units of the line table", maps.line_units),
        ];
        writeln!(f, "  in the kernel's maps, and what that takes:")?;
        for (what, Use { entries, octets }) in rows {
            let kib = octets.div_ceil(1024);
            writeln!(f, "    {what:<24} {entries:>8} {kib:>9} KiB")?;
        }
        Ok(())
    }
}

/// Checks `file` and prints what was found; exit code 1 when there is any problem.
pub fn check(file: &Path, json: bool) -> ExitCode {
    let reading = config::reading(file);
    let checked = reading.config.and_then(|config| {
        summary(config).map_err(|error| Problems::of_file(file, error.to_string()))
    });
    let text = if json {
        as_json(&checked, &reading.notes)
    } else {
        as_text(file, &checked, &reading.notes)
    };
    // A reader that went away (`| head`) changes nothing about the verdict.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(u8::from(checked.is_err()))
}

/// Whether the lines compile and all fits the kernel's maps: what the daemon does first.
fn summary(config: Config) -> Result<Summary, SnapshotError> {
    let secret = std::array::from_fn(|_| rand::random());
    let ground = Ground::new(Arc::new(config), secret, None)?;
    Ok(Summary::of(&ground))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict<'a> {
    ok: bool,
    problems: Vec<&'a Problem>,
    /// What is worth knowing, though it is no problem; shaped like problems.
    notes: &'a [Problem],
    summary: Option<&'a Summary>,
}

fn as_json(checked: &Result<Summary, Problems>, notes: &[Problem]) -> String {
    let problems = checked.as_ref().err().map(|problems| problems.iter());
    let verdict = Verdict {
        ok: checked.is_ok(),
        problems: problems.into_iter().flatten().collect(),
        notes,
        summary: checked.as_ref().ok(),
    };
    let text = serde_json::to_string_pretty(&verdict).expect("texts and numbers serialize");
    text + "\n"
}

fn as_text(file: &Path, checked: &Result<Summary, Problems>, notes: &[Problem]) -> String {
    let mut text = match checked {
        Ok(summary) => format!("{}: ok\n{summary}", file.display()),
        Err(problems) => format!("{problems}\n"),
    };
    if !notes.is_empty() {
        text += "notes, which do not make the file bad:\n";
    }
    for note in notes {
        text += &format!("  {note}\n");
    }
    text
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
        config::parse(text, Path::new("igtm.toml")).map(|config| summary(config).expect("it fits"))
    }

    #[test]
    fn the_summary_counts() {
        let summary = checked(GOOD).expect("the file is good");
        // `a` has one enabled address, and each instance asks it for its own domain.
        assert_eq!(summary.probe_tasks, 2);
        let used = &summary.map_use;
        // The apex and the two; `one`: two lines × A, AAAA; `two`: one line × A.
        assert_eq!((used.names.entries, used.slots.entries), (3, 5));
        // Both lines of `one` share theirs.
        assert_eq!((used.answers.entries, used.large_answers.entries), (3, 0));
        assert_eq!(used.line_sets.entries, 2);
        assert_eq!(used.slots.octets, 5 * 2 * 8);
        assert_eq!(summary.prefixes, 2);
        assert_eq!((summary.lines, summary.addresses), (2, 3));
        let of_a = PoolTasks {
            pool: "a".to_owned(),
            tasks: 2,
        };
        assert_eq!(summary.pool_probe_tasks, [of_a]);
        let shown = summary.to_string();
        let tasks =
            "  probe tasks                       2\n    of pool a                       2\n";
        assert!(shown.contains(tasks), "{shown}");
    }

    #[test]
    fn json_says_ok_and_the_problems() {
        let parsed = |text| -> serde_json::Value {
            serde_json::from_str(&as_json(&checked(text), &[])).expect("it is JSON")
        };
        let good = parsed(GOOD);
        assert_eq!(good["ok"], true);
        assert_eq!(good["problems"], json!([]));
        assert_eq!(good["notes"], json!([]));
        assert_eq!(good["summary"]["map_use"]["answers"]["entries"], 3);
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

    #[test]
    fn notes_come_after_the_summary() {
        let note = Problem {
            file: "igtm.toml".to_owned(),
            line: 9,
            column: 8,
            message: "AS64512 has no network in `asn.mmdb`".to_owned(),
        };
        let text = as_text(Path::new("igtm.toml"), &checked(GOOD), &[note]);
        assert!(text.starts_with("igtm.toml: ok\n"), "{text}");
        let end = "notes, which do not make the file bad:\n  igtm.toml:9:8: AS64512 has no network in `asn.mmdb`\n";
        assert!(text.ends_with(end), "{text}");
    }
}

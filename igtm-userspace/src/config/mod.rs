//! One TOML file in, a validated immutable [`model::Config`] out, or every problem in it.
//!
//! Reading goes on past every problem: readers put a placeholder where a value is bad, the rules
//! skip what rests on placeholders, and a [`model::Config`] leaves here only when nothing was
//! reported. The only I/O is the file itself and the files and variables it names.

mod channel;
mod domain;
mod duration;
mod failover;
mod instance;
mod limits;
mod line;
pub mod model;
mod monitor;
mod names;
mod near_miss;
mod plan;
mod pool;
mod prefix;
mod problem;
mod reader;
mod rules;
mod secret;
mod server;
mod strategy;
mod subscription;
mod texts;
mod value;
mod zone;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::problem::{Problem, Problems};

use self::model::Config;
use self::problem::Report;
use self::reader::{Section, not_supported};
use self::rules::Marks;
use self::texts::Texts;
use self::value::Value;

/// The version of the file that this igtm reads.
const VERSION: u64 = 1;

/// Tables of config.md that are not built yet, as they stand in the file.
const LATER_TABLES: [(&str, &str); 5] = [
    ("admin", "[admin]"),
    ("geo", "[geo]"),
    ("node", "[[node]]"),
    ("template", "[[template]]"),
    ("cluster", "[cluster]"),
];

/// The JSON schema (draft 2020-12) of a configuration file: `igtm schema`.
pub const SCHEMA: &str = include_str!("schema.json");

/// Reads and validates the file at `path`, or the `*.toml` files of the directory there.
///
/// # Errors
/// Every problem of the files, and of the files they name; or the one that they cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    read_texts(&Texts::read(path)?)
}

/// Reads and validates `text`, which stands in the file at `path`; relative paths in it are
/// relative to that file's directory.
///
/// # Errors
/// Every problem of the text and of the files it names. A text that is not TOML is not read
/// further, since what it was meant to say is not known.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    read_texts(&Texts::one(path, text))
}

fn read_texts(texts: &Texts<'_>) -> Result<Config, Problems> {
    let report = Report::new(texts);
    let Some(merged) = texts.merged(&report) else {
        return Err(report
            .finish(())
            .expect_err("what is not TOML was just reported"));
    };
    for value in &merged.more_versions {
        check_version(&Value::new(&report, value, "version"));
    }
    let config = read(Section::root(&report, &merged.root));
    report.finish(config)
}

/// Reads the whole file and runs the rules; what it gives is good only if nothing was reported.
fn read(mut root: Section<'_>) -> Config {
    let report = root.report();
    version(&mut root);
    for (key, shown) in LATER_TABLES {
        root.refuse(key, || not_supported(shown));
    }
    let plan = plan::read(&mut root);
    let server = server::read(&mut root);
    let zones = zone::read_all(&mut root);
    let (lines, line_names) = line::read_all(&mut root);
    let monitors = monitor::read_all(&mut root);
    let mut pools = pool::read_all(&mut root, &monitors.names);
    let (made, made_marks) =
        failover::read_all(&mut root, &line_names, &monitors.names, &mut pools);
    let (mut instances, mut instance_marks) =
        instance::read_all(&mut root, &line_names, &pools.names);
    instances.extend(made);
    instance_marks.extend(made_marks);
    let (channels, channel_names) = channel::read_all(&mut root);
    let subscriptions = subscription::read_all(&mut root, &channel_names);
    let limits = limits::read(&mut root);
    root.finish();
    let config = Config {
        server,
        limits,
        plan,
        zones: zones.zones,
        lines,
        monitors: monitors.monitors,
        pools: pools.pools,
        instances,
        channels,
        subscriptions,
    };
    let marks = Marks {
        zones_known: zones.complete,
        monitors: monitors.marks,
        pools: pools.marks,
        instances: instance_marks,
    };
    rules::check(&config, &marks, report);
    config
}

fn version(root: &mut Section<'_>) {
    if let Some(value) = root.need("version") {
        check_version(&value);
    }
}

fn check_version(value: &Value<'_>) {
    if value.whole_number() != Some(VERSION) {
        value.wrong(format_args!("{VERSION}, the version that this igtm reads"));
    }
}

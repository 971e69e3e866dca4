//! One TOML file in, a validated immutable [`model::Config`] out, or every problem in it.
//!
//! Reading goes on past every problem: readers put a placeholder where a value is bad, the rules
//! skip what rests on placeholders, and a [`model::Config`] leaves here only when nothing was
//! reported. The only I/O is the file itself and the files and variables it names.

mod admin;
mod channel;
pub mod diff;
mod domain;
mod duration;
mod instance;
mod limits;
mod line;
pub mod model;
mod monitor;
mod names;
mod near_miss;
mod pool;
mod prefix;
mod problem;
mod reader;
mod rules;
mod secret;
mod server;
mod socket;
mod strategy;
mod subscription;
mod value;
mod zone;

#[cfg(test)]
mod tests;

use std::path::Path;

use toml::de::DeTable;

pub use self::problem::{Problem, Problems};
pub use self::socket::socket;

use self::model::Config;
use self::problem::{At, Report};
use self::reader::{Section, not_supported, value_not_supported};
use self::rules::Marks;

/// The version of the file that this igtm reads.
const VERSION: u64 = 1;

/// Tables of config.md that are not built yet, as they stand in the file.
const LATER_TABLES: [(&str, &str); 5] = [
    ("geo", "[geo]"),
    ("node", "[[node]]"),
    ("failover", "[[failover]]"),
    ("template", "[[template]]"),
    ("cluster", "[cluster]"),
];

/// The plans of product.md that are not built yet.
const LATER_PLANS: [&str; 3] = ["failover", "standard", "ultimate"];

/// Reads and validates the file at `path`.
///
/// # Errors
/// Every problem of the file, and of the files it names; or the one that it cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    if path.is_dir() {
        let message = "a directory of files is not supported yet; name one file";
        return Err(Problems::of_file(path, message.to_owned()));
    }
    let octets = std::fs::read(path)
        .map_err(|error| Problems::of_file(path, format!("cannot read this file: {error}")))?;
    match str::from_utf8(&octets) {
        Ok(text) => parse(text, path),
        Err(error) => {
            let valid = &octets[..error.valid_up_to()];
            let report_text = String::from_utf8_lossy(valid);
            let report = Report::new(path, &report_text);
            report.problem(At(valid.len()), "this file is not UTF-8 from here on");
            Err(report.finish(()).expect_err("a problem was just reported"))
        }
    }
}

/// Reads and validates `text`, which stands in the file at `path`; relative paths in it are
/// relative to that file's directory.
///
/// # Errors
/// Every problem of the text and of the files it names. A text that is not TOML is not read
/// further, since what it was meant to say is not known.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    let report = Report::new(path, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let config = read(Section::root(&report, root.get_ref()));
        return report.finish(config);
    }
    for error in errors {
        let at = At(error.span().map_or(0, |span| span.start));
        report.problem(at, error.message());
    }
    Err(report
        .finish(())
        .expect_err("TOML's errors were just reported"))
}

/// Reads the whole file and runs the rules; what it gives is good only if nothing was reported.
fn read(mut root: Section<'_>) -> Config {
    let report = root.report();
    version(&mut root);
    for (key, shown) in LATER_TABLES {
        if let (Some(at), Some(_)) = (root.key_at(key), root.take(key)) {
            report.problem(at, not_supported(shown));
        }
    }
    if let Some(plan) = root.table("plan") {
        refuse_other_plans(plan);
    }
    let server = server::read(&mut root);
    let admin = admin::read(&mut root);
    let zones = zone::read_all(&mut root);
    let (lines, line_names) = line::read_all(&mut root);
    let monitors = monitor::read_all(&mut root);
    let pools = pool::read_all(&mut root, &monitors.names);
    let (instances, instance_marks) = instance::read_all(&mut root, &line_names, &pools.names);
    let (channels, channel_names) = channel::read_all(&mut root);
    let subscriptions = subscription::read_all(&mut root, &channel_names);
    let limits = limits::read(&mut root);
    root.finish();
    let config = Config {
        server,
        admin,
        limits,
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
        monitors: monitors.places,
        pools: pools.marks,
        instances: instance_marks,
    };
    rules::check(&config, &marks, report);
    config
}

fn version(root: &mut Section<'_>) {
    if let Some(value) = root.need("version")
        && value.whole_number() != Some(VERSION)
    {
        value.wrong(format_args!("{VERSION}, the version that this igtm reads"));
    }
}

fn refuse_other_plans(mut plan: Section<'_>) {
    if let Some(profile) = plan.take("profile")
        && let Some(word) = profile.string()
    {
        if LATER_PLANS.contains(&word) {
            profile.problem(value_not_supported("plan.profile", word));
        } else {
            profile.one_of(&[((), "unlimited")]);
        }
    }
    plan.finish();
}

//! One TOML file in, a validated immutable [`model::Config`] out, or every problem in it.
//!
//! Reading goes on past every problem: readers put a placeholder where a value is bad, the rules
//! skip what rests on placeholders, and a [`model::Config`] leaves here only when nothing was
//! reported. The only I/O is the file itself and the files and variables it names.

mod admin;
mod channel;
mod country;
pub mod diff;
mod domain;
pub(crate) mod duration;
mod geo;
mod instance;
mod large;
mod limits;
mod line;
mod mmdb;
pub mod model;
mod monitor;
mod names;
mod near_miss;
mod pieces;
mod pool;
mod prefix;
mod problem;
mod reader;
mod rules;
mod secret;
mod server;
mod socket;
pub mod sources;
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

use self::geo::Geo;
use self::instance::InstanceMark;
use self::model::{Config, Instance};
use self::names::{Names, Places};
use self::problem::{At, Report};
use self::reader::{Section, not_supported, value_not_supported};
use self::rules::Marks;
use self::sources::Source;

/// The version of the file that this igtm reads.
const VERSION: u64 = 1;

/// Tables of config.md that are not built yet, as they stand in the file.
const LATER_TABLES: [(&str, &str); 4] = [
    ("node", "[[node]]"),
    ("failover", "[[failover]]"),
    ("template", "[[template]]"),
    ("cluster", "[cluster]"),
];

/// The plans of product.md that are not built yet.
const LATER_PLANS: [&str; 3] = ["failover", "standard", "ultimate"];

/// What reading a configuration came to, good or bad.
#[derive(Debug)]
pub struct Reading {
    /// What it says, or every problem of it and of the files it names.
    pub config: Result<Config, Problems>,
    /// What an operator should know of it, though it is no problem.
    pub notes: Vec<Problem>,
    /// Every file that was read or should have been, itself among them: another content of any of
    /// them makes another configuration.
    pub sources: Vec<Source>,
}

/// Reads and validates the file at `path`.
///
/// # Errors
/// Every problem of the file, and of the files it names; or the one that it cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    reading(path).config
}

/// As [`load`], with what is to be known besides.
pub fn reading(path: &Path) -> Reading {
    let (own, octets) = Source::read(path);
    let mut reading = match octets {
        Ok(octets) => reading_of_octets(&octets, path),
        Err(error) => {
            let message = if path.is_dir() {
                "a directory of files is not supported yet; name one file".to_owned()
            } else {
                format!("cannot read this file: {error}")
            };
            Reading::refused(Problems::of_file(path, message))
        }
    };
    reading.sources.insert(0, own);
    reading
}

fn reading_of_octets(octets: &[u8], path: &Path) -> Reading {
    match str::from_utf8(octets) {
        Ok(text) => reading_of(text, path),
        Err(error) => {
            let valid = &octets[..error.valid_up_to()];
            let report_text = String::from_utf8_lossy(valid);
            let report = Report::new(path, &report_text);
            report.problem(At(valid.len()), "this file is not UTF-8 from here on");
            Reading::refused(report.finish(()).expect_err("a problem was just reported"))
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
    reading_of(text, path).config
}

fn reading_of(text: &str, path: &Path) -> Reading {
    large::parse(text, path).unwrap_or_else(|| parse_whole(text, path))
}

fn parse_whole(text: &str, path: &Path) -> Reading {
    let report = Report::new(path, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let config = read(Section::root(&report, root.get_ref()), |root, around| {
            instances(root, around, &mut Places::lasting())
        });
        return Reading::of(report, config);
    }
    for error in errors {
        let at = At(error.span().map_or(0, |span| span.start));
        report.problem(at, error.message());
    }
    let problems = report.finish(());
    Reading::refused(problems.expect_err("TOML's errors were just reported"))
}

impl Reading {
    /// What `report` has seen while `config` was read.
    fn of(report: Report<'_>, config: Config) -> Self {
        Self {
            notes: report.notes(),
            sources: report.sources(),
            config: report.finish(config),
        }
    }

    /// Nothing was read but the file itself.
    fn refused(problems: Problems) -> Self {
        Self {
            config: Err(problems),
            notes: Vec::new(),
            sources: Vec::new(),
        }
    }
}

/// What an instance is read against.
struct Around<'a> {
    /// All but what comes after instances.
    config: &'a Config,
    marks: &'a Marks,
    lines: &'a Names,
    pools: &'a Names,
}

/// Reads the whole file and runs the rules; what it gives is good only if nothing was reported.
/// The instances are read by `instances`, which judges each by itself.
fn read(
    mut root: Section<'_>,
    instances: impl FnOnce(&mut Section<'_>, &Around<'_>) -> (Vec<Instance>, Vec<InstanceMark>),
) -> Config {
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
    let geo = Geo::read(&mut root);
    let (lines, line_names) = line::read_all(&mut root, &geo);
    let monitors = monitor::read_all(&mut root);
    let mut pools = pool::read_all(&mut root, &monitors.names);
    geo.guess_regions(&mut pools.pools);
    let mut config = Config {
        server,
        admin,
        limits: limits::read(&mut root),
        zones: zones.zones,
        lines,
        monitors: monitors.monitors,
        pools: pools.pools,
        instances: Vec::new(),
        channels: Vec::new(),
        subscriptions: Vec::new(),
    };
    let mut marks = Marks {
        zones_known: zones.complete,
        monitors: monitors.places,
        pools: pools.marks,
        instances: Vec::new(),
    };
    let around = Around {
        config: &config,
        marks: &marks,
        lines: &line_names,
        pools: &pools.names,
    };
    (config.instances, marks.instances) = instances(&mut root, &around);
    let (channels, channel_names) = channel::read_all(&mut root);
    config.channels = channels;
    config.subscriptions = subscription::read_all(&mut root, &channel_names);
    root.finish();
    rules::check_together(&config, &marks, report);
    config
}

/// Reads the instances of a whole file, or of a piece of it, and judges each by itself; `places`
/// are those of names in pieces before.
fn instances(
    root: &mut Section<'_>,
    around: &Around<'_>,
    places: &mut Places,
) -> (Vec<Instance>, Vec<InstanceMark>) {
    let (instances, marks) = instance::read_all(root, around.lines, around.pools, places);
    let judged = instances.iter().zip(&marks);
    rules::check_each(around.config, around.marks, judged, root.report());
    (instances, marks)
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

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
mod failover;
mod geo;
mod instance;
mod large;
mod limits;
mod line;
mod mmdb;
pub mod model;
mod monitor;
mod names;
pub(crate) mod near_miss;
mod node;
mod pieces;
mod plan;
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
mod template;
mod texts;
pub(crate) mod value;
mod zone;
mod zonefile;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::problem::{Problem, Problems};
pub use self::socket::socket;

use self::geo::Geo;
use self::instance::InstanceMark;
use self::model::{Config, Instance};
use self::names::{Names, Places};
use self::problem::Report;
use self::reader::{Section, not_supported};
use self::rules::Marks;
use self::sources::Source;
use self::texts::Texts;
use self::value::Value;

/// The version of the file that this igtm reads.
const VERSION: u64 = 1;

/// Tables of config.md that are not built yet, as they stand in the file.
const LATER_TABLES: [(&str, &str); 1] = [("cluster", "[cluster]")];

/// The JSON schema (draft 2020-12) of a configuration file: `igtm schema`.
pub const SCHEMA: &str = include_str!("schema.json");

/// What reading a configuration came to, good or bad.
#[derive(Debug)]
pub struct Reading {
    /// What it says, or every problem of it and of the files it names.
    pub config: Result<Config, Problems>,
    /// What an operator should know of it, though it is no problem.
    pub notes: Vec<Problem>,
    /// Every file (and directory) that was read or should have been, its own among them: another
    /// content of any of them makes another configuration.
    pub sources: Vec<Source>,
}

/// Reads and validates the file at `path`, or the `*.toml` files of the directory there.
///
/// # Errors
/// Every problem of the files, and of the files they name; or the one that they cannot be read.
pub fn load(path: &Path) -> Result<Config, Problems> {
    reading(path).config
}

/// As [`load`], with what is to be known besides.
pub fn reading(path: &Path) -> Reading {
    let (texts, own) = Texts::read(path);
    let mut reading = texts.map_or_else(Reading::refused, |texts| reading_of(&texts));
    reading.sources.splice(0..0, own);
    reading
}

/// Reads and validates `text`, which stands in the file at `path`; relative paths in it are
/// relative to that file's directory.
///
/// # Errors
/// Every problem of the text and of the files it names. A text that is not TOML is not read
/// further, since what it was meant to say is not known.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    reading_of(&Texts::one(path, text)).config
}

fn reading_of(texts: &Texts<'_>) -> Reading {
    let in_pieces = texts
        .only()
        .and_then(|(file, text)| large::parse(text, file));
    in_pieces.unwrap_or_else(|| parse_whole(texts))
}

fn parse_whole(texts: &Texts<'_>) -> Reading {
    let report = Report::new(texts);
    let Some(merged) = texts.merged(&report) else {
        let problems = report.finish(());
        return Reading::refused(problems.expect_err("what is not TOML was just reported"));
    };
    for value in &merged.more_versions {
        check_version(&Value::new(&report, value, "version"));
    }
    let config = read(Section::root(&report, &merged.root), |root, around| {
        instances(root, around, &mut Places::lasting())
    });
    Reading::of(report, config)
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

    /// Nothing was read but the files themselves.
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
        root.refuse(key, || not_supported(shown));
    }
    let plan = plan::read(&mut root);
    let server = server::read(&mut root);
    let admin = admin::read(&mut root);
    let zones = zone::read_all(&mut root);
    let geo = Geo::read(&mut root);
    let (lines, line_names) = line::read_all(&mut root, &geo);
    let nodes = node::read_all(&mut root);
    let monitors = monitor::read_all(&mut root, &nodes);
    let mut pools = pool::read_all(&mut root, &monitors.names);
    let (made, made_marks) =
        failover::read_all(&mut root, &line_names, &monitors.names, &mut pools);
    geo.guess_regions(&mut pools.pools);
    let mut config = Config {
        server,
        admin,
        limits: limits::read(&mut root),
        plan,
        zones: zones.zones,
        lines,
        nodes: nodes.nodes,
        monitors: monitors.monitors,
        pools: pools.pools,
        instances: Vec::new(),
        templates: Vec::new(),
        channels: Vec::new(),
        subscriptions: Vec::new(),
    };
    let mut marks = Marks {
        zones_known: zones.complete,
        zones: zones.contents,
        monitors: monitors.marks,
        pools: pools.marks,
        instances: Vec::new(),
    };
    let around = Around {
        config: &config,
        marks: &marks,
        lines: &line_names,
        pools: &pools.names,
    };
    let (mut all, mut all_marks) = instances(&mut root, &around);
    rules::check_each(&config, &marks, made.iter().zip(&made_marks), report);
    all.extend(made);
    all_marks.extend(made_marks);
    (config.instances, marks.instances) = (all, all_marks);
    let (templates, template_names) = template::read_all(&mut root);
    config.templates = templates;
    let (channels, channel_names) = channel::read_all(&mut root, &template_names);
    config.channels = channels;
    config.subscriptions = subscription::read_all(&mut root, &channel_names, &config);
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
    if let Some(value) = root.need("version") {
        check_version(&value);
    }
}

fn check_version(value: &Value<'_>) {
    if value.whole_number() != Some(VERSION) {
        value.wrong(format_args!("{VERSION}, the version that this igtm reads"));
    }
}

//! An object of a configuration as named texts, so that two of them can be compared.
//!
//! Every struct is taken apart whole: a field that the model gains must be told here, or this
//! does not compile. Must not show a secret.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::Field;
use super::objects::{
    admin, channel, limits, monitor, named, node, plan, server, subscription, zone,
};
use super::pools::{instance, pool};
use crate::config::duration;
use crate::config::model::{
    Channel, Config, Instance, Monitor, Node, Pool, Secret, Subscription, Zone,
};

/// Named texts, in the order of the file.
pub(super) type Fields = Vec<(String, Shown)>;

/// A value as text; a secret is compared but not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Plain(String),
    Hidden(Vec<Secret>),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Hidden(secrets) if secrets.is_empty() => f.write_str("none"),
            Self::Hidden(_) => f.write_str("[secret]"),
        }
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) table: &'static str,
    pub(super) name: String,
    pub(super) own: Fields,
    /// Addresses of a pool, strategies of an instance.
    pub(super) parts: Vec<(String, Fields)>,
}

/// The objects of one table that has names.
pub(super) enum Table<'a> {
    Zones(&'a [Zone], Vec<String>),
    Nodes(&'a [Node]),
    Monitors(&'a [Monitor]),
    Pools(&'a [Pool]),
    Instances(&'a [Instance]),
    Channels(&'a [Channel]),
    Subscriptions(&'a [Subscription]),
}

/// The tables that there are once.
pub(super) fn singles(config: &Config) -> [Outline; 4] {
    [
        server(&config.server),
        admin(&config.admin),
        limits(&config.limits),
        named("plan", "", plan(&config.plan)),
    ]
}

/// The tables of named objects, lines aside.
pub(super) fn tables(config: &Config) -> [Table<'_>; 7] {
    let Config {
        server: _,
        admin: _,
        limits: _,
        plan: _,
        lines: _,
        zones,
        nodes,
        monitors,
        pools,
        instances,
        channels,
        subscriptions,
    } = config;
    let origins = zones.iter().map(|zone| zone.origin.to_string()).collect();
    [
        Table::Zones(zones, origins),
        Table::Nodes(nodes),
        Table::Monitors(monitors),
        Table::Pools(pools),
        Table::Instances(instances),
        Table::Channels(channels),
        Table::Subscriptions(subscriptions),
    ]
}

/// Whether a reference by position means the same object in both.
pub(super) fn same_places(old: &Config, new: &Config) -> bool {
    let lines = |config: &'_ Config| -> Vec<String> {
        let lines = config.lines.iter().map(|one| one.name.clone());
        let nodes = config.nodes.iter().map(|one| one.name.clone());
        let monitors = config.monitors.iter().map(|one| one.name.clone());
        let pools = config.pools.iter().map(|one| one.name.clone());
        let channels = config.channels.iter().map(|one| one.name.clone());
        let all = lines.chain([String::new()]).chain(nodes);
        let all = all.chain([String::new()]).chain(monitors);
        let all = all.chain([String::new()]).chain(pools);
        all.chain([String::new()]).chain(channels).collect()
    };
    lines(old) == lines(new)
}

impl Table<'_> {
    pub(super) fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Zones(_, origins) => Box::new(origins.iter().map(String::as_str)),
            Self::Nodes(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Monitors(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Pools(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Instances(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Channels(all) => Box::new(all.iter().map(|one| one.name.as_str())),
            Self::Subscriptions(all) => Box::new(all.iter().map(|one| one.name.as_str())),
        }
    }

    /// Whether the object at `at` is the same as the one at `there` of another table.
    pub(super) fn equal(&self, at: usize, other: &Self, there: usize) -> bool {
        match (self, other) {
            (Self::Zones(one, _), Self::Zones(other, _)) => one[at] == other[there],
            (Self::Nodes(one), Self::Nodes(other)) => one[at] == other[there],
            (Self::Monitors(one), Self::Monitors(other)) => one[at] == other[there],
            (Self::Pools(one), Self::Pools(other)) => one[at] == other[there],
            (Self::Instances(one), Self::Instances(other)) => one[at] == other[there],
            (Self::Channels(one), Self::Channels(other)) => one[at] == other[there],
            (Self::Subscriptions(one), Self::Subscriptions(other)) => one[at] == other[there],
            _ => false,
        }
    }

    /// How the static records of a zone are different from another's: they are counted.
    pub(super) fn records(&self, at: usize, other: &Self, there: usize) -> Option<Field> {
        match (self, other) {
            (Self::Zones(one, _), Self::Zones(other, _)) => records(&one[at], &other[there]),
            _ => None,
        }
    }

    pub(super) fn outline(&self, config: &Config, at: usize) -> Outline {
        match self {
            Self::Zones(all, _) => zone(&all[at]),
            Self::Nodes(all) => node(&all[at]),
            Self::Monitors(all) => monitor(config, &all[at]),
            Self::Pools(all) => pool(config, &all[at]),
            Self::Instances(all) => instance(config, &all[at]),
            Self::Channels(all) => channel(&all[at]),
            Self::Subscriptions(all) => subscription(config, &all[at]),
        }
    }
}

fn records(before: &Zone, after: &Zone) -> Option<Field> {
    // The NS of zones without a file are told as `ns`.
    let only_ns = |zone: &Zone| zone.records.sets().len() == 1;
    if before.records == after.records || (only_ns(before) && only_ns(after)) {
        return None;
    }
    type Record<'z> = (&'z [u8], u16, u32, &'z [u8]);
    fn all(zone: &Zone) -> HashSet<Record<'_>> {
        let sets = zone.records.sets().iter();
        let each = sets.flat_map(|set| {
            let record = |rdata| (&*set.owner, set.rtype, set.ttl, rdata);
            set.rdata().map(record)
        });
        each.collect()
    }
    let (old, new) = (all(before), all(after));
    let (added, removed) = (new.difference(&old).count(), old.difference(&new).count());
    Some(Field {
        name: "records".to_owned(),
        before: Some(old.len().to_string()),
        after: Some(format!("{}: {added} added, {removed} removed", new.len())),
    })
}

/// "lines telecom, policy all".
pub(super) fn in_words(fields: &Fields) -> String {
    let words = fields.iter().map(|(name, value)| format!("{name} {value}"));
    words.collect::<Vec<_>>().join("; ")
}

pub(super) fn field(name: &str, value: impl ToString) -> (String, Shown) {
    (name.to_owned(), Shown::Plain(value.to_string()))
}

pub(super) fn secret(name: &str, secrets: &[Secret]) -> (String, Shown) {
    (name.to_owned(), Shown::Hidden(secrets.to_vec()))
}

pub(super) fn lasting(name: &str, value: Duration) -> (String, Shown) {
    field(name, duration::format(value))
}

pub(super) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let texts = values.into_iter().map(|one| one.to_string());
    texts.collect::<Vec<_>>().join(", ")
}

pub(super) fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

//! `[geo]`, and what is known by it: lines' prefixes by ASN and country, and addresses' regions.
//!
//! Each database is read once and walked once, whatever the number of lines. Must not decide which
//! of several lines a prefix means: that is policy's.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::PathBuf;

use ipnet::IpNet;

use super::country::country;
use super::mmdb::{Asn, Country, Database, Fact};
use super::model::{Address, Pool};
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;

/// The databases that `[geo]` names.
pub(super) struct Geo {
    asn: Named,
    country: Named,
}

/// One database.
struct Named {
    key: &'static str,
    /// Whether the key is there; then what of it is bad is told already.
    given: bool,
    open: Option<(PathBuf, At, Database)>,
}

/// What one line wants of the databases.
#[derive(Default)]
pub(super) struct Wanted {
    asn: Wants<Asn>,
    country: Wants<Country>,
}

/// The values of one list.
struct Wants<F> {
    /// Where the list is; none when there is none.
    list: Option<At>,
    each: Vec<(F, At)>,
}

impl<F> Default for Wants<F> {
    fn default() -> Self {
        Self {
            list: None,
            each: Vec::new(),
        }
    }
}

impl Geo {
    /// Reads `[geo]`. A database is opened also when no line wants it: a bad one is told at once,
    /// not when the first line is added.
    pub(super) fn read(root: &mut Section<'_>) -> Self {
        let mut section = root.table("geo");
        let geo = Self {
            asn: Named::take("asn", section.as_mut()),
            country: Named::take("country", section.as_mut()),
        };
        if let Some(section) = section {
            section.finish();
        }
        geo
    }

    /// Gives each line (by its position in `wanted`) what it wants.
    pub(super) fn resolve(
        &self,
        wanted: &[Wanted],
        report: &Report<'_>,
        mut give: impl FnMut(usize, IpNet),
    ) {
        let asn: Vec<_> = wanted.iter().map(|wanted| &wanted.asn).collect();
        self.asn.resolve(&asn, report, &mut give);
        let country: Vec<_> = wanted.iter().map(|wanted| &wanted.country).collect();
        self.country.resolve(&country, report, &mut give);
    }

    /// Guesses the region of addresses for which the file names none: their country.
    pub(super) fn guess_regions(&self, pools: &mut [Pool]) {
        let Some((_, _, database)) = &self.country.open else {
            return;
        };
        for address in pools.iter_mut().flat_map(|pool| &mut pool.addresses) {
            if let (Address::Ip(ip), None) = (&address.value, &address.region) {
                address.region = database.fact_of(*ip).map(Country::shown);
            }
        }
    }
}

impl Named {
    fn take(key: &'static str, section: Option<&mut Section<'_>>) -> Self {
        let value = section.and_then(|section| section.take(key));
        Self {
            key,
            given: value.is_some(),
            open: value.and_then(|value| open(&value)),
        }
    }

    fn resolve<F: Fact + Eq + Hash>(
        &self,
        wanted: &[&Wants<F>],
        report: &Report<'_>,
        give: &mut impl FnMut(usize, IpNet),
    ) {
        let key = self.key;
        if !self.given {
            let what = F::WANTED;
            let needy = wanted.iter().filter(|wants| !wants.each.is_empty());
            for at in needy.filter_map(|wants| wants.list) {
                report.problem(
                    at,
                    format!("`line.{key}` needs a database: name a MaxMind DB file with {what} data as `{key}` in `[geo]`"),
                );
            }
            return;
        }
        let mut lines: HashMap<F, Vec<usize>> = HashMap::new();
        for (line, wants) in wanted.iter().enumerate() {
            for (fact, _) in &wants.each {
                lines.entry(*fact).or_default().push(line);
            }
        }
        let Some((path, at, database)) = self.open.as_ref().filter(|_| !lines.is_empty()) else {
            return;
        };
        let mut met: HashSet<F> = HashSet::new();
        let walked = database.walk(|prefix, fact: F| {
            if let Some(lines) = lines.get(&fact) {
                met.insert(fact);
                for line in lines {
                    give(*line, prefix);
                }
            }
        });
        if let Err(error) = walked {
            report.problem(*at, format!("cannot use `{}`: {error}", path.display()));
            return;
        }
        for (fact, at) in wanted.iter().flat_map(|wants| &wants.each) {
            if !met.contains(fact) {
                let (fact, path) = (fact.shown(), path.display());
                report.note(*at, format!("{fact} has no network in `{path}`"));
            }
        }
    }
}

impl Wanted {
    /// Takes `asn` and `country` of a line.
    pub(super) fn take(section: &mut Section<'_>) -> Self {
        let number = |value: &Value<'_>| value.integer(1..=u32::MAX).map(Asn);
        Self {
            asn: Wants::of(section.take("asn"), "a list of AS numbers", number),
            country: Wants::of(section.take("country"), "a list of country codes", country),
        }
    }

    /// Whether either list is there.
    pub(super) fn given(&self) -> bool {
        self.asn.list.is_some() || self.country.list.is_some()
    }
}

fn open(value: &Value<'_>) -> Option<(PathBuf, At, Database)> {
    let report = value.report();
    let path = report.resolve(value.string()?);
    let octets = match report.read(&path) {
        Ok(octets) => octets,
        Err(error) => {
            value.problem(format!("cannot read `{}`: {error}", path.display()));
            return None;
        }
    };
    match Database::open(octets) {
        Ok(database) => Some((path, value.at, database)),
        Err(error) => {
            value.problem(format!("cannot use `{}`: {error}", path.display()));
            None
        }
    }
}

impl<F: Fact + Eq> Wants<F> {
    fn of(list: Option<Value<'_>>, allowed: &str, read: impl Fn(&Value<'_>) -> Option<F>) -> Self {
        let mut wants = Self {
            list: list.map(|list| list.at),
            each: Vec::new(),
        };
        let items = list.and_then(|list| list.list(allowed));
        for item in items.unwrap_or_default() {
            match read(&item) {
                Some(fact) if wants.each.iter().any(|(seen, _)| *seen == fact) => {
                    item.problem(format!("{} stands in this list twice", fact.shown()));
                }
                Some(fact) => wants.each.push((fact, item.at)),
                None => {}
            }
        }
        wants
    }
}

//! `[[instance]]`: one business domain with its strategies.
//!
//! Must not judge what needs other objects to be known: that is the rules'.

use std::time::Duration;

use super::domain::domain;
use super::model::{Instance, Strategy};
use super::names::{Named, Names, Places};
use super::problem::{At, Report};
use super::reader::Section;
use super::strategy::{self, StrategyMark};
use super::zone::TTL;

/// Most addresses in one answer: the default for A. With it even 20 AAAA records (560 octets)
/// beside the longest question stay below the default `udp_size` of 1232.
const MAX_ANSWERS: std::ops::RangeInclusive<u16> = 1..=20;

/// What the rules need to know of an instance beside the model.
pub(super) struct InstanceMark {
    /// Where it is named.
    pub(super) at: At,
    /// Where `domain` stands, when it is one.
    pub(super) domain: Option<At>,
    /// Where `access_domain` (or else `domain`) stands, when it is one.
    pub(super) access_domain: Option<At>,
    /// One for each strategy.
    pub(super) strategies: Vec<StrategyMark>,
}

/// Reads every `[[instance]]`; `places` are those of names of instances before.
pub(super) fn read_all(
    root: &mut Section<'_>,
    lines: &Names,
    pools: &Names,
    places: &mut Places,
) -> (Vec<Instance>, Vec<InstanceMark>) {
    let report = root.report();
    let mut sections = root.tables("instance");
    let named = Names::declare_only("instance", &mut sections, places);
    sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| read(section, named, lines, pools, report))
        .unzip()
}

fn read(
    mut section: Section<'_>,
    named: Named,
    lines: &Names,
    pools: &Names,
    report: &Report<'_>,
) -> (Instance, InstanceMark) {
    section.unsupported(&["plan"]);
    let domain_value = section.need("domain");
    let domain_name = domain_value.as_ref().and_then(domain);
    let access_value = section.take("access_domain");
    let access_name = match &access_value {
        Some(value) => domain(value),
        None => domain_name.clone(),
    };
    let ttl = section.take("ttl").and_then(|v| v.seconds(TTL));
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let max_answers = section.take("max_answers");
    let max_answers = max_answers.and_then(|v| v.integer(MAX_ANSWERS));
    let (strategies, marks) = strategies(&mut section, named.at, lines, pools, report);
    section.finish();
    let access_at = access_value.or(domain_value).map(|value| value.at);
    let mark = InstanceMark {
        at: named.at,
        domain: domain_name.as_ref().and(domain_value.map(|value| value.at)),
        access_domain: access_name.as_ref().and(access_at),
        strategies: marks,
    };
    let instance = Instance {
        name: named.text,
        domain: domain_name.unwrap_or_default(),
        access_domain: access_name.unwrap_or_default(),
        ttl: ttl.unwrap_or(Duration::from_secs(60)),
        enabled: enabled.unwrap_or(true),
        max_answers,
        strategies,
    };
    (instance, mark)
}

fn strategies(
    section: &mut Section<'_>,
    at: At,
    lines: &Names,
    pools: &Names,
    report: &Report<'_>,
) -> (Vec<Strategy>, Vec<StrategyMark>) {
    let before = report.count();
    let mut sections = section.tables("strategy");
    if sections.is_empty() && report.count() == before {
        let message = "an instance has a strategy: add an `[[instance.strategy]]` for `default`";
        report.problem(at, message);
    }
    let mut places = Places::for_many(sections.len());
    let named = Names::declare_only("strategy", &mut sections, &mut places);
    sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| strategy::read(section, named, lines, pools))
        .unzip()
}

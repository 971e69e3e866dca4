//! `[[subscription]]`: which events are told to which channels.
//!
//! Must not know how a channel delivers.

use std::collections::HashSet;
use std::time::Duration;

use super::model::{ChannelId, Config, Matching, Quiet, Subscription};
use super::names::{Named, Names, Places};
use super::near_miss::suggestion;
use super::reader::Section;
use super::value::{Value, shorten};
use crate::notify::event::{Kind, Severity};

/// Longer than this an alert is no alert any more.
const GROUP_WAIT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
/// A year.
const REPEAT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(8_760);

/// Reads every `[[subscription]]`; `config` has all that events are of.
pub(super) fn read_all(
    root: &mut Section<'_>,
    channels: &Names,
    config: &Config,
) -> Vec<Subscription> {
    let mut sections = root.tables("subscription");
    let mut places = Places::for_many(sections.len());
    let named = Names::declare_only("subscription", &mut sections, &mut places);
    sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| read(section, named, channels, config))
        .collect()
}

fn read(mut section: Section<'_>, named: Named, channels: &Names, config: &Config) -> Subscription {
    let description = section.take("description").and_then(|v| v.string());
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let events = section.take("events").map(|list| events(&list));
    let matching = section.table("match").map(|table| matching(table, config));
    let list = section.need("channels");
    let resolved = list
        .map(|list| channels.resolve_list(&list))
        .unwrap_or_default();
    if let Some(list) = list
        && resolved.complete
        && resolved.found.is_empty()
    {
        list.problem("`channels` is empty; a subscription tells at least one channel");
    }
    let instead = section.take("on_failure");
    let on_failure = instead
        .map(|list| channels.resolve_list(&list))
        .unwrap_or_default();
    let told = |position| resolved.found.iter().any(|(other, _)| *other == position);
    if let Some(list) = instead
        && on_failure.found.iter().any(|(position, _)| told(*position))
    {
        list.problem("`on_failure` names one of `channels`, which is told anyway: name another");
    }
    let repeat = section.take("repeat_interval");
    let repeat = repeat.and_then(|v| repeat_interval(&v));
    let wait = section.take("group_wait");
    let wait = wait.and_then(|v| v.duration(GROUP_WAIT));
    let quiet = section.table("quiet").and_then(quiet);
    section.finish();
    let ids = |found: Vec<(usize, _)>| -> Vec<ChannelId> {
        let positions = found.into_iter().map(|(position, _)| position);
        positions.map(ChannelId).collect()
    };
    Subscription {
        name: named.text,
        description: description.map(str::to_owned),
        enabled: enabled.unwrap_or(true),
        events: events.unwrap_or_default(),
        matching: matching.unwrap_or_default(),
        channels: ids(resolved.found),
        on_failure: ids(on_failure.found),
        repeat_interval: repeat.unwrap_or(Duration::from_hours(12)),
        group_wait: wait.unwrap_or(Duration::from_secs(3)),
        quiet,
    }
}

/// Never, or no oftener than each second: nobody reads more, and each repeat is recorded.
fn repeat_interval(value: &Value<'_>) -> Option<Duration> {
    let found = value.duration(REPEAT)?;
    if !found.is_zero() && found < Duration::from_secs(1) {
        value.wrong("0s (once), or a duration from 1s to 365d");
        return None;
    }
    Some(found)
}

/// `match`: each name must be that of an object, or what is misspelt would tell nobody, at night.
fn matching(mut section: Section<'_>, config: &Config) -> Matching {
    let mut objects = |key, kind, known: &dyn Fn() -> HashSet<String>| {
        let list: Option<Value<'_>> = section.take(key);
        list.map(|list| names_of(&list, kind, &known()))
            .unwrap_or_default()
    };
    let named = |name: &String| name.clone();
    let addresses = || {
        let all = config.pools.iter().flat_map(|pool| &pool.addresses);
        all.map(|address| address.value.to_string()).collect()
    };
    let matching = Matching {
        instances: objects("instances", "instance", &|| {
            config.instances.iter().map(|it| named(&it.name)).collect()
        }),
        lines: objects("lines", "line", &|| {
            config.lines.iter().map(|it| named(&it.name)).collect()
        }),
        pools: objects("pools", "pool", &|| {
            config.pools.iter().map(|it| named(&it.name)).collect()
        }),
        addresses: objects("addresses", "address", &addresses),
        nodes: objects("nodes", "node", &|| {
            config.nodes.iter().map(|it| named(&it.name)).collect()
        }),
        severity: Severity::Info,
    };
    let severity = section.take("severity");
    let severity = severity.and_then(|value| value.one_of(&Severity::ALL));
    section.finish();
    Matching {
        severity: severity.unwrap_or(Severity::Info),
        ..matching
    }
}

/// The items of a list, each of which must be `known`.
fn names_of(list: &Value<'_>, kind: &str, known: &HashSet<String>) -> Vec<String> {
    let Some(items) = list.items(&format_args!("a list of names of {kind}s")) else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = item.string() else { continue };
        if !known.contains(text) {
            let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
            names.sort_unstable();
            let near = suggestion(text, names);
            item.unknown(kind, text, near);
        } else if found.iter().any(|seen| seen == text) {
            item.problem(format!("`{}` stands in this list twice", shorten(text)));
        } else {
            found.push(text.to_owned());
        }
    }
    found
}

fn quiet(mut section: Section<'_>) -> Option<Quiet> {
    let from = section.need("from").and_then(|value| minutes(&value));
    let until = section.need("to");
    let to = until.and_then(|value| minutes(&value));
    let severity = section.need("severity");
    let severity = severity.and_then(|value| value.one_of(&Severity::ALL));
    section.finish();
    if let (Some(from), Some(to), Some(until)) = (from, to, until)
        && from == to
    {
        until.problem("`from` and `to` are the same; disable the subscription instead");
    }
    Some(Quiet {
        from: from?,
        to: to?,
        severity: severity?,
    })
}

/// `HH:MM`, as minutes of the day.
fn minutes(value: &Value<'_>) -> Option<u16> {
    let text = value.string()?;
    let parse = || {
        let (hours, minutes) = text.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|it| it.is_ascii_digit());
        if !two_digits(hours) || !two_digits(minutes) {
            return None;
        }
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let found = parse();
    if found.is_none() {
        value.wrong("a time of the day, \"00:00\" to \"23:59\"");
    }
    found
}

fn events(list: &Value<'_>) -> Vec<Kind> {
    let mut found = Vec::new();
    let items = list.list("a list of kinds of event");
    for item in items.unwrap_or_default() {
        let Some(word) = item.string() else { continue };
        let kind = Kind::ALL.iter().find(|(_, name)| *name == word);
        match kind {
            Some((kind, _)) if found.contains(kind) => {
                item.problem(format!("`{word}` stands in this list twice"));
            }
            Some((kind, _)) => found.push(*kind),
            None => {
                let names = || Kind::ALL.iter().map(|(_, name)| *name);
                let near = suggestion(word, names());
                let known: Vec<&str> = names().collect();
                let (shown, known) = (shorten(word), known.join(", "));
                item.problem(format!(
                    "no event is called `{shown}`{near}; there are {known}"
                ));
            }
        }
    }
    found
}

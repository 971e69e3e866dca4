//! `[[subscription]]`: which events are told to which channels.
//!
//! Must not know how a channel delivers.

use std::time::Duration;

use super::model::{ChannelId, Subscription};
use super::names::{Named, Names, Places};
use super::near_miss::suggestion;
use super::reader::Section;
use super::value::{Value, shorten};
use crate::notify::event::Kind;

/// product.md's kinds of event that are not raised yet.
const LATER_EVENTS: [&str; 2] = ["channel_failed", "test"];

/// Longer than this an alert is no alert any more.
const GROUP_WAIT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);

/// Reads every `[[subscription]]`.
pub(super) fn read_all(root: &mut Section<'_>, channels: &Names) -> Vec<Subscription> {
    let mut sections = root.tables("subscription");
    let mut places = Places::for_many(sections.len());
    let named = Names::declare_only("subscription", &mut sections, &mut places);
    sections
        .into_iter()
        .zip(named)
        .map(|(section, named)| read(section, named, channels))
        .collect()
}

fn read(mut section: Section<'_>, named: Named, channels: &Names) -> Subscription {
    section.unsupported(&["match", "on_failure", "repeat_interval", "quiet"]);
    let description = section.take("description").and_then(|v| v.string());
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let events = section.take("events").map(|list| events(&list));
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
    let wait = section.take("group_wait");
    let wait = wait.and_then(|v| v.duration(GROUP_WAIT));
    section.finish();
    Subscription {
        name: named.text,
        description: description.map(str::to_owned),
        enabled: enabled.unwrap_or(true),
        events: events.unwrap_or_default(),
        channels: resolved
            .found
            .into_iter()
            .map(|(position, _)| ChannelId(position))
            .collect(),
        group_wait: wait.unwrap_or(Duration::from_secs(3)),
    }
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
            None if LATER_EVENTS.contains(&word) => {
                item.problem(format!("the event `{word}` is not supported yet"));
            }
            None => {
                let names = || Kind::ALL.iter().map(|(_, name)| *name);
                let near = suggestion(word, names().chain(LATER_EVENTS));
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

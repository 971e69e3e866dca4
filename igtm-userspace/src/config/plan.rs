//! `[plan]` and `instance.plan`: a profile and the numbers that are to be others.
//!
//! Must not count anything: quotas are held against instances by the rules.

use std::time::Duration;

use super::model::{Plan, PoolType, Profile, ProtocolKind};
use super::monitor::INTERVAL;
use super::pool::TYPES;
use super::reader::Section;
use super::value::Value;
use super::zone::TTL;

/// What the numbers of a plan may be: more is as good as no limit.
const COUNT: std::ops::RangeInclusive<usize> = 1..=10_000_000;

/// Reads `[plan]`, or what holds without it.
pub(super) fn read(root: &mut Section<'_>) -> Plan {
    root.table("plan")
        .map_or_else(|| Plan::of(Profile::Unlimited), read_table)
}

/// Reads `instance.plan`: a profile's name, or a table like `[plan]`.
pub(super) fn of_instance(value: &Value<'_>) -> Option<Plan> {
    if value.is_table() {
        return value.table("instance.plan").map(read_table);
    }
    value.one_of(&Profile::ALL).map(Plan::of)
}

fn read_table(mut section: Section<'_>) -> Plan {
    let profile = section.take("profile");
    let profile = profile.and_then(|value| value.one_of(&Profile::ALL));
    let mut plan = Plan::of(profile.unwrap_or(Profile::Unlimited));
    for (key, slot) in [
        ("max_addresses", &mut plan.max_addresses),
        ("max_probe_tasks", &mut plan.max_probe_tasks),
        ("max_nodes", &mut plan.max_nodes),
        ("max_lines", &mut plan.max_lines),
    ] {
        if let Some(count) = section.take(key).and_then(|value| value.integer(COUNT)) {
            *slot = Some(count);
        }
    }
    if let Some(protocols) = section.take("protocols") {
        plan.protocols = words(&protocols, &ProtocolKind::ALL);
    }
    if let Some(types) = section.take("types") {
        plan.types = words::<PoolType>(&types, &TYPES);
    }
    if let Some(allowed) = section.take("weight_policy").and_then(|value| value.bool()) {
        plan.weight_policy = allowed;
    }
    let interval = section.take("min_interval");
    if let Some(interval) = interval.and_then(|v| v.duration(Duration::ZERO..=*INTERVAL.end())) {
        plan.min_interval = interval;
    }
    if let Some(ttl) = section.take("min_ttl").and_then(|value| value.seconds(TTL)) {
        plan.min_ttl = ttl;
    }
    section.finish();
    plan
}

/// A list of words of `choices`, each once, at least one.
fn words<T: Copy + PartialEq>(list: &Value<'_>, choices: &[(T, &str)]) -> Vec<T> {
    let items = list.list("a list of texts");
    if items.as_ref().is_some_and(Vec::is_empty) {
        let key = list.key();
        list.problem(format!(
            "`{key}` is empty; leave it out for those of the profile"
        ));
    }
    let mut found = Vec::new();
    for item in items.unwrap_or_default() {
        match item.one_of(choices) {
            Some(one) if found.contains(&one) => {
                let word = item.string().unwrap_or_default();
                item.problem(format!("`{word}` stands in this list twice"));
            }
            Some(one) => found.push(one),
            None => {}
        }
    }
    found
}

//! What an event is to Alertmanager: alerts by their labels.
//!
//! Pure. An alert is known by its labels alone, so those of a failure and of its recovery are the
//! same: they come from the condition. The severity is one of them, since routes look at it; whenever a
//! condition is told, its alerts of the other severities are ended (Alertmanager tells nobody of the
//! end of what it never saw).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::notify::condition::{Condition, Phase};
use crate::notify::event::{Event, Kind, Severity};
use crate::notify::fit::{Unit, shorten};
use crate::notify::message::{Message, Part};
use crate::notify::vendor;
use crate::notify::words::Words;

/// What an alert is known by.
pub(super) type Labels = BTreeMap<String, String>;

/// The longest annotation, octets.
const ANNOTATION: usize = 4096;

/// How long what does not last is shown.
const HAPPENED: SignedDuration = SignedDuration::from_hours(1);
/// How long a test is shown.
const TEST: SignedDuration = SignedDuration::from_mins(5);

/// As API v2 takes it. Without an end it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) labels: Labels,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) starts_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends_at: Option<Timestamp>,
}

/// A part of these.
pub(super) fn part<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> Part {
    let alerts: Vec<&Alert> = alerts.into_iter().collect();
    Part {
        body: serde_json::to_string(&alerts).expect("texts and times always serialise"),
    }
}

/// The alerts of a part.
///
/// # Errors
/// When the part is none of ours.
pub(super) fn read(part: &Part) -> Result<Vec<Alert>, serde_json::Error> {
    serde_json::from_str(&part.body)
}

/// What is said of one event: its line, and its text.
pub(super) fn said(message: &Message, event: &Arc<Event>, words: &Words) -> (String, String) {
    let alone = Message {
        id: message.id.clone(),
        subscription: message.subscription.clone(),
        made: message.made,
        events: vec![Arc::clone(event)],
        more: 0,
        // An alert that lasts is sent again all the time: it does not say so.
        repeated: false,
    };
    let title = vendor::title(&alone, words, Unit::Utf16);
    (title, words.event(event))
}

/// The alert of `event`, and the ends of those of the same condition with other severities.
pub(super) fn of(event: &Event, (title, text): &(String, String)) -> Vec<Alert> {
    let annotations = annotations(event, title, text);
    let alert = |severity: Severity, starts_at, ends_at| Alert {
        labels: labels(event, severity),
        annotations: annotations.clone(),
        starts_at,
        ends_at,
    };
    let (now, since) = (event.time, event.since.unwrap_or(event.time));
    let ended = |severity| alert(severity, since.min(now), Some(now));
    let after = |duration| now.checked_add(duration).ok();
    let others = Severity::ALL.map(|(severity, _)| severity);
    let others = others.into_iter().filter(|it| *it != event.severity);
    match Condition::of(event) {
        Some((_, Phase::Over)) => Severity::ALL.map(|(it, _)| ended(it)).into(),
        Some((_, Phase::Lasts)) => {
            let end = if event.test { after(TEST) } else { None };
            let mut alerts: Vec<Alert> = others.map(ended).collect();
            alerts.push(alert(event.severity, now, end));
            alerts
        }
        None if event.test || event.kind == Kind::Test => {
            vec![alert(event.severity, now, after(TEST))]
        }
        None => vec![alert(event.severity, now, after(HAPPENED))],
    }
}

/// Of the condition, not of the event: the recovery must have the same.
fn labels(event: &Event, severity: Severity) -> Labels {
    let (name, own): (_, &[(&str, Option<&String>)]) = match event.kind {
        Kind::AddressDown | Kind::AddressUp | Kind::AddressWarn => (
            "IgtmAddressDown",
            &[
                ("pool", event.pool.as_ref()),
                ("address", event.address.as_ref()),
                ("host", event.host.as_ref()),
            ],
        ),
        Kind::PoolDown | Kind::PoolUp => (
            "IgtmPoolDown",
            &[("pool", event.pool.as_ref()), ("host", event.host.as_ref())],
        ),
        Kind::TierSwitched | Kind::TierRestored | Kind::FallbackEntered | Kind::FallbackLeft => (
            "IgtmNotFirstTier",
            &[
                ("instance", event.instance.as_ref()),
                ("strategy", event.strategy.as_ref()),
            ],
        ),
        Kind::NodeSilent | Kind::NodeBack => (
            "IgtmNodeSilent",
            &[("silent_node", event.reason.first().map(|it| &it.node))],
        ),
        Kind::ConfigRejected | Kind::ConfigApplied => ("IgtmConfigRejected", &[]),
        Kind::DataplaneDegraded | Kind::DataplaneRestored => ("IgtmDataplaneDegraded", &[]),
        Kind::ChannelFailed => ("IgtmChannelFailed", &[]),
        Kind::Test => ("IgtmTest", &[]),
    };
    let mut labels: Labels = own
        .iter()
        // An empty label is one that is not there.
        .filter_map(|(key, value)| Some(((*key).to_owned(), (*value)?.clone())))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let test = if event.test { "true" } else { "" };
    for (key, value) in [
        ("alertname", name),
        ("severity", severity.name()),
        ("node", &event.node),
        ("test", test),
    ] {
        if !value.is_empty() {
            labels.insert(key.to_owned(), value.to_owned());
        }
    }
    labels
}

fn annotations(event: &Event, title: &str, text: &str) -> BTreeMap<String, String> {
    let reasons: Vec<String> = event
        .reason
        .iter()
        .map(|it| format!("{}: {}", it.node, it.reason))
        .collect();
    let text_of = |part: &Option<String>| part.clone().unwrap_or_default();
    [
        ("summary", title.to_owned()),
        ("description", text.to_owned()),
        ("kind", event.kind.name().to_owned()),
        ("reason", reasons.join("; ")),
        ("domain", text_of(&event.domain)),
        ("lines", event.lines.join(", ")),
        ("tier_from", text_of(&event.tier_from)),
        ("tier_to", text_of(&event.tier_to)),
        ("answers_before", event.answers_before.join(", ")),
        ("answers_now", event.answers_now.join(", ")),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (key.to_owned(), shorten(&value, ANNOTATION, Unit::Octets)))
    .collect()
}

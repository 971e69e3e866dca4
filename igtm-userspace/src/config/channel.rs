//! `[[channel]]`: where messages go; only `webhook` is built so far.
//!
//! Must not connect to anything.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::model::{Channel, ChannelKind, Secret};
use super::names::{Named, Names};
use super::problem::{At, Report};
use super::reader::{Section, value_not_supported};
use super::secret::{self, Keys};
use super::value::{Value, shorten};

/// notify.md's types that are not built yet.
const LATER_TYPES: [&str; 9] = [
    "wecom_robot",
    "wecom_app",
    "dingtalk",
    "feishu",
    "slack",
    "email",
    "pagerduty",
    "alertmanager",
    "group",
];

const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);

/// Headers that the delivery sets itself.
const OUR_HEADERS: [&str; 7] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// What a signing key begins with.
const KEY_PREFIX: &str = "whsec_";

/// Reads every `[[channel]]`.
pub(super) fn read_all(root: &mut Section<'_>) -> (Vec<Channel>, Names) {
    let report = root.report();
    let mut sections = root.tables("channel");
    let (names, named) = Names::declare("channel", &mut sections, 0);
    let channels = sections
        .into_iter()
        .zip(named)
        .filter_map(|(section, named)| read(section, named, report))
        .collect();
    (channels, names)
}

/// `None` for a type that is not known or not built: its keys are left unjudged.
fn read(mut section: Section<'_>, named: Named, report: &Report<'_>) -> Option<Channel> {
    let r#type = section.need("type")?;
    let word = r#type.string()?;
    if LATER_TYPES.contains(&word) {
        r#type.problem(value_not_supported("channel.type", word));
        return None;
    }
    r#type.one_of(&[((), "webhook")])?;
    section.unsupported(&["template", "language"]);
    let description = section.take("description").and_then(|v| v.string());
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let timeout = section.take("timeout").and_then(|v| v.duration(TIMEOUT));
    let allow_private = section.take("allow_private").and_then(|v| v.bool());
    let channel = Channel {
        name: named.text,
        description: description.map(str::to_owned),
        enabled: enabled.unwrap_or(true),
        timeout: timeout.unwrap_or(Duration::from_secs(10)),
        allow_private: allow_private.unwrap_or(false),
        kind: ChannelKind::Webhook {
            url: url(&mut section, report),
            secrets: secrets(&mut section, report),
            headers: section.table("headers").map(headers).unwrap_or_default(),
        },
    };
    section.finish();
    Some(channel)
}

fn url(section: &mut Section<'_>, report: &Report<'_>) -> Secret {
    let keys = Keys {
        inline: "url",
        file: "url_file",
        env: "url_env",
    };
    let (found, given) = secret::take_all(section, &keys);
    if !given {
        let message = "`url` is missing in `channel` (or `url_file`, or `url_env`)";
        report.problem(section.at(), message);
    }
    if let Some((_, second)) = found.get(1) {
        report.problem(*second, "a webhook has one `url`");
    }
    for (url, at) in &found {
        check_url(url, *at, report);
    }
    let first = found.into_iter().next();
    first.map_or_else(|| Secret::new(""), |(url, _)| url)
}

fn check_url(url: &Secret, at: At, report: &Report<'_>) {
    let sane = Url::parse(url.reveal())
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    if !sane {
        let message = "`url` (not shown: it is a secret) must be an http:// or https:// URL";
        report.problem(at, message);
    }
}

fn secrets(section: &mut Section<'_>, report: &Report<'_>) -> Vec<Secret> {
    let keys = Keys {
        inline: "secret",
        file: "secret_file",
        env: "secret_env",
    };
    let (found, _) = secret::take_all(section, &keys);
    for (secret, at) in &found {
        let key = secret.reveal().strip_prefix(KEY_PREFIX);
        let octets = key.and_then(|key| STANDARD.decode(key).ok());
        if octets.is_none_or(|octets| octets.is_empty()) {
            let message =
                "`secret` (not shown) must be \"whsec_\" and then the key in base64 with padding";
            report.problem(*at, message);
        }
    }
    found.into_iter().map(|(secret, _)| secret).collect()
}

/// The user's own headers; values may be secrets, so they are not shown.
fn headers(section: Section<'_>) -> Vec<(String, Secret)> {
    let report = section.report();
    let mut found = Vec::new();
    for (name, at, value) in section.entries() {
        let shown = shorten(name);
        let lower = name.to_ascii_lowercase();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            report.problem(
                at,
                format!("`{shown}` cannot be the name of an HTTP header"),
            );
        } else if OUR_HEADERS.contains(&lower.as_str()) {
            report.problem(at, format!("the header `{shown}` is set by igtm itself"));
        }
        if let Some(text) = header_value(&value) {
            found.push((name.to_owned(), Secret::new(text)));
        }
    }
    found
}

fn header_value(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if HeaderValue::from_str(text).is_err() {
        value.problem(
            "the value of this header (not shown) has characters that HTTP does not allow",
        );
        return None;
    }
    Some(text.to_owned())
}

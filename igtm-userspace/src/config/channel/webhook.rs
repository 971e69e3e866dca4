//! The keys of a `webhook` channel: Standard Webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderName, HeaderValue};

use super::only;
use crate::config::model::{ChannelKind, Secret};
use crate::config::problem::Report;
use crate::config::reader::Section;
use crate::config::secret;
use crate::config::value::{Value, shorten};
use crate::notify::webhook::{check_secret, is_ours};

/// What a signing key begins with.
const KEY_PREFIX: &str = "whsec_";

pub(super) fn read(section: &mut Section<'_>, report: &Report<'_>) -> ChannelKind {
    ChannelKind::Webhook {
        url: only::url(section, &secret::URL),
        secrets: secrets(section, report),
        headers: section.table("headers").map(headers).unwrap_or_default(),
    }
}

fn secrets(section: &mut Section<'_>, report: &Report<'_>) -> Vec<Secret> {
    let (found, _) = secret::take_all(section, &secret::SECRET);
    for (secret, at) in &found {
        let key = secret.reveal().strip_prefix(KEY_PREFIX);
        let octets = key.and_then(|key| STANDARD.decode(key).ok());
        if octets.is_none_or(|octets| octets.is_empty()) {
            let message =
                "`secret` (not shown) must be \"whsec_\" and then the key in base64 with padding";
            report.problem(*at, message);
        } else if let Err(error) = check_secret(secret.reveal()) {
            report.problem(*at, format!("`secret` (not shown): {error}"));
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
        match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => report.problem(
                at,
                format!("`{shown}` cannot be the name of an HTTP header"),
            ),
            Ok(header) if is_ours(&header) => {
                report.problem(at, format!("the header `{shown}` is set by igtm itself"));
            }
            Ok(_) => {}
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

//! Keys that hold one text, URL or secret each.

use url::Url;

use crate::config::model::Secret;
use crate::config::problem::At;
use crate::config::reader::Section;
use crate::config::secret::{self, Keys};
use crate::config::value::Value;

/// The one secret of `keys`, if it is given.
pub(super) fn secret(section: &mut Section<'_>, keys: &Keys) -> Option<(Secret, At)> {
    let (found, _) = secret::take_all(section, keys);
    if let Some((_, second)) = found.get(1) {
        let message = format!("a channel has one `{}`", keys.inline);
        section.report().problem(*second, message);
    }
    let (secret, at) = found.into_iter().next()?;
    if secret.reveal().is_empty() {
        let message = format!("`{}` (not shown) is empty", keys.inline);
        section.report().problem(at, message);
    }
    Some((secret, at))
}

/// The one secret of `keys`, which must be given; an empty one in its place when it is not.
pub(super) fn needed(section: &mut Section<'_>, keys: &Keys) -> (Secret, At) {
    let reported = section.report().count();
    if let Some(found) = secret(section, keys) {
        return found;
    }
    // What was given and could not be read has been told.
    if section.report().count() == reported {
        let Keys { inline, file, env } = keys;
        let message = format!("`{inline}` is missing in `channel` (or `{file}`, or `{env}`)");
        section.report().problem(section.at(), message);
    }
    (Secret::new(""), section.at())
}

/// A secret that must be a URL to post to.
pub(super) fn url(section: &mut Section<'_>, keys: &Keys) -> Secret {
    let reported = section.report().count();
    let (secret, at) = needed(section, keys);
    if section.report().count() == reported && !is_http(secret.reveal()) {
        let key = keys.inline;
        let message =
            format!("`{key}` (not shown: it is a secret) must be an http:// or https:// URL");
        section.report().problem(at, message);
    }
    secret
}

/// As [`url()`], of a vendor whose URLs have something of their own; `shape` is how they look.
pub(super) fn hook(
    section: &mut Section<'_>,
    is_theirs: impl FnOnce(&Url) -> bool,
    shape: &str,
) -> Secret {
    let reported = section.report().count();
    let at = section.value_at(&["webhook", "webhook_file", "webhook_env"]);
    let secret = url(section, &secret::WEBHOOK);
    if section.report().count() == reported
        && Url::parse(secret.reveal()).is_ok_and(|url| !is_theirs(&url))
    {
        let message = format!(
            "`webhook` (not shown: it is a secret) must be the whole URL that the vendor shows, {shape}"
        );
        section.report().problem(at, message);
    }
    secret
}

/// A base URL, which is no secret.
pub(super) fn base_url(section: &mut Section<'_>, default: &str) -> String {
    let Some(value) = section.take("base_url") else {
        return default.to_owned();
    };
    let Some(text) = value.string() else {
        return String::new();
    };
    let url = Url::parse(text);
    let bare = |url: &Url| {
        url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    if text.contains(['@', '?', '#']) && !url.is_ok_and(|url| bare(&url)) {
        // It is shown wherever the configuration is: no secret may stand in it.
        value.problem("`base_url` (not shown) is a scheme, a host and perhaps a path, without a login or a query");
    } else if !is_http(text) {
        value.wrong("an http:// or https:// URL");
    }
    text.trim_end_matches('/').to_owned()
}

/// A text that must be there and not be empty.
pub(super) fn text(section: &mut Section<'_>, key: &'static str) -> String {
    let value = section.need(key);
    value.as_ref().and_then(filled).unwrap_or_default()
}

/// A text that is not empty, if it is there.
pub(super) fn text_if(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    section.take(key).as_ref().and_then(filled)
}

/// A list of texts, each not empty; at most so many.
pub(super) fn texts(section: &mut Section<'_>, key: &'static str, most: usize) -> Vec<String> {
    let Some(value) = section.take(key) else {
        return Vec::new();
    };
    few(&value, "a list of texts", most)
        .iter()
        .filter_map(filled)
        .collect()
}

/// A list of numbers, written as such or as texts; at most so many.
pub(super) fn numbers(section: &mut Section<'_>, key: &'static str, most: usize) -> Vec<u32> {
    let Some(value) = section.take(key) else {
        return Vec::new();
    };
    few(&value, "a list of whole numbers", most)
        .iter()
        .filter_map(number)
        .collect()
}

/// A number, written as such or as a text.
pub(super) fn number(value: &Value<'_>) -> Option<u32> {
    if value.kind() != "a text" {
        return value.integer(0..=u32::MAX);
    }
    let number = value.string()?.parse().ok();
    if number.is_none() {
        value.wrong(format_args!("a whole number from 0 to {}", u32::MAX));
    }
    number
}

fn few<'a>(value: &Value<'a>, allowed: &str, most: usize) -> Vec<Value<'a>> {
    let items = value.list(allowed).unwrap_or_default();
    if let Some(first) = items.get(most) {
        let (key, count) = (value.key(), items.len());
        first.problem(format!("`{key}` has {count} items; it may have {most}"));
    }
    items
}

fn filled(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.trim().is_empty() {
        value.wrong("a text that is not empty");
        return None;
    }
    Some(text.to_owned())
}

fn is_http(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

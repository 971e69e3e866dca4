//! Secrets: inline, as `*_file`, or as `*_env`; read once, at load.
//!
//! Must never put a secret into a message.

use std::io;

use super::model::Secret;
use super::problem::{At, Report};
use super::reader::Section;
use super::value::Value;

/// The three ways to give one secret.
pub(super) struct Keys {
    /// `url`.
    pub(super) inline: &'static str,
    /// `url_file`.
    pub(super) file: &'static str,
    /// `url_env`.
    pub(super) env: &'static str,
}

impl Keys {
    /// All three.
    pub(super) fn all(&self) -> [&'static str; 3] {
        [self.inline, self.file, self.env]
    }
}

macro_rules! keys {
    ($($name:ident $inline:literal)+) => {
        $(
            #[doc = concat!("`", $inline, "`.")]
            pub(super) const $name: Keys = Keys {
                inline: $inline,
                file: concat!($inline, "_file"),
                env: concat!($inline, "_env"),
            };
        )+
    };
}
keys!(URL "url" WEBHOOK "webhook" SECRET "secret" PASSWORD "password" ROUTING_KEY "routing_key");

/// Every secret that `keys` give, each with where it was named; one way at most is allowed.
/// The second value says whether any of the keys is there.
pub(super) fn take_all(section: &mut Section<'_>, keys: &Keys) -> (Vec<(Secret, At)>, bool) {
    let report = section.report();
    let inline = section.take(keys.inline);
    let file = section.take(keys.file);
    let env = section.take(keys.env);
    let given: Vec<At> = [inline, file, env]
        .into_iter()
        .flatten()
        .map(|value| value.at)
        .collect();
    if let [_, second, ..] = given.as_slice() {
        let Keys { inline, file, env } = keys;
        let message = format!("give only one of `{inline}`, `{file}` and `{env}`");
        report.problem(*second, message);
    }
    for value in [inline, file, env].into_iter().flatten() {
        if value.one_or_list().is_empty() {
            value.problem(format!("`{}` is empty; leave it out", value.key()));
        }
    }
    let each = |value: Option<Value<'_>>, read: fn(&Value<'_>, &Report<'_>) -> Option<Secret>| {
        value
            .map(|value| value.one_or_list())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|item| Some((read(&item, report)?, item.at)))
            .collect::<Vec<_>>()
    };
    let mut secrets = each(inline, |value, _| value.string().map(Secret::new));
    secrets.extend(each(file, from_file));
    secrets.extend(each(env, |value, _| from_env(value)));
    (secrets, !given.is_empty())
}

fn from_file(value: &Value<'_>, report: &Report<'_>) -> Option<Secret> {
    let path = report.resolve(value.at, value.string()?);
    let text = report.read(&path).and_then(|octets| {
        String::from_utf8(octets)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
    });
    match text {
        // Editors and `echo` end a file with a newline that is no part of the secret.
        Ok(text) => Some(Secret::new(text.trim_end_matches(['\n', '\r']))),
        Err(error) => {
            // What was meant inline may stand here by mistake: not even the path is shown.
            let key = value.key();
            value.problem(format!("cannot read the file that `{key}` names: {error}"));
            None
        }
    }
}

fn from_env(value: &Value<'_>) -> Option<Secret> {
    let name = value.string()?;
    let found = if name.is_empty() || name.contains(['=', '\0']) {
        None
    } else {
        std::env::var(name).ok()
    };
    match found {
        Some(text) => Some(Secret::new(text.trim_end_matches(['\n', '\r']))),
        None => {
            let key = value.key();
            value.problem(format!(
                "`{key}` (not shown) must name an environment variable that is set"
            ));
            None
        }
    }
}

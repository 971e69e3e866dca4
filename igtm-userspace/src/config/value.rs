//! What stands at a key, with typed accessors that report what does not fit.
//!
//! Every accessor that gives `None` has already reported why. Must not know any key of config.md.

use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::duration;
use super::near_miss::suggestion;
use super::problem::{At, Report};
use super::reader::Section;

/// How much of a text is repeated in a message, characters.
const SHOWN: usize = 80;
/// A token has as many characters or more.
const SHORTEST_TOKEN: usize = 16;

/// What stands at a key, or in a list at it.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    report: &'a Report<'a>,
    value: &'a DeValue<'a>,
    key: &'a str,
    /// Where it begins.
    pub(super) at: At,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        report: &'a Report<'a>,
        value: &'a Spanned<DeValue<'a>>,
        key: &'a str,
    ) -> Self {
        Self {
            report,
            value: value.get_ref(),
            key,
            at: report.at(value.span().start),
        }
    }

    pub(super) fn report(&self) -> &'a Report<'a> {
        self.report
    }

    /// The key that it stands at.
    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    /// Records a problem here.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.report.problem(self.at, message);
    }

    /// Records "`key` is X; it must be `allowed`".
    pub(super) fn wrong(&self, allowed: impl fmt::Display) {
        let Self { key, .. } = self;
        self.problem(format!(
            "`{key}` is {}; it must be {allowed}",
            self.describe()
        ));
    }

    /// Records "`key` is a KIND; it must be `allowed`" without showing the value.
    pub(super) fn wrong_kind(&self, allowed: impl fmt::Display) {
        let Self { key, .. } = self;
        self.problem(format!("`{key}` is {}; it must be {allowed}", self.kind()));
    }

    /// Records that no `kind` is named `text`. The URL of a hook is a secret, and is put where the
    /// name of its channel belongs: it is not shown.
    pub(super) fn unknown(&self, kind: &str, text: &str, near: impl fmt::Display) {
        self.problem(match text.contains("://") {
            true => format!("a URL (not shown) is no name of a {kind}"),
            false => format!("no {kind} is named `{}`{near}", shorten(text)),
        });
    }

    pub(super) fn string(&self) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong_kind("a text");
        }
        text
    }

    /// The text, without a message when it is none.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    pub(super) fn bool(&self) -> Option<bool> {
        let found = self.value.as_bool();
        if found.is_none() {
            self.wrong("true or false");
        }
        found
    }

    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + fmt::Display,
    {
        let found = self
            .whole_number()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number));
        if found.is_none() {
            let (from, to) = (range.start(), range.end());
            self.wrong(format_args!("a whole number from {from} to {to}"));
        }
        found
    }

    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let found = match self.value {
            DeValue::String(text) => duration::parse(text),
            _ => self.whole_number().and_then(duration::from_seconds),
        };
        let found = found.filter(|found| range.contains(found));
        if found.is_none() {
            let (from, to) = (
                duration::format(*range.start()),
                duration::format(*range.end()),
            );
            self.wrong(format_args!(
                "a duration from {from} to {to} (\"500ms\", \"15s\", \"1h30m\", or whole seconds)"
            ));
        }
        found
    }

    /// As [`Value::duration`], in whole seconds: what a TTL can say.
    pub(super) fn seconds(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let found = self.duration(range)?;
        if found.subsec_nanos() != 0 {
            self.wrong("whole seconds");
            return None;
        }
        Some(found)
    }

    /// One of the words of `choices`.
    pub(super) fn one_of<T: Copy>(&self, choices: &[(T, &str)]) -> Option<T> {
        let words = || choices.iter().map(|(_, word)| *word);
        let text = match self.value.as_str() {
            Some(text) => text,
            None => {
                self.wrong_kind(list_of_words(words()));
                return None;
            }
        };
        let found = choices.iter().find(|(_, word)| *word == text);
        if found.is_none() {
            let near = suggestion(text, words());
            self.wrong(format_args!("{}{near}", list_of_words(words())));
        }
        found.map(|(choice, _)| *choice)
    }

    /// The items of a list; messages about an item call it by the list's key.
    pub(super) fn list(&self, allowed: &str) -> Option<Vec<Value<'a>>> {
        self.items(&allowed).map(Iterator::collect)
    }

    /// As [`Value::list`], one after the other.
    pub(super) fn items(
        &self,
        allowed: &dyn fmt::Display,
    ) -> Option<impl ExactSizeIterator<Item = Value<'a>> + use<'a>> {
        let Some(array) = self.value.as_array() else {
            self.wrong_kind(allowed);
            return None;
        };
        let Self { report, key, .. } = *self;
        Some(
            array
                .iter()
                .map(move |value| Value::new(report, value, key)),
        )
    }

    /// The items of a list, or the value itself when it is none.
    pub(super) fn one_or_list(&self) -> Vec<Value<'a>> {
        match self.value.as_array() {
            Some(_) => self.list("a list").unwrap_or_default(),
            None => vec![*self],
        }
    }

    pub(super) fn table(&self, label: &str) -> Option<Section<'a>> {
        self.table_labelled(Rc::from(label))
    }

    /// As [`Value::table`], for many that share a label.
    pub(super) fn table_labelled(&self, label: Rc<str>) -> Option<Section<'a>> {
        let Some(table) = self.value.as_table() else {
            self.wrong_kind("a table");
            return None;
        };
        Some(Section::new(self.report, table, label, self.at))
    }

    /// Whether it is a table, for the keys that take a short form as well.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// An integer that is not negative, without a message when it is none.
    pub(super) fn whole_number(&self) -> Option<u64> {
        let number = self.value.as_integer()?;
        u64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn describe(&self) -> String {
        match self.value {
            DeValue::String(text) if may_be_secret(text) => "a text (not shown)".to_owned(),
            DeValue::String(text) => format!("\"{}\"", shorten(text)),
            DeValue::Integer(number) => shorten(&number.to_string()),
            DeValue::Float(number) => shorten(number.as_str()),
            DeValue::Boolean(found) => found.to_string(),
            _ => self.kind().to_owned(),
        }
    }
}

/// Whether a text that does not belong where it stands looks like a token or the URL of a hook:
/// messages are logged, and keys are mixed up.
fn may_be_secret(text: &str) -> bool {
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-_+/=".contains(c);
    let is_token = text.len() >= SHORTEST_TOKEN
        && text.chars().all(of_token)
        && text.contains(|c: char| c.is_ascii_digit())
        && text.contains(|c: char| c.is_ascii_alphabetic());
    text.contains("://") || is_token
}

/// `text` for a message: on one line, cut when it is long.
pub(super) fn shorten(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(|c| {
            let control = c.is_control();
            let escaped = control.then(|| c.escape_default());
            let plain = (!control).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn list_of_words<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

//! A typed reader over the TOML tree that collects problems instead of stopping at the first.
//!
//! A [`Section`] is one table: keys are taken from it, and what nobody took is unknown when it
//! is finished. Every accessor that gives `None` has already reported why. Must not know any key
//! of config.md.

use std::rc::Rc;

use toml::de::DeTable;

use super::near_miss::suggestion;
use super::problem::{At, Report};
use super::value::{Value, shorten};

/// As many keys as most tables have, asked for or not.
const USUAL_KEYS: usize = 8;

/// One table of the file.
pub(super) struct Section<'a> {
    report: &'a Report<'a>,
    table: &'a DeTable<'a>,
    /// What messages call it: `zone`, `instance.strategy`; empty for the whole file.
    label: Rc<str>,
    at: At,
    /// What may stand in it.
    taken: Vec<&'static str>,
    /// What may not, and has been told why.
    refused: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(report: &'a Report<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(report, table, Rc::from(""), At(0))
    }

    /// The table at `at`, which messages call `label`.
    pub(super) fn new(
        report: &'a Report<'a>,
        table: &'a DeTable<'a>,
        label: Rc<str>,
        at: At,
    ) -> Self {
        Self {
            report,
            table,
            label,
            at,
            taken: Vec::with_capacity(USUAL_KEYS),
            refused: Vec::new(),
        }
    }

    /// Where the table begins.
    pub(super) fn at(&self) -> At {
        self.at
    }

    pub(super) fn report(&self) -> &'a Report<'a> {
        self.report
    }

    /// The value at `key`, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.taken.push(key);
        let (_, value) = self.table.get_key_value(key)?;
        Some(Value::new(self.report, value, key))
    }

    /// The value at `key`, which must be there.
    pub(super) fn need(&mut self, key: &'static str) -> Option<Value<'a>> {
        let value = self.take(key);
        if value.is_none() {
            let message = if self.label.is_empty() {
                format!("`{key}` is missing")
            } else {
                format!("`{key}` is missing in `{}`", self.label)
            };
            self.report.problem(self.at, message);
        }
        value
    }

    /// The tables at `key`: `[[key]]`, or a list of inline tables; none when it is not there.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let label: Rc<str> = self.label_of(key).into();
        if value.kind() == "a table" {
            let message = format!("`{label}` is a list of tables: write `[[{label}]]`");
            self.report.problem(value.at, message);
            return Vec::new();
        }
        let items = value.items(&"a list of tables").into_iter().flatten();
        items
            .filter_map(|item| item.table_labelled(Rc::clone(&label)))
            .collect()
    }

    /// The table at `key`.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Section<'a>> {
        let label = self.label_of(key);
        self.take(key)?.table(&label)
    }

    /// Where `key` itself stands.
    pub(super) fn key_at(&self, key: &str) -> Option<At> {
        let (key, _) = self.table.get_key_value(key)?;
        Some(self.report.at(key.span().start))
    }

    /// Whether none of `keys` is there.
    pub(super) fn lacks(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.key_at(key).is_none())
    }

    /// Where the value of the first of `keys` that is there begins; else the table.
    pub(super) fn value_at(&self, keys: &[&str]) -> At {
        let found = keys.iter().find_map(|key| self.table.get(*key));
        found.map_or(self.at, |value| self.report.at(value.span().start))
    }

    /// Refuses keys that belong elsewhere; `reason` is the rest of the message.
    pub(super) fn misplaced(&mut self, keys: &[&'static str], reason: &str) {
        for key in keys {
            self.refuse(key, || format!("`{key}` {reason}"));
        }
    }

    /// Refuses `key` with a message of its own.
    pub(super) fn refuse(&mut self, key: &'static str, message: impl FnOnce() -> String) {
        self.refused.push(key);
        if let Some(at) = self.key_at(key) {
            self.report.problem(at, message());
        }
    }

    /// Every key with its value, for tables whose keys are the user's own.
    pub(super) fn entries(self) -> Vec<(&'a str, At, Value<'a>)> {
        self.table
            .iter()
            .map(|(key, value)| {
                let name: &'a str = key.get_ref();
                let value = Value::new(self.report, value, name);
                (name, self.report.at(key.span().start), value)
            })
            .collect()
    }

    /// Reports the keys that nobody took.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.taken.contains(&name) && !self.refused.contains(&name) {
                let known = self.taken.iter().chain(&self.refused).copied();
                let mut allowed = suggestion(name, known);
                if allowed.is_empty() {
                    allowed = self.allowed();
                }
                let message = format!("unknown key `{}`{allowed}", shorten(name));
                self.report
                    .problem(self.report.at(key.span().start), message);
            }
        }
    }

    /// What may stand here, for who wrote nothing like it.
    fn allowed(&self) -> String {
        let keys = self.taken.join(", ");
        if self.label.is_empty() {
            format!("; a file has {keys}")
        } else {
            format!("; `{}` has {keys}", self.label)
        }
    }

    fn label_of(&self, key: &str) -> String {
        if self.label.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.label)
        }
    }
}

/// The message for a key of config.md that is not built yet.
pub(super) fn not_supported(key: &str) -> String {
    format!("`{key}` is not supported yet")
}

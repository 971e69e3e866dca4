//! Names of objects: what one may look like, that each is declared once, and what a reference
//! to one means.
//!
//! Must not know what is named: one index serves every kind of object.

use std::collections::HashMap;

use super::near_miss::suggestion;
use super::problem::At;
use super::reader::Section;
use super::value::Value;

/// Longest name, characters.
const LONGEST: usize = 64;

/// So many problems have suggestions: comparing each of 100 000 with every name would take minutes.
const SUGGESTED: usize = 200;

/// So many names are looked through; more are hashed.
const FEW: usize = 8;

/// The objects of one kind, by name.
pub(super) struct Names {
    /// How messages call one: `pool`.
    kind: &'static str,
    by_name: HashMap<String, usize>,
}

/// An object's `name`: placeholder text when the file has none that is good.
pub(super) struct Named {
    pub(super) text: String,
    pub(super) at: At,
}

impl Names {
    /// Reads `name` of every section; positions are those of `sections` plus `first`.
    pub(super) fn declare(
        kind: &'static str,
        sections: &mut [Section<'_>],
        first: usize,
    ) -> (Self, Vec<Named>) {
        let declared = Self::declare_only(kind, sections, &mut Places::for_many(sections.len()));
        let mut by_name = HashMap::with_capacity(declared.len());
        for (named, position) in declared.iter().zip(first..) {
            // Of two with one name the first is meant.
            if !named.text.is_empty() && !by_name.contains_key(&named.text) {
                by_name.insert(named.text.clone(), position);
            }
        }
        (Self { kind, by_name }, declared)
    }

    /// As [`Names::declare`], of what nothing refers to; `places` are those of names before.
    pub(super) fn declare_only(
        kind: &'static str,
        sections: &mut [Section<'_>],
        places: &mut Places,
    ) -> Vec<Named> {
        let mut declared: Vec<Named> = Vec::with_capacity(sections.len());
        for section in sections {
            let report = section.report();
            let value = section.need("name");
            let at = value.map_or(section.at(), |value| value.at);
            let text = value.and_then(|value| name(&value));
            if let Some(text) = text.as_deref()
                && let Some(other) = places.first(text, &declared)
            {
                let line = report.line_of(other);
                let message = format!("the name `{text}` is taken by the {kind} of line {line}");
                report.problem(at, message);
            }
            let text = text.unwrap_or_default();
            places.add(&text, at);
            declared.push(Named { text, at });
        }
        declared
    }

    /// Adds a built-in name.
    pub(super) fn with(mut self, name: &str, position: usize) -> Self {
        self.by_name.insert(name.to_owned(), position);
        self
    }

    /// The position of the object that `value` names.
    pub(super) fn resolve(&self, value: &Value<'_>) -> Option<usize> {
        let text = value.string()?;
        let found = self.by_name.get(text).copied();
        if found.is_none() {
            value.unknown(self.kind, text, self.near(text, value));
        }
        found
    }

    /// The position of the object called `text`.
    pub(super) fn position(&self, text: &str) -> Option<usize> {
        self.by_name.get(text).copied()
    }

    /// Every name, in no particular order.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    fn near(&self, text: &str, value: &Value<'_>) -> String {
        if value.report().count() > SUGGESTED {
            return String::new();
        }
        let mut known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        known.sort_unstable();
        suggestion(text, known)
    }

    /// The positions of the objects that a list names, with where; duplicates are refused.
    pub(super) fn resolve_list(&self, list: &Value<'_>) -> Resolved {
        let Some(items) = list.items(&format_args!("a list of names of {}s", self.kind)) else {
            return Resolved::default();
        };
        let mut resolved = Resolved {
            found: Vec::with_capacity(items.len()),
            complete: true,
        };
        for item in items {
            match self.resolve(&item) {
                None => resolved.complete = false,
                Some(position) if resolved.found.iter().any(|(seen, _)| *seen == position) => {
                    let text = item.string().unwrap_or_default();
                    item.problem(format!("`{text}` stands in this list twice"));
                }
                Some(position) => resolved.found.push((position, item.at)),
            }
        }
        resolved
    }
}

/// Where names were first declared.
pub(super) enum Places {
    /// What is declared now is looked through: each instance has a handful of strategies.
    Few,
    /// By name; those of former calls too.
    Many(HashMap<String, At>),
}

impl Places {
    /// Of nothing so far, for any number of calls.
    pub(super) fn lasting() -> Self {
        Self::Many(HashMap::new())
    }

    /// Of nothing so far, for one call with so many.
    pub(super) fn for_many(count: usize) -> Self {
        if count <= FEW {
            Self::Few
        } else {
            Self::Many(HashMap::with_capacity(count))
        }
    }

    fn first(&self, text: &str, declared: &[Named]) -> Option<At> {
        match self {
            Self::Few => {
                let mut declared = declared.iter();
                declared.find(|one| one.text == text).map(|one| one.at)
            }
            Self::Many(places) => places.get(text).copied(),
        }
    }

    fn add(&mut self, text: &str, at: At) {
        if let Self::Many(places) = self
            && !places.contains_key(text)
        {
            places.insert(text.to_owned(), at);
        }
    }
}

/// What a list of names means.
#[derive(Default)]
pub(super) struct Resolved {
    /// Positions, each with where it was named.
    pub(super) found: Vec<(usize, At)>,
    /// Whether every name was found.
    pub(super) complete: bool,
}

/// A well-formed name.
pub(super) fn name(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if !is_name(text) {
        value.wrong(format_args!(
            "1 to {LONGEST} letters, digits, `-`, `_` or `.`"
        ));
        return None;
    }
    Some(text.to_owned())
}

/// Whether `text` may be a name: 1–64 of letters, digits, `-`, `_`, `.` or any non-ASCII letter.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric() || "-_.".contains(c) || (!c.is_ascii() && c.is_alphabetic())
    };
    (1..=LONGEST).contains(&text.chars().count()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "web-1", "a.b_c", "电信", "Zürich", &"x".repeat(64)] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "a\n",
            "‘a’",
            "a`",
            "电信！",
            &"x".repeat(65),
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}

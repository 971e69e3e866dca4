//! What another configuration changes: objects added, removed and changed, with the fields.
//!
//! Pure; objects are the same when they have the same name. Must not know what comes of it for
//! answers (that takes health: `snapshot::compare`), and never shows a secret.

mod alerts;
mod objects;
mod outline;
mod pools;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::{Config, Line};
use outline::{Fields, Outline};

/// Most objects that are listed; what is beyond is counted.
const MOST_LISTED: usize = 1_000;

/// What is different. Its `Display` is the text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Objects that the other configuration adds.
    pub added: usize,
    /// Objects that it lacks.
    pub removed: usize,
    /// Objects that it has otherwise.
    pub changed: usize,
    /// The objects, in the order of the tables in the file; at most a thousand.
    pub objects: Vec<Change>,
}

/// One object that is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its table: `pool`, `instance`, …
    pub table: String,
    /// Its name; empty for a table that there is once.
    pub name: String,
    /// What becomes of it.
    pub how: How,
    /// Of a changed object, what is different.
    pub fields: Vec<Field>,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum How {
    Added,
    Removed,
    Changed,
}

/// One field, or one part (an address, a strategy) that is there or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// `ttl`, `address 192.0.2.1`, `strategy telecom: lines`.
    pub name: String,
    /// What was; `None`: it is new.
    pub before: Option<String>,
    /// What will be; `None`: it goes.
    pub after: Option<String>,
}

/// What `new` changes of `old`.
pub fn diff(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    for (before, after) in outline::singles(old).into_iter().zip(outline::singles(new)) {
        changes.compare(Some(&before), Some(&after));
    }
    lines(old, new, &mut changes);
    let tables = outline::tables(old).into_iter().zip(outline::tables(new));
    // Where references mean the same, objects that are equal need not be spelled out.
    let same_places = outline::same_places(old, new);
    for (before, after) in tables {
        let old_at: HashMap<&str, usize> = before.names().zip(0..).collect();
        let new_names: HashSet<&str> = after.names().collect();
        for (at, name) in before.names().enumerate() {
            if !new_names.contains(name) {
                changes.compare(Some(&before.outline(old, at)), None);
            }
        }
        for (at, name) in after.names().enumerate() {
            let Some(&was) = old_at.get(name) else {
                changes.compare(None, Some(&after.outline(new, at)));
                continue;
            };
            if !(same_places && before.equal(was, &after, at)) {
                let (one, other) = (before.outline(old, was), after.outline(new, at));
                let mut fields = fields(&one, &other);
                fields.extend(before.records(was, &after, at));
                if !fields.is_empty() {
                    changes.push(&other, How::Changed, fields);
                }
            }
        }
    }
    changes
}

impl Changes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.added + self.removed + self.changed == 0
    }

    /// How many objects are different but not listed.
    pub fn left_out(&self) -> usize {
        (self.added + self.removed + self.changed).saturating_sub(self.objects.len())
    }

    fn compare(&mut self, before: Option<&Outline>, after: Option<&Outline>) {
        match (before, after) {
            (Some(before), Some(after)) => {
                let fields = fields(before, after);
                if !fields.is_empty() {
                    self.push(after, How::Changed, fields);
                }
            }
            (Some(before), None) => self.push(before, How::Removed, Vec::new()),
            (None, Some(after)) => self.push(after, How::Added, Vec::new()),
            (None, None) => {}
        }
    }

    fn push(&mut self, of: &Outline, how: How, fields: Vec<Field>) {
        let count = match how {
            How::Added => &mut self.added,
            How::Removed => &mut self.removed,
            How::Changed => &mut self.changed,
        };
        *count += 1;
        if self.objects.len() < MOST_LISTED {
            self.objects.push(Change {
                table: of.table.to_owned(),
                name: of.name.clone(),
                how,
                fields,
            });
        }
    }
}

/// What differs of one object: its own fields first, then its parts.
fn fields(before: &Outline, after: &Outline) -> Vec<Field> {
    let mut found = Vec::new();
    of_part("", &before.own, &after.own, &mut found);
    let old: BTreeMap<&str, &Fields> = before.parts.iter().map(|(n, f)| (&**n, f)).collect();
    let new: HashSet<&str> = after.parts.iter().map(|(name, _)| &**name).collect();
    for (name, fields) in &before.parts {
        if !new.contains(&**name) {
            found.push(Field {
                name: name.clone(),
                before: Some(outline::in_words(fields)),
                after: None,
            });
        }
    }
    for (name, fields) in &after.parts {
        match old.get(&**name) {
            Some(was) => of_part(name, was, fields, &mut found),
            None => found.push(Field {
                name: name.clone(),
                before: None,
                after: Some(outline::in_words(fields)),
            }),
        }
    }
    let order = |outline: &Outline, others: &HashSet<&str>| -> Vec<String> {
        let names = outline.parts.iter().map(|(name, _)| name.clone());
        names.filter(|name| others.contains(&**name)).collect()
    };
    let (was, is) = (
        order(before, &new),
        order(after, &old.into_keys().collect()),
    );
    if was != is {
        found.push(Field {
            name: "order".to_owned(),
            before: Some(was.join(", ")),
            after: Some(is.join(", ")),
        });
    }
    found
}

fn of_part(part: &str, before: &Fields, after: &Fields, found: &mut Vec<Field>) {
    let named = |name: &str| match part {
        "" => name.to_owned(),
        part => format!("{part}: {name}"),
    };
    for (name, value) in after {
        let was = before.iter().find(|(of, _)| of == name).map(|(_, was)| was);
        if was != Some(value) {
            found.push(Field {
                name: named(name),
                before: was.map(ToString::to_string),
                after: Some(value.to_string()),
            });
        }
    }
    for (name, was) in before {
        if !after.iter().any(|(of, _)| of == name) {
            found.push(Field {
                name: named(name),
                before: Some(was.to_string()),
                after: None,
            });
        }
    }
}

/// Lines, whose prefixes are counted instead of listed, and whose order decides.
fn lines(old: &Config, new: &Config, changes: &mut Changes) {
    let by_name = |config: &'_ Config| -> HashMap<String, usize> {
        let lines = config.lines.iter().enumerate();
        lines.map(|(at, line)| (line.name.clone(), at)).collect()
    };
    let (was, is) = (by_name(old), by_name(new));
    for line in old.lines.iter().filter(|line| !is.contains_key(&line.name)) {
        changes.compare(Some(&objects::line(old, line)), None);
    }
    for line in &new.lines {
        let Some(before) = was.get(&line.name).map(|at| &old.lines[*at]) else {
            changes.compare(None, Some(&objects::line(new, line)));
            continue;
        };
        let after = objects::line(new, line);
        let mut fields = fields(&objects::line(old, before), &after);
        fields.extend(prefixes(before, line));
        if !fields.is_empty() {
            changes.push(&after, How::Changed, fields);
        }
    }
    let order = |config: &Config, others: &HashMap<String, usize>| -> Vec<String> {
        let names = config.lines.iter().map(|line| line.name.clone());
        names.filter(|name| others.contains_key(name)).collect()
    };
    let (before, after) = (order(old, &is), order(new, &was));
    if before != after {
        let own = |names: Vec<String>| Outline {
            table: "line",
            name: String::new(),
            own: vec![("order".to_owned(), names.join(", ").into())],
            parts: Vec::new(),
        };
        changes.compare(Some(&own(before)), Some(&own(after)));
    }
}

fn prefixes(before: &Line, after: &Line) -> Option<Field> {
    if before.prefixes == after.prefixes {
        return None;
    }
    let old: HashSet<_> = before.prefixes.iter().collect();
    let new: HashSet<_> = after.prefixes.iter().collect();
    let (added, removed) = (new.difference(&old).count(), old.difference(&new).count());
    (added + removed > 0).then(|| Field {
        name: "prefixes".to_owned(),
        before: Some(old.len().to_string()),
        after: Some(format!("{}: {added} added, {removed} removed", new.len())),
    })
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no object is added, removed or changed");
        }
        let Self {
            added,
            removed,
            changed,
            ..
        } = self;
        writeln!(f, "{added} added, {removed} removed, {changed} changed")?;
        for change in &self.objects {
            let sign = match change.how {
                How::Added => '+',
                How::Removed => '-',
                How::Changed => '~',
            };
            let named = format!("{sign} {} {}", change.table, change.name);
            writeln!(f, "{}", named.trim_end())?;
            for field in &change.fields {
                writeln!(f, "    {field}")?;
            }
        }
        match self.left_out() {
            0 => Ok(()),
            more => writeln!(f, "… and {more} more"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{}: {before} → {after}", self.name),
            (None, Some(after)) => write!(f, "{}: added ({after})", self.name),
            (Some(before), None) => write!(f, "{}: removed ({before})", self.name),
            (None, None) => f.write_str(&self.name),
        }
    }
}

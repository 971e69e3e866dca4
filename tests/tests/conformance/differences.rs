//! What peers answer differently: tests/conformance/differences.toml, every entry with its reason.
//! One that is not there fails, and one that no longer occurs fails too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::client::{Reply, Way};
use crate::scene::data;

/// A part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// Flags and code.
    Head,
    Answer,
    Authority,
    Additional,
    /// The OPT.
    Edns,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    difference: Vec<Difference>,
}

/// Replies that differ for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// Whose replies.
    peers: Vec<String>,
    /// The names asked for; `*.` before one: and what is below it.
    names: Vec<String>,
    /// The types asked for; all of them without.
    #[serde(default)]
    types: Vec<String>,
    /// The ways; all of them without.
    #[serde(default)]
    ways: Vec<Way>,
    /// What may differ; each does somewhere.
    parts: Vec<Part>,
    /// The first line of our reply, where that differs.
    igtm: Option<String>,
    /// The first line of theirs, where that differs.
    peer: Option<String>,
    /// Why that is right.
    why: String,
    /// What of this has been seen.
    #[serde(skip)]
    seen: BTreeSet<String>,
}

impl Difference {
    /// The name of it that covers a name asked for.
    fn covers(&self, name: &str) -> Option<&String> {
        self.names.iter().find(|pattern| {
            name == **pattern
                || pattern
                    .strip_prefix("*.")
                    .is_some_and(|above| name == above || is_below(name, above))
        })
    }

    fn explains(
        &self,
        peer: &str,
        query: (&str, &str, Way),
        apart: &Apart<'_>,
    ) -> Option<Vec<String>> {
        let (name, rtype, way) = query;
        let pattern = self.covers(name)?;
        let fits = self.peers.iter().any(|one| one == peer)
            && (self.types.is_empty() || self.types.iter().any(|one| one == rtype))
            && (self.ways.is_empty() || self.ways.contains(&way))
            && apart.parts.iter().all(|part| self.parts.contains(part))
            && self
                .igtm
                .as_deref()
                .is_none_or(|head| apart.heads.0 == head)
            && self
                .peer
                .as_deref()
                .is_none_or(|head| apart.heads.1 == head);
        let mut seen = vec![peer.to_owned(), pattern.clone()];
        seen.extend(self.types.iter().filter(|one| *one == rtype).cloned());
        seen.extend(apart.parts.iter().map(|part| format!("{part:?}")));
        fits.then_some(seen)
    }

    /// What is listed and was not seen.
    fn unseen(&self) -> Vec<String> {
        let parts = self.parts.iter().map(|part| format!("{part:?}"));
        let listed = self.peers.iter().chain(&self.names).chain(&self.types);
        let listed = listed.cloned().chain(parts);
        listed.filter(|one| !self.seen.contains(one)).collect()
    }
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above)
        .is_some_and(|rest| rest.ends_with('.'))
}

/// How two replies differ.
struct Apart<'a> {
    parts: Vec<Part>,
    /// Ours and theirs.
    heads: (&'a str, &'a str),
}

impl<'a> Apart<'a> {
    fn of(ours: &'a Reply, theirs: &'a Reply) -> Self {
        let (mine, other) = (sections(&ours.text), sections(&theirs.text));
        let mut parts: Vec<Part> = [Part::Head, Part::Answer, Part::Authority, Part::Additional]
            .into_iter()
            .filter(|part| mine.get(part) != other.get(part))
            .collect();
        if ours.edns != theirs.edns {
            parts.push(Part::Edns);
        }
        let head = |reply: &'a Reply| reply.text.lines().next().unwrap_or_default();
        Self {
            parts,
            heads: (head(ours), head(theirs)),
        }
    }
}

fn sections(text: &str) -> BTreeMap<Part, Vec<&str>> {
    let mut sections: BTreeMap<Part, Vec<&str>> = BTreeMap::new();
    let mut part = Part::Head;
    for line in text.lines() {
        match line {
            ";; authority" => part = Part::Authority,
            ";; additional" => part = Part::Additional,
            _ => {
                sections.entry(part).or_default().push(line);
                if part == Part::Head {
                    part = Part::Answer;
                }
            }
        }
    }
    sections
}

/// All of them.
pub(crate) struct Differences(Vec<Difference>);

impl Differences {
    /// From the file.
    pub(crate) fn read() -> Result<Self> {
        let file = data("differences.toml");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let table: Table = toml::from_str(&text).with_context(|| file.display().to_string())?;
        for one in &table.difference {
            ensure!(!one.why.trim().is_empty(), "no reason: {one:?}");
        }
        Ok(Self(table.difference))
    }

    /// What is wrong, if replies differ and no entry says so.
    pub(crate) fn judge(
        &mut self,
        peer: &str,
        ask: &str,
        way: Way,
        ours: Option<&Reply>,
        theirs: Option<&Reply>,
    ) -> Option<String> {
        let head = format!("{ask} over {} against {peer}:", way.name());
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return Some(format!("{head} no reply from one: {ours:?} {theirs:?}"));
        };
        if ours.wrong.is_some() || theirs.wrong.is_some() {
            return Some(format!("{head} {:?} {:?}", ours.wrong, theirs.wrong));
        }
        if ours.twice {
            return Some(format!("{head} a record stands twice:\n{}", ours.text));
        }
        let apart = Apart::of(ours, theirs);
        if apart.parts.is_empty() {
            return None;
        }
        let (name, rtype) = ask.rsplit_once(' ').unwrap_or((ask, ""));
        for one in &mut self.0 {
            if let Some(seen) = one.explains(peer, (name, rtype, way), &apart) {
                one.seen.extend(seen);
                return None;
            }
        }
        let Reply { text, edns, .. } = ours;
        Some(format!(
            "{head} {:?}\n{text}EDNS {edns:?}\n-- {peer}:\n{}EDNS {:?}\n",
            apart.parts, theirs.text, theirs.edns
        ))
    }

    /// What is listed and did not occur.
    pub(crate) fn unused(&self) -> Vec<String> {
        let unseen = self.0.iter().map(|one| (one, one.unseen()));
        unseen
            .filter(|(_, unseen)| !unseen.is_empty())
            .map(|(one, unseen)| format!("{}: {}", unseen.join(", "), one.why))
            .collect()
    }
}

//! Which names are answered otherwise by another snapshot.
//!
//! Pure. Compares what was decided, by name, type and line; which clients are on a line is not
//! looked at.

use std::collections::{HashMap, HashSet};
use std::fmt;

use hickory_proto::rr::Name;
use serde::{Deserialize, Serialize};

use super::Snapshot;
use super::frozen::Frozen;
use crate::policy::{self, AnswerSet, Draw};

/// Most answers that are listed; what is beyond is counted.
const MOST_LISTED: usize = 1_000;

/// The names that are answered otherwise. Its `Display` is the text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersChanged {
    /// Names of which any answer is another.
    pub names: usize,
    /// Answers (name, type and line) that are another.
    pub answers: usize,
    /// The answers, in the order of the configuration; at most a thousand.
    pub listed: Vec<AnswerChange>,
}

/// What a name is answered on a line, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerChange {
    /// The access domain.
    pub name: String,
    /// `A` or `AAAA`.
    pub r#type: String,
    /// The line.
    pub line: String,
    /// What is answered; `None`: no strategy claims this line.
    pub before: Option<String>,
    /// The same, with the other configuration.
    pub after: Option<String>,
}

/// What one line is answered.
struct Terms<'a> {
    set: &'a AnswerSet,
    window: usize,
    ttl_s: u64,
}

/// What `after` answers otherwise than `before`.
pub fn compare(before: &Snapshot, after: &Snapshot) -> AnswersChanged {
    let mut changed = AnswersChanged::default();
    let (was, is) = (by_name(before), by_name(after));
    let gone = names(before).filter(|name| !is.contains_key(name));
    for name in gone.chain(names(after)) {
        changed.of_name(name, was.get(name), is.get(name));
    }
    changed
}

/// Every name that is answered with addresses, once: the instances', then what only is frozen.
fn names(snapshot: &Snapshot) -> impl Iterator<Item = &Name> {
    let ground = &snapshot.ground;
    let instances = ground.config.instances.iter();
    let mut known: HashSet<&Name> = HashSet::new();
    if !ground.frozen.is_empty() {
        known.extend(instances.clone().map(|one| &one.access_domain));
    }
    let frozen = ground.frozen.iter().map(|one| &one.name);
    let frozen = frozen.filter(move |name| known.insert(name));
    instances.map(|one| &one.access_domain).chain(frozen)
}

fn by_name(snapshot: &Snapshot) -> HashMap<&Name, Place<'_>> {
    let empty = Place {
        snapshot,
        instance: None,
        frozen: Vec::new(),
    };
    let ground = &snapshot.ground;
    let instances = ground.config.instances.iter().enumerate();
    let mut places: HashMap<&Name, Place<'_>> = instances
        .map(|(at, one)| {
            let instance = Some(at);
            (
                &one.access_domain,
                Place {
                    instance,
                    ..empty.clone()
                },
            )
        })
        .collect();
    for one in &ground.frozen {
        let place = places.entry(&one.name).or_insert_with(|| empty.clone());
        place.frozen.push(one);
    }
    places
}

/// What a name is in a snapshot.
#[derive(Clone)]
struct Place<'a> {
    snapshot: &'a Snapshot,
    /// The position of the instance whose access domain it is.
    instance: Option<usize>,
    frozen: Vec<&'a Frozen>,
}

impl AnswersChanged {
    fn of_name(&mut self, name: &Name, old: Option<&Place<'_>>, new: Option<&Place<'_>>) {
        let mut any = false;
        for ipv6 in [false, true] {
            let was = old.map_or_else(Vec::new, |place| lines(place, ipv6));
            let is = new.map_or_else(Vec::new, |place| lines(place, ipv6));
            let find =
                |all: &[(&str, Terms<'_>)], line: &str| all.iter().position(|(of, _)| *of == line);
            for (line, terms) in &was {
                let now = find(&is, line).map(|at| &is[at].1);
                if now.is_none_or(|now| !now.same(terms)) {
                    any = true;
                    self.push(name, ipv6, line, Some(terms), now);
                }
            }
            for (line, terms) in &is {
                if find(&was, line).is_none() {
                    any = true;
                    self.push(name, ipv6, line, None, Some(terms));
                }
            }
        }
        self.names += usize::from(any);
    }

    fn push(
        &mut self,
        name: &Name,
        ipv6: bool,
        line: &str,
        before: Option<&Terms<'_>>,
        after: Option<&Terms<'_>>,
    ) {
        self.answers += 1;
        if self.listed.len() < MOST_LISTED {
            let name = name.to_string();
            self.listed.push(AnswerChange {
                name: name.trim_end_matches('.').to_owned(),
                r#type: if ipv6 { "AAAA" } else { "A" }.to_owned(),
                line: line.to_owned(),
                before: before.map(|terms| terms.in_words(ipv6)),
                after: after.map(|terms| terms.in_words(ipv6)),
            });
        }
    }
}

/// Every line that a name is answered on for a family, with its answer.
fn lines<'a>(place: &Place<'a>, ipv6: bool) -> Vec<(&'a str, Terms<'a>)> {
    let snapshot = place.snapshot;
    let config = &*snapshot.ground.config;
    let mut lines = Vec::new();
    if let Some(at) = place.instance {
        let instance = &config.instances[at];
        let claims = policy::assign(config, instance, ipv6).into_iter();
        lines.extend(claims.filter_map(|claim| {
            let set = &snapshot.decision(at, claim.strategy)?.answer;
            let terms = Terms {
                set,
                window: set.window(instance.max_answers),
                ttl_s: config.effective_ttl(instance).as_secs(),
            };
            Some((config.line(claim.line).name.as_str(), terms))
        }));
    }
    let frozen = place.frozen.iter().filter(|one| one.key.ipv6 == ipv6);
    lines.extend(frozen.map(|one| {
        let terms = Terms {
            set: one.set(),
            window: one.set().window(one.max_answers),
            ttl_s: u64::from(one.ttl_s),
        };
        (one.key.line.as_str(), terms)
    }));
    lines
}

impl Terms<'_> {
    /// Whether clients see the same. Positions of pools, and states, do not show.
    fn same(&self, other: &Self) -> bool {
        let shown = |one: &Self| (one.window, one.ttl_s, one.set.kind, one.set.draw);
        let (own, others) = (&self.set.candidates, &other.set.candidates);
        shown(self) == shown(other)
            && own.len() == others.len()
            && own
                .iter()
                .zip(others)
                .all(|(one, other)| one.address == other.address && one.weight == other.weight)
    }

    fn in_words(&self, ipv6: bool) -> String {
        if !self.set.fits(ipv6) || self.set.candidates.is_empty() {
            return "NODATA".to_owned();
        }
        let candidates = self.set.candidates.iter().map(|one| match self.set.draw {
            Draw::Rotate => one.address.to_string(),
            Draw::Weighted => format!("{} weight {}", one.address, one.weight),
        });
        let all = candidates.collect::<Vec<_>>().join(", ");
        format!("{all} (TTL {} s)", self.ttl_s)
    }
}

impl fmt::Display for AnswersChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.answers == 0 {
            return writeln!(f, "no name is answered otherwise");
        }
        let many = |count: usize| if count == 1 { "" } else { "s" };
        let (names, answers) = (self.names, self.answers);
        let (s, more) = (many(names), many(answers));
        writeln!(
            f,
            "answered otherwise: {names} name{s}, {answers} answer{more}"
        )?;
        for one in &self.listed {
            let AnswerChange {
                name,
                r#type,
                line,
                before,
                after,
            } = one;
            let said = |words: &Option<String>| words.clone().unwrap_or_else(|| "none".to_owned());
            let (before, after) = (said(before), said(after));
            writeln!(f, "  {name} {type} on {line}: {before} → {after}")?;
        }
        match self.answers - self.listed.len() {
            0 => Ok(()),
            more => writeln!(f, "  … and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{ground, snapshot};
    use super::*;

    const FILE: &str = r#"
[[zone]]
origin = "example.com"
ns = ["ns.example.net"]
contact = "ops.example.net"
[[line]]
name = "telecom"
prefixes = ["192.0.2.0/25"]
[[monitor]]
name = "tcp"
protocol = "tcp"
[[pool]]
name = "a"
type = "ipv4"
monitor = "tcp"
address = [{ value = "192.0.2.1" }]
[[pool]]
name = "b"
type = "ipv4"
address = [{ value = "192.0.2.2" }]
[[instance]]
name = "www"
domain = "www.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "b"
tier = [{ pools = ["a"] }]
[[instance]]
name = "api"
domain = "api.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "b"
tier = [{ pools = ["b"] }]
"#;

    fn changed(to: &str, down: &[&str]) -> String {
        let before = snapshot(&ground(FILE), down, 1);
        let after = snapshot(&ground(to), down, 2);
        compare(&before, &after).to_string()
    }

    #[test]
    fn names_are_told_with_what_they_were_and_will_be() {
        assert_eq!(changed(FILE, &[]), "no name is answered otherwise\n");
        let weight = FILE.replace("192.0.2.2\"", "192.0.2.9\"");
        assert_eq!(
            changed(&weight, &[]),
            "answered otherwise: 1 name, 1 answer\n  api.example.com A on default: 192.0.2.2 (TTL 60 s) → 192.0.2.9 (TTL 60 s)\n"
        );
        // With a down, the fallback answers: the same edit shows at both names.
        assert!(changed(&weight, &["192.0.2.1"]).contains("2 names, 2 answers"));
        let claimed = FILE.replacen(
            "lines = [\"default\"]",
            "lines = [\"default\", \"telecom\"]",
            1,
        );
        assert_eq!(
            changed(&claimed, &[]),
            "answered otherwise: 1 name, 1 answer\n  www.example.com A on telecom: none → 192.0.2.1 (TTL 60 s)\n"
        );
        let gone = FILE.replace("domain = \"api.", "domain = \"app.");
        assert_eq!(
            changed(&gone, &[]),
            "answered otherwise: 2 names, 2 answers\n  api.example.com A on default: 192.0.2.2 (TTL 60 s) → none\n  app.example.com A on default: none → 192.0.2.2 (TTL 60 s)\n"
        );
    }

    #[test]
    fn what_does_not_show_is_no_change() {
        // Another place in the file, another name of instance and strategy.
        let moved = FILE.replace("[[pool]]\nname = \"a\"", "[[pool]]\nname = \"z\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.7\" }]\n[[pool]]\nname = \"a\"");
        assert_eq!(changed(&moved, &[]), "no name is answered otherwise\n");
        let renamed = FILE.replace("name = \"api\"", "name = \"interface\"");
        assert_eq!(changed(&renamed, &[]), "no name is answered otherwise\n");
    }
}

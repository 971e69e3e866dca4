//! Any files one after the other: what is frozen, against a table of every name, line and family.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::super::Snapshot;
use super::super::super::fixture::{ground, snapshot};
use super::super::super::frozen::Frozen;
use super::super::entries;
use super::reload;

const NAMES: [&str; 3] = ["a.example.com", "b.example.com", "c.example.org"];
const LINES: [&str; 3] = ["default", "one", "two"];

/// A strategy on a line of its own.
#[derive(Clone, Copy, Debug)]
struct Spec {
    there: bool,
    enabled: bool,
    keep: bool,
    /// IPv4, IPv6, both.
    family: usize,
}

/// A configuration: of each instance the name that it has, and its strategies by line.
#[derive(Clone, Debug)]
struct File {
    lines: [bool; 3],
    org: bool,
    names: [usize; 3],
    instances: [Option<(bool, [Spec; 3])>; 3],
}

fn spec() -> impl Strategy<Value = Spec> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_usize).prop_map(
        |(there, enabled, keep, family)| Spec {
            there,
            enabled,
            keep,
            family,
        },
    )
}

fn file() -> impl Strategy<Value = File> {
    let instance = || prop::option::of((any::<bool>(), [spec(), spec(), spec()]));
    let names = Just([0, 1, 2]).prop_shuffle();
    (
        any::<(bool, bool)>(),
        prop::bool::weighted(0.8),
        names,
        [instance(), instance(), instance()],
    )
        .prop_map(|((one, two), org, names, instances)| File {
            lines: [true, one, two],
            org,
            names,
            instances,
        })
}

impl File {
    fn served(&self, name: usize) -> bool {
        self.org || NAMES[name].ends_with("com")
    }

    /// The strategies of an instance that the file has, by line.
    fn strategies(&self, instance: usize) -> impl Iterator<Item = (usize, Spec)> + '_ {
        let own = self.instances[instance].filter(|_| self.served(self.names[instance]));
        let all = own
            .into_iter()
            .flat_map(|(_, all)| all.into_iter().enumerate());
        // What is answered to everybody is always there.
        all.map(|(line, one)| {
            (
                line,
                if line == 0 {
                    Spec {
                        there: true,
                        enabled: true,
                        ..one
                    }
                } else {
                    one
                },
            )
        })
        .filter(|(line, one)| one.there && self.lines[*line])
    }

    /// Whether an enabled strategy of this line is there.
    fn has(&self, instance: usize, line: usize) -> bool {
        self.instances[instance].is_some_and(|(enabled, _)| enabled)
            && self
                .strategies(instance)
                .any(|(at, one)| at == line && one.enabled)
    }

    fn text(&self) -> String {
        let mut text = "zone = [{ origin = \"example.com\", ns = [\"ns.example.net\"], contact = \"ops.example.net\" }".to_owned();
        if self.org {
            text += ", { origin = \"example.org\", ns = [\"ns.example.net\"], contact = \"ops.example.net\" }";
        }
        text += "]\nmonitor = [{ name = \"tcp\", protocol = \"tcp\" }]\n";
        for line in (1..3).filter(|line| self.lines[*line]) {
            let _ = writeln!(
                text,
                "[[line]]\nname = \"{}\"\nprefixes = [\"10.{line}.0.0/16\"]",
                LINES[line]
            );
        }
        for instance in 0..3 {
            for (line, _) in self.strategies(instance) {
                for (family, address) in [("ipv4", "10.9"), ("ipv6", "2001:db8:")] {
                    let dot = if family == "ipv4" { "." } else { ":" };
                    let _ = writeln!(
                        text,
                        "[[pool]]\nname = \"{instance}{line}{family}\"\ntype = \"{family}\"\nmonitor = \"tcp\"\naddress = [{{ value = \"{address}{dot}{instance}{dot}{line}\" }}]"
                    );
                }
            }
        }
        for instance in 0..3 {
            let mut strategies = String::new();
            for (
                line,
                Spec {
                    enabled,
                    keep,
                    family,
                    ..
                },
            ) in self.strategies(instance)
            {
                let fallback = if family == 0 { "ipv4" } else { "ipv6" };
                let tier = if family == 1 { "ipv6" } else { "ipv4" };
                let _ = writeln!(
                    strategies,
                    "[[instance.strategy]]\nname = \"s{line}\"\nlines = [\"{}\"]\nenabled = {enabled}\nkeep = {keep}\nfallback = \"{instance}{line}{fallback}\"\ntier = [{{ pools = [\"{instance}{line}{tier}\"] }}]",
                    LINES[line]
                );
            }
            if let Some((enabled, _)) = self.instances[instance]
                && !strategies.is_empty()
            {
                let name = NAMES[self.names[instance]];
                let _ = write!(
                    text,
                    "[[instance]]\nname = \"i{instance}\"\ndomain = \"{name}\"\nenabled = {enabled}\n{strategies}"
                );
            }
        }
        text
    }
}

/// A name, a line and whether it is IPv6.
type Place = (usize, usize, bool);
/// An instance and its line's strategy.
type Who = (usize, usize);

/// Who claims each place.
fn claims(file: &File) -> BTreeMap<Place, Who> {
    let mut claims = BTreeMap::new();
    for instance in 0..3 {
        for (line, one) in file.strategies(instance) {
            if file.has(instance, line) {
                for ipv6 in [false, true]
                    .into_iter()
                    .filter(|ipv6| one.family == 2 || (one.family == 1) == *ipv6)
                {
                    claims.insert((file.names[instance], line, ipv6), (instance, line));
                }
            }
        }
    }
    claims
}

/// What stays frozen from one file to the next, by the words of product.md.
fn expected(before: &File, held: &BTreeMap<Place, Who>, after: &File) -> BTreeMap<Place, Who> {
    let mut next = BTreeMap::new();
    let left: Vec<(Place, Who)> = claims(before)
        .into_iter()
        .filter(|(_, (instance, line))| {
            let keep = before
                .strategies(*instance)
                .any(|(at, one)| at == *line && one.keep);
            keep && !after.has(*instance, *line)
        })
        .collect();
    let fresh: HashSet<(Who, bool)> = left
        .iter()
        .map(|((_, _, ipv6), who)| (*who, *ipv6))
        .collect();
    let standing = held
        .iter()
        .filter(|((_, _, ipv6), who)| !fresh.contains(&(**who, *ipv6)));
    let claimed = claims(after);
    for (place, who) in standing.map(|(place, who)| (*place, *who)).chain(left) {
        let (name, line, _) = place;
        if after.lines[line] && after.served(name) && !claimed.contains_key(&place) {
            next.insert(place, who);
        }
    }
    next
}

fn place_of(frozen: &Frozen) -> Place {
    let name = frozen.name.to_string();
    let name = NAMES
        .iter()
        .position(|one| *one == name.trim_end_matches('.'));
    let line = LINES.iter().position(|one| *one == frozen.key.line);
    (name.expect("known"), line.expect("known"), frozen.key.ipv6)
}

/// What is answered at a place.
fn at((name, line, ipv6): Place, snapshot: &Snapshot) -> Option<String> {
    let family = if ipv6 { "AAAA" } else { "A" };
    let begin = format!("{} {family} {}: ", NAMES[name], LINES[line]);
    entries(snapshot)
        .into_iter()
        .find(|entry| entry.starts_with(&begin))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn frozen_is_what_was_kept_and_nobody_claims(
        files in prop::collection::vec((file(), prop::sample::subsequence(vec!["10.9.0.0", "10.9.0.1", "10.9.1.1", "10.9.2.2"], 0..4)), 2..5)
    ) {
        let mut files = files.into_iter();
        let (mut former, down) = files.next().expect("two at least");
        let mut running = snapshot(&ground(&former.text()), &down, 1);
        let mut held = BTreeMap::new();
        for (second, (file, down)) in files.enumerate() {
            let (next, plan) = reload(&running, &file.text(), &down, second as i64 + 1);
            let wanted = expected(&former, &held, &file);
            let found: BTreeMap<Place, Who> = plan.frozen.iter().map(|one| {
                let number = |text: &str| text[1..].parse().expect("a number");
                (place_of(one), (number(&one.key.instance), number(&one.key.strategy)))
            }).collect();
            prop_assert_eq!(&found, &wanted);
            prop_assert_eq!(found.len(), plan.frozen.len(), "each place once");
            // What is frozen is answered as before, whatever the health is now; nothing else is
            // answered but what is claimed.
            for place in found.keys() {
                prop_assert!(at(*place, &next).is_some());
                prop_assert_eq!(at(*place, &next), at(*place, &running));
            }
            prop_assert_eq!(entries(&next).len(), found.len() + claims(&file).len());
            // All that changed is told: what stood stands, or is said to have ended.
            let freezing = &plan.freezing;
            prop_assert_eq!(running.ground.frozen.len() + freezing.frozen.len(), found.len() + freezing.released.len());
            (former, running, held) = (file, next, found);
        }
    }
}

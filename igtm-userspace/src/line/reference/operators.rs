//! Real operators' lists: whose the clients are, and why, against the words of product.md.
//!
//! The lists are not ours to ship: `IGTM_OPERATOR_DATA` names a directory with `chinanet46.txt` and
//! the others, else this is listed as skipped.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use super::super::table::{LineTable, longest_prefix};
use super::chain_by_words;
use crate::config;
use crate::config::model::{Line, LineId};

/// Lines in order of declaration: name, kind, file.
const LISTS: [(&str, &str, &str); 7] = [
    ("电信", "operator", "chinanet46"),
    ("联通", "operator", "unicom46"),
    ("移动", "operator", "cmcc46"),
    ("教育网", "operator", "cernet46"),
    ("科技网", "operator", "cstnet46"),
    ("鹏博士", "operator", "drpeng46"),
    ("境内", "domestic", "china46"),
];

/// Addresses of each list that are looked up.
const OF_EACH: usize = 150;
/// Overlaps of each two lists that are looked up in full, by the slow reading too.
const OF_EACH_OVERLAP: usize = 60;
/// Overlaps of each two lists that are printed.
const PRINTED: usize = 3;

fn lines<'a>(
    data: &Path,
    lists: impl Iterator<Item = &'a (&'a str, &'a str, &'a str)>,
) -> Vec<Line> {
    let mut text = "version = 1\n".to_owned();
    for (name, kind, file) in lists {
        let file = data.join(file).with_extension("txt");
        writeln!(
            text,
            "[[line]]\nname = \"{name}\"\nkind = \"{kind}\"\nprefix_files = [{:?}]",
            file.display().to_string()
        )
        .expect("a text takes all");
    }
    match config::parse(&text, Path::new("/operators.toml")) {
        Ok(config) => config.lines,
        Err(problems) => panic!("{problems}"),
    }
}

/// Lines compiled, and what is asked of them.
struct Lists {
    lines: Vec<Line>,
    table: LineTable,
}

impl Lists {
    fn new(lines: Vec<Line>) -> Self {
        let table = LineTable::build(&lines).expect("eight lines");
        Self { lines, table }
    }

    fn chain(&self, client: IpAddr) -> &[LineId] {
        self.table.chain(self.table.chain_of(client))
    }

    fn winner(&self, client: IpAddr) -> &Line {
        &self.lines[usize::from(self.chain(client)[0].0)]
    }

    /// Each line that holds the client, most preferred first, with the prefix that says so.
    fn shown(&self, client: IpAddr) -> String {
        let shown = |id: &LineId| {
            let name = &self.lines[usize::from(id.0)].name;
            match longest_prefix(&self.lines, *id, client) {
                Some(prefix) => format!("{name} {prefix}"),
                None => name.clone(),
            }
        };
        let chain: Vec<String> = self.chain(client).iter().map(shown).collect();
        chain.join(" > ")
    }

    /// Why the first line is preferred to the second.
    fn why(&self, client: IpAddr) -> &'static str {
        let [first, second, ..] = self.chain(client) else {
            return "alone";
        };
        let kind = |id: &LineId| self.lines[usize::from(id.0)].kind;
        let length =
            |id: &LineId| longest_prefix(&self.lines, *id, client).map(|net| net.prefix_len());
        match (
            kind(first).cmp(&kind(second)),
            length(first).cmp(&length(second)),
        ) {
            (Ordering::Less, _) => "kind",
            (_, Ordering::Greater) => "longer prefix",
            _ => "declared first",
        }
    }
}

/// The narrower of each two prefixes of which one holds the other.
fn overlaps(a: &[IpNet], b: &[IpNet]) -> Vec<IpNet> {
    let mut found = Vec::new();
    for a in a {
        for b in b {
            if a.contains(b) {
                found.push(*b);
            } else if b.contains(a) {
                found.push(*a);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn clients_of_real_operators_are_whose_the_words_say() {
    let Some(data) = std::env::var_os("IGTM_OPERATOR_DATA") else {
        println!("SKIP: real operators' lists: IGTM_OPERATOR_DATA names no directory of them");
        return;
    };
    let data = Path::new(&data);
    let lists = Lists::new(lines(data, LISTS.iter()));
    // The same, but 境内, the other way round: only what is "declared first" may differ.
    let (domestic, operators) = LISTS.split_last().expect("seven");
    let turned = Lists::new(lines(data, operators.iter().rev().chain([domestic])));

    let mut asked = 0;
    for line in &lists.lines[1..] {
        let step = line.prefixes.len().div_ceil(OF_EACH).max(1);
        let mut why: BTreeMap<String, usize> = BTreeMap::new();
        for net in line.prefixes.iter().step_by(step) {
            for client in [net.network(), net.broadcast()] {
                assert_eq!(
                    lists.chain(client),
                    chain_by_words(&lists.lines, client),
                    "{client}"
                );
                let reason = format!("{} ({})", lists.winner(client).name, lists.why(client));
                *why.entry(reason).or_default() += 1;
                asked += 1;
            }
        }
        println!(
            "{}: {} prefixes; clients at their ends: {why:?}",
            line.name,
            line.prefixes.len()
        );
    }

    for (at, a) in lists.lines[1..].iter().enumerate() {
        for b in &lists.lines[at + 2..] {
            let found = overlaps(&a.prefixes, &b.prefixes);
            if found.is_empty() || b.name == "境内" {
                continue;
            }
            let mut why: BTreeMap<String, usize> = BTreeMap::new();
            let step = found.len().div_ceil(OF_EACH_OVERLAP);
            for net in found.iter().step_by(step) {
                let client = net.network();
                assert_eq!(
                    lists.chain(client),
                    chain_by_words(&lists.lines, client),
                    "{client}"
                );
                let reason = lists.why(client);
                let same = lists.winner(client).name == turned.winner(client).name;
                assert_eq!(same, reason != "declared first", "{client}");
                asked += 1;
            }
            for net in &found {
                let client = net.network();
                let reason = format!("{} ({})", lists.winner(client).name, lists.why(client));
                *why.entry(reason).or_default() += 1;
            }
            println!(
                "{} and {}: {} overlaps: {why:?}",
                a.name,
                b.name,
                found.len()
            );
            for net in found.iter().take(PRINTED) {
                let client = net.network();
                println!(
                    "  {client}: {} [{}]",
                    lists.shown(client),
                    lists.why(client)
                );
            }
        }
    }
    println!("{asked} clients, each as the words say");
}

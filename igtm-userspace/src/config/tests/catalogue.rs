//! `etc/lines/`: each file of the catalogue is good beside a small configuration, and says what its
//! first line promises.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ipnet::{IpNet, Ipv4Net};
use toml::{Table, Value};

use super::mmdb_writer::{Field, USUAL, asn, country, database};
use crate::config::model::{Config, LineKind};
use crate::config::reading;

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/lines");
    let entries = fs::read_dir(directory).expect("the catalogue is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

fn lines_of(file: &Path) -> Vec<Table> {
    let text = fs::read_to_string(file).expect("it can be read");
    let table: Table = text.parse().expect("it is TOML");
    let Some(Value::Array(lines)) = table.get("line") else {
        panic!("{}: no lines", file.display());
    };
    let line = |line: &Value| line.as_table().expect("a table").clone();
    lines.iter().map(line).collect()
}

fn list<'a>(line: &'a Table, key: &str) -> &'a [Value] {
    line.get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A network for each fact, one behind the other.
fn networks<'a>(facts: impl Iterator<Item = &'a Field>) -> Vec<(String, Field)> {
    let net = |at: u32| Ipv4Net::new_assert(Ipv4Addr::from_bits((1 << 24) + (at << 8)), 24);
    (0..)
        .zip(facts)
        .map(|(at, field)| (net(at).to_string(), field.clone()))
        .collect()
}

fn written<'a>(path: &Path, facts: impl Iterator<Item = &'a Field>) {
    let networks = networks(facts);
    let networks: Vec<(&str, Field)> = networks
        .iter()
        .map(|(net, field)| (net.as_str(), field.clone()))
        .collect();
    fs::write(path, database("catalogue", USUAL, &networks)).expect("written");
}

/// `file` beside a small configuration, with the data that it needs.
fn load(file: &Path) -> Config {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let lines = lines_of(file);
    let mut asns: Vec<Field> = Vec::new();
    let mut countries: Vec<Field> = Vec::new();
    for line in &lines {
        let numbers = list(line, "asn").iter().filter_map(Value::as_integer);
        asns.extend(numbers.map(|number| asn(number as u32)));
        let codes = list(line, "country").iter().filter_map(Value::as_str);
        countries.extend(codes.map(country));
        for list in list(line, "prefix_files") {
            fs::write(at(list.as_str().expect("a name")), "192.0.2.0/24\n").expect("written");
        }
    }
    let mut text = "version = 1\n[geo]\n".to_owned();
    for (key, facts) in [("asn", &asns), ("country", &countries)] {
        if !facts.is_empty() {
            written(&at(key), facts.iter());
            text += &format!("{key} = \"{key}\"\n");
        }
    }
    text += &fs::read_to_string(file).expect("it can be read");
    fs::write(at("igtm.toml"), text).expect("written");
    let read = reading(&at("igtm.toml"));
    assert_eq!(read.notes, [], "{}", file.display());
    read.config
        .unwrap_or_else(|problems| panic!("{}:\n{problems}", file.display()))
}

#[test]
fn every_file_is_good_and_every_line_has_clients() {
    let files = files();
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        let config = load(&file);
        for (at, line) in config.lines.iter().enumerate().skip(1) {
            let parent = |other: &crate::config::model::Line| {
                other
                    .parent
                    .is_some_and(|parent| usize::from(parent.0) == at)
            };
            let held = !line.prefixes.is_empty() || config.lines.iter().any(parent);
            assert!(held, "{}: {}", file.display(), line.name);
        }
        let text = fs::read_to_string(&file).expect("it can be read");
        assert!(
            text.contains("# Needs: "),
            "{}: what does it need?",
            file.display()
        );
    }
}

#[test]
fn the_five_and_the_thirteen() {
    let named = |name: &str| {
        let file = files()
            .into_iter()
            .find(|file| file.ends_with(name))
            .expect("it is there");
        load(&file)
    };
    let five = named("five.toml");
    let names: BTreeSet<&str> = five.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["default", "境内", "境外", "电信", "联通"])
    );
    let thirteen = named("thirteen.toml");
    assert_eq!(thirteen.lines.len(), 13);
    // Nobody is at home and abroad.
    let of = |kind| {
        five.lines
            .iter()
            .find(|line| line.kind == kind)
            .expect("it is there")
    };
    let home: BTreeSet<IpNet> = of(LineKind::Domestic).prefixes.iter().copied().collect();
    let abroad = &of(LineKind::Overseas).prefixes;
    assert_eq!((home.len(), abroad.len()), (1, 249));
    assert!(abroad.iter().all(|net| !home.contains(net)));
}

#[test]
fn lines_of_one_name_are_the_same_in_every_file() {
    let mut known: BTreeMap<String, (PathBuf, Table)> = BTreeMap::new();
    for file in files() {
        for line in lines_of(&file) {
            let name = line["name"].as_str().expect("a name").to_owned();
            let (first, same) = known
                .entry(name.clone())
                .or_insert_with(|| (file.clone(), line.clone()));
            assert_eq!(
                *same,
                line,
                "{name}: {} and {}",
                first.display(),
                file.display()
            );
        }
    }
}

#[test]
fn each_country_is_on_one_continent() {
    let file = files()
        .into_iter()
        .find(|file| file.ends_with("continents.toml"));
    let lines = lines_of(&file.expect("it is there"));
    let codes: Vec<&str> = lines
        .iter()
        .flat_map(|line| list(line, "country"))
        .filter_map(Value::as_str)
        .collect();
    let distinct: BTreeSet<&str> = codes.iter().copied().collect();
    assert_eq!((codes.len(), distinct.len()), (250, 250));
}

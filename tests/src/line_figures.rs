//! Building the lines' trees and looking clients up in userspace: time and memory by size.
//!
//! No root, no kernel: what BPF pays for the same lookup is measured by `figures`.

use std::fmt;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use igtm::config::model::{Line, LineId, LineKind};
use igtm::line::{LineTable, ViewId, Views};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// Of prefixes and of the addresses that ask.
const SEED: u64 = 0x5eed;
/// Addresses that ask, one after the other; more than the caches hold trees for.
const CLIENTS: usize = 1 << 18;
/// Lookups in one measurement.
const LOOKUPS: usize = 1 << 22;
/// Measurements, of which the best counts.
const ROUNDS: usize = 5;

/// What one set of lines costs.
#[derive(Clone, Debug)]
pub struct LineFigures {
    /// What was built.
    name: String,
    /// Prefixes of all lines.
    prefixes: usize,
    views: usize,
    /// The global sweep.
    table: Duration,
    /// All views from it.
    build: Duration,
    /// Of all trees, octets.
    octets: usize,
    /// One lookup of a random client inside the prefixes, nanoseconds.
    inside_ns: f64,
    /// One lookup of a random address of the same family, nanoseconds.
    anywhere_ns: f64,
}

impl LineFigures {
    /// For `--json`.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "prefixes": self.prefixes,
            "views": self.views,
            "table_ms": self.table.as_secs_f64() * 1e3,
            "views_ms": self.build.as_secs_f64() * 1e3,
            "octets": self.octets,
            "inside_ns": self.inside_ns,
            "anywhere_ns": self.anywhere_ns,
        })
    }
}

impl fmt::Display for LineFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<34} {:>9} prefixes {:>5} views  table {:>7.1} ms  views {:>8.1} ms  {:>8.2} MiB  {:>5.1} ns inside {:>5.1} ns anywhere",
            self.name,
            self.prefixes,
            self.views,
            self.table.as_secs_f64() * 1e3,
            self.build.as_secs_f64() * 1e3,
            self.octets as f64 / f64::from(1 << 20),
            self.inside_ns,
            self.anywhere_ns,
        )
    }
}

/// Every size, one after the other; `operators` holds one file of prefixes a line.
pub fn measure(operators: &Path, mut each: impl FnMut(&LineFigures)) -> Result<()> {
    let mut random = StdRng::seed_from_u64(SEED);
    let read = operator_lines(operators)?;
    each(&one_view("operator lists", &read, &mut random)?);
    for count in [10_000, 100_000, 1_000_000] {
        let lines = spread_over(4, (0..count).map(|_| net_v4(random.random(), 24)));
        each(&one_view(
            &format!("random v4 /24, {count}"),
            &lines,
            &mut random,
        )?);
    }
    let allocations: Vec<u128> = (0..3000)
        .map(|_| 0x2400 << 112 | u128::from(random.random::<u32>() >> 8) << 96)
        .collect();
    let clustered = (0..1_000_000).map(|_| {
        let allocation = allocations[random.random_range(0..allocations.len())];
        net_v6(allocation | u128::from(random.random::<u16>()) << 80, 48)
    });
    let lines = spread_over(4, clustered.collect::<Vec<_>>().into_iter());
    each(&one_view(
        "v6 /48 in 3000 /32, 1000000",
        &lines,
        &mut random,
    )?);
    let spread: Vec<IpNet> = (0..1_000_000)
        .map(|_| net_v6(1 << 125 | random.random::<u128>() >> 3, 48))
        .collect();
    let lines = spread_over(4, spread.into_iter());
    each(&one_view(
        "v6 /48 in 2000::/3, 1000000",
        &lines,
        &mut random,
    )?);
    let common = read.len();
    let mut lines = read.clone();
    own_lines(&mut lines, 1000, &mut random);
    each(&many_views(
        "operator lists + own",
        common,
        &lines,
        &mut random,
    )?);
    for count in [10_000, 100_000] {
        let mut lines = spread_over(10, (0..count).map(|_| net_v4(random.random(), 24)));
        let common = lines.len();
        own_lines(&mut lines, 1000, &mut random);
        let name = format!("random v4 /24, {count} + own");
        each(&many_views(&name, common, &lines, &mut random)?);
    }
    Ok(())
}

fn net_v4(bits: u32, len: u8) -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), len)
        .trunc()
        .into()
}

fn net_v6(bits: u128, len: u8) -> IpNet {
    Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), len)
        .trunc()
        .into()
}

fn line(name: String, kind: LineKind, prefixes: Vec<IpNet>) -> Line {
    Line {
        name,
        kind,
        prefixes,
        parent: None,
    }
}

/// The default line, and `count` others that take the prefixes by turns.
fn spread_over(count: usize, prefixes: impl Iterator<Item = IpNet>) -> Vec<Line> {
    let mut lines = vec![line("default".to_owned(), LineKind::Default, Vec::new())];
    for at in 0..count {
        lines.push(line(format!("line-{at}"), LineKind::Operator, Vec::new()));
    }
    for (at, prefix) in prefixes.enumerate() {
        lines[1 + at % count].prefixes.push(prefix);
    }
    lines
}

/// The default line, and one for each file.
fn operator_lines(directory: &Path) -> Result<Vec<Line>> {
    let mut lines = spread_over(0, std::iter::empty());
    let listed = || format!("cannot list {}", directory.display());
    let mut paths = std::fs::read_dir(directory)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(listed)?;
    paths.sort_by_key(std::fs::DirEntry::path);
    for entry in paths {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let prefixes: Result<Vec<IpNet>, _> = text.split_whitespace().map(str::parse).collect();
        let prefixes = prefixes.with_context(|| format!("{}", path.display()))?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let kind = match name.as_str() {
            "china46" => LineKind::Domestic,
            _ => LineKind::Operator,
        };
        lines.push(line(name, kind, prefixes));
    }
    Ok(lines)
}

/// Adds `count` lines of three prefixes each.
fn own_lines(lines: &mut Vec<Line>, count: usize, random: &mut StdRng) {
    for at in 0..count {
        let prefixes = (0..3).map(|_| net_v4(random.random(), 28)).collect();
        lines.push(line(format!("own-{at}"), LineKind::Custom, prefixes));
    }
}

fn one_view(name: &str, lines: &[Line], random: &mut StdRng) -> Result<LineFigures> {
    let all = (0..lines.len()).map(|at| LineId(at as u16)).collect();
    figures(name, lines, &[all], random)
}

/// A view for each line behind the `common` ones, which all of them claim.
fn many_views(
    name: &str,
    common: usize,
    lines: &[Line],
    random: &mut StdRng,
) -> Result<LineFigures> {
    let claims: Vec<Vec<LineId>> = (common..lines.len())
        .map(|own| {
            (0..common)
                .chain([own])
                .map(|at| LineId(at as u16))
                .collect()
        })
        .collect();
    figures(name, lines, &claims, random)
}

fn figures(
    name: &str,
    lines: &[Line],
    claims: &[Vec<LineId>],
    random: &mut StdRng,
) -> Result<LineFigures> {
    let begun = Instant::now();
    let table = LineTable::build(lines)?;
    let table_took = begun.elapsed();
    let begun = Instant::now();
    let views = Views::build(&table, claims)?;
    let build = begun.elapsed();
    let prefixes: Vec<&IpNet> = lines.iter().flat_map(|line| &line.prefixes).collect();
    let inside: Vec<IpAddr> = (0..CLIENTS)
        .map(|_| match prefixes[random.random_range(0..prefixes.len())] {
            IpNet::V4(net) => {
                let host = random.random::<u32>() & net.hostmask().to_bits();
                Ipv4Addr::from_bits(net.network().to_bits() | host).into()
            }
            IpNet::V6(net) => {
                let host = random.random::<u128>() & net.hostmask().to_bits();
                Ipv6Addr::from_bits(net.network().to_bits() | host).into()
            }
        })
        .collect();
    let anywhere: Vec<IpAddr> = inside
        .iter()
        .map(|client| match client {
            IpAddr::V4(_) => Ipv4Addr::from_bits(random.random()).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(1 << 125 | random.random::<u128>() >> 3).into(),
        })
        .collect();
    Ok(LineFigures {
        name: name.to_owned(),
        prefixes: prefixes.len(),
        views: views.views().len(),
        table: table_took,
        build,
        octets: size_of_val(views.units()),
        inside_ns: lookup_ns(&views, &inside),
        anywhere_ns: lookup_ns(&views, &anywhere),
    })
}

/// The best of some rounds; every view takes its turn, each address follows from nothing before.
fn lookup_ns(views: &Views, clients: &[IpAddr]) -> f64 {
    let count = views.views().len();
    let round = || {
        let begun = Instant::now();
        for at in 0..LOOKUPS {
            // There are at most as many views as ids.
            let view = ViewId((at % count) as u16);
            black_box(views.look_up(view, clients[at % clients.len()]));
        }
        begun.elapsed().as_secs_f64() * 1e9 / LOOKUPS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

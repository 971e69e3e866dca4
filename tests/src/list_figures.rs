//! Reading prefix files: how long a configuration with a million lines of them takes.
//!
//! No root, no kernel. The whole way is measured, from the files to a validated configuration.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fmt, fs, process};

use anyhow::{Context, Result};
use igtm::config;
use ipnet::{Ipv4Net, Ipv6Net};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::undo::{Guard, Undo};

/// Of the prefixes.
const SEED: u64 = 0x5eed;
/// Lines of the file.
const LINES: usize = 1_000_000;
/// Measurements, of which the middle one counts.
const ROUNDS: usize = 7;

/// What reading one file took.
#[derive(Clone, Debug)]
pub struct ListFigure {
    name: &'static str,
    octets: usize,
    prefixes: usize,
    took: Duration,
}

impl ListFigure {
    /// For `--json`.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "octets": self.octets,
            "prefixes": self.prefixes,
            "read_ms": self.took.as_secs_f64() * 1e3,
        })
    }
}

impl fmt::Display for ListFigure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<34} {:>9} lines {:>8.2} MiB  {:>9} prefixes  read in {:>7.1} ms",
            self.name,
            LINES,
            self.octets as f64 / f64::from(1 << 20),
            self.prefixes,
            self.took.as_secs_f64() * 1e3,
        )
    }
}

/// Files of [`LINES`] lines, one after the other.
pub fn measure(mut each: impl FnMut(&ListFigure)) -> Result<()> {
    let directory = env::temp_dir().join(format!("igtm-list-figures-{}", process::id()));
    fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let _guard = Guard::new(Undo::Directory(directory.clone()));
    let mut random = StdRng::seed_from_u64(SEED);
    each(&one(
        "prefix file, v4, in order",
        &directory,
        v4(&mut random, true),
    )?);
    each(&one(
        "prefix file, v4, in no order",
        &directory,
        v4(&mut random, false),
    )?);
    each(&one(
        "prefix file, v6, in no order",
        &directory,
        v6(&mut random),
    )?);
    Ok(())
}

fn v4(random: &mut StdRng, sorted: bool) -> String {
    let mut bits: Vec<u32> = (0..LINES).map(|_| random.random()).collect();
    if sorted {
        bits.sort_unstable();
    }
    let mut text = String::new();
    for bits in bits {
        let net = Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), 24).trunc();
        writeln!(text, "{net}").expect("a text takes all");
    }
    text
}

fn v6(random: &mut StdRng) -> String {
    let mut text = String::new();
    for _ in 0..LINES {
        let bits = 1 << 125 | random.random::<u128>() >> 3;
        let net = Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), 48).trunc();
        writeln!(text, "{net}").expect("a text takes all");
    }
    text
}

fn one(name: &'static str, directory: &Path, text: String) -> Result<ListFigure> {
    let file = directory.join("igtm.toml");
    fs::write(directory.join("list.txt"), &text)?;
    fs::write(
        &file,
        "version = 1\n[[line]]\nname = \"list\"\nprefix_files = [\"list.txt\"]\n",
    )?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut prefixes = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let config = config::load(&file)?;
        rounds.push(begun.elapsed());
        prefixes = config.lines.iter().map(|line| line.prefixes.len()).sum();
    }
    rounds.sort_unstable();
    Ok(ListFigure {
        name,
        octets: text.len(),
        prefixes,
        took: rounds[ROUNDS / 2],
    })
}

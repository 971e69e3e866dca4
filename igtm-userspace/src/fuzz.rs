//! Octets that nobody meant, thrown at whatever reads what others wrote: a few seconds by `cargo test`,
//! two minutes in all by `cargo xtask test`, as long as wanted by `cargo xtask fuzz`.
//!
//! A target is a corpus of good inputs, words that its format knows, and a check that panics where
//! something does not hold. Its result, a few numbers that tell one way through the code from
//! another, is what is searched for: an input that leads to a new one joins the corpus. The kept
//! finds in `corpus/TARGET/` come first, unchanged. The sequence is that of the seed, always.
//!
//! Must not know any target: they stand beside the tests of what they check.

mod mutate;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use mutate::Mutator;

/// How long a target is tried by `cargo test`.
const USUALLY: Duration = Duration::from_secs(6);
/// How long, seconds; set by `cargo xtask`.
const SECONDS: &str = "IGTM_FUZZ_SECONDS";
/// Another sequence of inputs than the first; set by `cargo xtask`: to another one every day.
const SEED: &str = "IGTM_FUZZ_SEED";
/// No input takes longer, however busy the machine is.
const LONGEST: Duration = Duration::from_secs(20);
/// Inputs are no longer than this many octets.
const MOST_OCTETS: usize = 1 << 16;
/// Inputs that led to something new are kept up to so many.
const MOST_KEPT: usize = 20_000;

/// What is tried, and with what.
pub(crate) struct Target<'a> {
    /// As the command line and the directory of its finds have it.
    pub(crate) name: &'a str,
    /// Good inputs.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// What the format knows.
    pub(crate) words: &'a [&'a [u8]],
}

/// What tells one way through the code from another.
pub(crate) fn way(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// A text without its numbers and names: two messages of one kind are the same.
pub(crate) fn kind_of(message: &str) -> String {
    let mut quoted = false;
    let outside = message.chars().filter(|letter| {
        quoted ^= *letter == '`';
        !quoted && letter.is_ascii_alphabetic()
    });
    outside.collect()
}

impl Target<'_> {
    /// Has `check` look at input after input. Panics with the first that it panics at, after having
    /// written a short form of it to `target/fuzz/`.
    pub(crate) fn run(self, check: impl Fn(&[u8]) -> u64) {
        let seconds = env::var(SECONDS).ok().map(|text| text.parse());
        let seconds = seconds.map(|seconds| seconds.expect("a number of seconds"));
        let time = seconds.map_or(USUALLY, Duration::from_secs);
        let seed = env::var(SEED).ok().map(|text| text.parse());
        let seed: u64 = seed.map_or(1, |seed| seed.expect("a number"));

        let started = Instant::now();
        let mut corpus = finds(self.name);
        let replayed = corpus.len();
        corpus.extend(self.seeds);
        let mut ways = HashSet::new();
        let mut longest = Duration::ZERO;
        let mut inputs = 0_u64;
        let mut attempt = |input: &[u8]| {
            let begun = Instant::now();
            let way = catch_unwind(AssertUnwindSafe(|| check(input)));
            let way = way.unwrap_or_else(|panic| {
                let (path, octets) = keep(self.name, input, &check);
                println!(
                    "fuzz {}: {} octets: {}",
                    self.name,
                    octets.len(),
                    octets.escape_ascii()
                );
                println!("fuzz {}: kept as {}", self.name, path.display());
                let name = self.name;
                println!("fuzz {name}: again: cargo xtask fuzz {name} --minutes 1 --seed {seed}");
                resume_unwind(panic)
            });
            longest = longest.max(begun.elapsed());
            assert!(
                longest < LONGEST,
                "{longest:?} for {}",
                input.escape_ascii()
            );
            inputs += 1;
            ways.insert(way)
        };
        for input in &corpus {
            attempt(input);
        }
        let mut mutator = Mutator::new(seed, self.words, MOST_OCTETS);
        while started.elapsed() < time {
            let input = mutator.next(&corpus);
            if attempt(&input) && corpus.len() < MOST_KEPT {
                corpus.push(input);
            }
        }
        println!(
            "fuzz {}: {inputs} inputs ({replayed} kept finds) in {:.1?}, {} ways, the longest took {longest:.1?}, seed {seed}",
            self.name,
            started.elapsed(),
            ways.len(),
        );
    }
}

/// Inputs that once failed, in the order of their names.
fn finds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("a kept find");
    paths.iter().map(read).collect()
}

/// Writes the shortest form of a failing input that is found quickly.
fn keep(target: &str, input: &[u8], check: &impl Fn(&[u8]) -> u64) -> (PathBuf, Vec<u8>) {
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| check(input))).is_err();
    // It fails a thousand times now, which need not be told as often.
    let told = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let octets = mutate::shortened(input, fails);
    panic::set_hook(told);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz");
    fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join(format!("{target}-{:016x}", way(&octets)));
    fs::write(&path, &octets).expect("written");
    (path, octets)
}

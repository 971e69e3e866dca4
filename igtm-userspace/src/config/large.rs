//! A large file, read in pieces by every core, so that its tree never stands in memory whole.
//!
//! Must not judge: a file with any problem is left to the reader of whole files, which tells it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use toml::de::DeTable;

use super::instance::InstanceMark;
use super::model::{Config, Instance};
use super::pieces::Pieces;
use super::problem::Report;
use super::reader::Section;
use super::{Around, instances, read};

/// The configuration of a good file that is large; `None`: for any other.
pub(super) fn parse(text: &str, path: &Path) -> Option<Config> {
    if text.len() < LARGE {
        return None;
    }
    in_pieces(text, path, PIECE)
}

/// Octets from which on a file is large: below, reading it whole takes no more than some
/// milliseconds.
const LARGE: usize = 1024 * 1024;

/// Octets of one piece of instances, about: what is made of it fits a core's cache.
const PIECE: usize = 64 * 1024;

/// As [`parse`], whatever the size, and with pieces of about `size` octets.
pub(super) fn in_pieces(text: &str, path: &Path, size: usize) -> Option<Config> {
    let pieces = Pieces::of(text, size);
    // Positions mean nothing here, since nothing is told.
    let report = Report::new(path, "");
    let rest = pieces.rest();
    let root = toml(&rest)?;
    if root.contains_key("instance") {
        return None;
    }
    let mut complete = true;
    let config = read(Section::root(&report, &root), |_, around| {
        let read = read_all(&pieces, around, path);
        complete = read.is_some();
        read.unwrap_or_default()
    });
    (complete && report.count() == 0 && have_distinct_names(&config.instances)).then_some(config)
}

/// Names within a piece are seen to be distinct when it is read.
fn have_distinct_names(instances: &[Instance]) -> bool {
    let mut seen = HashSet::with_capacity(instances.len());
    instances.iter().all(|one| seen.insert(one.name.as_str()))
}

/// A document without errors.
fn toml(text: &str) -> Option<DeTable<'_>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    errors.is_empty().then(|| root.into_inner())
}

type Read = (Vec<Instance>, Vec<InstanceMark>);

/// The instances of all pieces in order; `None` when there is anything wrong in any piece.
fn read_all(pieces: &Pieces<'_>, around: &Around<'_>, path: &Path) -> Option<Read> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    // One that stands alone has been read whole already.
    let others = match pieces.others[..] {
        [_] => &[],
        ref others => others,
    };
    let work = || {
        let mut done: Vec<(usize, Read)> = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if let Some(piece) = pieces.instances.get(at) {
                match read_one(piece, around, path) {
                    Some(read) => done.push((at, read)),
                    None => failed.store(true, Ordering::Relaxed),
                }
            } else if let Some(other) = others.get(at - pieces.instances.len()) {
                failed.fetch_or(toml(other).is_none(), Ordering::Relaxed);
            } else {
                break;
            }
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let helpers: Vec<_> = (1..cores).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().expect("reading does not panic"));
        }
        done
    });
    if failed.into_inner() {
        return None;
    }
    done.sort_unstable_by_key(|(at, _)| *at);
    let count = done.iter().map(|(_, (instances, _))| instances.len()).sum();
    let mut all = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (_, (instances, marks)) in done {
        all.0.extend(instances);
        all.1.extend(marks);
    }
    Some(all)
}

/// The instances of a piece, if it is one of instances and good.
fn read_one(piece: &str, around: &Around<'_>, path: &Path) -> Option<Read> {
    let report = Report::new(path, "");
    let root = toml(piece)?;
    // With an array of tables first; else the piece goes on with what another piece has begun.
    let first = root.get("instance")?.get_ref();
    if root.len() != 1 || !first.is_array() {
        return None;
    }
    let mut root = Section::root(&report, &root);
    let (instances, mut marks) = instances(&mut root, around);
    for mark in &mut marks {
        // All that is told of one instance by itself has been seen.
        mark.strategies = Vec::new();
    }
    (report.count() == 0).then_some((instances, marks))
}

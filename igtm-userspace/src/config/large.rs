//! A large file, read in pieces, so that its tree never stands in memory whole: by every core
//! while all is well, else once more from the beginning, to tell what is not.
//!
//! What is not TOML in pieces is left to the reader of whole files.

use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use toml::de::DeTable;

use super::instance::InstanceMark;
use super::model::Instance;
use super::names::Places;
use super::pieces::{Piece, Pieces};
use super::problem::Report;
use super::reader::Section;
use super::{Around, Reading, instances, read};

/// What a large file says; `None` for a small one, and for one that cannot be read in pieces.
pub(super) fn parse(text: &str, path: &Path) -> Option<Reading> {
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
pub(super) fn in_pieces(text: &str, path: &Path, size: usize) -> Option<Reading> {
    let pieces = Pieces::of(text, size);
    let rest = pieces.rest();
    let root = toml(&rest).filter(|root| !root.contains_key("instance"))?;
    match at_once(&pieces, &root, path) {
        Ok(reading) => Some(reading),
        Err(Trouble::NotApart) => None,
        Err(Trouble::Problem) => in_order(text, &pieces, &root, path),
    }
}

/// Why a file is not read by every core at once.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// A piece is not what it seemed.
    NotApart,
    /// Something is to be told.
    Problem,
}

type Read = (Vec<Instance>, Vec<InstanceMark>);

/// A file without any problem, read by every core.
fn at_once(pieces: &Pieces<'_>, root: &DeTable<'_>, path: &Path) -> Result<Reading, Trouble> {
    // Positions mean nothing here, since nothing is told.
    let report = Report::new(path, "");
    let mut trouble = None;
    let config = read(Section::root(&report, root), |_, around| {
        let read = each_at_once(pieces, around, path);
        read.unwrap_or_else(|found| {
            trouble = Some(found);
            Read::default()
        })
    });
    match trouble {
        Some(trouble) => Err(trouble),
        None if report.count() > 0 || !have_distinct_names(&config.instances) => {
            Err(Trouble::Problem)
        }
        // A note has a position too.
        None if !report.notes().is_empty() => Err(Trouble::Problem),
        None => Ok(Reading::of(report, config)),
    }
}

/// Of all pieces together; within each that was seen when it was read.
fn have_distinct_names(instances: &[Instance]) -> bool {
    let mut seen = HashSet::with_capacity(instances.len());
    instances.iter().all(|one| seen.insert(one.name.as_str()))
}

/// The instances of all pieces in order.
fn each_at_once(pieces: &Pieces<'_>, around: &Around<'_>, path: &Path) -> Result<Read, Trouble> {
    let next = AtomicUsize::new(0);
    let trouble = OnceLock::new();
    let others = doubtful(pieces);
    let work = || {
        let mut done: Vec<(usize, Read)> = Vec::new();
        while trouble.get().is_none() {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let found = if let Some(piece) = pieces.instances.get(at) {
                good(piece, around, path).map(|read| done.push((at, read)))
            } else if let Some(other) = others.get(at - pieces.instances.len()) {
                toml(other.text).map(drop).ok_or(Trouble::NotApart)
            } else {
                break;
            };
            if let Err(found) = found {
                // Another core may have been faster: any trouble will do.
                let _other = trouble.set(found);
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
    if let Some(trouble) = trouble.into_inner() {
        return Err(trouble);
    }
    done.sort_unstable_by_key(|(at, _)| *at);
    let count = done.iter().map(|(_, (instances, _))| instances.len()).sum();
    let mut all = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (_, (instances, marks)) in done {
        all.0.extend(instances);
        all.1.extend(marks);
    }
    Ok(all)
}

/// The instances of a piece without any problem.
fn good(piece: &Piece<'_>, around: &Around<'_>, path: &Path) -> Result<Read, Trouble> {
    let report = Report::new(path, "");
    let root = of_instances(piece).ok_or(Trouble::NotApart)?;
    let mut root = Section::root(&report, &root);
    let mut places = Places::lasting();
    let (instances, mut marks) = instances(&mut root, around, &mut places);
    for mark in &mut marks {
        // All that is told of one instance by itself has been seen.
        mark.strategies = Vec::new();
    }
    if report.count() > 0 {
        return Err(Trouble::Problem);
    }
    Ok((instances, marks))
}

/// The same one piece after the other, with every problem told as if the file was read whole;
/// `None` when a piece is not what it seemed.
fn in_order(text: &str, pieces: &Pieces<'_>, root: &DeTable<'_>, path: &Path) -> Option<Reading> {
    if doubtful(pieces)
        .iter()
        .any(|other| toml(other.text).is_none())
    {
        return None;
    }
    let report = Report::new(path, text);
    report.read_pieces(pieces.of_rest());
    let mut apart = true;
    let config = read(Section::root(&report, root), |rest, around| {
        // It is a key that may be there, also where it is told what another was meant to be.
        let _none = rest.take("instance");
        let mut all = Read::default();
        let mut places = Places::lasting();
        for piece in &pieces.instances {
            let Some(root) = of_instances(piece) else {
                apart = false;
                break;
            };
            report.read_pieces(vec![(0, piece.begin)]);
            let mut root = Section::root(&report, &root);
            let (instances, marks) = instances(&mut root, around, &mut places);
            all.0.extend(instances);
            all.1.extend(marks);
        }
        report.read_pieces(pieces.of_rest());
        all
    });
    apart.then(|| Reading::of(report, config))
}

/// What has to be TOML by itself too, besides all together: one that stands alone is all of it.
fn doubtful<'p, 'a>(pieces: &'p Pieces<'a>) -> &'p [Piece<'a>] {
    match &pieces.others[..] {
        [_] => &[],
        others => others,
    }
}

/// A piece's tables, if it has instances only and goes on with none that another has begun.
fn of_instances<'a>(piece: &Piece<'a>) -> Option<DeTable<'a>> {
    let root = toml(piece.text)?;
    // At the root of what begins with a header an array is one of tables.
    let is_array = root.get("instance")?.get_ref().is_array();
    (root.len() == 1 && is_array).then_some(root)
}

/// A document without errors.
fn toml(text: &str) -> Option<DeTable<'_>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    errors.is_empty().then(|| root.into_inner())
}

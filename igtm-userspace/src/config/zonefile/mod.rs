//! `zone.file`: RFC 1035 master files → the records of a zone.
//!
//! Files, directives and positions are ours, the text of each type's data is the `domain` crate's.
//! Reading goes on past every problem. What the records mean together is `checks.rs`'.
//!
//! | directive | here |
//! |---|---|
//! | `$ORIGIN NAME` | until the next, within its file |
//! | `$TTL TIME` | RFC 2308 §4; within its file and the files it includes |
//! | `$INCLUDE FILE [ORIGIN]` | relative to the file that says so; origin, owner and `$TTL` are afterwards what they were |

mod across;
mod checks;
mod entry;
mod lexer;
mod service;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use domain::base::scan::{Scanner as _, ScannerError as _};
use hickory_proto::rr::Name;

use self::lexer::{Lexer, column};
use self::words::{Words, Wrong};
use super::model::{is_at_or_below, rtype};
use super::problem::{Problem, Report};
use super::value::Value;
use crate::snapshot::names;

pub(super) use self::across::across;
pub(super) use self::checks::{Contents, mnemonic};

/// Files within files.
const MOST_DEEP: usize = 8;
/// Files of one zone.
const MOST_FILES: usize = 1000;
/// Octets of all of them: a small file that includes another one again and again must not cost
/// the daemon its memory.
const MOST_OCTETS: usize = 1 << 30;
/// Problems of one zone that are told each; the rest is counted.
const MOST_TOLD: usize = 100;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Position among the zone's files.
    file: u32,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
}

/// One record, as it was found.
struct Found {
    owner: Box<[u8]>,
    rtype: u16,
    ttl: u32,
    rdata: Box<[u8]>,
    place: Place,
}

/// What is the same for the entries that follow, in a file and those it includes.
#[derive(Clone)]
struct State {
    /// What relative names are below.
    origin: Vec<u8>,
    /// Of the last record; empty: there is none that could be told.
    owner: Vec<u8>,
    /// `$TTL`.
    ttl: Option<u32>,
    /// The last TTL that a record said.
    last_ttl: Option<u32>,
}

/// A zone's files on the way to its records.
struct Reader<'r> {
    report: &'r Report<'r>,
    /// The zone's.
    origin: Vec<u8>,
    files: Vec<PathBuf>,
    /// Of the files that are being read, each included by the one before.
    open: Vec<PathBuf>,
    octets: usize,
    found: Vec<Found>,
    problems: Vec<(Place, String)>,
}

/// Reads the zone `origin` from the file that `value` names; what it holds is good only if nothing
/// was reported. Without an origin, what its names mean is unknown.
pub(super) fn read(
    value: &Value<'_>,
    origin: Option<&Name>,
    report: &Report<'_>,
) -> Option<Contents> {
    let path = report.resolve(value.at, value.string()?);
    let Some(origin) = origin else {
        if let Err(error) = report.read(&path) {
            value.problem(format!("cannot read `{}`: {error}", path.display()));
        }
        return None;
    };
    let wire = names::wire(origin).to_ascii_lowercase();
    let mut reader = Reader {
        report,
        origin: wire.clone(),
        files: Vec::new(),
        open: Vec::new(),
        octets: 0,
        found: Vec::new(),
        problems: Vec::new(),
    };
    let state = State {
        origin: wire,
        owner: Vec::new(),
        ttl: None,
        last_ttl: None,
    };
    if let Err(why) = reader.file(&path, state) {
        value.problem(why);
        return None;
    }
    Some(reader.contents(value))
}

impl Reader<'_> {
    /// Checks what was found, and tells all problems in the order of the files.
    fn contents(mut self, value: &Value<'_>) -> Contents {
        let whole = self.problems.is_empty();
        let (contents, problems) = checks::check(&self.origin, self.found, self.files, whole);
        self.problems.extend(problems);
        self.problems.sort();
        let more = self.problems.len().saturating_sub(MOST_TOLD);
        for (place, message) in self.problems.drain(..).take(MOST_TOLD) {
            self.report
                .problem_of_named_file(contents.problem(place, message));
        }
        if more > 0 {
            let s = if more == 1 { "" } else { "s" };
            value.problem(format!(
                "{more} more problem{s} in this zone; the first {MOST_TOLD} are told"
            ));
        }
        contents
    }

    /// Reads one file; the error is one of whoever named it.
    fn file(&mut self, path: &Path, mut state: State) -> Result<(), String> {
        let shown = path.display();
        if self.open.len() > MOST_DEEP {
            return Err(format!(
                "`{shown}` is included too deep: at most {MOST_DEEP} files within files"
            ));
        }
        if self.files.len() >= MOST_FILES {
            return Err(format!("more than {MOST_FILES} files in one zone"));
        }
        let known = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.open.contains(&known) {
            return Err(format!("`{shown}` includes itself"));
        }
        let octets = self
            .report
            .read(path)
            .map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        self.octets += octets.len();
        if self.octets > MOST_OCTETS {
            return Err(format!(
                "with `{shown}` the zone has more than {MOST_OCTETS} octets"
            ));
        }
        let file = self.files.len();
        self.files.push(path.to_owned());
        self.open.push(known);
        let mut lexer = Lexer::new(&octets);
        let mut entry = Vec::new();
        while let Some(next) = lexer.next(&mut entry) {
            match next {
                Err(slip) => {
                    let place = place(file, slip.line, column(&octets, slip.at));
                    self.problems.push((place, slip.message.to_owned()));
                }
                Ok(_) if entry.is_empty() => {}
                Ok(indented) => {
                    let origin = state.origin.clone();
                    let mut words = Words::new(&octets, &entry, &origin);
                    let at = |word: usize| {
                        let word = &entry[word.min(entry.len() - 1)];
                        let quote = usize::from(word.quoted);
                        place(file, word.line, column(&octets, word.octets.start - quote))
                    };
                    if let Err(wrong) = self.entry(&mut words, indented, &mut state, at(0), path) {
                        self.problems
                            .push((at(words.at.saturating_sub(1)), wrong.0));
                    }
                }
            }
        }
        self.open.pop();
        Ok(())
    }

    fn entry(
        &mut self,
        words: &mut Words<'_>,
        indented: bool,
        state: &mut State,
        place: Place,
        path: &Path,
    ) -> Result<(), Wrong> {
        if !indented && words.peek().is_some_and(|word| word.starts_with(b"$")) {
            return self.directive(words, state, path);
        }
        if !indented {
            // Lines without an owner that follow a bad one belong to nothing that is known.
            state.owner.clear();
            let mut owner = words.name()?;
            owner.make_ascii_lowercase();
            if !is_at_or_below(&owner, &self.origin) {
                return Err(Wrong::new(format!(
                    "`{}` is outside of the zone `{}`",
                    names::text(&owner),
                    names::text(&self.origin)
                )));
            }
            state.owner = owner;
        } else if state.owner.is_empty() {
            if self.found.is_empty() && self.problems.is_empty() {
                words.at = 1;
                return Err(Wrong::new(
                    "this line names no owner, and there is none before it",
                ));
            }
            return Ok(());
        }
        let head = entry::head(words)?;
        let rdata = entry::rdata(head.rtype, words).map_err(|wrong| {
            let form = entry::form(head.rtype);
            // What is missing cannot be shown, and what names the word has.
            let missing = wrong == Wrong::end_of_entry() || wrong.0.contains('`');
            let found = words.before().filter(|_| !missing).map(entry::shown);
            let found = found.map_or_else(String::new, |word| format!("; {word} was found"));
            Wrong::new(format!("`{}{form}`: {}{found}", head.rtype, wrong.0))
        })?;
        let ttl = head.ttl.or(state.ttl).or(state.last_ttl);
        let ttl = ttl.or_else(|| {
            // As servers did before RFC 2308: the SOA's MINIMUM.
            let minimum = rdata.last_chunk().map(|it| u32::from_be_bytes(*it));
            minimum.filter(|_| head.rtype.to_int() == rtype::SOA)
        });
        let Some(ttl) = ttl else {
            words.at = 1;
            return Err(Wrong::new(
                "no TTL: write one in the record, or `$TTL 1h` above",
            ));
        };
        if head.ttl.is_some() || state.ttl.is_none() {
            state.last_ttl = Some(ttl);
        }
        self.found.push(Found {
            owner: state.owner.as_slice().into(),
            rtype: head.rtype.to_int(),
            ttl,
            rdata: rdata.into(),
            place,
        });
        Ok(())
    }

    fn directive(
        &mut self,
        words: &mut Words<'_>,
        state: &mut State,
        path: &Path,
    ) -> Result<(), Wrong> {
        let shown = entry::shown(words.peek().unwrap_or_default());
        match words.text()?.to_ascii_uppercase().as_str() {
            "$ORIGIN" => {
                state.origin = words.name()?;
                end(words)
            }
            "$TTL" => {
                state.ttl = Some(entry::seconds(words)?);
                end(words)
            }
            "$INCLUDE" => {
                let file = words.scan_string()?;
                let origin = words.continues().then(|| words.name()).transpose()?;
                end(words)?;
                let mut inner = state.clone();
                inner.origin = origin.unwrap_or(inner.origin);
                let included = path.parent().unwrap_or(Path::new("")).join(&file[..]);
                words.at = 2;
                self.file(&included, inner).map_err(Wrong::new)
            }
            "$GENERATE" => Err(Wrong::new(
                "`$GENERATE` is not supported; write the records out",
            )),
            _ => Err(Wrong::new(format!(
                "{shown} is no directive; `$ORIGIN`, `$TTL` and `$INCLUDE` are"
            ))),
        }
    }
}

fn end(words: &mut Words<'_>) -> Result<(), Wrong> {
    if !words.continues() {
        return Ok(());
    }
    let word = entry::shown(words.peek().unwrap_or_default());
    words.at += 1;
    Err(Wrong::new(format!("{word} is more than belongs there")))
}

/// `line` counts from 0.
fn place(file: usize, line: usize, column: usize) -> Place {
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    Place {
        file: number(file),
        line: number(line + 1),
        column: number(column),
    }
}

impl Contents {
    /// A problem of the zone's files.
    pub(super) fn problem(&self, place: Place, message: String) -> Problem {
        Problem {
            file: self.file(place),
            line: place.line as usize,
            column: place.column as usize,
            message,
        }
    }

    /// `FILE:LINE`, for a message that stands elsewhere.
    pub(super) fn told(&self, place: Place) -> String {
        format!("{}:{}", self.file(place), place.line)
    }

    fn file(&self, place: Place) -> String {
        let path = self.files.get(place.file as usize);
        path.map_or_else(String::new, |path| path.display().to_string())
    }
}

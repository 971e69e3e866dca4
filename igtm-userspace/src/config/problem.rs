//! What is wrong with a configuration, where, and the collection of all of it.
//!
//! Must not decide anything: readers and rules report here and go on.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sources::Source;
use super::texts::Texts;

/// An octet offset into the files being read, whole; [`Texts`] knows which is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(pub(super) usize);

/// One thing wrong, and where. Shown as `FILE:LINE:COLUMN: message`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as it was named to us.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, what was found, what is allowed. Never a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

/// Every problem of a configuration, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The one problem of a file that cannot be read at all.
    pub(crate) fn of_file(file: &Path, message: String) -> Self {
        Self(vec![Problem {
            file: file.display().to_string(),
            line: 1,
            column: 1,
            message,
        }])
    }

    /// In the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects the problems of a configuration's files and of the files they name.
pub(super) struct Report<'a> {
    texts: &'a Texts<'a>,
    /// What is being read: where each piece of it begins there, and where in `texts`, ascending.
    pieces: RefCell<Vec<(usize, usize)>>,
    /// Of the files themselves; sorted at the end, since rules run after readers.
    own: RefCell<Vec<(usize, String)>>,
    /// Of the files they name, in the order they were read.
    named: RefCell<Vec<Problem>>,
    /// What is worth knowing of the file itself, though it is good.
    notes: RefCell<Vec<(usize, String)>>,
    /// The same of the files it names.
    named_notes: RefCell<Vec<Problem>>,
    /// The files it names.
    sources: RefCell<Vec<Source>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(texts: &'a Texts<'a>) -> Self {
        Self {
            texts,
            pieces: RefCell::new(vec![(0, 0)]),
            own: RefCell::default(),
            named: RefCell::default(),
            notes: RefCell::default(),
            named_notes: RefCell::default(),
            sources: RefCell::default(),
        }
    }

    /// From now on what is read are these pieces of the file: where each begins in what is read,
    /// and where in the file, ascending; the first at 0.
    pub(super) fn read_pieces(&self, pieces: Vec<(usize, usize)>) {
        self.pieces.replace(pieces);
    }

    /// Where in the file is what stands at `offset` of what is read.
    pub(super) fn at(&self, offset: usize) -> At {
        let pieces = self.pieces.borrow();
        let before = pieces.partition_point(|(begin, _)| *begin <= offset);
        let piece = before.checked_sub(1).and_then(|last| pieces.get(last));
        At(piece.map_or(offset, |(begin, there)| there + (offset - begin)))
    }

    /// Records `message` at `at`.
    pub(super) fn problem(&self, at: At, message: impl Into<String>) {
        self.own.borrow_mut().push((at.0, message.into()));
    }

    /// Records a problem of a file that the configuration names.
    pub(super) fn problem_of_named_file(&self, problem: Problem) {
        self.named.borrow_mut().push(problem);
    }

    /// Records what an operator should know of a good file at `at`.
    pub(super) fn note(&self, at: At, message: impl Into<String>) {
        self.notes.borrow_mut().push((at.0, message.into()));
    }

    /// The same of a good file that the configuration names.
    pub(super) fn note_of_named_file(&self, note: Problem) {
        self.named_notes.borrow_mut().push(note);
    }

    /// Reads a file that the configuration names, and remembers that it did.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (source, octets) = Source::read(path);
        self.sources.borrow_mut().push(source);
        octets
    }

    /// What was noted, in the order of the file, then of the files it names.
    pub(super) fn notes(&self) -> Vec<Problem> {
        let mut notes = self.notes.borrow().clone();
        notes.sort_by_key(|(at, _)| *at);
        let locate = |(at, message)| self.locate(at, message);
        let named = self.named_notes.borrow();
        let own = notes.into_iter().map(locate);
        own.chain(named.iter().cloned()).collect()
    }

    /// The files that the configuration names, in the order they were read.
    pub(super) fn sources(&self) -> Vec<Source> {
        self.sources.borrow().clone()
    }

    /// How many problems there are by now, to see whether a reader added any.
    pub(super) fn count(&self) -> usize {
        self.own.borrow().len() + self.named.borrow().len()
    }

    /// The line that `at` is in, from 1, as messages name it: `12`, or `12 of b.toml` where there
    /// are several files.
    pub(super) fn line_of(&self, at: At) -> String {
        let text = self.texts.at(at);
        let line = text.line(at);
        match text.file().file_name() {
            Some(name) if self.texts.are_several() => {
                format!("{line} of {}", name.to_string_lossy())
            }
            _ => line.to_string(),
        }
    }

    /// `path`, which is named at `at`: relative to the directory of the file that names it.
    pub(super) fn resolve(&self, at: At, path: &str) -> PathBuf {
        let parent = self.texts.at(at).file().parent();
        parent.map_or_else(|| PathBuf::from(path), |directory| directory.join(path))
    }

    /// `value`, or everything that was reported.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Problems> {
        let mut own = self.own.take();
        own.sort_by_key(|(at, _)| *at);
        // What many users of one value all run into is told once.
        let mut told = HashSet::new();
        own.retain(|problem| told.insert(problem.clone()));
        let mut problems: Vec<Problem> = own
            .into_iter()
            .map(|(at, message)| self.locate(at, message))
            .collect();
        // Several lines may name one file; its problems are told once.
        let mut told = HashSet::new();
        let named = self.named.take().into_iter();
        problems.extend(named.filter(|problem| told.insert(problem.clone())));
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(Problems(problems))
        }
    }

    fn locate(&self, offset: usize, message: String) -> Problem {
        let text = self.texts.at(At(offset));
        let (line, column) = text.position(At(offset));
        Problem {
            file: text.file().display().to_string(),
            line,
            column,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_order_is_the_file_s() {
        let texts = Texts::one(Path::new("x.toml"), "a = 1\n电信 = 2\n");
        let report = Report::new(&texts);
        report.problem(At("a = 1\n电信 = ".len()), "second");
        report.problem(At(0), "first");
        let problems = report.finish(()).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "x.toml:1:1: first\nx.toml:2:6: second"
        );
    }

    #[test]
    fn a_position_at_or_past_the_end_is_the_last_line() {
        let texts = Texts::one(Path::new("x.toml"), "a\nb");
        let report = Report::new(&texts);
        report.problem(At(99), "late");
        assert_eq!(
            report.finish(()).unwrap_err().to_string(),
            "x.toml:2:2: late"
        );
    }
}

//! Where a configuration's text comes from: one file, or the `*.toml` files of a directory, merged
//! into one tree in the order of their names.
//!
//! Positions are offsets into all texts laid end to end, so that readers and rules need not know
//! how many files there are. Must not know any key of config.md but `version`, which may stand in
//! every file.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{At, Problems, Report};
use super::sources::{Source, is_toml};

/// The one key that may stand in several files without being a list of tables.
const VERSION: &str = "version";

/// The files of a configuration, in order.
pub(super) struct Texts<'a> {
    all: Vec<Text<'a>>,
}

/// One file.
pub(super) struct Text<'a> {
    file: PathBuf,
    text: Cow<'a, str>,
    /// Where its first octet stands among all.
    start: usize,
    /// Offsets into its text.
    line_starts: OnceCell<Vec<usize>>,
    /// Why it could not be read from some offset on.
    fault: Option<(usize, String)>,
}

/// The tree of all files.
pub(super) struct Merged<'a> {
    /// As if one file said it all.
    pub(super) root: DeTable<'a>,
    /// What `version` says in other files than the one that `root` has it from.
    pub(super) more_versions: Vec<Spanned<DeValue<'a>>>,
}

impl<'a> Texts<'a> {
    /// A text that stands in the file at `path`.
    pub(super) fn one(path: &Path, text: &'a str) -> Self {
        let mut texts = Self { all: Vec::new() };
        texts.add(path.to_owned(), Cow::Borrowed(text), None);
        texts
    }

    /// Reads the file at `path`, or the `*.toml` files of the directory there. What cannot be
    /// read of a file is told when the texts are merged. Beside it everything that was looked at.
    ///
    /// # Errors
    /// A directory that cannot be listed or has no such file.
    pub(super) fn read(path: &Path) -> (Result<Self, Problems>, Vec<Source>) {
        let mut sources = Vec::new();
        let files = if path.is_dir() {
            // Before it is listed: what is added meanwhile is then told to have changed.
            sources.push(Source::directory(path));
            match files_of(path) {
                Ok(files) => files,
                Err(error) => {
                    let message = format!("cannot list this directory: {error}");
                    return (Err(Problems::of_file(path, message)), sources);
                }
            }
        } else {
            vec![path.to_owned()]
        };
        if files.is_empty() {
            let message = "no file of this directory is named `*.toml`".to_owned();
            return (Err(Problems::of_file(path, message)), sources);
        }
        let mut texts = Self { all: Vec::new() };
        for file in files {
            let (source, octets) = Source::read(&file);
            sources.push(source);
            let (text, fault) = match octets.map(String::from_utf8) {
                Ok(Ok(text)) => (text, None),
                Ok(Err(error)) => {
                    let valid = error.utf8_error().valid_up_to();
                    let mut octets = error.into_bytes();
                    octets.truncate(valid);
                    let fault = (valid, "this file is not UTF-8 from here on".to_owned());
                    (String::from_utf8_lossy(&octets).into_owned(), Some(fault))
                }
                Err(error) => {
                    let fault = (0, format!("cannot read this file: {error}"));
                    (String::new(), Some(fault))
                }
            };
            texts.add(file, Cow::Owned(text), fault);
        }
        (Ok(texts), sources)
    }

    /// The file and its text, when there is but one and it could be read.
    pub(super) fn only(&self) -> Option<(&Path, &str)> {
        match &self.all[..] {
            [text] if text.fault.is_none() => Some((text.file(), &text.text)),
            _ => None,
        }
    }

    fn add(&mut self, file: PathBuf, text: Cow<'a, str>, fault: Option<(usize, String)>) {
        // One octet lies between two texts, so that the end of one is not the start of the next.
        let start = self.all.last().map_or(0, |last| last.end() + 1);
        self.all.push(Text {
            file,
            text,
            start,
            line_starts: OnceCell::new(),
            fault,
        });
    }

    /// The tree of all files; `None` when some text is not TOML, which `report` is told: what it
    /// was meant to say is not known.
    pub(super) fn merged<'s>(&'s self, report: &Report<'_>) -> Option<Merged<'s>> {
        let mut merged = Merged {
            root: DeTable::default(),
            more_versions: Vec::new(),
        };
        let mut whole = true;
        for text in &self.all {
            match text.tree(report) {
                None => whole = false,
                // The usual case of one file costs nothing.
                Some(root) if merged.root.is_empty() => merged.root = root,
                Some(root) => merged.add(root, report),
            }
        }
        whole.then_some(merged)
    }

    /// Whether positions need a file's name to be understood.
    pub(super) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// The file that `at` is in.
    pub(super) fn at(&self, at: At) -> &Text<'a> {
        let after = self.all.partition_point(|text| text.start <= at.0);
        // The first begins at 0, and a position is in the last that begins before it.
        &self.all[after.saturating_sub(1)]
    }
}

impl Text<'_> {
    /// As it was named to us.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The line and column of `at`, each from 1; columns are characters.
    pub(super) fn position(&self, at: At) -> (usize, usize) {
        let offset = at.0.saturating_sub(self.start).min(self.text.len());
        let line_starts = self.line_starts();
        let line = line_starts.partition_point(|start| *start <= offset);
        let start = line_starts[line - 1];
        let end = self.text.floor_char_boundary(offset);
        let column = self.text[start..end.max(start)].chars().count() + 1;
        (line, column)
    }

    /// The line of `at`, from 1.
    pub(super) fn line(&self, at: At) -> usize {
        let offset = at.0.saturating_sub(self.start);
        self.line_starts().partition_point(|start| *start <= offset)
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            std::iter::once(0)
                .chain(newlines.map(|(index, _)| index + 1))
                .collect()
        })
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn tree(&self, report: &Report<'_>) -> Option<DeTable<'_>> {
        if let Some((offset, message)) = &self.fault {
            report.problem(At(self.start + offset), message.as_str());
            return None;
        }
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            report.problem(At(self.start + offset), error.message());
        }
        let root = root.into_inner();
        errors.is_empty().then(|| match self.start {
            0 => root,
            start => moved_table(root, start),
        })
    }
}

impl<'a> Merged<'a> {
    fn add(&mut self, other: DeTable<'a>, report: &Report<'_>) {
        for (key, value) in other {
            let name: &str = key.get_ref();
            let Some((first, _)) = self.root.get_key_value(name) else {
                self.root.insert(key, value);
                continue;
            };
            let first = At(first.span().start);
            let known = self.root.get_mut(name).map(Spanned::get_mut);
            let span = value.span();
            match (known, value.into_inner()) {
                (Some(DeValue::Array(known)), DeValue::Array(more)) => {
                    for item in more {
                        known.push(item);
                    }
                }
                (_, value) if name == VERSION => {
                    self.more_versions.push(Spanned::new(span, value));
                }
                _ => {
                    let line = report.line_of(first);
                    let at = At(key.span().start);
                    report.problem(
                        at,
                        format!("`{name}` stands on line {line} already: of the files of a directory, one may have it"),
                    );
                }
            }
        }
    }
}

/// `table` with every position `by` octets further on.
fn moved_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let entries = table.into_iter();
    entries
        .map(|(key, value)| {
            let span = key.span();
            let key = Spanned::new(span.start + by..span.end + by, key.into_inner());
            (key, moved(value, by))
        })
        .collect()
}

fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(moved_table(table, by)),
        DeValue::Array(array) => {
            DeValue::Array(array.into_iter().map(|item| moved(item, by)).collect())
        }
        other => other,
    };
    Spanned::new(span.start + by..span.end + by, inner)
}

/// The configuration files of `directory`, in the order of their names.
fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if is_toml(&path) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

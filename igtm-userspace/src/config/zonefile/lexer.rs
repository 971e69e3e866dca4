//! The octets of a master file → entries of words (RFC 1035 §5.1): parentheses, quotes, comments.
//!
//! Must not know what a word means.

use std::ops::Range;

/// Words of one entry at most: a TXT record of 65 535 octets may be of single octets.
const MOST_WORDS: usize = 1 << 16;

/// One word of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Where it stands in the file, without its quotes.
    pub(super) octets: Range<usize>,
    /// Its line, from 0.
    pub(super) line: usize,
    /// It stood in quotes.
    pub(super) quoted: bool,
    /// Nothing stands between it and the word before.
    pub(super) joined: bool,
}

/// What is wrong with how an entry is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slip {
    /// Where, in octets.
    pub(super) at: usize,
    /// The line of that, from 0.
    pub(super) line: usize,
    pub(super) message: &'static str,
}

/// A file on the way to its entries.
pub(super) struct Lexer<'f> {
    file: &'f [u8],
    at: usize,
    line: usize,
}

impl<'f> Lexer<'f> {
    pub(super) fn new(file: &'f [u8]) -> Self {
        // Some editors begin a text with a byte order mark.
        let at = if file.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Self { file, at, line: 0 }
    }

    /// Reads the next entry's words, none of an empty line; `None` at the end. Whether the entry
    /// begins with white space, so that it has the owner before.
    pub(super) fn next(&mut self, words: &mut Vec<Word>) -> Option<Result<bool, Slip>> {
        words.clear();
        let first = *self.file.get(self.at)?;
        let indented = matches!(first, b' ' | b'\t');
        let mut open: Option<(usize, usize)> = None;
        let mut slip = None;
        loop {
            match self.file.get(self.at) {
                None => break,
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    if open.is_none() {
                        break;
                    }
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b';') => {
                    let rest = &self.file[self.at..];
                    self.at += rest
                        .iter()
                        .position(|it| *it == b'\n')
                        .unwrap_or(rest.len());
                }
                Some(b'(') if open.is_some() => {
                    slip.get_or_insert(self.slip("a `(` within `( … )`"));
                    self.at += 1;
                }
                Some(b'(') => {
                    open = Some((self.at, self.line));
                    self.at += 1;
                }
                Some(b')') => {
                    if open.take().is_none() {
                        slip.get_or_insert(self.slip("a `)` without a `(` before it"));
                    }
                    self.at += 1;
                }
                Some(octet) => {
                    let word = if *octet == b'"' {
                        self.quoted()
                    } else {
                        Ok(self.bare())
                    };
                    match word {
                        Err(found) => drop(slip.get_or_insert(found)),
                        Ok(word) if words.len() < MOST_WORDS => words.push(word),
                        Ok(_) => {
                            slip.get_or_insert(self.slip("more than 65 536 words in one record"));
                        }
                    }
                }
            }
        }
        if let Some((at, line)) = open {
            let message = "a `(` that is not closed before the end of the file";
            slip.get_or_insert(Slip { at, line, message });
        }
        Some(slip.map_or(Ok(indented), Err))
    }

    fn slip(&self, message: &'static str) -> Slip {
        Slip {
            at: self.at,
            line: self.line,
            message,
        }
    }

    fn joined(&self) -> bool {
        let before = self.at.checked_sub(1).map(|before| self.file[before]);
        before.is_some_and(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')'))
    }

    fn bare(&mut self) -> Word {
        let (begin, joined) = (self.at, self.joined());
        while let Some(octet) = self.file.get(self.at) {
            match octet {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' if !matches!(self.file.get(self.at + 1), None | Some(b'\n')) => self.at += 2,
                _ => self.at += 1,
            }
        }
        Word {
            octets: begin..self.at,
            line: self.line,
            quoted: false,
            joined,
        }
    }

    /// A text in quotes, which ends on its line: one that does not would swallow what follows.
    fn quoted(&mut self) -> Result<Word, Slip> {
        let unclosed = self.slip("a text whose closing `\"` is not on its line");
        let joined = self.joined();
        self.at += 1;
        let begin = self.at;
        loop {
            match self.file.get(self.at) {
                None | Some(b'\n') => return Err(unclosed),
                Some(b'"') => break,
                Some(b'\\') if !matches!(self.file.get(self.at + 1), None | Some(b'\n')) => {
                    self.at += 2;
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(Word {
            octets: begin..self.at - 1,
            line: self.line,
            quoted: true,
            joined,
        })
    }
}

/// The column of an octet, in characters from 1.
pub(super) fn column(file: &[u8], at: usize) -> usize {
    let before = &file[..at.min(file.len())];
    let begin = before.iter().rposition(|octet| *octet == b'\n');
    let own = &before[begin.map_or(0, |newline| newline + 1)..];
    // Octets that go on a character of UTF-8 are none of their own.
    1 + own.iter().filter(|octet| **octet & 0xc0 != 0x80).count()
}

//! Words of an entry → octets, numbers, names; what `domain` reads RDATA from.
//!
//! Must not know where a record belongs.

use std::fmt;

use domain::base::Name;
use domain::base::charstr::CharStr;
use domain::base::scan::{ConvertSymbols, EntrySymbol, Scanner, ScannerError, Symbol};
use domain::dep::octseq::str::Str;

use super::lexer::Word;

/// Longest label and longest name in wire format, octets (RFC 1035 §2.3.4).
const LABEL_OCTETS: usize = 63;
const NAME_OCTETS: usize = 255;

/// Why words do not say what they should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl Wrong {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl ScannerError for Wrong {
    fn custom(why: &'static str) -> Self {
        Self::new(why)
    }

    fn end_of_entry() -> Self {
        Self::new("something is missing at its end")
    }

    fn short_buf() -> Self {
        Self::new("it is too long")
    }

    fn trailing_tokens() -> Self {
        Self::new("more than belongs there")
    }
}

/// The words of one entry, one after the other.
pub(super) struct Words<'f> {
    file: &'f [u8],
    words: &'f [Word],
    /// The one that comes next.
    pub(super) at: usize,
    /// What relative names are below, in wire format.
    origin: &'f [u8],
}

impl<'f> Words<'f> {
    pub(super) fn new(file: &'f [u8], words: &'f [Word], origin: &'f [u8]) -> Self {
        Self {
            file,
            words,
            at: 0,
            origin,
        }
    }

    /// The word that comes next, as it is written.
    pub(super) fn peek(&self) -> Option<&'f [u8]> {
        let word = self.words.get(self.at)?;
        Some(&self.file[word.octets.clone()])
    }

    /// The word that came last.
    pub(super) fn before(&self) -> Option<&'f [u8]> {
        let word = self.words.get(self.at.checked_sub(1)?)?;
        Some(&self.file[word.octets.clone()])
    }

    fn take(&mut self) -> Result<&'f [u8], Wrong> {
        let word = self.peek().ok_or_else(Wrong::end_of_entry)?;
        self.at += 1;
        Ok(word)
    }

    /// A word as text without escapes; what is not ASCII is nothing that is written without quotes.
    pub(super) fn text(&mut self) -> Result<&'f str, Wrong> {
        let word = self.take()?;
        let ascii = Some(word).filter(|word| word.is_ascii());
        let text = ascii.and_then(|word| str::from_utf8(word).ok());
        text.ok_or_else(|| Wrong::new("only ASCII characters may stand here"))
    }

    /// A domain name in wire format, as it is written.
    pub(super) fn name(&mut self) -> Result<Vec<u8>, Wrong> {
        let quoted = self.words.get(self.at).is_some_and(|word| word.quoted);
        let word = self.take()?;
        if quoted {
            return Err(Wrong::new("a domain name is not written in quotes"));
        }
        name(word, self.origin)
    }

    /// Octets of a word, its escapes undone.
    fn octets(&mut self) -> Result<Vec<u8>, Wrong> {
        let word = self.take()?;
        let mut octets = Vec::with_capacity(word.len());
        each_symbol(word, |symbol| {
            octets.push(octet(symbol)?);
            Ok(())
        })?;
        Ok(octets)
    }
}

/// A name as it is written → wire format.
fn name(word: &[u8], origin: &[u8]) -> Result<Vec<u8>, Wrong> {
    match word {
        b"@" => return Ok(origin.to_vec()),
        b"." => return Ok(vec![0]),
        _ => {}
    }
    let mut wire = Vec::with_capacity(word.len() + origin.len() + 2);
    let mut begin = 0;
    let mut absolute = false;
    wire.push(0);
    each_symbol(word, |symbol| {
        absolute = symbol == Symbol::Char('.');
        if absolute {
            let length = wire.len() - begin - 1;
            if length == 0 {
                return Err(Wrong::new("an empty label in a name"));
            }
            wire[begin] = length as u8;
            begin = wire.len();
            wire.push(0);
            return Ok(());
        }
        if wire.len() - begin > LABEL_OCTETS {
            return Err(Wrong::new("a label holds at most 63 octets"));
        }
        wire.push(octet(symbol)?);
        Ok(())
    })?;
    if !absolute {
        let length = wire.len() - begin - 1;
        if length == 0 {
            return Err(Wrong::new("an empty name"));
        }
        wire[begin] = length as u8;
        wire.extend_from_slice(origin);
    }
    if wire.len() > NAME_OCTETS {
        return Err(Wrong::new("a name holds at most 255 octets"));
    }
    Ok(wire)
}

fn octet(symbol: Symbol) -> Result<u8, Wrong> {
    match symbol {
        Symbol::Char(c) => u8::try_from(c).map_err(|_| Wrong::new("a character beyond octets")),
        Symbol::SimpleEscape(octet) | Symbol::DecimalEscape(octet) => Ok(octet),
    }
}

/// Every symbol of a word. Octets beyond ASCII are taken as they are: a text in UTF-8 is answered
/// in UTF-8.
fn each_symbol(word: &[u8], mut op: impl FnMut(Symbol) -> Result<(), Wrong>) -> Result<(), Wrong> {
    let mut rest = word;
    while let [first, behind @ ..] = rest {
        rest = behind;
        let symbol = match first {
            b'\\' => match behind {
                [a, b, c, behind @ ..] if [a, b, c].iter().all(|it| it.is_ascii_digit()) => {
                    rest = behind;
                    let digits = [a, b, c].map(|digit| u16::from(digit - b'0'));
                    let number = digits[0] * 100 + digits[1] * 10 + digits[2];
                    let octet = u8::try_from(number);
                    Symbol::DecimalEscape(octet.map_err(|_| {
                        Wrong::new("an escaped octet is written `\\000` to `\\255`")
                    })?)
                }
                [digit, ..] if digit.is_ascii_digit() => {
                    return Err(Wrong::new("an escaped octet is written in three digits"));
                }
                [escaped, behind @ ..] => {
                    rest = behind;
                    Symbol::SimpleEscape(*escaped)
                }
                [] => return Err(Wrong::new("a `\\` with nothing to escape")),
            },
            0x80.. => Symbol::DecimalEscape(*first),
            _ => Symbol::Char(char::from(*first)),
        };
        op(symbol)?;
    }
    Ok(())
}

impl Scanner for Words<'_> {
    type Octets = Vec<u8>;
    type OctetsBuilder = Vec<u8>;
    type Name = Name<Vec<u8>>;
    type Error = Wrong;

    fn has_space(&self) -> bool {
        self.words.get(self.at).is_some_and(|word| !word.joined)
    }

    fn continues(&mut self) -> bool {
        self.at < self.words.len()
    }

    fn scan_symbols<F>(&mut self, op: F) -> Result<(), Wrong>
    where
        F: FnMut(Symbol) -> Result<(), Wrong>,
    {
        each_symbol(self.take()?, op)
    }

    fn scan_entry_symbols<F>(&mut self, mut op: F) -> Result<(), Wrong>
    where
        F: FnMut(EntrySymbol) -> Result<(), Wrong>,
    {
        while self.continues() {
            self.scan_symbols(|symbol| op(symbol.into()))?;
            op(EntrySymbol::EndOfToken)?;
        }
        Ok(())
    }

    fn convert_token<C: ConvertSymbols<Symbol, Wrong>>(
        &mut self,
        mut convert: C,
    ) -> Result<Vec<u8>, Wrong> {
        let mut octets = Vec::new();
        each_symbol(self.take()?, |symbol| {
            octets.extend_from_slice(convert.process_symbol(symbol)?.unwrap_or_default());
            Ok(())
        })?;
        octets.extend_from_slice(convert.process_tail()?.unwrap_or_default());
        Ok(octets)
    }

    fn convert_entry<C: ConvertSymbols<EntrySymbol, Wrong>>(
        &mut self,
        mut convert: C,
    ) -> Result<Vec<u8>, Wrong> {
        let mut octets = Vec::new();
        while self.continues() {
            each_symbol(self.take()?, |symbol| {
                let more = convert.process_symbol(symbol.into())?;
                octets.extend_from_slice(more.unwrap_or_default());
                Ok(())
            })?;
        }
        octets.extend_from_slice(convert.process_tail()?.unwrap_or_default());
        Ok(octets)
    }

    fn scan_octets(&mut self) -> Result<Vec<u8>, Wrong> {
        self.octets()
    }

    /// `key="value"`: two words that stand together.
    fn scan_svcb_octets(&mut self) -> Result<Vec<u8>, Wrong> {
        let mut octets = self.octets()?;
        while self.words.get(self.at).is_some_and(|word| word.joined) {
            octets.extend(self.octets()?);
        }
        Ok(octets)
    }

    fn scan_ascii_str<F, T>(&mut self, op: F) -> Result<T, Wrong>
    where
        F: FnOnce(&str) -> Result<T, Wrong>,
    {
        op(self.text()?)
    }

    fn scan_name(&mut self) -> Result<Name<Vec<u8>>, Wrong> {
        let wire = self.name()?;
        Name::from_octets(wire).map_err(|error| Wrong::new(error.to_string()))
    }

    fn scan_charstr(&mut self) -> Result<CharStr<Vec<u8>>, Wrong> {
        let octets = self.octets()?;
        CharStr::from_octets(octets)
            .map_err(|_| Wrong::new("one text holds at most 255 octets; write several"))
    }

    fn scan_string(&mut self) -> Result<Str<Vec<u8>>, Wrong> {
        let octets = self.octets()?;
        Str::from_utf8(octets).map_err(|_| Wrong::new("only UTF-8 may stand here"))
    }

    fn scan_charstr_entry(&mut self) -> Result<Vec<u8>, Wrong> {
        let mut octets = Vec::new();
        while self.continues() {
            let text = self.scan_charstr()?;
            // A CharStr holds at most 255 octets.
            octets.push(text.len() as u8);
            octets.extend_from_slice(text.as_slice());
        }
        Ok(octets)
    }

    fn scan_opt_unknown_marker(&mut self) -> Result<bool, Wrong> {
        let marked = self.peek() == Some(b"\\#") && !self.words[self.at].quoted;
        self.at += usize::from(marked);
        Ok(marked)
    }

    fn octets_builder(&mut self) -> Result<Vec<u8>, Wrong> {
        Ok(Vec::new())
    }
}

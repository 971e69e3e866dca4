//! Fits a message's items into what a receiver takes: whole items are left out, and their number is
//! said; only when not one of them fits is a text cut, between two characters.
//!
//! Pure. Must not know any vendor: what a size counts is a [`Unit`], how lines are set apart is the
//! channel's.

use crate::config::model::Language;

use super::event::Severity;

/// What says that a text was cut.
const ELLIPSIS: char = '…';

/// What a receiver counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Octets of the text.
    Octets,
    /// Octets of the text within a JSON string, as `serde_json` writes it: of receivers that count
    /// the whole body.
    Json,
    /// UTF-16 code units, the most that "characters" can mean.
    Utf16,
}

impl Unit {
    /// The size of `text`; of two texts joined it is the sum of both.
    pub fn size(self, text: &str) -> usize {
        match self {
            Self::Octets => text.len(),
            Self::Json | Self::Utf16 => text.chars().map(|c| self.of_char(c)).sum(),
        }
    }

    fn of_char(self, c: char) -> usize {
        match (self, c) {
            (Self::Json, '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}') => 2,
            (Self::Json, '\0'..='\u{1f}') => r"\u0000".len(),
            (Self::Octets | Self::Json, _) => c.len_utf8(),
            (Self::Utf16, _) => c.len_utf16(),
        }
    }
}

/// The longest beginning of `text` that is not above `limit`.
pub fn cut(text: &str, limit: usize, unit: Unit) -> &str {
    let mut size = 0;
    let beyond = text.char_indices().find(|(_, c)| {
        size += unit.of_char(*c);
        size > limit
    });
    beyond.map_or(text, |(at, _)| &text[..at])
}

/// `text` as it is, or cut with `…` at its end. Empty when not even that has room.
pub fn shorten(text: &str, limit: usize, unit: Unit) -> String {
    if unit.size(text) <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(unit.of_char(ELLIPSIS)) else {
        return String::new();
    };
    let mut kept = cut(text, room, unit);
    // Half a tag shows as rubbish.
    if let Some(open) = kept.rfind('<')
        && !kept[open..].contains('>')
    {
        kept = &kept[..open];
    }
    format!("{kept}{ELLIPSIS}")
}

/// What is said of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// In the channel's markdown or text.
    pub text: String,
    /// The event's: with too little room the most severe stay.
    pub severity: Severity,
}

/// What a text is made of, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    /// Above the items; empty: nothing.
    pub head: &'a str,
    /// In the order they happened.
    pub items: &'a [Item],
    /// Events that are only counted.
    pub more: u64,
    /// Under the items, where it stays whatever is left out: mentions, a keyword.
    pub tail: &'a str,
    /// What sets all these apart.
    pub between: &'a str,
    /// What the limit counts.
    pub unit: Unit,
    /// Of the words that tell how many items are left out.
    pub language: Language,
}

impl Fit<'_> {
    /// The text, never above `limit`.
    pub fn within(&self, limit: usize) -> String {
        let all: Vec<&str> = self.items.iter().map(|item| item.text.as_str()).collect();
        let whole = self.joined(&all, self.more);
        if self.unit.size(&whole) <= limit {
            return whole;
        }
        let mut by_severity: Vec<&Item> = self.items.iter().collect();
        by_severity.sort_by_key(|item| std::cmp::Reverse(item.severity));
        let kept: Vec<&str> = by_severity.iter().map(|item| item.text.as_str()).collect();
        if let Some(fitting) = self.most_whole(&kept, limit) {
            return fitting;
        }
        let text = self.one_cut(&kept, limit);
        cut(&text, limit, self.unit).to_owned()
    }

    /// With as many whole items as fit, at least one.
    fn most_whole(&self, items: &[&str], limit: usize) -> Option<String> {
        let between = self.unit.size(self.between);
        let mut size: usize = items
            .iter()
            .map(|item| self.unit.size(item) + between)
            .sum();
        let mut left_out = self.more;
        for (kept, last) in items.iter().enumerate().skip(1).rev() {
            size -= self.unit.size(last) + between;
            left_out += 1;
            let others = self.unit.size(&self.joined(&[], left_out));
            if others + size <= limit {
                return Some(self.joined(&items[..kept], left_out));
            }
        }
        None
    }

    /// With what there is room for of the first item.
    fn one_cut(&self, items: &[&str], limit: usize) -> String {
        let count = u64::try_from(items.len()).expect("a count fits 64 bits");
        if let Some(first) = items.first() {
            let left_out = count - 1 + self.more;
            let others = self.unit.size(&self.joined(&[""], left_out));
            let room = limit.saturating_sub(others);
            let first = shorten(first, room, self.unit);
            if !first.is_empty() {
                return self.joined(&[&first], left_out);
            }
        }
        self.joined(&[], count + self.more)
    }

    fn joined(&self, items: &[&str], left_out: u64) -> String {
        let told = (left_out > 0).then(|| left_out_text(left_out, self.language));
        let head = Some(self.head).filter(|head| !head.is_empty());
        let tail = Some(self.tail).filter(|tail| !tail.is_empty());
        let parts: Vec<&str> = head
            .into_iter()
            .chain(items.iter().copied())
            .chain(told.as_deref())
            .chain(tail)
            .collect();
        parts.join(self.between)
    }
}

/// How many items are not shown.
fn left_out_text(count: u64, language: Language) -> String {
    match language {
        Language::Zh => format!("……另有 {count} 条"),
        Language::En => format!("…and {count} more"),
    }
}

#[cfg(test)]
mod tests;

//! A large file as pieces that can be read apart: the instances in many, all else in one.
//!
//! Pure, and only a proposal: it looks at how lines begin, nothing else, so a line of a text of
//! several lines may be taken for a header. Whoever reads the pieces has to find that each is
//! TOML by itself, and that the pieces of instances hold nothing but those. Then, and only then,
//! the file is TOML and says the same, because
//!
//! - a piece that ends within a text, a list or a table is not TOML by itself, so each cut lies
//!   between two lines of the document, and what follows it is a header, which counts from the
//!   root again;
//! - headers that begin with another key never meet: a table of `instance` and one of anything
//!   else do not see each other, so they may be read in any order, or without each other;
//! - a piece of instances begins a new one, so what it says of `instance.strategy` is of that one.

use std::borrow::Cow;

/// What a file falls into.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces<'a> {
    /// Each begins with an `[[instance]]`, and has nothing else if it is what it seems.
    pub(super) instances: Vec<Piece<'a>>,
    /// Everything between those, in order; the first begins with the file and may be empty.
    pub(super) others: Vec<Piece<'a>>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Where it begins in the file.
    pub(super) begin: usize,
    /// What it says.
    pub(super) text: &'a str,
}

impl<'a> Pieces<'a> {
    /// Cuts `text`, many instances in a row into pieces of about `size` octets.
    pub(super) fn of(text: &'a str, size: usize) -> Self {
        let mut pieces = Self {
            instances: Vec::new(),
            others: Vec::new(),
        };
        let mut begin = 0;
        let mut is_instances = false;
        for header in headers(text) {
            let of_instances = is_of_instances(&text[header..]);
            let full = header - begin >= size && text[header..].starts_with("[[instance]]");
            if of_instances != is_instances || (is_instances && full) {
                pieces.add(is_instances, begin, &text[begin..header]);
                (begin, is_instances) = (header, of_instances);
            }
        }
        pieces.add(is_instances, begin, &text[begin..]);
        pieces
    }

    fn add(&mut self, is_instances: bool, begin: usize, text: &'a str) {
        let list = if is_instances {
            &mut self.instances
        } else {
            &mut self.others
        };
        list.push(Piece { begin, text });
    }

    /// All that is not of instances, as one text.
    pub(super) fn rest(&self) -> Cow<'a, str> {
        match self.others[..] {
            [only] => Cow::Borrowed(only.text),
            _ => Cow::Owned(self.others.iter().map(|other| other.text).collect()),
        }
    }

    /// Where each piece of [`Self::rest`] begins there, and where in the file.
    pub(super) fn of_rest(&self) -> Vec<(usize, usize)> {
        let mut end = 0;
        let others = self.others.iter();
        others
            .map(|other| {
                let begin = end;
                end += other.text.len();
                (begin, other.begin)
            })
            .collect()
    }
}

/// Where lines begin that begin with `[`, ascending; not the first line.
fn headers(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices("\n[").map(|(newline, _)| newline + 1)
}

/// Whether a header's first key is `instance`, as it is usually written.
fn is_of_instances(header: &str) -> bool {
    let path = header.trim_start_matches('[');
    let rest = path
        .trim_start_matches([' ', '\t'])
        .strip_prefix("instance");
    rest.is_some_and(|rest| rest.starts_with(['.', ']', ' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(pieces: &[Piece<'a>]) -> Vec<&'a str> {
        pieces.iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn instances_are_apart_from_all_else() {
        let text = "version = 1\n[[pool]]\n[[instance]]\nname = 1\n[[instance.strategy]]\n[ instance . x ]\n[[channel]]\nx = [\n[1],\n]\n[instance]\n[instances]\n";
        let pieces = Pieces::of(text, 1000);
        assert_eq!(
            texts(&pieces.others),
            [
                "version = 1\n[[pool]]\n",
                "[[channel]]\nx = [\n[1],\n]\n",
                "[instances]\n"
            ]
        );
        assert_eq!(
            texts(&pieces.instances),
            [
                "[[instance]]\nname = 1\n[[instance.strategy]]\n[ instance . x ]\n",
                "[instance]\n"
            ]
        );
        assert_eq!(texts(&Pieces::of("", 1).others), [""]);
        for (begin, there) in pieces.of_rest() {
            assert!(text[there..].starts_with(&pieces.rest()[begin..begin + 10]));
        }
    }

    #[test]
    fn many_instances_are_many_pieces_and_nothing_is_lost() {
        let one = "[[instance]]\nname = \"x\"\n[[instance.strategy]]\nname = \"s\"\n";
        let text = format!("version = 1\n{}", one.repeat(10_000));
        let pieces = Pieces::of(&text, 1000);
        assert!(pieces.instances.len() > 5);
        let mut end = 0;
        for piece in pieces.others.iter().chain(&pieces.instances) {
            assert_eq!(piece.begin, end);
            end += piece.text.len();
        }
        assert_eq!(end, text.len());
        for piece in &pieces.instances {
            assert!(piece.text.starts_with("[[instance]]") && piece.text.len() < 1000 + one.len());
        }
    }
}

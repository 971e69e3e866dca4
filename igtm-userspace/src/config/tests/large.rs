//! A file read in pieces means what it means whole, problems and all, or is not read in pieces.

use std::path::Path;

use proptest::prelude::*;

use super::harness::{POOL, ZONE};
use crate::config::{Reading, large, parse_whole};

/// What a large file could look like, much smaller: `%` is a number of its own.
const GOOD: [&str; 8] = [
    "[[instance]]\nname = \"i%\"\ndomain = \"i%.example.com\"\n[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n",
    "[[instance]]\nname = \"i%\"\ndomain = \"i%.example.com\"\nstrategy = [\n{ name = \"s\", lines = [\n\"default\"], fallback = \"p\", tier = [\n{ pools = [\"p\"] }] }\n]\n\n# [[instance]]\n",
    "[[instance]]\r\nname = \"i%\"\r\ndomain = \"i%.example.com\"\r\n[[instance.strategy]]\r\nname = \"s\"\r\nlines = [\"default\"]\r\nfallback = \"p\"\r\n[[instance.strategy.tier]]\r\npools = [\"p\"]\r\n",
    "[[instance]]\nname = \"i%\"\ndomain = \"i%.example.com\"\nenabled = false\n[[instance.strategy]]\nname = \"电信\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n",
    "[[pool]]\nname = \"p%\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.1\" }]\n",
    "[[pool]]\nname = \"p%\"\ntype = \"ipv4\"\n[[pool.address]]\nvalue = \"192.0.2.2\"\n",
    "[[line]]\nname = \"l%\"\nprefixes = [\n\"192.0.2.0/24\",\n]\n",
    "# instance\n\n",
];

/// What makes a file bad, or what it begins mean something else, wherever it stands.
const ODD: [&str; 21] = [
    "x = \"\"\"\n",
    "x = '''\n",
    "\"\"\"\n",
    "'''\n",
    "region = \"\"\"\n[[instance]]\n\"\"\"\n",
    "x = [\n",
    "]\n",
    "prefixes = [\n[[instance]]\n]\n",
    "[[instance]]\n",
    "[instance]\n",
    "[instance.strategy]\n",
    "[[instance.strategy]]\n",
    "[[instance.strategy]]\nname = \"other\"\nlines = []\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n",
    "[\"instance\"]\nx = 1\n",
    "[[\"instance\"]]\nname = \"q%\"\n",
    "[server]\nport = 5353\n",
    "[server]\nport = \n",
    "[limits]\nslip = 3\n",
    "instance = []\n",
    " [[instance]]\n",
    "[[instance]]\nname = \"same\"\ndomain = \"same.example.com\"\n[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n",
];

fn file(parts: &[&str]) -> String {
    let numbered = parts.iter().zip(0..);
    let parts = numbered.map(|(part, at): (_, u32)| part.replace('%', &at.to_string()));
    format!("version = 1\n{ZONE}{POOL}{}", parts.collect::<String>())
}

fn in_pieces(text: &str, size: usize) -> Option<Reading> {
    large::in_pieces(text, Path::new("/nowhere/x.toml"), size)
}

/// Whatever the pieces give, the whole file says; whether they give anything.
fn agrees(text: &str, size: usize) -> Result<bool, TestCaseError> {
    let Some(pieces) = in_pieces(text, size) else {
        return Ok(false);
    };
    let whole = parse_whole(text, Path::new("/nowhere/x.toml"));
    prop_assert_eq!(format!("{pieces:?}"), format!("{whole:?}"), "{}", text);
    Ok(true)
}

proptest! {
    #[test]
    fn a_good_file_is_read_in_pieces(
        parts in prop::collection::vec(prop::sample::select(GOOD.to_vec()), 0..12),
        size in 1..600_usize,
    ) {
        prop_assert!(agrees(&file(&parts), size)?);
    }

    #[test]
    fn what_is_read_in_pieces_is_what_the_file_says(
        parts in prop::collection::vec(
            prop_oneof![
                2 => prop::sample::select(GOOD.to_vec()),
                1 => prop::sample::select(ODD.to_vec()),
            ],
            0..12,
        ),
        size in 1..600_usize,
    ) {
        agrees(&file(&parts), size)?;
    }

    /// A few characters taken out, doubled, or swapped for a token, anywhere.
    #[test]
    fn a_mutated_file_is_not_misread_in_pieces(
        parts in prop::collection::vec(prop::sample::select(GOOD.to_vec()), 0..8),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, 0..12_usize), 1..4),
        size in 1..600_usize,
    ) {
        let mut text: Vec<char> = file(&parts).chars().collect();
        for (index, kind, length) in edits {
            let from = index.index(text.len());
            let to = (from + length).min(text.len());
            let piece: Vec<char> = match kind {
                0 => Vec::new(),
                1 => text[from..to].repeat(2),
                2 => "\n".chars().collect(),
                3 => "\"\"\"".chars().collect(),
                4 => "'''".chars().collect(),
                5 => "[".chars().collect(),
                6 => "\n[[instance]]\n".chars().collect(),
                _ => "\n[[pool]]\n".chars().collect(),
            };
            text.splice(from..to, piece);
        }
        agrees(&text.into_iter().collect::<String>(), size)?;
    }
}

/// Each of them is cut wrongly, or read apart from what it belongs to.
#[test]
fn what_only_looks_good_in_pieces_is_not_read_in_pieces() {
    let instance = |name: &str| GOOD[0].replace('%', name);
    let (one, two) = (instance("1"), instance("2"));
    for text in [
        // The instance is part of a text, and so is the pool's header.
        format!("description = \"\"\"\n{one}[\"\"\"]\nx = 1\n"),
        // Two tables of one name.
        format!("[limits]\nslip = 3\n{one}[limits]\nslip = 3\n"),
        // What goes on is not the piece's own.
        format!("{one}[[pool]]\nname = \"q\"\n[[instance.strategy]]\nname = \"t\"\n"),
        format!("{one}[instance]\n{two}"),
    ] {
        let text = format!("version = 1\n{ZONE}{POOL}{text}");
        assert!(in_pieces(&text, 1).is_none(), "for\n{text}");
    }
}

/// Names that another piece has, pools that are not there, keys that nobody knows, wherever.
#[test]
fn problems_are_told_at_their_places() {
    let good = GOOD[0].replace('%', "1");
    let bad = good.replace("fallback = \"p\"", "fallback = \"q\"");
    let unknown = "[[channel]]\nname = \"c\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1/\"\n\"电信\" = 1\n";
    let text = format!("version = 1\n{ZONE}{POOL}{good}{bad}{unknown}{good}{POOL}colour = 1\n");
    for size in [1, 200, 10_000] {
        assert!(agrees(&text, size).unwrap_or_else(|error| panic!("{error}")));
        let problems = in_pieces(&text, size).and_then(|reading| reading.config.err());
        assert_eq!(problems.map(|problems| problems.iter().count()), Some(8));
    }
}

//! Text that nobody meant: whatever it is, it is judged without a panic.

use std::path::Path;

use proptest::prelude::*;

use crate::config::parse;

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/igtm.toml");
    std::fs::read_to_string(path).expect("the example is there")
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "\\PC*|(version = 1\n)?([a-z\\[\\]{}=\".,0-9\n -]{0,80})") {
        let _ = parse(&text, Path::new("/nowhere/x.toml"));
    }

    /// Pieces of the example taken out, doubled, or swapped for other tokens.
    #[test]
    fn a_mutated_example_is_judged(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..6_usize, 0..40_usize), 1..8)
    ) {
        let mut text: Vec<char> = example().chars().collect();
        for (index, kind, length) in edits {
            let from = index.index(text.len());
            let to = (from + length).min(text.len());
            let piece: Vec<char> = match kind {
                0 => Vec::new(),
                1 => text[from..to].repeat(2),
                2 => "[]".chars().collect(),
                3 => "-1".chars().collect(),
                4 => "\"default\"".chars().collect(),
                _ => "\n[[pool]]\n".chars().collect(),
            };
            text.splice(from..to, piece);
        }
        let text: String = text.into_iter().collect();
        if let Err(problems) = parse(&text, Path::new("/nowhere/x.toml")) {
            prop_assert!(problems.iter().count() > 0);
            let lines = text.split('\n').count();
            for problem in problems.iter() {
                prop_assert!((1..=lines).contains(&problem.line), "{}", problem);
            }
        }
    }

    /// One line of the example left out, or one value replaced: still TOML, so it reaches the rules.
    #[test]
    fn an_example_with_a_line_changed_is_judged(
        index in any::<prop::sample::Index>(),
        value in prop::option::of(prop::sample::select(vec!["0", "\"x\"", "[]", "true", "{ a = 1 }", "[\"default\", \"x\"]"]))
    ) {
        let text = example();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = index.index(lines.len());
        match (value, lines[at].split_once(" = ")) {
            (Some(value), Some((key, _))) => lines[at] = format!("{key} = {value}"),
            _ => drop(lines.remove(at)),
        }
        let _ = parse(&lines.join("\n"), Path::new("/nowhere/x.toml"));
    }
}

//! Names that look like one that nobody has.

use hickory_proto::rr::Name;

use super::text;
use crate::config::model::Config;

/// Most names suggested.
const MAX_NEAR: usize = 3;

/// The instances' names most like `name`: a slip of the keys away, or with the same first label.
pub(super) fn names(config: &Config, name: &Name) -> Vec<String> {
    let wanted = text::of_name(name);
    let known = config
        .instances
        .iter()
        .flat_map(|one| [&one.access_domain, &one.domain]);
    let mut near: Vec<(usize, String)> = known
        .map(text::of_name)
        .filter_map(|one| {
            let steps = distance(&wanted, &one);
            let slip = steps <= wanted.len() / 5 + 1;
            (slip || first_label(&wanted) == first_label(&one)).then_some((steps, one))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter()
        .map(|(_, one)| one)
        .take(MAX_NEAR)
        .collect()
}

/// `; did you mean …?`, or nothing.
pub(super) fn question(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", near.join(" or "))
}

fn first_label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// How many characters must be inserted, removed or replaced (Levenshtein), one row at a time.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (n, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[n + 1];
            row[n + 1] = replaced.min(diagonal + 1).min(row[n] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn steps_between_words() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("www", "www"), 0);
    }
}

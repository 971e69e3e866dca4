//! "Did you mean …?": the known word that a mistyped one is nearest to.
//!
//! Pure. Must not guess wildly: a suggestion that is wrong costs more than none.

/// Characters of the longest word that anybody mistypes: names have 64 at most, and measuring takes
/// time with the length.
const LONGEST: usize = 128;

/// `"; did you mean `x`?"` for the nearest of `known`, or nothing when none is near.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let length = word.chars().count();
    if length > LONGEST {
        return String::new();
    }
    let allowed = (length / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        // A word of one letter is near to every other: nothing of it must be left to guess by.
        .filter(|(distance, _)| *distance <= allowed && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, candidate)| {
            format!("; did you mean `{candidate}`?")
        })
}

/// Names that are listed; of more, how many.
const LISTED: usize = 8;

/// The nearest of `known` as [`suggestion`] says it, or where none is near, what there is.
pub(crate) fn instead<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = suggestion(word, known.clone());
    if !near.is_empty() {
        return near;
    }
    let count = known.clone().count();
    let first: Vec<&str> = known.take(LISTED).collect();
    let more = match count - first.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match count {
        0 => "; there is none".to_owned(),
        1 => format!("; there is only {}", first.join("")),
        _ => format!("; there are {}{more}", first.join(", ")),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_suggested() {
        let known = ["protocol", "interval", "port", "电信", "联通"];
        let suggest = |word| suggestion(word, known);
        assert_eq!(suggest("protcol"), "; did you mean `protocol`?");
        assert_eq!(suggest("Port"), "; did you mean `port`?");
        assert_eq!(suggest("prot"), "; did you mean `port`?");
        assert_eq!(suggest("电言"), "; did you mean `电信`?");
        assert_eq!(suggest("colour"), "");
        assert_eq!(suggest(""), "");
        assert_eq!(suggestion("q", ["p"]), "");
        // A million characters took ten seconds.
        let (long, near) = ("x".repeat(LONGEST + 1), "x".repeat(LONGEST));
        assert_eq!(suggestion(&long, [&*near]), "");
        assert_eq!(suggestion("P", ["p"]), "; did you mean `p`?");
    }

    #[test]
    fn a_swap_of_neighbours_is_one_step() {
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn where_none_is_near_it_is_said_what_there_is() {
        let many: Vec<String> = (0..11).map(|number| format!("pool-{number}")).collect();
        for (known, expected) in [
            (&many[..0], "; there is none"),
            (&many[..1], "; there is only pool-0"),
            (&many[..2], "; there are pool-0, pool-1"),
            (
                &many[..],
                "; there are pool-0, pool-1, pool-2, pool-3, pool-4, pool-5, pool-6, pool-7 and 3 more",
            ),
        ] {
            let known = known.iter().map(String::as_str);
            assert_eq!(instead("telecom", known.clone()), expected);
            let near = instead("pol-0", known.clone());
            assert_eq!(near.contains("did you mean `pool-0`"), known.count() > 0);
        }
    }
}

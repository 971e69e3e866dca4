//! What the tables of bad files share: the tables that cases stand on, and the comparison.

use std::path::Path;

use crate::config::parse;

/// Good tables that a case adds to or spoils; [`STRATEGY`] is of the instance before it.
pub(super) const ZONE: &str = "[[zone]]\norigin = \"example.com\"\nns = [\"ns.example.net\"]\ncontact = \"ops.example.net\"\n";
pub(super) const POOL: &str =
    "[[pool]]\nname = \"p\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.1\" }]\n";
pub(super) const INSTANCE: &str = "[[instance]]\nname = \"i\"\ndomain = \"www.example.com\"\n";
pub(super) const STRATEGY: &str = "[[instance.strategy]]\nname = \"s\"\nlines = [\"default\"]\nfallback = \"p\"\ntier = [{ pools = [\"p\"] }]\n";

/// The problems of `version = 1`, then `text` from line 2 on, as `LINE:COLUMN: message`.
pub(super) fn problems(text: &str) -> Vec<String> {
    let text = format!("version = 1\n{text}");
    match parse(&text, Path::new("/nowhere/x.toml")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| problem.to_string().replace("/nowhere/x.toml:", ""))
            .collect(),
    }
}

#[track_caller]
pub(super) fn expect(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected, "for\n{text}");
}

/// As [`expect`], after the tables that an instance needs.
#[track_caller]
pub(super) fn expect_after(before: &[&str], text: &str, expected: &[(usize, &str)]) {
    let before = before.concat();
    let first = before.lines().count();
    let expected: Vec<String> = expected
        .iter()
        .map(|(line, rest)| format!("{}:{rest}", first + line))
        .collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expect(&format!("{before}{text}"), &expected);
}

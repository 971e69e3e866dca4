//! Several files as one configuration.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::harness::{INSTANCE, POOL, STRATEGY, ZONE};
use crate::config::model::Config;
use crate::config::{Problems, load, parse};

/// The files in a fresh directory.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in the directory")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

/// The problems, with files relative to the directory.
fn problems(directory: &Path) -> Vec<String> {
    let prefix = format!("{}/", directory.display());
    match load(directory) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| problem.to_string().replace(&prefix, ""))
            .collect(),
    }
}

#[test]
fn files_are_merged_in_the_order_of_their_names() {
    let first = format!("version = 1\n{POOL}{ZONE}");
    let second = format!("{INSTANCE}{STRATEGY}");
    let directory = directory(&[
        ("20-www.toml", &second),
        ("10-base.toml", &first),
        (
            "30-more.toml",
            "version = 1\n[[pool]]\nname = \"late\"\ntype = \"ipv4\"\naddress = [{ value = \"192.0.2.2\" }]\n",
        ),
        (".30-more.toml", "left by an editor"),
        ("readme.txt", "not ours"),
        ("off.toml.disabled", "not ours"),
        ("sub.toml/x.toml", "not ours"),
    ]);
    let config = load(directory.path()).unwrap_or_else(|problems| panic!("{problems}"));
    let pools: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(pools, ["p", "late"]);
    assert_eq!(config.instances.len(), 1);
}

#[test]
fn each_problem_names_its_own_file_and_others_by_line_and_file() {
    let directory = directory(&[
        (
            "a.toml",
            &format!("version = 1\n[server]\nport = 5353\n{POOL}"),
        ),
        (
            "b.toml",
            &format!("# 电信\n[server]\nport = 1\n{POOL}monitor = \"m\"\n"),
        ),
        ("c.toml", "version = 2\n[[monitor]]\nname = \"m\"\n"),
    ]);
    assert_eq!(
        problems(directory.path()),
        [
            "b.toml:2:2: `server` stands on line 2 of a.toml already: of the files of a directory, one may have it",
            "b.toml:5:8: the name `p` is taken by the pool of line 5 of a.toml",
            "c.toml:1:11: `version` is 2; it must be 1, the version that this igtm reads",
            "c.toml:2:1: `protocol` is missing in `monitor`",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_of_every_file() {
    let directory = directory(&[("a.toml", "version = \n"), ("c.toml", "pool = [\n")]);
    fs::write(directory.path().join("b.toml"), b"# \xb5\xe7").expect("written");
    let found = problems(directory.path());
    assert!(found[0].starts_with("a.toml:1:1"), "{found:?}");
    assert!(
        found.contains(&"b.toml:1:3: this file is not UTF-8 from here on".to_owned()),
        "{found:?}"
    );
    assert!(
        found.last().is_some_and(|it| it.starts_with("c.toml:")),
        "{found:?}"
    );
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let other = directory(&[("prefixes.txt", "192.0.2.0/24\n")]);
    let directory = directory(&[("a.toml", "version = 1\n")]);
    let line = "[[line]]\nname = \"x\"\nprefix_files = [\"prefixes.txt\"]\n";
    let linked = other.path().join("b.toml");
    fs::write(&linked, line).expect("written");
    // The name in the directory counts, not where a link leads: as a mounted ConfigMap needs.
    std::os::unix::fs::symlink(&linked, directory.path().join("b.toml")).expect("linked");
    assert_eq!(
        problems(directory.path()),
        ["b.toml:3:17: cannot read `prefixes.txt`: No such file or directory (os error 2)"]
    );
    fs::copy(
        other.path().join("prefixes.txt"),
        directory.path().join("prefixes.txt"),
    )
    .expect("copied");
    assert_eq!(problems(directory.path()), [""; 0]);
}

#[test]
fn a_directory_needs_a_file_and_a_version() {
    let empty = directory(&[("x.txt", "")]);
    let found = load(empty.path()).unwrap_err().to_string();
    assert!(
        found.ends_with(":1:1: no file of this directory is named `*.toml`"),
        "{found}"
    );
    let none = directory(&[("a.toml", ""), ("b.toml", "[server]\nport = 1\n")]);
    assert_eq!(problems(none.path()), ["a.toml:1:1: `version` is missing"]);
}

/// The example, cut before tables that stand at the top: each piece could be a file.
fn pieces() -> Vec<String> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/igtm.toml");
    let text = fs::read_to_string(example).expect("the example is there");
    let mut pieces = vec![String::new()];
    for line in text.lines() {
        let header = line.trim_start_matches('[');
        if header.len() < line.len() && !header.contains('.') {
            pieces.push(String::new());
        }
        let piece = pieces.last_mut().expect("there is one");
        piece.push_str(line);
        piece.push('\n');
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn however_it_is_cut_it_means_the_same(
        cuts in prop::collection::btree_set(1..pieces().len(), 0..6),
        spoiled in any::<prop::sample::Index>(),
    ) {
        let pieces = pieces();
        let directory = tempfile::tempdir().expect("a directory");
        let lines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/lines");
        std::os::unix::fs::symlink(lines, directory.path().join("lines")).expect("linked");
        let whole = |pieces: &[String]| parse(&pieces.concat(), &directory.path().join("x.toml"));
        let cut = |pieces: &[String]| {
            let ends = cuts.iter().copied().chain([pieces.len()]);
            let mut from = 0;
            for (number, end) in ends.enumerate() {
                let path = directory.path().join(format!("{number}.toml"));
                fs::write(path, pieces[from..end].concat()).expect("written");
                from = end;
            }
            load(directory.path())
        };
        let shown = |config: Result<Config, Problems>| config.map(|it| format!("{it:?}"));
        prop_assert_eq!(shown(cut(&pieces)), shown(whole(&pieces)));

        // A problem in one piece is the same one, in that piece's file.
        let mut bad = pieces.clone();
        let at = spoiled.index(bad.len() - 1) + 1;
        bad[at] = bad[at].replacen(" = ", "x = ", 1);
        let told = |problems: Result<Config, Problems>| -> Vec<String> {
            let problems = problems.err();
            let problems = problems.iter().flat_map(Problems::iter);
            // Where another place is named, its line is of its file.
            let without_lines = |message: &str| -> String {
                message.split("line").next().unwrap_or_default().to_owned()
            };
            problems.map(|problem| without_lines(&problem.message)).collect()
        };
        prop_assert_eq!(told(cut(&bad)), told(whole(&bad)));
    }
}

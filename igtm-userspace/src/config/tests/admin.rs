//! `[admin]`: what it becomes, and what is refused.

use std::path::Path;

use super::harness::expect;
use crate::config::model::Admin;
use crate::config::parse;

fn admin(text: &str) -> Admin {
    let text = format!("version = 1\n{text}");
    parse(&text, Path::new("/etc/igtm/igtm.toml"))
        .unwrap_or_else(|problems| panic!("{problems}"))
        .admin
}

#[test]
fn what_is_good() {
    let default = admin("");
    assert_eq!(default.socket, Path::new("/run/igtm/admin.sock"));
    assert_eq!((default.listen, &default.token), (None, &None));
    let whole = admin(
        "[admin]\nsocket = \"own.sock\"\nlisten = \"[::1]:8053\"\ntoken = \"0123456789abcdef\"",
    );
    assert_eq!(whole.socket, Path::new("/etc/igtm/own.sock"));
    assert_eq!(
        whole.listen,
        Some("[::1]:8053".parse().expect("an address"))
    );
    assert_eq!(
        whole.token.clone().map(|token| token.reveal().len()),
        Some(16)
    );
    assert!(!format!("{whole:?}").contains("0123456789abcdef"));
    // A token alone is for later; a token file as `echo` writes it.
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("admin.token");
    std::fs::write(&file, "a-token-of-some-length\n").expect("it can be written");
    let from_file = admin(&format!("[admin]\ntoken_file = \"{}\"", file.display()));
    assert_eq!(
        from_file.token.as_ref().map(|token| token.reveal()),
        Some("a-token-of-some-length")
    );
    assert!(default.same_places(&from_file) && !default.same_places(&whole));
}

#[test]
fn what_is_refused() {
    let long = format!("[admin]\nsocket = \"/{}\"", "x".repeat(107));
    let too_long = format!(
        "3:10: `socket` is 108 octets long as /{}; a unix socket's path has at most 107",
        "x".repeat(107)
    );
    for (text, expected) in [
        (
            "[admin]\nlisten = \"127.0.0.1:8053\"",
            "3:10: `listen` needs a token: add `token_file`, `token_env` or `token`, or leave out `listen` and use the socket",
        ),
        (
            "[admin]\nlisten = \"8053\"\ntoken = \"0123456789abcdef\"",
            "3:10: `listen` is \"8053\"; it must be an address with its port, like \"127.0.0.1:8053\" or \"[::1]:8053\"",
        ),
        (
            "[admin]\ntoken = \"too short\"",
            "3:9: the token (not shown) must be at least 16 printable ASCII characters without spaces",
        ),
        (
            "[admin]\ntoken_file = \"/nowhere/token\"",
            "3:14: cannot read the file that `token_file` names: No such file or directory (os error 2)",
        ),
        (
            "[admin]\nsocket = \"\"",
            "3:10: `socket` is \"\"; it must be a path",
        ),
        (&long, &too_long),
        (
            "[admin]\nsockt = \"x\"",
            "3:1: unknown key `sockt`; did you mean `socket`?",
        ),
    ] {
        expect(text, &[expected]);
    }
}

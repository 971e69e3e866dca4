//! Bad channels, each with its exact messages, none of which shows a secret.

use super::harness::{expect, problems};

#[test]
fn channels_never_show_a_secret() {
    for (text, expected) in [
        (
            "",
            "2:1: `url` is missing in `channel` (or `url_file`, or `url_env`)",
        ),
        (
            "url = \"ftp://hunter2\"",
            "5:7: `url` (not shown: it is a secret) must be an http:// or https:// URL",
        ),
        (
            "url = [\"http://x\", \"http://hunter2\"]",
            "5:20: a webhook has one `url`",
        ),
        (
            "url = \"http://x\"\nurl_env = \"hunter2\"",
            "6:11: give only one of `url`, `url_file` and `url_env`|6:11: `url_env` (not shown) must name an environment variable that is set",
        ),
        (
            "url = \"http://x\"\nsecret = \"hunter2\"",
            "6:10: `secret` (not shown) must be \"whsec_\" and then the key in base64 with padding",
        ),
        // PATH is set, and no URL: the variable was read, and is not shown.
        (
            "url_env = \"PATH\"",
            "5:11: `url` (not shown: it is a secret) must be an http:// or https:// URL",
        ),
        (
            "url = \"http://x\"\nsecret = 1",
            "6:10: `secret` is a whole number; it must be a text",
        ),
        (
            "url = \"http://x\"\nsecret_file = \"whsec_hunter2\"",
            "6:15: cannot read the file that `secret_file` names: No such file or directory (os error 2)",
        ),
        (
            "url = \"http://x\"\nheaders = { \"a b\" = \"hunter2\", host = \"hunter2\", c = \"hunter\\n2\" }",
            "6:13: `a b` cannot be the name of an HTTP header|6:32: the header `host` is set by igtm itself|6:54: the value of this header (not shown) has characters that HTTP does not allow",
        ),
        (
            "url = \"http://x\"\nwebhook = \"hunter2\"",
            "6:1: unknown key `webhook`; `channel` has name, type, description, enabled, timeout, allow_private, url, url_file, url_env, secret, secret_file, secret_env, headers",
        ),
    ] {
        let text = format!("[[channel]]\nname = \"c\"\ntype = \"webhook\"\n{text}");
        let expected: Vec<&str> = expected.split('|').collect();
        expect(&text, &expected);
        assert!(!problems(&text).concat().contains("hunter"));
    }
}

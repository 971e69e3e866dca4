//! Domain names of the file: hostnames, checked, lower-cased, fully qualified.
//!
//! Must not resolve anything.

use hickory_proto::rr::Name;

use super::value::Value;

/// Longest label and longest name as text without the final dot (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

/// Reads a domain name.
pub(super) fn domain(value: &Value<'_>) -> Option<Name> {
    let text = value.string()?;
    match parse(text) {
        Ok(name) => Some(name),
        Err(reason) => {
            value.wrong(format_args!("a domain name ({reason})"));
            None
        }
    }
}

/// A domain name from text, with or without the final dot; the error says what is allowed.
pub(super) fn parse(text: &str) -> Result<Name, &'static str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if !text.is_ascii() {
        return Err("write an internationalized name in its ASCII form, xn--…");
    }
    if text.contains('@') {
        return Err("write `user@example.com` as `user.example.com`");
    }
    if text.len() > LONGEST_NAME {
        return Err("at most 253 characters");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    for label in text.split('.') {
        if label.is_empty() {
            return Err("no label may be empty");
        }
        if label.len() > LONGEST_LABEL {
            return Err("a label holds at most 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no label may begin or end with `-`");
        }
        if !label.bytes().all(allowed) {
            return Err("letters, digits, `-` and `_`, separated by dots");
        }
    }
    let lower = text.to_ascii_lowercase();
    // From octets: hickory's text parsers refuse or rewrite some labels that are fine here.
    Name::from_labels(lower.split('.').map(str::as_bytes)).map_err(|_| "at most 253 characters")
}

/// A name as people write it, without the final dot.
pub(super) fn show(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_are_lower_case_and_fully_qualified() {
        let name = parse("WWW.Example.COM").expect("it is a name");
        assert_eq!(name.to_string(), "www.example.com.");
        assert!(name.is_fqdn());
        assert_eq!(parse("www.example.com.").as_ref(), Ok(&name));
        assert_eq!(
            parse("_sip.a_b.x--y.1.example")
                .map(|n| show(&n))
                .as_deref(),
            Ok("_sip.a_b.x--y.1.example")
        );
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(253 - 3 * 64));
        assert_eq!(parse(&longest).map(|n| show(&n)), Ok(longest));
    }

    #[test]
    fn bad_names_say_why() {
        for (text, reason) in [
            ("", "no label may be empty"),
            (".", "no label may be empty"),
            ("a..b", "no label may be empty"),
            ("a.b..", "no label may be empty"),
            (
                "*.example.com",
                "letters, digits, `-` and `_`, separated by dots",
            ),
            ("-a.example", "no label may begin or end with `-`"),
            ("a-.example", "no label may begin or end with `-`"),
            ("a b", "letters, digits, `-` and `_`, separated by dots"),
            (
                "bücher.example",
                "write an internationalized name in its ASCII form, xn--…",
            ),
            (
                "ops@example.com",
                "write `user@example.com` as `user.example.com`",
            ),
            (&"a".repeat(64), "a label holds at most 63 characters"),
            (&"a.".repeat(127), "at most 253 characters"),
        ] {
            // 127 labels of one letter are 253 characters: one more makes it too long.
            let text = if text.len() == 254 {
                format!("{text}bc")
            } else {
                text.to_owned()
            };
            assert_eq!(parse(&text), Err(reason), "{text:?}");
        }
    }
}

//! Prefixes of lines: one CIDR, read strictly, and files of them.
//!
//! Must not merge or order lines: which prefix wins is policy's.

use std::net::IpAddr;

use ipnet::IpNet;

use super::problem::{Problem, Report};
use super::value::{Value, shorten};

/// Bad lines of one file that are shown each; the rest is counted.
const SHOWN_PER_FILE: usize = 20;
/// Characters of the longest prefix: IPv6 with IPv4 at its end, and its length.
const LONGEST_PREFIX: usize = 49;
/// Characters of what is shown of a file whatever it is: a token has 16 or more.
const LONGEST_ANY: usize = 15;

/// An inline prefix.
pub(super) fn prefix(value: &Value<'_>) -> Option<IpNet> {
    match parse(value.string()?) {
        Ok(prefix) => Some(prefix),
        Err(message) => {
            value.problem(message);
            None
        }
    }
}

/// `ADDRESS/LENGTH` without host bits; the error says what is allowed.
pub(super) fn parse(text: &str) -> Result<IpNet, String> {
    let Some((address, length)) = text.split_once('/') else {
        return Err(match text.parse::<IpAddr>() {
            Ok(ip) => {
                let whole = IpNet::from(ip);
                format!("`{text}` has no length; for this one address write `{whole}`")
            }
            Err(_) => malformed(text),
        });
    };
    let address: IpAddr = address.parse().map_err(|_| malformed(text))?;
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length: Option<u8> = length.parse().ok().filter(|_| digits);
    let prefix = length
        .and_then(|length| IpNet::new(address, length).ok())
        .ok_or_else(|| {
            let longest = IpNet::from(address).prefix_len();
            format!("`{}` must have a length from 0 to {longest}", shorten(text))
        })?;
    if prefix.addr() != prefix.network() {
        let allowed = prefix.trunc();
        return Err(format!("`{text}` has host bits set; write `{allowed}`"));
    }
    if let IpNet::V6(v6) = prefix
        && v6.prefix_len() >= 96
        && let Some(v4) = v6.addr().to_ipv4_mapped()
    {
        let length = v6.prefix_len() - 96;
        return Err(format!(
            "`{text}` is IPv4 mapped into IPv6; write `{v4}/{length}`"
        ));
    }
    Ok(prefix)
}

fn malformed(text: &str) -> String {
    format!(
        "`{}` is not a prefix; write ADDRESS/LENGTH like `192.0.2.0/24` or `2001:db8::/32`",
        shorten(text)
    )
}

/// Whether a word of a file may stand in a message. A file that was named by mistake may hold
/// secrets, and messages are logged: nothing that is long enough for one, unless it looks like a
/// prefix.
fn is_shown(word: &str) -> bool {
    let like_an_address = |c: char| c.is_ascii_hexdigit() || ".:/".contains(c);
    word.len() <= LONGEST_ANY
        || (word.len() <= LONGEST_PREFIX
            && word.contains(['.', ':'])
            && word.chars().all(like_an_address))
}

/// Reads the file that `value` names into `prefixes`: one CIDR a line, `#` begins a comment.
pub(super) fn read_file(value: &Value<'_>, report: &Report<'_>, prefixes: &mut Vec<IpNet>) {
    let Some(named) = value.string() else {
        return;
    };
    let path = report.resolve(value.at, named);
    let octets = match report.read(&path) {
        Ok(octets) => octets,
        Err(error) => {
            value.problem(format!("cannot read `{}`: {error}", path.display()));
            return;
        }
    };
    // Some editors begin a text with a byte order mark.
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&octets);
    let file = path.display().to_string();
    let mut bad = 0_usize;
    for (index, line) in octets.split(|byte| *byte == b'\n').enumerate() {
        // Comments may be in any encoding: only what stands before them must be text.
        let content = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let word = content.trim_ascii();
        if word.is_empty() {
            continue;
        }
        let parsed = str::from_utf8(word)
            .ok()
            .filter(|word| is_shown(word))
            .ok_or_else(|| {
                "what stands here (not shown) is not a prefix; is this a file of prefixes?"
                    .to_owned()
            })
            .and_then(parse);
        match parsed {
            Ok(prefix) => prefixes.push(prefix),
            Err(message) => {
                bad += 1;
                if bad <= SHOWN_PER_FILE {
                    let indent = content.len() - content.trim_ascii_start().len();
                    report.problem_of_named_file(Problem {
                        file: file.clone(),
                        line: index + 1,
                        column: indent + 1,
                        message,
                    });
                }
            }
        }
    }
    if bad > SHOWN_PER_FILE {
        let rest = bad - SHOWN_PER_FILE;
        let lines = if rest == 1 { "line" } else { "lines" };
        value.problem(format!(
            "{rest} more {lines} of `{file}` cannot be read as prefixes; the first {SHOWN_PER_FILE} are told"
        ));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_prefixes() {
        for text in [
            "192.0.2.0/24",
            "0.0.0.0/0",
            "192.0.2.1/32",
            "2001:db8::/32",
            "::/0",
        ] {
            assert_eq!(
                parse(text).map(|prefix| prefix.to_string()).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn bad_prefixes_name_the_allowed_form() {
        let malformed =
            "is not a prefix; write ADDRESS/LENGTH like `192.0.2.0/24` or `2001:db8::/32`";
        for (text, message) in [
            (
                "192.0.2.1",
                "`192.0.2.1` has no length; for this one address write `192.0.2.1/32`",
            ),
            (
                "2001:db8::1",
                "`2001:db8::1` has no length; for this one address write `2001:db8::1/128`",
            ),
            (
                "192.0.2.7/24",
                "`192.0.2.7/24` has host bits set; write `192.0.2.0/24`",
            ),
            (
                "192.0.2.0/33",
                "`192.0.2.0/33` must have a length from 0 to 32",
            ),
            (
                "192.0.2.0/+4",
                "`192.0.2.0/+4` must have a length from 0 to 32",
            ),
            (
                "2001:db8::/129",
                "`2001:db8::/129` must have a length from 0 to 128",
            ),
            (
                "::ffff:192.0.2.0/120",
                "`::ffff:192.0.2.0/120` is IPv4 mapped into IPv6; write `192.0.2.0/24`",
            ),
            ("192.0.2/24", &format!("`192.0.2/24` {malformed}")),
            ("x", &format!("`x` {malformed}")),
        ] {
            assert_eq!(parse(text).as_ref().map_err(String::as_str), Err(message));
        }
    }

    proptest! {
        #[test]
        fn what_is_read_shows_as_it_was_meant(text in "\\PC*|[0-9a-f.:]{0,20}/[0-9]{0,3}") {
            if let Ok(prefix) = parse(&text) {
                prop_assert_eq!(parse(&prefix.to_string()), Ok(prefix));
            }
        }
    }
}

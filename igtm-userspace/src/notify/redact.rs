//! Takes a channel's secrets out of what a receiver said: many repeat the request in their errors.
//!
//! Pure. Must not show a secret in `Debug`.

use url::{Position, Url};

use super::fit::{Unit, cut};
use super::login::Login;

/// What is kept of a reply, octets.
pub const REPLY_OCTETS: usize = 2048;

/// What stands in place of a secret.
const REDACTED: &str = "[secret]";

/// Of a path or a query anything shorter would blacken half of every reply, and protects nothing. A
/// password that is shorter is taken out where it stands alone.
const SHORTEST: usize = 4;

/// Parts of paths that every customer of a vendor has.
const COMMON: [&str; 11] = [
    "bot",
    "cgi-bin",
    "hook",
    "hooks",
    "open-apis",
    "robot",
    "send",
    "services",
    "triggers",
    "webhook",
    "workflows",
];

/// What must not be shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Wherever they stand, the longest first.
    anywhere: Vec<String>,
    /// Shorter than [`SHORTEST`]: where no letter or digit is beside them.
    alone: Vec<String>,
}

impl Secrets {
    /// Nothing yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whatever of a hook's URL may be a secret: its path, its query, its password. The name of a login
    /// is none, and often a word that replies are full of; without a password it is the token.
    #[must_use]
    pub fn and_url(self, url: &Url) -> Self {
        let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
        let own = segments.iter().filter(|segment| !COMMON.contains(segment));
        let query: Vec<String> = url
            .query_pairs()
            .map(|(_, value)| value.into_owned())
            .collect();
        let raw = url.query().unwrap_or_default();
        let raw = raw.split('&').filter_map(|pair| pair.split_once('='));
        let texts = own
            .copied()
            .chain(query.iter().map(String::as_str))
            .chain(raw.map(|(_, value)| value))
            .chain([
                &url[Position::BeforePath..],
                url.fragment().unwrap_or_default(),
            ]);
        texts.fold(self, Self::and).and_login(url)
    }

    /// The login of a URL as it is sent: `Authorization: Basic` (RFC 7617). Who shows a request in
    /// an error shows that.
    fn and_login(self, url: &Url) -> Self {
        let Some(login) = Login::of(url) else {
            return self;
        };
        let (raw, secret) = match url.password() {
            Some(password) if !password.is_empty() => (password, &login.password),
            _ => (url.username(), &login.name),
        };
        self.and_password(raw)
            .and_password(&String::from_utf8_lossy(secret))
            .and(&login.credentials())
    }

    /// One more that is a secret however short it is.
    #[must_use]
    pub fn and_password(mut self, text: &str) -> Self {
        if text.len() >= SHORTEST {
            return self.and(text);
        }
        if !text.is_empty() {
            self.alone.push(text.to_owned());
        }
        self
    }

    /// One more, however it may be written in a URL or in JSON.
    #[must_use]
    pub fn and(mut self, text: &str) -> Self {
        if text.len() < SHORTEST {
            return self;
        }
        let in_query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let in_json = escaped(text);
        // A reply that repeats our body repeats it within a string of its own.
        let nested = escaped(&in_json);
        let slashed = in_json.replace('/', r"\/");
        let lower = in_query.to_ascii_lowercase();
        let all = &mut self.anywhere;
        all.extend([text.to_owned(), in_query, lower, in_json, nested, slashed]);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        self
    }

    /// `text` without them, and of no more than [`REPLY_OCTETS`].
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.anywhere {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED);
            }
        }
        for secret in &self.alone {
            text = without_alone(&text, secret);
        }
        cut(&text, REPLY_OCTETS, Unit::Octets).to_owned()
    }
}

/// `text` without `secret` where it is a word of its own.
fn without_alone(text: &str, secret: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, found) = rest.split_at(at);
        let after = &found[secret.len()..];
        shown.push_str(before);
        let is_part =
            shown.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        shown.push_str(if is_part { secret } else { REDACTED });
        rest = after;
    }
    shown + rest
}

/// What stands between the quotes in JSON.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string always serialises");
    quoted[1..quoted.len() - 1].to_owned()
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_url_is_taken_out_however_it_is_written() {
        let text =
            "https://us3r:pa55w0rd@hooks.example/services/T0AAAA/B0BBBB/a%2Fb+c?key=k/e+y&x=1#frag";
        let url = Url::parse(text).expect("a URL");
        let secrets = Secrets::none().and_url(&url).and("corp\"secret/1");
        let replies = [
            text.to_owned(),
            "no such path: /services/T0AAAA/B0BBBB".to_owned(),
            "T0AAAA, B0BBBB, a%2Fb+c".to_owned(),
            r#"{"path":"\/services\/T0AAAA","secret":"corp\"secret\/1"}"#.to_owned(),
            format!("{} corp%22secret%2F1", "x".repeat(REPLY_OCTETS - 10)),
            r#"{"errmsg":"{\"secret\":\"corp\\\"secret/1\"}"}"#.to_owned(),
            "k/e y k%2Fe+y k%2fe+y k/e+y".to_owned(),
        ];
        for reply in replies {
            let shown = secrets.clean(&reply);
            for secret in ["T0AA", "B0BB", "b+c", "pa55", "k/e", "k%2", "corp", "frag"] {
                assert!(!shown.contains(secret), "{secret} in {shown}");
            }
            assert!(shown.len() <= REPLY_OCTETS && shown.contains("[secret]"));
        }
        assert_eq!(format!("{secrets:?}"), "[secret]");
    }

    #[test]
    fn a_login_is_taken_out_as_it_is_sent() {
        let url = Url::parse("https://us3r:pa%2Fss@hooks.example/x").expect("a URL");
        let secrets = Secrets::none().and_url(&url);
        // printf 'us3r:pa/ss' | base64
        let shown = secrets.clean("500\r\nauthorization: Basic dXMzcjpwYS9zcw==\r\n");
        assert_eq!(shown, "500\r\nauthorization: Basic [secret]\r\n");
    }

    #[test]
    fn the_name_of_a_login_stays_readable_and_its_password_never_does() {
        for (login, reply, wanted) in [
            (
                "admin:pa55w0rd",
                "admin may not: pa55w0rd is wrong, administrators know",
                "admin may not: [secret] is wrong, administrators know",
            ),
            // A short one: where it is a word.
            (
                "ops:a1",
                "ops: password=a1, \"a1\" is not of ops; data1 a12 a1",
                "ops: password=[secret], \"[secret]\" is not of ops; data1 a12 [secret]",
            ),
            ("ops:x%2F", "no: x/, x%2F.", "no: [secret], [secret]."),
            // b3BzOmEx is ops:a1 in base64.
            ("ops:a1", "Basic b3BzOmEx", "Basic [secret]"),
            // Without a password the name is the token.
            (
                "t0ken-of-ops:",
                "t0ken-of-ops is revoked",
                "[secret] is revoked",
            ),
            ("t0k", "t0k is revoked", "[secret] is revoked"),
        ] {
            let url = Url::parse(&format!("https://{login}@hooks.example/"));
            let secrets = Secrets::none().and_url(&url.expect("a URL"));
            assert_eq!(secrets.clean(reply), wanted, "{login}");
        }
        assert_eq!(Secrets::none().and_password("").clean("x"), "x");
    }

    #[test]
    fn what_everyone_has_is_left_readable() {
        let url = Url::parse("https://host/cgi-bin/webhook/send?key=8f2b6c1e&debug=1");
        let secrets = Secrets::none().and_url(&url.expect("a URL"));
        let reply = r#"{"errcode":93000,"errmsg":"invalid webhook url, hint: [1]"}"#;
        assert_eq!(secrets.clean(reply), reply);
    }

    #[test]
    fn a_long_reply_is_cut_between_characters() {
        let shown = Secrets::none().clean(&"很".repeat(1000));
        assert_eq!(shown.len(), REPLY_OCTETS - REPLY_OCTETS % 3);
    }
}

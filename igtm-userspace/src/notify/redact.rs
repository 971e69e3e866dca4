//! Takes a channel's secrets out of what a receiver said: many repeat the request in their errors.
//!
//! Pure. Must not show a secret in `Debug`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Position, Url};

use super::fit::{Unit, cut};

/// What is kept of a reply, octets.
pub const REPLY_OCTETS: usize = 2048;

/// What stands in place of a secret.
const REDACTED: &str = "[secret]";

/// Anything shorter would blacken half of every reply, and protects nothing.
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

/// What must not be shown, the longest first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Nothing yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whatever of a hook's URL may be a secret: its path, its query, its credentials.
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
                url.username(),
                url.password().unwrap_or_default(),
                url.fragment().unwrap_or_default(),
            ]);
        texts.fold(self, Self::and).and_login(url)
    }

    /// The login of a URL as it is sent: `Authorization: Basic` (RFC 7617). Who shows a request in
    /// an error shows that.
    fn and_login(self, url: &Url) -> Self {
        let (name, password) = (url.username(), url.password());
        if name.is_empty() && password.is_none() {
            return self;
        }
        let (name, password) = (decoded(name), decoded(password.unwrap_or_default()));
        let sent = STANDARD.encode(format!("{name}:{password}"));
        self.and(&name).and(&password).and(&sent)
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
        self.0
            .extend([text.to_owned(), in_query, lower, in_json, nested, slashed]);
        self.0
            .sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.0.dedup();
        self
    }

    /// `text` without them, and of no more than [`REPLY_OCTETS`].
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED);
            }
        }
        cut(&text, REPLY_OCTETS, Unit::Octets).to_owned()
    }
}

/// A name or password of a URL without `%2F` and the like.
fn decoded(text: &str) -> String {
    // In a form these have a meaning of their own.
    let form = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    url::form_urlencoded::parse(form.as_bytes())
        .map(|(text, _)| text.into_owned())
        .collect()
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
            for secret in [
                "T0AA", "B0BB", "b+c", "us3r", "pa55", "k/e", "k%2", "corp", "frag",
            ] {
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

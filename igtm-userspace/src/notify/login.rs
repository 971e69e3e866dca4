//! The login in a URL: as it is sent, and as it must be kept out of sight.
//!
//! A URL holds it percent-encoded (RFC 3986 §2.1); what is sent is the octets. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

/// A name and a password, decoded.
pub(super) struct Login {
    pub(super) name: Vec<u8>,
    pub(super) password: Vec<u8>,
}

impl Login {
    /// That of `url`, if it has one.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let (name, password) = (url.username(), url.password());
        if name.is_empty() && password.is_none() {
            return None;
        }
        Some(Self {
            name: percent_decode_str(name).collect(),
            password: percent_decode_str(password.unwrap_or_default()).collect(),
        })
    }

    /// What stands behind `Basic` in a request (RFC 7617 §2).
    pub(super) fn credentials(&self) -> String {
        STANDARD.encode([&self.name[..], b":", &self.password].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_sent_as_they_are_meant() {
        for (url, sent) in [
            ("http://host/", None),
            ("http://ops:pass@host/", Some(&b"ops:pass"[..])),
            ("http://ops@host/", Some(b"ops:")),
            ("http://:pass@host/", Some(b":pass")),
            // `+` is itself, what is no hexadecimal number too, and an octet need be no UTF-8.
            ("http://o+p:%+5%2F%zz%FF@host/", Some(b"o+p:%+5/%zz\xff")),
        ] {
            let url: Url = url.parse().expect("a URL");
            let credentials = Login::of(&url).map(|login| login.credentials());
            assert_eq!(credentials, sent.map(|sent| STANDARD.encode(sent)), "{url}");
        }
    }
}

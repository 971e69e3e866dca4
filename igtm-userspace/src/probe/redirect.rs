//! Where an http probe goes next: pure.
//!
//! Must not change what is dialled: that is always the probed address.

use hyper::StatusCode;
use url::{Position, Url};

use crate::config::model::{HttpCheck, TlsCheck};

/// How often one attempt follows.
pub(super) const MAX_REDIRECTS: usize = 5;

/// One request of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// `Some` for https.
    pub(super) tls: Option<TlsCheck>,
    /// Host header and SNI.
    pub(super) host: String,
    /// Dialled.
    pub(super) port: u16,
    /// Path and query.
    pub(super) target: String,
}

impl Hop {
    /// The request that the monitor asks for.
    pub(super) fn first(check: &HttpCheck, host: &str) -> Self {
        Self {
            tls: check.tls,
            host: host.to_owned(),
            port: check.port,
            target: check.path.clone(),
        }
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The Host header: with the port when it is not the scheme's (RFC 9110, 7.2).
    pub(super) fn authority(&self) -> String {
        let default = if self.tls.is_some() { 443 } else { 80 };
        // An IPv6 address as a host stands in brackets.
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Where `location` leads; `None` when the status is none that leads on, or the way leads to
    /// another host or out of HTTP. A monitor without TLS that is sent to https gets the
    /// defaults: SNI sent, the certificate not checked.
    pub(super) fn next(&self, status: StatusCode, location: Option<&str>) -> Option<Self> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let here = format!("{}://{}{}", self.scheme(), self.authority(), self.target);
        let here = Url::parse(&here).ok()?;
        let there = here.join(location?).ok()?;
        if there.host_str() != here.host_str() {
            return None;
        }
        let tls = match there.scheme() {
            "http" => None,
            "https" => Some(self.tls.unwrap_or(TlsCheck {
                sni: true,
                verify: false,
            })),
            _ => return None,
        };
        Some(Self {
            tls,
            host: self.host.clone(),
            port: there.port_or_known_default()?,
            target: there[Position::BeforePath..Position::AfterQuery].to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: TlsCheck = TlsCheck {
        sni: true,
        verify: true,
    };

    fn hop(tls: Option<TlsCheck>, port: u16, target: &str) -> Hop {
        Hop {
            tls,
            host: "www.example.com".to_owned(),
            port,
            target: target.to_owned(),
        }
    }

    #[test]
    fn the_host_header() {
        assert_eq!(hop(None, 80, "/").authority(), "www.example.com");
        assert_eq!(hop(None, 443, "/").authority(), "www.example.com:443");
        assert_eq!(hop(Some(STRICT), 443, "/").authority(), "www.example.com");
        assert_eq!(
            hop(Some(STRICT), 8443, "/").authority(),
            "www.example.com:8443"
        );
    }

    #[test]
    fn where_it_leads() {
        let plain = hop(None, 8080, "/a/b?c");
        let tls = hop(Some(STRICT), 443, "/");
        let lax = TlsCheck {
            sni: true,
            verify: false,
        };
        let table = [
            (
                &plain,
                302,
                Some("/x?y=1#z"),
                Some(hop(None, 8080, "/x?y=1")),
            ),
            (&plain, 301, Some("x"), Some(hop(None, 8080, "/a/x"))),
            (
                &plain,
                303,
                Some("http://www.example.com/"),
                Some(hop(None, 80, "/")),
            ),
            (
                &plain,
                307,
                Some("http://WWW.Example.COM:8080/"),
                Some(hop(None, 8080, "/")),
            ),
            (
                &plain,
                308,
                Some("https://www.example.com/"),
                Some(hop(Some(lax), 443, "/")),
            ),
            (
                &tls,
                302,
                Some("//www.example.com:444/x"),
                Some(hop(Some(STRICT), 444, "/x")),
            ),
            (
                &tls,
                302,
                Some("http://www.example.com/"),
                Some(hop(None, 80, "/")),
            ),
            (&plain, 302, Some("http://example.com/"), None),
            (&plain, 302, Some("//example.net/"), None),
            (&plain, 302, Some("ftp://www.example.com/"), None),
            (&plain, 302, Some("http://"), None),
            (&plain, 302, None, None),
            (&plain, 300, Some("/x"), None),
            (&plain, 304, Some("/x"), None),
            (&plain, 200, Some("/x"), None),
        ];
        for (from, status, location, expected) in table {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(
                from.next(status, location),
                expected,
                "{status} to {location:?}"
            );
        }
    }
}

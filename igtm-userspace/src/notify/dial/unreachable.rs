//! What failed on the way to a receiver, in words: what happened, and what to look at where.
//!
//! Pure. Must not show a URL: of an error it takes the cause, which holds none.

use std::error::Error;
use std::io::{self, ErrorKind};

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unresolved(#[source] pub io::Error);

/// Why nothing came back, of whatever a client or a socket says: the cause, and in brackets what to
/// look at.
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    loop {
        if let Some(words) = of_one(last) {
            return words;
        }
        match last.source() {
            Some(inner) => last = inner,
            // The innermost says the most; the others say where they heard of it.
            None => return format!("{last} ({BROKEN})"),
        }
    }
}

/// What neither the name, nor the way, nor TLS explains.
const BROKEN: &str = "the connection ended before a whole reply: trouble at the receiver, or at a \
                      proxy or a firewall before it; its log says more";

fn of_one(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(Unresolved(why)) = error.downcast_ref() {
        return Some(format!(
            "{why} (the host's name has no address: is it spelt right, and does this host resolve \
             names: `getent hosts NAME`, /etc/resolv.conf)"
        ));
    }
    if let Some(tls) = error.downcast_ref() {
        return Some(of_tls(tls));
    }
    let error: &io::Error = error.downcast_ref()?;
    if let Some(inner) = error.get_ref() {
        return of_one(inner);
    }
    let advice = match error.kind() {
        ErrorKind::ConnectionRefused => {
            "nothing listens there: does the receiver run, on this port, or does a firewall refuse?"
        }
        ErrorKind::TimedOut
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied => {
            "no way there from this host: is the receiver up, and do the routes and firewalls of \
             this host and before the receiver let it through?"
        }
        _ => BROKEN,
    };
    Some(format!("{error} ({advice})"))
}

/// What a handshake ended with.
fn of_tls(error: &rustls::Error) -> String {
    let advice = match error {
        rustls::Error::InvalidCertificate(_) => {
            "the certificate must be valid now and for the host's name, and signed by an authority \
             that this host trusts; for one of your own: /usr/local/share/ca-certificates and \
             update-ca-certificates. Is this host's clock right?"
        }
        rustls::Error::InvalidMessage(_) => {
            "no TLS is spoken on that port: is it the right one, or is http:// meant?"
        }
        _ => "the receiver and igtm do not agree on TLS (1.2 or 1.3): its log says more",
    };
    format!("TLS: {error} ({advice})")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As clients wrap what they met.
    #[derive(Debug, thiserror::Error)]
    #[error("error sending request")]
    struct Wrapped(#[source] Box<dyn Error + Send + Sync>);

    fn wrapped(inner: impl Into<Box<dyn Error + Send + Sync>>) -> String {
        in_words(&Wrapped(Box::new(Wrapped(inner.into()))))
    }

    #[test]
    fn each_cause_says_what_to_look_at() {
        let certificate =
            rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let no_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let in_io = |error: rustls::Error| io::Error::new(ErrorKind::InvalidData, error);
        let os = io::Error::from_raw_os_error;
        for (said, wanted) in [
            (
                wrapped(Unresolved(io::Error::other("Name or service not known"))),
                "Name or service not known (the host's name has no address",
            ),
            (
                wrapped(os(111)),
                "Connection refused (os error 111) (nothing listens there",
            ),
            (wrapped(os(113)), "(no way there from this host"),
            (wrapped(os(101)), "(no way there from this host"),
            (wrapped(os(110)), "(no way there from this host"),
            (wrapped(os(104)), "(the connection ended before"),
            (
                wrapped("half a reply"),
                "half a reply (the connection ended",
            ),
            (
                wrapped(in_io(certificate.clone())),
                "update-ca-certificates",
            ),
            (wrapped(certificate), "UnknownIssuer (the certificate must"),
            (wrapped(in_io(no_tls)), "is http:// meant?"),
        ] {
            assert!(said.contains(wanted), "{wanted:?} in {said:?}");
            assert!(!said.contains("error sending request"), "{said}");
        }
    }
}

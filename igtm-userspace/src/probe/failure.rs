//! Why an attempt failed, in words for people: they read them at night, in an alert.
//!
//! Must not judge whether that matters.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::in_words;
use crate::config::model::Node;

/// What an attempt was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A domain address being resolved.
    Lookup,
    /// SYN sent.
    Tcp,
    /// From ClientHello to the last Finished.
    Tls,
    /// From the request to the response's headers.
    Http,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lookup => "DNS lookup",
            Self::Tcp => "TCP handshake",
            Self::Tls => "TLS handshake",
            Self::Http => "HTTP response",
        })
    }
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing came in time.
    #[error("timeout after {} in {phase}", in_words(*.after))]
    Timeout {
        /// The monitor's timeout.
        after: Duration,
        /// What was awaited.
        phase: Phase,
    },
    /// The TCP connection was not to be had, or broke.
    #[error("{}{}", io_words(.error), place(*.phase))]
    Io {
        /// When.
        phase: Phase,
        /// How.
        error: io::Error,
    },
    /// The peer's certificate or TLS was not acceptable; the words say how.
    #[error("{0}")]
    Tls(String),
    /// What came is not HTTP, or ended early; the words say how.
    #[error("{0}")]
    Http(String),
    /// `bad_status` or more.
    #[error("status {0}")]
    Status(u16),
    /// The same host redirected again and again.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// `loss_percent` or more.
    #[error("{lost} of {sent} packets lost{}", why(.error.as_ref()))]
    Loss {
        /// Not answered in time, or not sent.
        lost: u32,
        /// Meant to be sent.
        sent: u32,
        /// Of the last that could not be sent.
        error: Option<io::Error>,
    },
    /// A domain address has no addresses.
    #[error("resolving {name}: {error}")]
    Lookup {
        /// The domain.
        name: String,
        /// What the system's resolver says.
        error: String,
    },
    /// One of the addresses that a domain has failed.
    #[error("{address}: {failure}")]
    Resolved {
        /// Which.
        address: IpAddr,
        /// How.
        failure: Box<Self>,
    },
    /// The node's source address or interface cannot be used.
    #[error("cannot send from {origin}: {}", origin_words(.error))]
    Origin {
        /// Which, in words.
        origin: String,
        /// What the system says.
        error: io::Error,
    },
    /// The node has no source for any address of a domain.
    #[error("no address of {0} is of a family that this node has a source for")]
    NoFamily(String),
    /// This host cannot ping.
    #[error("no ICMP socket here: {0}")]
    NoIcmp(io::Error),
}

impl Failure {
    /// What `node` sends from to `to` cannot be used.
    pub(super) fn origin(node: &Node, to: IpAddr, error: io::Error) -> Self {
        let source = node.source(to).map(|source| source.to_string());
        let interface = node.interface.clone();
        let parts: Vec<String> = source.into_iter().chain(interface).collect();
        Self::Origin {
            origin: parts.join(" on "),
            error,
        }
    }

    /// Whether the trouble is here, not there: no permission, or no more sockets, ports or
    /// memory. It must not take an address down.
    pub fn is_local(&self) -> bool {
        match self {
            Self::NoIcmp(_) | Self::Origin { .. } | Self::NoFamily(_) => true,
            Self::Io { error, .. } => is_shortage(error),
            Self::Resolved { failure, .. } => failure.is_local(),
            Self::Loss { error, .. } => error.as_ref().is_some_and(is_shortage),
            _ => false,
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRNOTAVAIL
                // The interface that the socket is bound to is gone.
                | libc::ENODEV
                | libc::ENXIO
        )
    )
}

/// The usual ones shorter than the system says them, and without its numbers.
pub(super) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => "connection closed".to_owned(),
        ErrorKind::HostUnreachable => "no route to host".to_owned(),
        ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}

/// What a bind to an address or interface fails with.
fn origin_words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => "this host does not have the address".to_owned(),
        Some(libc::ENODEV) => "this host does not have the interface".to_owned(),
        Some(libc::EPERM) => "no permission (CAP_NET_RAW)".to_owned(),
        _ => io_words(error),
    }
}

/// A connection that is not to be had is so in the TCP handshake: nobody needs telling.
fn place(phase: Phase) -> String {
    match phase {
        Phase::Tcp => String::new(),
        Phase::Lookup | Phase::Tls | Phase::Http => format!(" in {phase}"),
    }
}

fn why(error: Option<&io::Error>) -> String {
    error.map_or_else(String::new, |error| format!(" ({})", io_words(error)))
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    after: Duration,
}

impl Deadline {
    /// `after` from now.
    pub(super) fn after(after: Duration) -> Self {
        Self {
            at: Instant::now() + after,
            after,
        }
    }

    /// `work`, or the timeout of the phase it is.
    pub(super) async fn within<T>(
        self,
        phase: Phase,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        timeout_at(self.at, work)
            .await
            .map_err(|_| Failure::Timeout {
                after: self.after,
                phase,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let io = |phase, kind: ErrorKind| Failure::Io {
            phase,
            error: kind.into(),
        };
        let timeout = |ms, phase| Failure::Timeout {
            after: Duration::from_millis(ms),
            phase,
        };
        let table = [
            (
                timeout(2000, Phase::Tls),
                "timeout after 2 s in TLS handshake",
            ),
            (
                timeout(1500, Phase::Tcp),
                "timeout after 1500 ms in TCP handshake",
            ),
            (
                io(Phase::Tcp, ErrorKind::ConnectionRefused),
                "connection refused",
            ),
            (
                io(Phase::Tls, ErrorKind::ConnectionReset),
                "connection reset in TLS handshake",
            ),
            (Failure::Status(503), "status 503"),
            (
                Failure::Loss {
                    lost: 20,
                    sent: 20,
                    error: None,
                },
                "20 of 20 packets lost",
            ),
            (
                Failure::Loss {
                    lost: 20,
                    sent: 20,
                    error: Some(ErrorKind::NetworkUnreachable.into()),
                },
                "20 of 20 packets lost (network unreachable)",
            ),
            (
                Failure::Resolved {
                    address: IpAddr::from([192, 0, 2, 1]),
                    failure: Box::new(Failure::Status(500)),
                },
                "192.0.2.1: status 500",
            ),
        ];
        for (failure, expected) in table {
            assert_eq!(failure.to_string(), expected);
        }
    }

    #[test]
    fn a_shortage_here_is_not_the_targets_fault() {
        let io = |number| Failure::Io {
            phase: Phase::Tcp,
            error: io::Error::from_raw_os_error(number),
        };
        assert!(io(libc::EMFILE).is_local());
        assert!(io(libc::EADDRNOTAVAIL).is_local());
        assert!(Failure::NoIcmp(ErrorKind::PermissionDenied.into()).is_local());
        assert!(!io(libc::ECONNREFUSED).is_local());
        assert!(!io(libc::ENETUNREACH).is_local());
        assert!(!Failure::Status(500).is_local());
    }
}

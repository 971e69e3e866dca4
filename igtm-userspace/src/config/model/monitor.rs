//! `[[monitor]]`: how an address is probed.

use std::time::Duration;

use super::NodeId;

/// How an address is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Unique.
    pub name: String,
    /// What is sent.
    pub protocol: Protocol,
    /// A disabled monitor leaves its addresses unmonitored.
    pub enabled: bool,
    /// One round per interval.
    pub interval: Duration,
    /// A later reply counts as none.
    pub timeout: Duration,
    /// A round is bad when failing / reporting nodes ≥ this, percent.
    pub failure_percent: u8,
    /// A node's round fails after 1 + retries failed attempts in a row.
    pub retries: u32,
    /// Consecutive bad rounds before DOWN.
    pub bad_rounds: u32,
    /// Consecutive good rounds before OK again.
    pub good_rounds: u32,
    /// Who probes: each once, never empty.
    pub nodes: Vec<NodeId>,
}

/// The protocol of a monitor with its own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// ICMP echo.
    Ping {
        /// Echo requests a round.
        packets: u32,
        /// The round fails when lost / sent ≥ this, percent.
        loss_percent: u8,
    },
    /// A TCP handshake.
    Tcp {
        /// Destination port.
        port: u16,
    },
    /// A GET, with or without TLS.
    Http(HttpCheck),
}

impl Protocol {
    /// As the file says it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "ping",
            Self::Tcp { .. } => "tcp",
            Self::Http(HttpCheck { tls: None, .. }) => "http",
            Self::Http(_) => "https",
        }
    }
}

/// The fields of `protocol = "http"` and `"https"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// Destination port.
    pub port: u16,
    /// Host header and SNI; `None`: the instance's domain.
    pub host: Option<String>,
    /// Request target, starts with `/`.
    pub path: String,
    /// A status ≥ this is a failure.
    pub bad_status: u16,
    /// Follow redirects to the same host, at most five.
    pub follow_redirects: bool,
    /// `Some` for https.
    pub tls: Option<TlsCheck>,
}

/// The TLS part of an https monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsCheck {
    /// Send the host in the handshake.
    pub sni: bool,
    /// Check the certificate's chain and name.
    pub verify: bool,
}

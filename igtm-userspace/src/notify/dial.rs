//! Which addresses a channel may dial, and the connection that holds to it.
//!
//! The rule stands at the last place before the connection: on the address a name resolved
//! to, so that a name pointing inside (or one that changes its mind) is refused as well.
//! Must not know what is spoken over it.

mod unreachable;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use url::{Host, Url};

pub use unreachable::{Unresolved, in_words};

/// An address that only `allow_private` lets a channel dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address: set allow_private if it is meant")]
pub struct NotPublic(pub IpAddr);

/// TLS as every channel speaks it: ring, and the system's trusted roots as they are now.
/// The provider is named here, so that no process-wide default is needed.
pub fn tls() -> rustls::ClientConfig {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    let (trusted, unusable) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        tracing::warn!(unusable, errors = ?found.errors, "no trusted root certificate: https channels will fail");
    }
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Refuses a URL whose host is a literal address that may not be dialled.
///
/// # Errors
/// [`NotPublic`] with that address.
pub fn check_literal(url: &Url, allow_private: bool) -> Result<(), NotPublic> {
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if allow_private || is_public(ip) {
        Ok(())
    } else {
        Err(NotPublic(ip))
    }
}

/// Those of `found` that may be dialled.
fn allowed(found: Vec<SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, NotPublic> {
    let first = found.first().copied();
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| allow_private || is_public(address.ip()))
        .collect();
    match first {
        Some(refused) if allowed.is_empty() => Err(NotPublic(refused.ip())),
        _ => Ok(allowed),
    }
}

/// Why nothing was connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// See [`Unresolved`].
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// None of the addresses that may be dialled answered.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Nobody answered in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// See [`NotPublic`].
    #[error(transparent)]
    NotPublic(#[from] NotPublic),
}

impl ConnectError {
    /// What happened, and what to look at where.
    pub fn in_words(&self) -> String {
        match self {
            Self::NotPublic(error) => error.to_string(),
            Self::Unresolved(error) => in_words(error),
            Self::Io(error) => in_words(error),
            Self::Timeout(_) => format!(
                "{self} (is the receiver up, is this its port, and does no firewall or provider \
                 swallow what this host sends to it?)"
            ),
        }
    }
}

/// Dials `host`, a name or an address: each of its addresses that may be dialled, one after the
/// other, until one answers. Together they have `within`.
///
/// # Errors
/// Why the last of them did not, see [`ConnectError`].
pub async fn connect(
    host: &str,
    port: u16,
    within: Duration,
    allow_private: bool,
) -> Result<TcpStream, ConnectError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(Unresolved)?;
    let addresses = allowed(found.collect(), allow_private)?;
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let each = within / count;
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound).into();
    for address in addresses {
        match tokio::time::timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = ConnectError::Timeout(each),
        }
    }
    Err(last)
}

/// Whether `ip` is some other organisation's, as far as the address tells. Documentation
/// prefixes count as public: nobody lives there.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0                                  // this network, RFC 791
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || (a == 100 && b & 0xC0 == 64)       // CGNAT, RFC 6598
        || (a == 192 && b == 0 && c == 0)     // protocol assignments, RFC 6890
        || (a == 198 && b & 0xFE == 18)       // benchmarking, RFC 2544; fake-IP proxies
        || ip.is_multicast()
        || a >= 240) // reserved and broadcast
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match [s0, s1, s2, s3, s4, s5] {
        // v4-mapped: what is dialled is the v4 address.
        [0, 0, 0, 0, 0, 0xFFFF] => v4(s6, s7),
        // Unspecified, loopback and the old v4-compatible form.
        [0, 0, 0, 0, 0, 0] => false,
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the v4 address inside.
        [0x64, 0xFF9B, 0, 0, 0, 0] => v4(s6, s7),
        [0x2002, high, low, ..] => v4(high, low),
        // A network's own NAT64 (RFC 8215), discard (RFC 6666), Teredo (RFC 4380).
        [0x64, 0xFF9B, 1, ..] | [0x100, 0, 0, 0, ..] | [0x2001, 0, ..] => false,
        // ULA, link-local and the old site-local, multicast.
        _ => !(s0 & 0xFE00 == 0xFC00 || s0 & 0xFF80 == 0xFE80 || s0 & 0xFF00 == 0xFF00),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inside_addresses_are_told_from_public_ones() {
        for inside in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001:0:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "203.0.113.9",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "2400:3200::1",
            "2606:4700::1111",
            "2001:db8::1",
            "fe00::1",
        ] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }

    #[test]
    fn a_literal_is_seen_however_it_is_written() {
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1:8080/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "https://[fe80::1]/",
        ] {
            let url = Url::parse(text).expect("a URL");
            assert!(check_literal(&url, false).is_err(), "{text}");
            assert!(check_literal(&url, true).is_ok(), "{text}");
        }
        let url = Url::parse("https://hooks.example/").expect("a URL");
        assert!(check_literal(&url, false).is_ok());
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_judged_as_the_one_inside(octets: [u8; 4]) {
            let ip = Ipv4Addr::from(octets);
            let mapped = IpAddr::V6(ip.to_ipv6_mapped());
            prop_assert_eq!(is_public(mapped), is_public(IpAddr::V4(ip)));
        }
    }
}

//! TLS of https probes: one shared configuration for each (sni, verify).
//!
//! Must not resume sessions: a resumed handshake shows no certificate, and a session of one
//! probed address would be offered to the next.

use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{Deadline, Failure, Phase};
use crate::config::model::TlsCheck;

/// The configurations.
#[derive(Debug)]
pub(super) struct Tls {
    /// By `2 * sni + verify`.
    configs: [Arc<ClientConfig>; 4],
}

impl Tls {
    /// `roots` are what `verify = true` trusts.
    pub(super) fn new(roots: RootCertStore) -> Self {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(roots);
        Self {
            configs: [(false, false), (false, true), (true, false), (true, true)]
                .map(|(sni, verify)| Arc::new(config(&provider, &roots, sni, verify))),
        }
    }

    /// The handshake over `stream`. `host` is checked with `verify` and shown with `sni`.
    pub(super) async fn handshake(
        &self,
        check: TlsCheck,
        host: &str,
        stream: TcpStream,
        deadline: Deadline,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| Failure::Tls(format!("host {host}: {error}")))?;
        let config = &self.configs[2 * usize::from(check.sni) + usize::from(check.verify)];
        deadline
            .within(
                Phase::Tls,
                TlsConnector::from(Arc::clone(config)).connect(name, stream),
            )
            .await?
            .map_err(|error| failure(error, host))
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    sni: bool,
    verify: bool,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need");
    let mut config = if verify {
        builder
            .with_root_certificates(Arc::clone(roots))
            .with_no_client_auth()
    } else {
        let any = AnyCertificate(provider.signature_verification_algorithms);
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(any))
            .with_no_client_auth()
    };
    config.enable_sni = sni;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Accepts every certificate, but only from who has its key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// rustls wraps what it found in an I/O error.
fn failure(error: io::Error, host: &str) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(error) => Failure::Tls(words(error, host)),
        None => Failure::Io {
            phase: Phase::Tls,
            error,
        },
    }
}

fn words(error: &Error, host: &str) -> String {
    use CertificateError as Cert;
    match error {
        Error::InvalidCertificate(cert) => match cert {
            Cert::ExpiredContext { time, not_after } => {
                let past = time.as_secs().saturating_sub(not_after.as_secs());
                format!("certificate expired {} ago", coarsely(past))
            }
            Cert::Expired => "certificate expired".to_owned(),
            Cert::NotValidYetContext { time, not_before } => {
                let ahead = not_before.as_secs().saturating_sub(time.as_secs());
                format!("certificate not valid before {} from now", coarsely(ahead))
            }
            Cert::NotValidYet => "certificate not valid yet".to_owned(),
            Cert::UnknownIssuer => "certificate of an unknown issuer".to_owned(),
            Cert::NotValidForName | Cert::NotValidForNameContext { .. } => {
                format!("certificate is not for {host}")
            }
            Cert::Revoked => "certificate revoked".to_owned(),
            Cert::BadSignature => "bad signature in TLS handshake".to_owned(),
            other => format!("certificate refused: {other}"),
        },
        Error::InvalidMessage(_) => "not TLS in TLS handshake".to_owned(),
        Error::AlertReceived(alert) => format!("alert {alert:?} in TLS handshake"),
        other => format!("{other} in TLS handshake"),
    }
}

/// Seconds as people say them: in the largest unit that there is one of.
fn coarsely(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let (unit, word) = UNITS
        .into_iter()
        .find(|(unit, _)| seconds >= *unit)
        .unwrap_or((1, "second"));
    let count = seconds / unit;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "1 minute"),
            (7_200, "2 hours"),
            (86_399, "23 hours"),
            (86_400, "1 day"),
            (3 * 86_400 + 5, "3 days"),
        ] {
            assert_eq!(coarsely(seconds), words);
        }
    }
}

//! Mail: against a real server, and against one that does what none should.

mod odd;
mod real;

use std::sync::Arc;
use std::time::Duration;

use crate::config::model::{Channel, ChannelKind, Email, Language, Secret, SmtpTls};

pub(super) const USERNAME: &str = "igtm";
pub(super) const PASSWORD: &str = "T0KEN-pa55w0rd";

/// A channel to `localhost` with a login, from `igtm@` to `ops@`.
pub(super) fn settings(tls: SmtpTls, port: u16) -> (Channel, Email) {
    let email = Email {
        tls,
        host: "localhost".to_owned(),
        port,
        username: Some(USERNAME.to_owned()),
        password: Some(Secret::new(PASSWORD)),
        from: "igtm <igtm@mail.example>".to_owned(),
        to: vec!["ops@mail.example".to_owned()],
    };
    let channel = Channel {
        name: "mail".to_owned(),
        description: None,
        enabled: true,
        template: None,
        language: Language::En,
        timeout: Duration::from_secs(20),
        allow_private: true,
        kind: ChannelKind::Email(email.clone()),
    };
    (channel, email)
}

/// A certificate of `localhost` with its key, both PEM, and TLS that trusts it.
pub(super) fn certificate() -> (rcgen::CertifiedKey<rcgen::KeyPair>, rustls::ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (made, tls)
}

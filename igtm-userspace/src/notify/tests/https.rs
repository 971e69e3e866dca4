//! https for real: the certificate is checked, and against the roots it should be.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::config::model::Secret;
use crate::notify::dial;
use crate::notify::failure::Failure;
use crate::notify::fixture::SECRET;
use crate::notify::http::Http;
use crate::notify::message::{Part, Receipt};
use crate::notify::retry::Class;
use crate::notify::webhook::Webhook;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Answers 200 to whoever accepts a certificate for `localhost`; its port and that
/// certificate as a root.
async fn receiver() -> (u16, rustls::RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let server = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a matching key");
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = vec![];
            while !request.ends_with(b"{}") {
                let read = stream.read_buf(&mut request).await.expect("a request");
                assert!(read > 0, "the request ended early");
            }
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(reply).await.expect("a reply");
            // The client may already have left.
            let _ = stream.shutdown().await;
        }
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    (port, roots)
}

async fn post(url: String, tls: rustls::ClientConfig) -> Result<Receipt, Failure> {
    let secrets = [Secret::new(SECRET)];
    let http = Http::new(tls, Duration::from_secs(5), true);
    let webhook = Webhook::new(&Secret::new(url), &secrets, &[], http);
    let webhook = webhook.expect("a usable channel");
    let body = "{}".to_owned();
    webhook
        .send("msg_1", &Part { body }, Timestamp::now())
        .await
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_name_the_host() {
    let (port, roots) = receiver().await;
    let trusting = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let named = format!("https://localhost:{port}/");
    let sent = post(named.clone(), trusting.clone()).await;
    assert!(sent.is_ok(), "{sent:?}");
    // Tried again for an hour: certificates are renewed.
    let other_name = format!("https://127.0.0.1:{port}/");
    for (url, tls) in [(named, dial::tls()), (other_name, trusting)] {
        let failure = post(url, tls).await.expect_err("refused");
        assert_eq!(failure.class, Class::Transient);
        assert!(failure.why.contains("the certificate must be"), "{failure}");
    }
}

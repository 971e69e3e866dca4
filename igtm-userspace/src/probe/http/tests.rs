//! Http and https attempts against real servers on loopback.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};

use super::super::testing::{Reply, Site, closed_port, listener};
use super::*;
use crate::config::model::TlsCheck;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const HOST: &str = "www.example.com";

fn check(port: u16) -> HttpCheck {
    HttpCheck {
        port,
        host: None,
        path: "/healthz?full=1".to_owned(),
        bad_status: 500,
        follow_redirects: true,
        tls: None,
    }
}

/// One attempt, in words.
async fn probe(roots: RootCertStore, check: &HttpCheck) -> Result<(), String> {
    within(Duration::from_secs(20), roots, check).await
}

async fn plain(check: &HttpCheck) -> Result<(), String> {
    probe(RootCertStore::empty(), check).await
}

async fn within(timeout: Duration, roots: RootCertStore, check: &HttpCheck) -> Result<(), String> {
    let deadline = Deadline::after(timeout);
    attempt(
        &Node::local(),
        &Tls::new(roots),
        check,
        HOST,
        LOOPBACK,
        deadline,
    )
    .await
    .map_err(|failure| failure.to_string())
}

fn failed(words: &str) -> Result<(), String> {
    Err(words.to_owned())
}

#[tokio::test]
async fn the_request_as_it_is_sent() {
    let site = Site::plain(|_| Reply::status(200)).await;
    plain(&check(site.port)).await.expect("status 200");
    let port = site.port;
    assert_eq!(
        site.heads(),
        [format!(
            "GET /healthz?full=1 HTTP/1.1\r\nhost: www.example.com:{port}\r\n\
             user-agent: igtm/{}\r\naccept: */*\r\nconnection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )]
    );
}

/// The request again, in a process whose environment names proxies that nobody is.
#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let own = std::env::current_exe().expect("this test");
    let mut child = std::process::Command::new(own);
    child.args(["--exact", "probe::http::tests::the_request_as_it_is_sent"]);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let nobody = format!("http://127.0.0.1:{}", closed_port().port());
        child.env(name, &nobody).env(name.to_uppercase(), nobody);
    }
    let output = child.output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
async fn the_status_is_judged() {
    // status, bad_status, passes
    let table = [
        (200, 500, true),
        (204, 500, true),
        (404, 500, true),
        (499, 500, true),
        (500, 500, false),
        (503, 500, false),
        (404, 400, false),
        (302, 300, false),
        (200, 100, false),
    ];
    for (status, bad_status, passes) in table {
        let site = Site::plain(move |_| Reply::status(status)).await;
        let check = HttpCheck {
            bad_status,
            ..check(site.port)
        };
        let expected = if passes {
            Ok(())
        } else {
            Err(format!("status {status}"))
        };
        assert_eq!(plain(&check).await, expected, "{status} ≥ {bad_status}");
    }
}

#[tokio::test]
async fn redirects_to_the_same_host_are_followed_five_times() {
    // /5 leads to /4 … to /0, which answers.
    let site = Site::plain(|path| match path.trim_start_matches('/').parse() {
        Ok(0) => Reply::status(503),
        Ok(left) => {
            let left: u32 = left;
            Reply::redirect(302, &format!("/{}", left - 1))
        }
        Err(_) => Reply::status(200),
    })
    .await;
    let from = |path: &str| HttpCheck {
        path: path.to_owned(),
        ..check(site.port)
    };
    assert_eq!(plain(&from("/5")).await, failed("status 503"));
    assert_eq!(site.heads().len(), 6, "a connection for each");
    assert_eq!(plain(&from("/6")).await, failed("more than 5 redirects"));
    let unfollowed = HttpCheck {
        follow_redirects: false,
        ..from("/5")
    };
    assert_eq!(plain(&unfollowed).await, Ok(()));
}

#[tokio::test]
async fn a_redirect_to_the_host_by_name_is_dialled_at_the_probed_address() {
    let second = Site::plain(|_| Reply::status(503)).await;
    let there = format!("http://{HOST}:{}/there", second.port);
    let first = Site::plain(move |_| Reply::redirect(308, &there)).await;
    assert_eq!(plain(&check(first.port)).await, failed("status 503"));
    assert!(second.heads()[0].starts_with("GET /there HTTP/1.1\r\nhost: www.example.com:"));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_judged() {
    let elsewhere = Site::plain(|_| Reply::status(503)).await;
    let there = format!("http://127.0.0.1:{}/", elsewhere.port);
    let site = Site::plain(move |_| Reply::redirect(302, &there)).await;
    assert_eq!(plain(&check(site.port)).await, Ok(()));
    let strict = HttpCheck {
        bad_status: 300,
        ..check(site.port)
    };
    assert_eq!(plain(&strict).await, failed("status 302"));
    assert!(elsewhere.heads().is_empty(), "it was not followed");
}

#[tokio::test]
async fn a_timeout_says_in_which_phase() {
    let second = Duration::from_secs(1);
    let nobody = RootCertStore::empty;
    let site = Site::plain(|_| Reply::Never).await;
    assert_eq!(
        within(second, nobody(), &check(site.port)).await,
        failed("timeout after 1 s in HTTP response")
    );
    // The kernel completes the TCP handshake; nobody answers the ClientHello.
    let mute = listener("127.0.0.1").await;
    let port = mute.local_addr().expect("bound").port();
    assert_eq!(
        within(second, nobody(), &https(port, true, false)).await,
        failed("timeout after 1 s in TLS handshake")
    );
}

#[tokio::test]
async fn a_body_that_never_ends_does_not_delay_the_verdict() {
    let site = Site::plain(|_| Reply::Endless).await;
    let begun = Instant::now();
    assert_eq!(plain(&check(site.port)).await, Ok(()));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "half the timeout"
    );
}

#[tokio::test]
async fn what_is_no_answer_is_said_in_words() {
    let refused = check(closed_port().port());
    assert_eq!(plain(&refused).await, failed("connection refused"));

    let closing = Site::plain(|_| Reply::Close).await;
    assert_eq!(
        plain(&check(closing.port)).await,
        failed("connection closed in HTTP response")
    );

    let other = Site::plain(|_| Reply::Raw("SSH-2.0-OpenSSH_9.2\r\n".to_owned())).await;
    let words = plain(&check(other.port)).await.expect_err("no HTTP");
    assert!(words.ends_with(" in HTTP response"), "{words}");

    let head = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
        "x".repeat(2 * http1::HEAD)
    );
    let wordy = Site::plain(move |_| Reply::Raw(head.clone())).await;
    let words = plain(&check(wordy.port)).await.expect_err("a long head");
    assert!(words.ends_with(" in HTTP response"), "{words}");

    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(ALL / 16);
    let endless = Site::plain(move |_| Reply::Raw(interim.clone())).await;
    let words = plain(&check(endless.port)).await.expect_err("no response");
    assert!(words.starts_with("more than 131072 octets came"), "{words}");
}

fn https(port: u16, sni: bool, verify: bool) -> HttpCheck {
    HttpCheck {
        tls: Some(TlsCheck { sni, verify }),
        ..check(port)
    }
}

/// A certificate for `host` with its key, and roots that trust it.
struct Issued {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: RootCertStore,
}

fn issue(host: &str, years: std::ops::Range<i32>) -> Issued {
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let mut ca = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = ca.self_signed(&ca_key).expect("a root");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut leaf = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a name");
    leaf.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("a root");
    Issued {
        chain: vec![leaf.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS #8"),
        roots,
    }
}

fn server_builder() -> rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
}

async fn site_of(issued: &Issued) -> Site {
    let config = server_builder()
        .with_single_cert(issued.chain.clone(), issued.key.clone_key())
        .expect("they fit");
    Site::tls(config, |_| Reply::status(200)).await
}

#[tokio::test]
async fn the_certificate_counts_only_with_verify() {
    let nobody = RootCertStore::empty;
    // certificate for, valid in, trusted, what verify = true says
    let table = [
        (HOST, 2020..2090, true, Ok(())),
        (
            HOST,
            2020..2090,
            false,
            failed("certificate of an unknown issuer"),
        ),
        (
            "other.example.com",
            2020..2090,
            true,
            failed("certificate is not for www.example.com"),
        ),
    ];
    for (host, years, trusted, expected) in table {
        let issued = issue(host, years);
        let site = site_of(&issued).await;
        let roots = if trusted {
            issued.roots.clone()
        } else {
            nobody()
        };
        assert_eq!(probe(roots, &https(site.port, true, true)).await, expected);
        assert_eq!(plain(&https(site.port, true, false)).await, Ok(()));
    }
}

/// The days are counted from today, whatever day that is.
#[tokio::test]
async fn a_certificate_out_of_its_time_says_since_or_until_when() {
    let today = jiff::Timestamp::now().as_second() / 86_400;
    // Days from 1970 to 2021 and to 2089, and what the certificate is then.
    let table = [
        (2020..2021, "expired", today - 18_628, "ago"),
        (2089..2090, "not valid before", 43_464 - today, "from now"),
    ];
    for (years, what, days, when) in table {
        let issued = issue(HOST, years);
        let site = site_of(&issued).await;
        let roots = issued.roots.clone();
        let words = probe(roots, &https(site.port, true, true)).await;
        let near = [days - 1, days, days + 1];
        let expected = near.map(|days| failed(&format!("certificate {what} {days} days {when}")));
        assert!(expected.contains(&words), "{words:?}");
        assert_eq!(plain(&https(site.port, true, false)).await, Ok(()));
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_only_with_verify() {
    let own = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
    let key = own.signing_key.serialize_der();
    let config = server_builder()
        .with_single_cert(
            vec![own.cert.der().clone()],
            PrivateKeyDer::try_from(key).expect("PKCS #8"),
        )
        .expect("they fit");
    let site = Site::tls(config, |_| Reply::status(200)).await;
    assert_eq!(plain(&https(site.port, true, false)).await, Ok(()));
    assert_eq!(
        plain(&https(site.port, true, true)).await,
        failed("certificate of an unknown issuer")
    );
}

#[tokio::test]
async fn without_verify_the_peer_must_still_have_the_key() {
    let (shown, held) = (issue(HOST, 2020..2090), issue(HOST, 2020..2090));
    let key = rustls::crypto::ring::sign::any_supported_type(&held.key).expect("a key");
    // Unchecked: the certificate of one key with another.
    let mismatched = rustls::sign::CertifiedKey::new(shown.chain, key);
    let config = server_builder()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(mismatched)));
    let site = Site::tls(config, |_| Reply::status(200)).await;
    let words = plain(&https(site.port, true, false))
        .await
        .expect_err("the signature is another key's");
    assert_eq!(words, "bad signature in TLS handshake");
}

#[tokio::test]
async fn sni_is_sent_as_told_and_the_host_header_always() {
    let issued = issue(HOST, 2020..2090);
    for (sni, expected) in [(true, Some(HOST.to_owned())), (false, None)] {
        for verify in [true, false] {
            let site = site_of(&issued).await;
            let roots = issued.roots.clone();
            let seen = probe(roots, &https(site.port, sni, verify)).await;
            assert_eq!(seen, Ok(()), "sni {sni} verify {verify}");
            assert_eq!(site.server_names(), std::slice::from_ref(&expected));
            let host = format!("\r\nhost: {HOST}:{}\r\n", site.port);
            assert!(site.heads()[0].contains(&host));
        }
    }
}

#[tokio::test]
async fn every_handshake_is_a_full_one() {
    let issued = issue(HOST, 2020..2090);
    let site = site_of(&issued).await;
    let tls = Tls::new(issued.roots);
    for _ in 0..3 {
        let deadline = Deadline::after(Duration::from_secs(20));
        let check = https(site.port, true, true);
        attempt(&Node::local(), &tls, &check, HOST, LOOPBACK, deadline)
            .await
            .expect("status 200");
    }
    assert_eq!(site.resumed(), 0);
    assert_eq!(site.heads().len(), 3);
}

#[tokio::test]
async fn a_plain_server_is_not_tls() {
    let site = Site::plain(|_| Reply::Raw("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned())).await;
    assert_eq!(
        plain(&https(site.port, true, false)).await,
        failed("not TLS in TLS handshake")
    );
}

//! One attempt of a webhook: what goes over the wire, and what each reply means.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::config::model::Secret;
use crate::notify::dial;
use crate::notify::failure::Failure;
use crate::notify::fixture::SECRET;
use crate::notify::http::Http;
use crate::notify::message::{Part, Receipt};
use crate::notify::retry::Class;
use crate::notify::webhook::{SetupError, Webhook};

use super::receiver::{Receiver, Reply};

const SECOND_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = "{\"hello\": \"wörld\"}";
const TIMEOUT: Duration = Duration::from_millis(500);

fn webhook(url: &str, secrets: &[&str], allow_private: bool) -> Result<Webhook, SetupError> {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
    let headers = [("X-Team".to_owned(), Secret::new("night"))];
    let http = Http::new(dial::tls(), TIMEOUT, allow_private);
    Webhook::new(&Secret::new(url), &secrets, &headers, http)
}

fn part() -> Part {
    Part {
        body: BODY.to_owned(),
    }
}

async fn post(url: &str, allow_private: bool) -> Result<Receipt, Failure> {
    let webhook = webhook(url, &[SECRET], allow_private).expect("a usable channel");
    webhook.send("msg_1", &part(), Timestamp::now()).await
}

/// As a receiver checks it, by the convention's text and with none of our code.
fn signed_with(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(&secret["whsec_".len()..]).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    let content = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    mac.update(&content);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_request_carries_what_the_convention_asks() {
    let mut receiver = Receiver::start(vec![]).await;
    let url = format!("{}/hook/T0KEN?key=S3CRET", receiver.origin);
    let webhook = webhook(&url, &[SECRET, SECOND_SECRET], true).expect("a channel");
    let now: Timestamp = "2026-01-02T03:04:05.999Z".parse().expect("a time");
    let receipt = webhook.send("msg_1", &part(), now).await.expect("taken");
    assert_eq!(receipt.reply, "ok");
    let request = receiver.next().await;
    assert_eq!(request.line, "POST /hook/T0KEN?key=S3CRET HTTP/1.1");
    assert_eq!(request.body, BODY.as_bytes());
    assert_eq!(
        request.header("content-type"),
        "application/cloudevents+json"
    );
    let agent = format!("igtm/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), agent);
    assert_eq!(request.header("x-team"), "night");
    assert_eq!(request.header("webhook-id"), "msg_1");
    assert_eq!(request.header("webhook-timestamp"), "1767323045");
    let wanted =
        [SECRET, SECOND_SECRET].map(|key| signed_with(key, "msg_1", "1767323045", BODY.as_bytes()));
    assert_eq!(request.header("webhook-signature"), wanted.join(" "));
    assert!(!request.has("referer") && !request.has("authorization"));
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let mut receiver = Receiver::start(vec![]).await;
    let webhook = webhook(&receiver.origin, &[], true).expect("a channel");
    let sent = webhook.send("msg_1", &part(), Timestamp::now()).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert!(!receiver.next().await.has("webhook-signature"));
}

#[tokio::test]
async fn every_reply_has_its_class() {
    let seconds = |text: &str| vec![("Retry-After", text.to_owned())];
    let told = |seconds| Class::Throttled(Some(Duration::from_secs(seconds)));
    for (reply, class) in [
        (Reply::status("204 No Content"), None),
        (Reply::status("500 Oops"), Some(Class::Transient)),
        (Reply::status("503 Busy"), Some(Class::Transient)),
        (Reply::Status("503 Busy", seconds("7")), Some(told(7))),
        (
            Reply::Status("429 Slow Down", seconds("30")),
            Some(told(30)),
        ),
        (Reply::status("429 Slow Down"), Some(Class::Throttled(None))),
        (Reply::status("404 Not Found"), Some(Class::Permanent)),
        (Reply::status("410 Gone"), Some(Class::Gone)),
        (Reply::ResetInBody, Some(Class::Transient)),
        (Reply::Slow(Duration::from_secs(5)), Some(Class::Transient)),
        // Answers that never end, in each of their parts.
        (
            Reply::Endless("HTTP/1.1 100 Continue\r\n\r\n"),
            Some(Class::Transient),
        ),
        (
            Reply::Endless("HTTP/1.1 200 OK\r\n"),
            Some(Class::Transient),
        ),
        (Reply::Endless("HTTP/1.1 204 OK\r\n\r\n"), None),
    ] {
        let receiver = Receiver::start(vec![reply.clone()]).await;
        let sent = post(&receiver.origin, true).await;
        assert_eq!(
            sent.as_ref().err().map(|failure| failure.class),
            class,
            "{reply:?}: {sent:?}"
        );
        if matches!(reply, Reply::Slow(_)) {
            let failure = sent.expect_err("slow");
            assert!(
                failure.why.contains("did not answer within 0.5 s"),
                "{failure}"
            );
            assert_eq!(failure.reply, None);
        }
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let mut inside = Receiver::start(vec![]).await;
    let there = vec![("Location", inside.origin.clone())];
    let mut receiver = Receiver::start(vec![Reply::Status("307 Over There", there)]).await;
    let failure = post(&receiver.origin, true).await.expect_err("a failure");
    assert_eq!(failure.class, Class::Permanent);
    receiver.next().await;
    inside.silent(200).await;
}

#[tokio::test]
async fn inside_addresses_are_refused_before_anything_is_dialled() {
    let mut receiver = Receiver::start(vec![]).await;
    let port = receiver
        .origin
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    // The name is judged by what it resolves to.
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
    ] {
        let url = format!("http://{host}:{port}/T0KEN");
        let failure = post(&url, false).await.expect_err("refused");
        let told = failure.why.contains("is not a public address");
        assert!(told, "{host}: {failure:?}");
        assert_eq!(failure.class, Class::Config);
        assert!(!failure.to_string().contains("T0KEN"), "{failure}");
    }
    receiver.silent(100).await;
    let named = format!("http://localhost:{port}/");
    post(&named, true).await.expect("allowed when it is meant");
    receiver.next().await;
}

#[tokio::test]
async fn no_error_shows_what_may_be_secret() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("bound")
    };
    let receiver = Receiver::start(vec![
        Reply::status("500 T0KEN"),
        Reply::ResetInBody,
        Reply::Slow(Duration::from_secs(5)),
    ])
    .await;
    let authority = receiver.origin.trim_start_matches("http://");
    let receiving = format!("http://us3r:T0KEN@{authority}/T0KEN/x?key=T0KEN#T0KEN");
    let mut errors = vec![];
    for url in [
        receiving.as_str(),
        receiving.as_str(),
        receiving.as_str(),
        &format!("http://{closed}/T0KEN?key=T0KEN"),
        &format!("https://{authority}/T0KEN?key=T0KEN"),
        "http://name.invalid/T0KEN?key=T0KEN",
    ] {
        let failure = post(url, true).await.expect_err("a failure");
        errors.push(format!("{failure} / {failure:?}"));
    }
    for (url, secret) in [
        ("ftp://host/T0KEN", SECRET),
        ("http://[T0KEN", SECRET),
        ("http://host:T0KEN/", SECRET),
        ("T0KEN", SECRET),
        ("http://host/", "whsec_T0KEN"),
        ("http://host/", "whsec_T0KE"),
        ("http://host/", "T0KEN"),
    ] {
        let error = webhook(url, &[secret], true).expect_err(url);
        errors.push(format!("{error} / {error:?}"));
    }
    for error in &errors {
        assert!(
            !error.contains("T0KE") && !error.contains("us3r"),
            "{error}"
        );
    }
    for (at, wanted) in [
        (1, "the connection ended before a whole reply"),
        (2, "does no firewall swallow"),
        (3, "nothing listens there"),
        (5, "the host's name has no address"),
    ] {
        assert!(errors[at].contains(wanted), "{wanted}: {}", errors[at]);
        assert!(!errors[at].contains("error sending"), "{}", errors[at]);
    }
    assert!(
        errors[0].starts_with(&format!("{}/… answered 500", receiver.origin)),
        "{errors:?}"
    );
    let shown = webhook(&receiving, &[SECRET], true).map(|webhook| format!("{webhook:?}"));
    let shown = shown.expect("a channel");
    assert!(
        !shown.contains("MfKQ") && !shown.contains("night") && !shown.contains("T0KEN"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_signature_that_a_receiver_repeats_is_not_kept() {
    let repeat = |request: &super::receiver::Request| {
        let headers = ["webhook-id", "webhook-signature"].map(|name| request.header(name));
        Reply::Body("400 Bad Request", headers.join(" "))
    };
    let mut receiver = Receiver::answering(repeat).await;
    let webhook = webhook(&receiver.origin, &[SECRET, SECOND_SECRET], true).expect("a channel");
    let sent = webhook.send("msg_1", &part(), Timestamp::now()).await;
    let failure = sent.expect_err("refused");
    assert_eq!(
        failure.reply.as_deref(),
        Some("msg_1 v1,[secret] v1,[secret]")
    );
    let request = receiver.next().await;
    let signatures = request.header("webhook-signature");
    assert!(signatures.len() > 80, "{signatures}");
}

#[tokio::test]
async fn what_a_receiver_repeats_is_cleaned_and_cut() {
    let key = SECRET.trim_start_matches("whsec_");
    let echo = format!("T0KEN {SECRET} {key} T0KEN-of-team {}", "x".repeat(9000));
    let script = vec![
        Reply::Body("200 OK", echo.clone()),
        Reply::Body("400 Bad Request", echo),
    ];
    let receiver = Receiver::start(script).await;
    let url = Secret::new(format!("{}/T0KEN", receiver.origin));
    let headers = [(
        "Authorization".to_owned(),
        Secret::new("Bearer T0KEN-of-team"),
    )];
    let http = Http::new(dial::tls(), TIMEOUT, true);
    let webhook = Webhook::new(&url, &[Secret::new(SECRET)], &headers, http);
    let webhook = webhook.expect("a usable channel");
    let now = Timestamp::now();
    let taken = webhook.send("msg_1", &part(), now).await.expect("taken");
    let refused = webhook.send("msg_1", &part(), now).await;
    let refused = refused.expect_err("refused").reply.expect("a reply");
    for reply in [taken.reply, refused] {
        assert!(
            reply.starts_with("[secret] [secret] [secret] [secret] xxx"),
            "{reply}"
        );
        assert!(reply.len() <= crate::notify::redact::REPLY_OCTETS);
    }
}

#[test]
fn our_headers_cannot_be_replaced() {
    use crate::notify::webhook::check_header;
    assert!(check_header("X-Team", "night").is_ok());
    for (name, value) in [
        ("Webhook-Id", "x"),
        ("Host", "x"),
        ("Content-Type", "x"),
        ("Transfer-Encoding", "chunked"),
        ("UPGRADE", "x"),
        ("with space", "x"),
        ("X-Split", "a\r\nb: c"),
    ] {
        assert!(check_header(name, value).is_err(), "{name}");
    }
}

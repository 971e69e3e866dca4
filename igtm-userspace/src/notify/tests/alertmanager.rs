//! What replies to alerts mean, and that nothing of the URL is shown. How alerts live is in
//! `peers/alertmanager.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::model::{ChannelKind, Secret};
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, event, message, words};
use crate::notify::retry::Class;

use super::receiver::{Receiver, Reply};

fn sender(url: &str, allow_private: bool) -> Sender {
    let mut settings = channel("am", url);
    settings.timeout = Duration::from_millis(500);
    settings.allow_private = allow_private;
    settings.kind = ChannelKind::Alertmanager {
        url: Secret::new(url),
    };
    Sender::new(&settings, &dial::tls()).expect("a usable channel")
}

#[tokio::test]
async fn credentials_of_the_url_log_in_and_are_never_shown() {
    let echo = STANDARD.encode("us3r:T0KEN/1");
    let script = vec![
        Reply::ok(),
        Reply::Body(
            "401 Unauthorized",
            format!("no: us3r T0KEN/1 T0KEN%2F1 {echo}"),
        ),
    ];
    let mut receiver = Receiver::start(script).await;
    let authority = receiver.origin.trim_start_matches("http://");
    let sender = sender(&format!("http://us3r:T0KEN%2F1@{authority}/am/"), true);
    let parts = sender.render(
        &message(vec![event(Kind::AddressDown, "192.0.2.1")]),
        &words(),
    );
    let sent = sender.send("msg_1", &parts[0], Timestamp::now()).await;
    sent.expect("taken");
    let request = receiver.next().await;
    assert_eq!(request.line, "POST /am/api/v2/alerts HTTP/1.1");
    assert_eq!(request.header("authorization"), format!("Basic {echo}"));
    assert!(
        request
            .header("content-type")
            .starts_with("application/json")
    );
    let sent = request.json();
    let lasting = sent.as_array().expect("a list").iter();
    let lasting = lasting.filter(|it| it["labels"]["severity"] == "warning");
    let ends: Vec<Timestamp> = lasting
        .map(|it| {
            it["endsAt"]
                .as_str()
                .expect("an end")
                .parse()
                .expect("a time")
        })
        .collect();
    assert!(ends.len() == 1 && ends[0] > Timestamp::now());
    assert!(
        !parts[0].body.contains(&ends[0].to_string()),
        "not recorded"
    );
    let sent = sender.send("msg_1", &parts[0], Timestamp::now()).await;
    let failure = sent.expect_err("refused");
    assert_eq!(failure.class, Class::Config);
    let shown = format!("{failure} {failure:?} {sender:?} {parts:?}");
    for secret in ["T0KEN", &echo] {
        assert!(!shown.contains(secret), "{shown}");
    }
    // The name of the login is no secret, and says whose password is wrong.
    let reply = failure.reply.as_deref();
    assert_eq!(reply, Some("no: us3r [secret] [secret] [secret]"));
}

#[tokio::test]
async fn every_reply_has_its_class() {
    let seconds = vec![("Retry-After", "7".to_owned())];
    let told = Class::Throttled(Some(Duration::from_secs(7)));
    for (reply, class) in [
        (Reply::status("200 OK"), None),
        (
            Reply::Body(
                "400 Bad Request",
                "\"start time must be before end time\"".to_owned(),
            ),
            Some(Class::Permanent),
        ),
        (Reply::status("403 Forbidden"), Some(Class::Config)),
        (Reply::status("404 Not Found"), Some(Class::Config)),
        (Reply::status("410 Gone"), Some(Class::Config)),
        (
            Reply::Status("302 Found", vec![("Location", "/login".to_owned())]),
            Some(Class::Config),
        ),
        (Reply::status("429 Slow Down"), Some(Class::Throttled(None))),
        (Reply::Status("503 Busy", seconds), Some(told)),
        (Reply::status("408 Slow"), Some(Class::Transient)),
        (Reply::status("500 Oops"), Some(Class::Transient)),
        (Reply::ResetInBody, Some(Class::Transient)),
        (Reply::Slow(Duration::from_secs(5)), Some(Class::Transient)),
    ] {
        let receiver = Receiver::start(vec![reply.clone()]).await;
        let sender = sender(&receiver.origin, true);
        let parts = sender.render(&message(vec![event(Kind::PoolDown, "192.0.2.1")]), &words());
        let sent = sender.send("msg_1", &parts[0], Timestamp::now()).await;
        assert_eq!(
            sent.as_ref().err().map(|it| it.class),
            class,
            "{reply:?}: {sent:?}"
        );
        if let (Reply::Status(line, _), Err(failure)) = (&reply, &sent) {
            let wanted = match &line[..3] {
                "408" => "took too long to arrive",
                "429" => "wants fewer",
                "500" | "502" | "503" => "trouble at Alertmanager or",
                _ => "`",
            };
            let advised = failure.why.contains(wanted) || failure.why.contains("login");
            assert!(advised, "{failure}");
        }
    }
}

#[tokio::test]
async fn a_server_inside_is_refused_unless_it_is_meant() {
    let mut receiver = Receiver::start(vec![]).await;
    let port = receiver
        .origin
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    let sender = sender(&format!("http://localhost:{port}"), false);
    let parts = sender.render(&message(vec![event(Kind::PoolDown, "192.0.2.1")]), &words());
    let sent = sender.send("msg_1", &parts[0], Timestamp::now()).await;
    assert_eq!(sent.expect_err("refused").class, Class::Config);
    receiver.silent(100).await;
}

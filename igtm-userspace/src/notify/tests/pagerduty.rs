//! Events API v2 against a local server: what is sent, and what each reply means.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::model::{ChannelKind, Secret};
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::Kind;
use crate::notify::fixture::{channel, event, message, words};
use crate::notify::retry::Class;

use super::receiver::{Receiver, Reply};

const KEY: &str = "T0KEN0123456789abcdef0123456789a";

fn sender(url: &str, allow_private: bool) -> Sender {
    let mut settings = channel("pd", url);
    settings.timeout = Duration::from_millis(500);
    settings.allow_private = allow_private;
    settings.kind = ChannelKind::Pagerduty {
        routing_key: Secret::new(KEY),
        base_url: url.to_owned(),
    };
    Sender::new(&settings, &dial::tls()).expect("a usable channel")
}

fn taken() -> Reply {
    let body = json!({ "status": "success", "message": "Event processed", "dedup_key": "x" });
    Reply::Body("202 Accepted", body.to_string())
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn a_failure_triggers_the_incident_that_its_recovery_resolves() {
    let mut receiver =
        Receiver::start(vec![taken(), Reply::json(&json!({"status": "success"}))]).await;
    let sender = sender(&receiver.origin, true);
    let mut down = event(Kind::AddressDown, "192.0.2.1");
    down.instance = Some("shop".to_owned());
    let told = message(vec![down, event(Kind::AddressUp, "192.0.2.1")]);
    let parts = sender.render(&told, &words());
    assert_eq!(parts.len(), 2);
    let mut requests = vec![];
    for part in &parts {
        assert!(!part.body.contains("routing_key"), "{}", part.body);
        let sent = sender.send("msg_1", part, Timestamp::now()).await;
        sent.expect("taken");
        let request = receiver.next().await;
        assert_eq!(request.line, "POST /v2/enqueue HTTP/1.1");
        requests.push(request.json());
    }
    let [trigger, resolve] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(
        (&trigger["event_action"], &resolve["event_action"]),
        (&"trigger".into(), &"resolve".into())
    );
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert_eq!(trigger["routing_key"], KEY);
    let payload = &trigger["payload"];
    for (key, wanted) in [
        ("summary", "address_down 192.0.2.1"),
        ("severity", "warning"),
        ("source", "edge-1"),
        ("timestamp", "2026-01-02T03:04:05.678Z"),
        ("component", "192.0.2.1"),
        ("group", "shop"),
        ("class", "address_down"),
    ] {
        assert_eq!(payload[key], wanted, "{key}");
    }
    let details = &payload["custom_details"];
    assert_eq!(details["reason"][0]["reason"], "connection refused");
}

#[tokio::test]
async fn what_does_not_last_and_what_is_too_long() {
    let sender = sender("http://localhost", true);
    let mut long = event(Kind::ChannelFailed, "192.0.2.1");
    long.title = "😀".repeat(2000);
    long.severity = crate::notify::event::Severity::Critical;
    let mut storm = message(vec![long, event(Kind::Test, "192.0.2.1")]);
    storm.more = 9_900;
    let parts = sender.render(&storm, &words());
    let bodies: Vec<Value> = parts.iter().map(|part| parsed(&part.body)).collect();
    let actions: Vec<&Value> = bodies.iter().map(|body| &body["event_action"]).collect();
    assert_eq!(actions, ["trigger", "trigger", "resolve"]);
    assert_eq!(bodies[1]["dedup_key"], bodies[2]["dedup_key"]);
    assert_ne!(bodies[0]["dedup_key"], bodies[1]["dedup_key"]);
    for body in &bodies {
        let summary = body["payload"]["summary"].as_str().expect("text");
        assert!(summary.encode_utf16().count() <= 1024);
        let key = body["dedup_key"].as_str().expect("text");
        assert!(key.encode_utf16().count() <= 255);
    }
    assert_eq!(bodies[0]["payload"]["severity"], "critical");
    assert_eq!(bodies[0]["payload"]["custom_details"]["more"], 9_900);
    let summary = bodies[0]["payload"]["summary"].as_str().expect("text");
    assert!(summary.ends_with("(and 9900 more)"), "{summary}");
}

#[tokio::test]
async fn every_reply_has_its_class_and_hides_the_key() {
    let invalid = |error: &str| {
        let body = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [error] });
        Reply::Body("400 Bad Request", body.to_string())
    };
    let seconds = vec![("Retry-After", "30".to_owned())];
    let told = Class::Throttled(Some(Duration::from_secs(30)));
    for (reply, class) in [
        (taken(), None),
        (Reply::status("200 OK"), Some(Class::Transient)),
        (
            invalid(&format!("Invalid routing key {KEY}")),
            Some(Class::Config),
        ),
        (
            invalid("Length of 'routing_key' is incorrect (should be 32 characters)"),
            Some(Class::Config),
        ),
        (
            invalid("'payload.source' is missing or blank"),
            Some(Class::Permanent),
        ),
        (Reply::status("404 Not Found"), Some(Class::Config)),
        (Reply::status("410 Gone"), Some(Class::Config)),
        (Reply::status("301 Moved"), Some(Class::Config)),
        (Reply::status("429 Slow Down"), Some(Class::Throttled(None))),
        (Reply::Status("429 Slow Down", seconds), Some(told)),
        (Reply::status("408 Slow"), Some(Class::Transient)),
        (Reply::status("502 Oops"), Some(Class::Transient)),
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
                "500" | "502" | "503" => "trouble at PagerDuty or",
                _ => "`",
            };
            let advised = failure.why.contains(wanted) || failure.why.contains("login");
            assert!(advised, "{failure}");
        }
        assert!(
            !format!("{sent:?} {sender:?} {parts:?}").contains("T0KEN"),
            "{sent:?}"
        );
    }
    let inside = sender("http://localhost:1", false);
    let parts = inside.render(&message(vec![event(Kind::PoolDown, "192.0.2.1")]), &words());
    let sent = inside.send("msg_1", &parts[0], Timestamp::now()).await;
    assert_eq!(sent.expect_err("refused").class, Class::Config);
}

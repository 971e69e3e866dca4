//! Slack.

use super::*;

/// As an incoming webhook.
fn vendor(request: &Request) -> Reply {
    if !is_post(request, &format!("/services/T{MARK}/B{MARK}/x{MARK}")) {
        return Reply::Body("404 Not Found", "no_service".to_owned());
    }
    let body = request.json();
    let characters = |text: &Value| text.as_str().map(|text| text.encode_utf16().count());
    let [header, section] = [&body["blocks"][0], &body["blocks"][1]];
    let header = characters(&header["text"]["text"]);
    let section = characters(&section["text"]["text"]);
    if body["text"].as_str().is_none_or(str::is_empty) {
        return Reply::Body("400 Bad Request", "no_text".to_owned());
    }
    match (header, section) {
        (Some(1..=150), Some(1..=3000)) => Reply::ok(),
        _ => Reply::Body("400 Bad Request", "invalid_blocks".to_owned()),
    }
}

#[tokio::test]
async fn a_message_has_blocks_and_a_text_for_notifications() {
    let mut receiver = Receiver::answering(vendor).await;
    let sender = sender(slack(&receiver.origin));
    let receipt = deliver_one(&sender, &one(Kind::PoolDown))
        .await
        .expect("taken");
    assert_eq!(receipt.reply, "ok");
    let body = receiver.next().await.json();
    assert_eq!(body["text"], "🟠 pool_down 192.0.2.1");
    assert_eq!(body["blocks"][0]["type"], "header");
    assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
    assert_eq!(body["blocks"][1]["type"], "section");
    assert_eq!(body["blocks"][1]["text"]["type"], "mrkdwn");
    let text = body["blocks"][1]["text"]["text"].as_str();
    // The title stands in the header.
    assert!(text.is_some_and(|text| !text.contains("pool_down") && text.contains("edge-1")));
}

#[tokio::test]
async fn a_storm_fits_and_says_how_much_is_left_out() {
    let mut receiver = Receiver::answering(vendor).await;
    deliver_one(&sender(slack(&receiver.origin)), &storm(500))
        .await
        .expect("taken");
    let body = receiver.next().await.json();
    let text = body["blocks"][1]["text"]["text"].as_str().expect("a text");
    let (shown, left_out) = counted(text);
    assert!(shown > 10, "{text}");
    assert_eq!(left_out + shown, 500);
}

#[tokio::test]
async fn every_reply_has_its_class() {
    for (status, body, class, wanted) in [
        (
            "400 Bad Request",
            "invalid_payload",
            Class::Permanent,
            "template",
        ),
        (
            "400 Bad Request",
            "invalid_blocks",
            Class::Permanent,
            "template",
        ),
        (
            "400 Bad Request",
            "user_not_found",
            Class::Permanent,
            "take",
        ),
        (
            "403 Forbidden",
            "action_prohibited",
            Class::Permanent,
            "administrator",
        ),
        (
            "403 Forbidden",
            "invalid_token",
            Class::Permanent,
            "revoked",
        ),
        (
            "404 Not Found",
            "channel_not_found",
            Class::Permanent,
            "deleted",
        ),
        (
            "404 Not Found",
            "no_service",
            Class::Permanent,
            "Incoming Webhooks",
        ),
        (
            "410 Gone",
            "channel_is_archived",
            Class::Permanent,
            "archived",
        ),
        (
            "500 Server Error",
            "rollup_error",
            Class::Transient,
            "trouble",
        ),
        ("408 Request Timeout", "", Class::Transient, "too long"),
        (
            "429 Too Many Requests",
            "rate_limited",
            Class::Throttled(None),
            "fewer",
        ),
        ("401 Unauthorized", "<html>", Class::Config, "`webhook`"),
        (
            "200 OK",
            "<html>please log in</html>",
            Class::Transient,
            "proxy",
        ),
    ] {
        let receiver = Receiver::start(vec![Reply::Body(status, body.to_owned())]).await;
        let sender = sender(slack(&receiver.origin));
        let failure = deliver_one(&sender, &one(Kind::Test))
            .await
            .expect_err("a refusal");
        assert_eq!(failure.class, class, "{status} {body}: {failure}");
        assert_next(&failure);
        assert!(
            failure.why.contains(wanted) && failure.why.contains(body),
            "{failure}"
        );
        assert_eq!(failure.reply.as_deref(), Some(body));
    }
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let told = vec![("Retry-After", "30".to_owned())];
    let receiver = Receiver::start(vec![Reply::Status("429 Too Many Requests", told)]).await;
    let failure = deliver_one(&sender(slack(&receiver.origin)), &one(Kind::Test)).await;
    let class = failure.expect_err("a refusal").class;
    assert_eq!(class, Class::Throttled(Some(Duration::from_secs(30))));
}

//! 飞书.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::*;

/// As a robot with 签名校验 and the keyword 告警.
fn vendor(request: &Request) -> Reply {
    let refuse =
        |code, words: &str| Reply::json(&json!({ "code": code, "msg": words, "data": {} }));
    if !is_post(request, &format!("/open-apis/bot/v2/hook/t0ken-{MARK}")) {
        return refuse(
            19001,
            "param invalid: incoming webhook access token invalid",
        );
    }
    if request.body.len() > 20_000 {
        return refuse(9499, "Bad Request");
    }
    let body = request.json();
    let timestamp = body["timestamp"].as_str().unwrap_or_default();
    let sent: i64 = timestamp.parse().unwrap_or_default();
    let key = format!("{timestamp}\nsign{MARK}/+=");
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    let wanted = STANDARD.encode(mac.finalize().into_bytes());
    if body["sign"] != wanted || (Timestamp::now().as_second() - sent).abs() > 3600 {
        let words = "sign match fail or timestamp is not within one hour from current time";
        return refuse(19021, words);
    }
    let content = body["card"]["elements"][0]["text"]["content"].as_str();
    if !content.expect("a text").contains("告警") {
        return refuse(19024, "Key Words Not Found");
    }
    Reply::json(
        &json!({ "StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success" }),
    )
}

#[tokio::test]
async fn a_message_is_a_signed_card_with_the_keyword_and_everyone() {
    let mut receiver = Receiver::answering(vendor).await;
    let sender = sender(feishu(&receiver.origin));
    deliver_one(&sender, &one(Kind::FallbackEntered))
        .await
        .expect("taken");
    let mut body = receiver.next().await.json();
    let signed = body.as_object_mut().expect("an object");
    assert!(signed.remove("sign").is_some() && signed.remove("timestamp").is_some());
    let title = json!({ "tag": "plain_text", "content": "fallback_entered 192.0.2.1" });
    let text = body["card"]["elements"][0]["text"]["content"].take();
    let text = text.as_str().expect("a text");
    assert!(text.ends_with("\n<at id=all></at> 告警"), "{text}");
    // Once, in the header.
    assert!(!text.contains("fallback_entered"), "{text}");
    let wanted = json!({
        "msg_type": "interactive",
        "card": {
            "config": { "wide_screen_mode": true },
            "header": { "title": title, "template": "red" },
            "elements": [{ "tag": "div", "text": { "tag": "lark_md", "content": null } }],
        },
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn the_part_that_is_kept_is_not_signed() {
    let sender = sender(feishu("http://host"));
    let parts = sender.render(&one(Kind::Test));
    assert!(body(&parts[0]).get("sign").is_none());
    let foreign = Part {
        body: "not JSON".to_owned(),
    };
    let failure = sender.send("msg_1", &foreign, Timestamp::now()).await;
    assert_eq!(failure.expect_err("a refusal").class, Class::Permanent);
}

#[tokio::test]
async fn a_storm_fits_keeps_the_keyword_and_says_how_much_is_left_out() {
    let mut receiver = Receiver::answering(vendor).await;
    let sender = sender(feishu(&receiver.origin));
    deliver_one(&sender, &storm(500)).await.expect("taken");
    let request = receiver.next().await;
    assert!(request.body.len() > 19_500, "{}", request.body.len());
    let body = request.json();
    let content = body["card"]["elements"][0]["text"]["content"].as_str();
    let content = content.expect("a text");
    let (shown, left_out) = counted(content);
    assert_eq!(left_out + shown, 500);
}

#[tokio::test]
async fn every_code_has_its_class() {
    let rows = [
        (9499, Class::Permanent, "template"),
        (11232, Class::Throttled(None), "100 messages"),
        (19001, Class::Config, "no robot"),
        (19002, Class::Permanent, "template"),
        (19021, Class::Config, "签名校验"),
        (19022, Class::Config, "IP 白名单"),
        (19024, Class::Config, "`keyword`"),
        (11246, Class::Permanent, "template"),
        (77777, Class::Permanent, "does not know this code"),
    ];
    codes(feishu, ("code", "msg"), &rows).await;
}

#[tokio::test]
async fn the_body_s_code_decides_under_400_as_well() {
    let told = json!({ "code": 19024, "msg": "Key Words Not Found" }).to_string();
    let many = json!({ "code": 9499, "msg": "too many request" }).to_string();
    let older = json!({ "StatusCode": 0, "StatusMessage": "success" }).to_string();
    for (status, body, class) in [
        ("400 Bad Request", told, Some(Class::Config)),
        (
            "400 Bad Request",
            many.clone(),
            Some(Class::Throttled(None)),
        ),
        ("429 Too Many Requests", many, Some(Class::Throttled(None))),
        ("200 OK", older.clone(), None),
        ("400 Bad Request", older, Some(Class::Config)),
    ] {
        let reply = Reply::Body(status, body.clone());
        let receiver = Receiver::start(vec![reply]).await;
        let result = deliver_one(&sender(feishu(&receiver.origin)), &one(Kind::Test)).await;
        assert_eq!(
            result.err().map(|failure| failure.class),
            class,
            "{status} {body}"
        );
    }
}

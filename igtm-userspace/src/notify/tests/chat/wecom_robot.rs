//! 企业微信群机器人.

use serde_json::json;

use super::*;

/// As the robot of this key.
fn vendor(request: &Request) -> Reply {
    let refuse = |code, words| Reply::json(&json!({ "errcode": code, "errmsg": words }));
    if !is_post(request, &format!("/cgi-bin/webhook/send?key=k3y%2F{MARK}")) {
        return refuse(93000, "invalid webhook url");
    }
    let body = request.json();
    let size = |content: &Value| content.as_str().map(str::len);
    match body["msgtype"].as_str() {
        Some("markdown") => match size(&body["markdown"]["content"]) {
            Some(1..=4096) => refuse(0, "ok"),
            _ => refuse(40058, "markdown.content exceed max length 4096"),
        },
        Some("text") => match size(&body["text"]["content"]) {
            Some(1..=2048) => refuse(0, "ok"),
            _ => refuse(40058, "text.content exceed max length 2048"),
        },
        _ => refuse(40008, "invalid message type"),
    }
}

#[tokio::test]
async fn a_message_is_markdown_and_then_a_text_that_mentions_mobiles() {
    let mut receiver = Receiver::answering(vendor).await;
    let mention = mention(&["zhang", "li"], &["13800000000"], true);
    let sender = sender(wecom_robot(&receiver.origin, mention));
    for result in deliver(&sender, &one(Kind::FallbackEntered)).await {
        let receipt = result.expect("taken");
        assert_eq!(receipt.reply, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(receipt.remark, None);
    }
    let markdown = receiver.next().await.json();
    let content = markdown["markdown"]["content"].as_str().expect("a text");
    assert!(content.starts_with("<font color=\"warning\">fallback_entered 192.0.2.1</font>\n"));
    assert!(content.ends_with("\n<@zhang><@li>"), "{content}");
    let wanted = json!({
        "msgtype": "text",
        "text": {
            "content": "fallback_entered 192.0.2.1",
            "mentioned_list": ["@all"],
            "mentioned_mobile_list": ["13800000000"],
        },
    });
    assert_eq!(receiver.next().await.json(), wanted);
    receiver.silent(0).await;
}

#[tokio::test]
async fn without_mobiles_markdown_is_all() {
    let mut receiver = Receiver::answering(vendor).await;
    let sender = sender(wecom_robot(&receiver.origin, mention(&["li"], &[], false)));
    deliver_one(&sender, &one(Kind::AddressUp))
        .await
        .expect("taken");
    let content = receiver.next().await.json()["markdown"]["content"].to_string();
    assert!(content.contains(r#"<font color=\"info\">"#), "{content}");
}

#[tokio::test]
async fn a_storm_fits_and_says_how_much_is_left_out() {
    let mut receiver = Receiver::answering(vendor).await;
    let sender = sender(wecom_robot(&receiver.origin, Mention::default()));
    deliver_one(&sender, &storm(500)).await.expect("taken");
    let body = receiver.next().await.json();
    let content = body["markdown"]["content"].as_str().expect("a text");
    let (shown, left_out) = counted(content);
    assert!(shown > 10 && content.len() > 3800, "{content}");
    assert_eq!(left_out + shown, 500);
}

#[tokio::test]
async fn who_has_no_room_in_the_markdown_is_mentioned_in_the_text() {
    let mut receiver = Receiver::answering(vendor).await;
    let users: Vec<String> = (0..1000).map(|at| format!("member-{at:04}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let sender = sender(wecom_robot(&receiver.origin, mention(&users, &[], false)));
    for result in deliver(&sender, &storm(500)).await {
        result.expect("taken");
    }
    let markdown = receiver.next().await.json()["markdown"]["content"].to_string();
    let text = receiver.next().await.json();
    let list = text["text"]["mentioned_list"].as_array().expect("a list");
    let within = markdown.matches("<@member-").count();
    assert!(within > 50 && within + list.len() == 1000, "{within}");
    assert_eq!(list[0], format!("member-{within:04}"));
}

#[tokio::test]
async fn a_wrong_key_is_told_as_one() {
    let receiver = Receiver::answering(vendor).await;
    let mut kind = wecom_robot(&receiver.origin, Mention::default());
    if let ChannelKind::WecomRobot { webhook, .. } = &mut kind {
        *webhook = secret(format!(
            "{}/cgi-bin/webhook/send?key=other",
            receiver.origin
        ));
    }
    let failure = deliver_one(&sender(kind), &one(Kind::Test)).await;
    let failure = failure.expect_err("a refusal");
    assert_eq!(failure.class, Class::Config);
    assert!(failure.why.contains("invalid webhook url"), "{failure}");
}

#[tokio::test]
async fn every_code_has_its_class() {
    let minute = Class::Throttled(Some(Duration::from_secs(60)));
    let rows = [
        (-1, Class::Transient, "busy"),
        (45009, minute, "20 messages in a minute"),
        (45033, Class::Throttled(None), "same moment"),
        (93000, Class::Config, "群机器人"),
        (40058, Class::Permanent, "too long"),
        (45002, Class::Permanent, "too long"),
        (40008, Class::Permanent, "template"),
        (44004, Class::Permanent, "empty"),
        (77777, Class::Permanent, "does not know this code"),
    ];
    let kind = |origin: &str| wecom_robot(origin, Mention::default());
    codes(kind, ("errcode", "errmsg"), &rows).await;
}

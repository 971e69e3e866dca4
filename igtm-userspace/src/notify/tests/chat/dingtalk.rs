//! 钉钉.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::*;

/// As a robot with 加签 and the keyword 告警; one that mentions somebody who does not stand in the
/// text mentions nobody, which here is refused.
fn vendor(request: &Request) -> Reply {
    let refuse = |code, words: &str| Reply::json(&json!({ "errcode": code, "errmsg": words }));
    let target = request.line.split(' ').nth(1).expect("a target");
    let url = url::Url::parse("http://host").and_then(|base| base.join(target));
    let url = url.expect("a URL");
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    if !is_post(request, target) || url.path() != "/robot/send" {
        return refuse(404, "no such path");
    }
    if query["access_token"] != format!("t0ken{MARK}") {
        return refuse(300_001, "token is not exist");
    }
    let sent: i64 = query["timestamp"].parse().expect("milliseconds");
    if (Timestamp::now().as_millisecond() - sent).abs() > 3_600_000 {
        return refuse(310_000, "invalid timestamp");
    }
    let key = format!("SEC{MARK}/+=");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(format!("{sent}\n{key}").as_bytes());
    if query["sign"] != STANDARD.encode(mac.finalize().into_bytes()) {
        return refuse(310_000, "sign not match, more: [https://…]");
    }
    if request.body.len() > 20_000 {
        return refuse(460_101, "message too long");
    }
    let body = request.json();
    let text = body["markdown"]["text"].as_str().expect("a text");
    if !text.contains("告警") {
        return refuse(310_000, "keywords not in content, more: [https://…]");
    }
    let lists = [&body["at"]["atMobiles"], &body["at"]["atUserIds"]];
    let mut named = lists
        .iter()
        .flat_map(|list| list.as_array().expect("a list"));
    let stands = |who: &Value| text.contains(&format!("@{}", who.as_str().expect("a text")));
    let all = body["at"]["isAtAll"].as_bool().expect("yes or no");
    if !named.all(stands) || (all && !text.contains("@all")) {
        return refuse(400_105, "mentioned, and not in the text");
    }
    refuse(0, "ok")
}

#[tokio::test]
async fn a_message_is_signed_has_the_keyword_and_mentions_in_the_text() {
    let mut receiver = Receiver::answering(vendor).await;
    let mention = mention(&["manager4220"], &["13800000000"], true);
    let sender = sender(dingtalk(&receiver.origin, mention));
    deliver_one(&sender, &one(Kind::AddressDown))
        .await
        .expect("taken");
    let body = receiver.next().await.json();
    assert_eq!(body["msgtype"], "markdown");
    assert_eq!(body["markdown"]["title"], "address_down 192.0.2.1");
    let text = body["markdown"]["text"].as_str().expect("a text");
    assert!(
        text.starts_with("### 🟠 address_down 192.0.2.1\n\n"),
        "{text}"
    );
    assert!(
        text.ends_with("@all @13800000000 @manager4220 告警"),
        "{text}"
    );
    let at = json!({
        "atMobiles": ["13800000000"],
        "atUserIds": ["manager4220"],
        "isAtAll": true,
    });
    assert_eq!(body["at"], at);
}

#[tokio::test]
async fn a_text_with_the_keyword_in_it_is_left_alone_and_without_a_secret_nothing_is_signed() {
    let mut receiver = Receiver::start(vec![]).await;
    let kind = ChannelKind::Dingtalk {
        webhook: secret(format!("{}/robot/send?access_token=x", receiver.origin)),
        secret: None,
        keyword: Some("192.0.2".to_owned()),
        mention: Mention::default(),
    };
    // The receiver's bare "ok" is not as 钉钉 answers.
    let failure = deliver_one(&sender(kind), &one(Kind::AddressDown)).await;
    assert_eq!(failure.expect_err("no JSON").class, Class::Transient);
    let request = receiver.next().await;
    assert_eq!(request.line, "POST /robot/send?access_token=x HTTP/1.1");
    let body = request.json();
    let text = body["markdown"]["text"].as_str().expect("a text");
    assert_ne!(text.lines().last(), Some("192.0.2"), "{text}");
}

#[tokio::test]
async fn a_storm_fits_keeps_the_keyword_and_says_how_much_is_left_out() {
    let mut receiver = Receiver::answering(vendor).await;
    let mobiles: Vec<String> = (0..1000).map(|at| format!("1380000{at:04}")).collect();
    let mobiles: Vec<&str> = mobiles.iter().map(String::as_str).collect();
    for mention in [Mention::default(), mention(&mobiles, &mobiles, true)] {
        let sender = sender(dingtalk(&receiver.origin, mention));
        deliver_one(&sender, &storm(500)).await.expect("taken");
        let request = receiver.next().await;
        assert!(request.body.len() > 19_000, "{}", request.body.len());
        let body = request.json();
        let text = body["markdown"]["text"].as_str().expect("a text");
        let (shown, left_out) = counted(text);
        assert!(shown > 20);
        assert_eq!(left_out + shown, 500);
    }
}

#[tokio::test]
async fn every_code_has_its_class() {
    let blocked = Class::Throttled(Some(Duration::from_mins(10)));
    let rows = [
        (-1, Class::Transient, "busy"),
        (130_101, blocked, "blocked for 10 minutes"),
        (410_100, blocked, "blocked for 10 minutes"),
        (310_000, Class::Config, "安全设置"),
        (300_001, Class::Permanent, "no robot"),
        (300_005, Class::Permanent, "no robot"),
        (400_101, Class::Permanent, "no robot"),
        (400_106, Class::Permanent, "no robot"),
        (400_013, Class::Permanent, "dissolved"),
        (400_102, Class::Permanent, "disabled"),
        (400_105, Class::Permanent, "understand"),
        (40035, Class::Permanent, "understand"),
        (43004, Class::Permanent, "understand"),
        (430_101, Class::Permanent, "template"),
        (430_104, Class::Permanent, "template"),
        (460_101, Class::Permanent, "too long"),
        (77777, Class::Permanent, "does not know this code"),
    ];
    let kind = |origin: &str| dingtalk(origin, Mention::default());
    codes(kind, ("errcode", "errmsg"), &rows).await;
}

#[tokio::test]
async fn a_refusal_by_the_robot_s_settings_says_by_which() {
    for (words, wanted) in [
        ("keywords not in content, more: [https://…]", "`keyword`"),
        ("description:关键词不匹配;solution:…", "`keyword`"),
        ("invalid timestamp, more: [https://…]", "clock"),
        ("sign not match, more: [https://…]", "`secret`"),
        ("description:机器人发送签名不匹配", "`secret`"),
        (
            "ip 203.0.113.9 not in whitelist, more: [https://…]",
            "IP地址（段）",
        ),
    ] {
        let reply = Reply::json(&json!({ "errcode": 310_000, "errmsg": words }));
        let receiver = Receiver::start(vec![reply]).await;
        let sender = sender(dingtalk(&receiver.origin, Mention::default()));
        let failure = deliver_one(&sender, &one(Kind::Test))
            .await
            .expect_err("a refusal");
        assert_eq!(failure.class, Class::Config);
        let (_, advice) = failure.why.split_once("): ").expect("advice");
        assert!(advice.contains(wanted), "{words}: {failure}");
    }
}

#[tokio::test]
async fn a_punishment_is_throttling_with_its_wait() {
    let told = |wait| json!({ "status": 1111, "wait": wait, "punish": "deny" });
    for (reply, class) in [
        (
            told(json!(5)),
            Class::Throttled(Some(Duration::from_secs(5))),
        ),
        (told(json!(null)), Class::Throttled(None)),
        (told(json!(-5)), Class::Throttled(None)),
        // Not the vendor's.
        (json!({ "status": 0 }), Class::Transient),
        (json!({ "status": 500, "error": "x" }), Class::Transient),
        (json!([]), Class::Transient),
    ] {
        let receiver = Receiver::start(vec![Reply::json(&reply)]).await;
        let sender = sender(dingtalk(&receiver.origin, Mention::default()));
        let failure = deliver_one(&sender, &one(Kind::Test))
            .await
            .expect_err("a refusal");
        assert_eq!(failure.class, class, "{reply}: {failure}");
        assert_next(&failure);
        let is_punished = reply["status"] == 1111;
        assert_eq!(
            failure.why.contains("wants fewer requests"),
            is_punished,
            "{failure}"
        );
        assert_eq!(failure.reply, Some(reply.to_string()));
    }
}

//! What goes wrong on the way is judged alike for every channel.

use super::*;

fn all(origin: &str) -> [ChannelKind; 5] {
    [
        wecom_robot(origin, Mention::default()),
        wecom_app(origin),
        dingtalk(origin, Mention::default()),
        feishu(origin),
        slack(origin),
    ]
}

/// Of every channel; of a wecom_app both where it wants a token and where it has one.
async fn failures(reply: Reply, timeout: Duration) -> Vec<(&'static str, Failure)> {
    let mut found = Vec::new();
    for has_token in [false, true] {
        let reply = reply.clone();
        let receiver = Receiver::answering(move |request| {
            if has_token && request.line.starts_with("GET") {
                let token = serde_json::json!({ "errcode": 0, "access_token": "T-long-enough" });
                return Reply::json(&token);
            }
            reply.clone()
        })
        .await;
        for kind in all(&receiver.origin) {
            let name = kind.name();
            if has_token && name != "wecom_app" {
                continue;
            }
            let channel = Channel {
                timeout,
                ..channel(kind)
            };
            let result = deliver_one(&ready(&channel), &one(Kind::Test)).await;
            found.push((name, result.expect_err("a failure")));
        }
    }
    assert_eq!(found.len(), 6);
    found
}

#[tokio::test]
async fn the_network_s_and_the_server_s_trouble_is_transient() {
    let patience = Duration::from_secs(30);
    for (reply, patience) in [
        (Reply::status("408 Slow"), patience),
        (Reply::status("500 Oops"), patience),
        (Reply::status("502 Bad Gateway"), patience),
        (Reply::status("503 Busy"), patience),
        (
            Reply::Body("500 Oops", r#"{"errcode":93000,"code":19024}"#.to_owned()),
            patience,
        ),
        (Reply::ResetInBody, patience),
        (
            Reply::Slow(Duration::from_secs(60)),
            Duration::from_millis(200),
        ),
        (
            Reply::Body("200 OK", "<html>please log in</html>".to_owned()),
            patience,
        ),
        (Reply::Body("200 OK", String::new()), patience),
        (Reply::Body("200 OK", "{\"errcode\":".to_owned()), patience),
        (
            Reply::Body("200 OK", "{\"errcode\":\"0\"}".to_owned()),
            patience,
        ),
    ] {
        for (name, failure) in failures(reply.clone(), patience).await {
            assert_eq!(
                failure.class,
                Class::Transient,
                "{name} {reply:?}: {failure}"
            );
            // Whose problem it is.
            let wanted = match &reply {
                Reply::Status("408 Slow", _) => "took too long to arrive",
                Reply::Status(..) => "at a proxy before it; there is nothing to change here",
                Reply::ResetInBody => "the connection ended before a whole reply",
                Reply::Slow(_) => "did not answer within 0.2 s (is the receiver up",
                Reply::Endless(_) => unreachable!("none is"),
                Reply::Body("200 OK", _) => "is a proxy or a login page in between",
                Reply::Body(..) => "there is nothing to change here",
            };
            assert!(failure.why.contains(wanted), "{name} {reply:?}: {failure}");
        }
    }
}

#[tokio::test]
async fn too_many_requests_wait_as_told() {
    let told = |seconds: &str| vec![("Retry-After", seconds.to_owned())];
    for (reply, wait) in [
        (Reply::status("429 Slow Down"), None),
        (Reply::Status("429 Slow Down", told("7")), Some(7)),
        (Reply::Status("429 Slow Down", told("soon")), None),
        (Reply::Status("503 Busy", told("9")), Some(9)),
    ] {
        for (name, failure) in failures(reply.clone(), Duration::from_secs(30)).await {
            let class = Class::Throttled(wait.map(Duration::from_secs));
            assert_eq!(failure.class, class, "{name} {reply:?}: {failure}");
        }
    }
}

#[tokio::test]
async fn somebody_else_s_refusal_is_the_configuration_s() {
    let there = vec![("Location", "http://127.0.0.1:1/".to_owned())];
    for reply in [
        Reply::Status("302 Over There", there),
        Reply::status("401 Unauthorized"),
        Reply::status("407 Proxy Authentication Required"),
    ] {
        for (name, failure) in failures(reply.clone(), Duration::from_secs(30)).await {
            assert_eq!(failure.class, Class::Config, "{name} {reply:?}: {failure}");
            let key = if name == "wecom_app" {
                "`base_url`"
            } else {
                "`webhook`"
            };
            assert!(failure.why.contains(key), "{name}: {failure}");
        }
    }
}

#[tokio::test]
async fn inside_addresses_are_refused_before_anything_is_dialled() {
    let mut receiver = Receiver::start(vec![]).await;
    for kind in all(&receiver.origin) {
        let channel = Channel {
            allow_private: false,
            ..channel(kind)
        };
        let sender = ready(&channel);
        let failure = deliver_one(&sender, &one(Kind::Test)).await;
        let failure = failure.expect_err("refused");
        assert_eq!(failure.class, Class::Config);
        assert!(failure.why.contains("allow_private"), "{failure}");
    }
    receiver.silent(100).await;
}

//! What operators order of alerts, over the socket.

use serde_json::Value;

use super::{Stage, asked, got, stage};

async fn posted(stage: &Stage, path: &str, body: &str) -> (u16, Value) {
    let reply = asked(&stage.socket, path, Some(body), false).await;
    let body = serde_json::from_str(&reply.body).expect("JSON");
    (reply.status.as_u16(), body)
}

#[tokio::test]
async fn a_mute_holds_is_shown_and_ends() {
    let stage = stage();
    let wish = r#"{"instance": "www", "for": "1h", "reason": "moving"}"#;
    let (code, muted) = posted(&stage, "/api/v1/mute", wish).await;
    assert_eq!(
        (code, &muted["mute"]["reason"]),
        (200, &"moving".into()),
        "{muted}"
    );
    let shown = async || -> Value {
        // The task shows it with its next step.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let (_, body) = got(&stage, "/api/v1/status").await;
        let status: Value = serde_json::from_str(&body).expect("JSON");
        status["mutes"].clone()
    };
    assert_eq!(shown().await[0]["instance"], "www");
    let (code, ended) = posted(&stage, "/api/v1/mute", r#"{"instance": "www", "for": "0"}"#).await;
    assert!(
        code == 200 && ended["mute"].is_null() && ended["ended"].is_object(),
        "{ended}"
    );
    assert_eq!(shown().await, Value::Array(Vec::new()));
    for (wish, code, part) in [
        (
            r#"{"instance": "ww", "for": "1h"}"#,
            404,
            "no instance is named ww",
        ),
        (
            r#"{"instance": "www", "for": "soon"}"#,
            400,
            "--for is \"soon\"",
        ),
        (
            r#"{"instance": "www", "for": "1h", "reason": "a\nb"}"#,
            400,
            "one line",
        ),
        (r#"{"instance": "www"}"#, 422, "for"),
    ] {
        let (found, why) = posted(&stage, "/api/v1/mute", wish).await;
        let why = why["error"].to_string();
        assert!(
            found == code && why.contains(&part.replace('"', "\\\"")),
            "{found} {why}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let stage = stage();
    for (path, wish, code, part) in [
        (
            "/api/v1/pushes/replay",
            r#"{"id": "msg_x"}"#,
            404,
            "recorded as msg_x",
        ),
        (
            "/api/v1/notify/test",
            r#"{"channel": "ops"}"#,
            404,
            "no channel is named ops",
        ),
        (
            "/api/v1/events/send",
            r#"{"kind": "x", "instance": "www"}"#,
            400,
            "no kind of event",
        ),
        (
            "/api/v1/events/send",
            r#"{"kind": "test", "instance": "x"}"#,
            404,
            "no instance",
        ),
    ] {
        let (found, why) = posted(&stage, path, wish).await;
        assert!(
            found == code && why["error"].to_string().contains(part),
            "{path} {found} {why}"
        );
    }
    let wish = r#"{"kind": "fallback_entered", "instance": "www"}"#;
    let (code, sent) = posted(&stage, "/api/v1/events/send", wish).await;
    assert_eq!(
        (code, &sent["event"]["test"]),
        (200, &true.into()),
        "{sent}"
    );
    assert_eq!(sent["subscriptions"], Value::Array(Vec::new()));
    // It is in the history, marked.
    let (_, events) = got(&stage, "/api/v1/events?kind=fallback_entered").await;
    assert!(events.contains("TEST, nothing happened"), "{events}");
    assert_eq!(got(&stage, "/api/v1/pushes").await, (200, "[]".to_owned()));
    assert_eq!(got(&stage, "/api/v1/pushes/msg_x").await.0, 404);
    assert_eq!(got(&stage, "/api/v1/pushes?result=x").await.0, 400);
}

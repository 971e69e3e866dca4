//! No failure, receipt, log or `Debug` shows what lets others post in our name. The servers here
//! repeat everything they were sent, as vendors' gateways do in their errors.

use serde_json::json;

use super::*;
use crate::notify::tests::journal::Journal;

/// The access token that these servers give.
const TOKEN: &str = "t0ken/S3CRET+given";

/// All that a server knows: the request, and the secrets that are known to it.
fn echo(request: &Request, known: &[String]) -> String {
    let body = String::from_utf8_lossy(&request.body);
    format!("{} {known:?} {} {body}", request.line, known.join(" "))
}

/// Every way to fail with a repetition of the request in it.
fn replies(request: &Request, known: &[String]) -> Vec<Reply> {
    let echo = echo(request, known);
    let statuses = [
        "200 OK",
        "302 Found",
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "410 Gone",
        "429 Slow Down",
        "500 Oops",
    ];
    let pages = statuses.map(|status| Reply::Body(status, echo.clone()));
    let codes = [
        -1, 0, 1111, 9499, 11232, 19001, 19021, 19022, 19024, 40001, 40014, 40058, 42001, 45009,
        60020, 81013, 93000, 130_101, 300_001, 301_002, 310_000, 400_102, 77777,
    ];
    let told = codes.map(|code| {
        let words = &echo;
        Reply::json(&json!({
            "errcode": code, "errmsg": words, "code": code, "msg": words, "status": code,
            "invaliduser": "zhang", "access_token": known.last(),
        }))
    });
    let others = [
        Reply::ResetInBody,
        Reply::Slow(Duration::from_secs(60)),
        Reply::Status(
            "302 Found",
            vec![("Location", format!("http://127.0.0.1/{TOKEN}"))],
        ),
    ];
    pages.into_iter().chain(told).chain(others).collect()
}

/// Sends until every reply was given, to requests that `troubled` picks; others get a token.
/// Whatever came of it is in the text.
async fn shown(
    kind_at: impl Fn(&str) -> ChannelKind,
    known: &[String],
    troubled: impl Fn(&Request) -> bool + Clone + Send + 'static,
) -> String {
    let (journal, _guard) = Journal::start();
    let mut shown = String::new();
    let mut all_given = false;
    for at in 0..100 {
        let (troubled, known) = (troubled.clone(), known.to_vec());
        let (over, mut is_over) = tokio::sync::watch::channel(false);
        let receiver = Receiver::answering(move |request| {
            if !troubled(request) {
                return Reply::json(&json!({ "errcode": 0, "access_token": TOKEN }));
            }
            let mut replies = replies(request, &known);
            if at >= replies.len() {
                over.send_replace(true);
                return Reply::status("500 Oops");
            }
            replies.swap_remove(at)
        })
        .await;
        let kind = kind_at(&receiver.origin);
        let channel = Channel {
            timeout: Duration::from_millis(300),
            ..channel(kind)
        };
        let sender = ready(&channel);
        let results = deliver(&sender, &one(Kind::Test)).await;
        for result in &results {
            tracing::error!("{result:?}");
            let failure = result.as_ref().err().map(ToString::to_string);
            shown += &format!("{:?} {result:?} {failure:?}\n", sender.sender);
        }
        let parts = sender.render(&one(Kind::Test));
        shown += &format!("{parts:?}\n");
        all_given = *is_over.borrow_and_update();
        if all_given {
            break;
        }
    }
    assert!(all_given);
    let closed = kind_at("http://127.0.0.1:1");
    let closed = deliver(&sender(closed), &one(Kind::Test)).await;
    let tls = kind_at("https://127.0.0.1:1");
    let tls = deliver(&sender(tls), &one(Kind::Test)).await;
    let unresolved = kind_at("http://name.invalid");
    let unresolved = deliver(&sender(unresolved), &one(Kind::Test)).await;
    shown += &format!("{closed:?} {tls:?} {unresolved:?}");
    shown += &journal.text();
    shown
}

fn assert_clean(shown: &str) {
    for line in shown.lines() {
        assert!(!line.contains(MARK), "{line}");
    }
    assert!(shown.contains("[secret]"), "nothing was taken out: {shown}");
}

#[tokio::test]
async fn of_a_wecom_robot() {
    let kind = |origin: &str| wecom_robot(origin, mention(&["li"], &["138"], true));
    let known = [format!("k3y/{MARK}")];
    assert_clean(&shown(kind, &known, |_| true).await);
}

fn known_to_wecom() -> [String; 2] {
    [format!("corp/{MARK}+=\""), TOKEN.to_owned()]
}

#[tokio::test]
async fn of_a_wecom_app_that_gets_no_token() {
    assert_clean(&shown(wecom_app, &known_to_wecom(), |_| true).await);
}

#[tokio::test]
async fn of_a_wecom_app_with_a_token() {
    let sends = |request: &Request| request.line.starts_with("POST");
    assert_clean(&shown(wecom_app, &known_to_wecom(), sends).await);
}

#[tokio::test]
async fn of_dingtalk() {
    let kind = |origin: &str| dingtalk(origin, mention(&["li"], &["138"], true));
    let known = [format!("SEC{MARK}/+="), format!("t0ken{MARK}")];
    assert_clean(&shown(kind, &known, |_| true).await);
}

#[tokio::test]
async fn of_feishu() {
    let known = [format!("sign{MARK}/+="), format!("t0ken-{MARK}")];
    assert_clean(&shown(feishu, &known, |_| true).await);
}

#[tokio::test]
async fn of_slack() {
    let known = [format!("T{MARK}/B{MARK}/x{MARK}"), format!("x{MARK}")];
    assert_clean(&shown(slack, &known, |_| true).await);
}

#[test]
fn of_a_url_that_is_none() {
    for text in [
        "http://[S3CRET",
        "ftp://host/S3CRET",
        "S3CRET",
        "http://host:S3CRET/",
    ] {
        let kind = ChannelKind::Slack {
            webhook: Secret::new(text),
        };
        let error = Sender::new(&channel(kind), &dial::tls()).expect_err("no URL");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(MARK), "{shown}");
    }
}

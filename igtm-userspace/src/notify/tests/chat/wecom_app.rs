//! 企业微信应用.

use jiff::SignedDuration;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// As 企业微信: gives a token, and takes messages with the newest of them.
#[derive(Default)]
struct Vendor {
    given: AtomicUsize,
    posted: AtomicUsize,
    /// The code for a token that is not the newest.
    gone: i64,
    /// Tokens below this one are not taken.
    oldest: AtomicUsize,
}

impl Vendor {
    fn answer(&self, request: &Request) -> Reply {
        let refuse = |code, words: &str| Reply::json(&json!({ "errcode": code, "errmsg": words }));
        let secret = format!("corp%2F{MARK}%2B%3D%22");
        if request.line
            == format!("GET /cgi-bin/gettoken?corpid=ww0001&corpsecret={secret} HTTP/1.1")
        {
            let token = self.given.fetch_add(1, Ordering::Relaxed) + 1;
            let token = format!("T-{token}");
            return Reply::json(&json!({
                "errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200,
            }));
        }
        self.posted.fetch_add(1, Ordering::Relaxed);
        let token = request.line.split("access_token=T-").nth(1);
        let token: usize = token
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .expect("a token");
        if !is_post(
            request,
            &format!("/cgi-bin/message/send?access_token=T-{token}"),
        ) {
            return refuse(404, "no such path");
        }
        if token < self.oldest.load(Ordering::Relaxed) {
            return refuse(self.gone, "invalid access_token");
        }
        let body = request.json();
        match body["markdown"]["content"].as_str().map(str::len) {
            Some(1..=2048) => Reply::json(&json!({
                "errcode": 0, "errmsg": "ok", "invaliduser": "", "invalidparty": "",
                "invalidtag": "", "msgid": "xxxx",
            })),
            _ => refuse(40058, "markdown.content exceed max length 2048"),
        }
    }

    async fn start(self) -> (Arc<Self>, Receiver) {
        let vendor = Arc::new(self);
        let answering = Arc::clone(&vendor);
        let receiver = Receiver::answering(move |request| answering.answer(request)).await;
        (vendor, receiver)
    }

    fn counts(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (count(&self.given), count(&self.posted))
    }
}

#[tokio::test]
async fn a_message_goes_to_accounts_departments_and_tags() {
    let (_, mut receiver) = Vendor::default().start().await;
    let sender = sender(wecom_app(&receiver.origin));
    let receipt = deliver_one(&sender, &one(Kind::AddressUp))
        .await
        .expect("taken");
    assert_eq!(receipt.remark, None);
    receiver.next().await;
    let mut body = receiver.next().await.json();
    let content = body["markdown"]["content"].take();
    let content = content.as_str().expect("a text");
    let head = "<font color=\"info\">address_up 192.0.2.1</font>\n";
    assert!(content.starts_with(head), "{content}");
    let wanted = json!({
        "touser": "zhang|li",
        "toparty": "1|2",
        "totag": "7",
        "msgtype": "markdown",
        "agentid": 1_000_002,
        "markdown": { "content": null },
        "enable_duplicate_check": 0,
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn who_is_not_told_is_left_out() {
    let mut kind = wecom_app("http://host");
    if let ChannelKind::WecomApp(app) = &mut kind {
        app.users = vec!["@all".to_owned()];
        app.departments.clear();
        app.tags.clear();
    }
    let parts = sender(kind).render(&one(Kind::Test));
    let body = body(&parts[0]);
    assert_eq!(body["touser"], "@all");
    assert!(body.get("toparty").is_none() && body.get("totag").is_none());
}

#[tokio::test]
async fn a_storm_fits_and_says_how_much_is_left_out() {
    let (_, mut receiver) = Vendor::default().start().await;
    deliver_one(&sender(wecom_app(&receiver.origin)), &storm(500))
        .await
        .expect("taken");
    receiver.next().await;
    let body = receiver.next().await.json();
    let content = body["markdown"]["content"].as_str().expect("a text");
    let (shown, left_out) = counted(content);
    assert!(shown > 3, "{content}");
    assert_eq!(left_out + shown, 500);
}

#[tokio::test]
async fn the_token_is_kept_until_it_expires() {
    let (vendor, receiver) = Vendor::default().start().await;
    let sender = sender(wecom_app(&receiver.origin));
    let part = sender.render(&one(Kind::Test)).remove(0);
    let start = Timestamp::now();
    for (after_s, given) in [
        (0, 1),
        (10, 1),
        (7000, 1),
        (7200, 2),
        (7300, 2),
        (14_400, 3),
    ] {
        let now = start + SignedDuration::from_secs(after_s);
        sender.send("msg_1", &part, now).await.expect("taken");
        assert_eq!(vendor.counts().0, given, "after {after_s} s");
    }
}

/// `count` sends at the same time.
async fn at_once(sender: &Arc<Ready>, count: usize) {
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..count {
        let sender = Arc::clone(sender);
        all.spawn(async move { deliver_one(&sender, &one(Kind::Test)).await });
    }
    for result in all.join_all().await {
        result.expect("taken");
    }
}

#[tokio::test]
async fn sends_at_the_same_time_fetch_one_token() {
    let (vendor, receiver) = Vendor::default().start().await;
    let sender = Arc::new(sender(wecom_app(&receiver.origin)));
    at_once(&sender, 10).await;
    assert_eq!(vendor.counts(), (1, 10));
}

#[tokio::test]
async fn channels_of_one_application_have_one_token() {
    let (vendor, receiver) = Vendor::default().start().await;
    let night = sender(wecom_app(&receiver.origin));
    let mut kind = wecom_app(&format!("{}/", receiver.origin));
    if let ChannelKind::WecomApp(app) = &mut kind {
        app.users = vec!["wang".to_owned()];
    }
    let day = sender(kind);
    for sender in [&night, &day, &night] {
        deliver_one(sender, &one(Kind::Test)).await.expect("taken");
    }
    assert_eq!(vendor.counts(), (1, 3));
    // After a reload, which makes the new one before it drops the old one.
    let reloaded = sender(wecom_app(&receiver.origin));
    drop((night, day));
    deliver_one(&reloaded, &one(Kind::Test))
        .await
        .expect("taken");
    assert_eq!(vendor.counts(), (1, 4));
    // Nothing is kept of an application that no channel has any more.
    drop(reloaded);
    let again = sender(wecom_app(&receiver.origin));
    deliver_one(&again, &one(Kind::Test)).await.expect("taken");
    assert_eq!(vendor.counts(), (2, 5));
}

#[tokio::test]
async fn applications_have_tokens_of_their_own() {
    let token = Reply::json(&json!({ "errcode": 0, "errmsg": "ok", "access_token": "T-1" }));
    let mut receiver = Receiver::answering(move |_| token.clone()).await;
    let mut kinds = [(); 3].map(|()| wecom_app(&receiver.origin));
    for (at, kind) in kinds.iter_mut().enumerate() {
        let ChannelKind::WecomApp(app) = kind else {
            unreachable!("all are")
        };
        match at {
            1 => app.corp_id = "ww0002".to_owned(),
            2 => app.secret = secret(format!("other{MARK}")),
            _ => {}
        }
    }
    let senders = kinds.map(sender);
    for sender in &senders {
        deliver_one(sender, &one(Kind::Test)).await.expect("taken");
    }
    let came = std::iter::from_fn(|| receiver.came());
    let fetched = came.filter(|request| request.line.starts_with("GET"));
    assert_eq!(fetched.count(), 3);
}

#[tokio::test]
async fn a_token_that_is_gone_is_fetched_once_more_for_all() {
    for gone in [40001, 40014, 42001] {
        let vendor = Vendor {
            gone,
            ..Vendor::default()
        };
        let (vendor, receiver) = vendor.start().await;
        let sender = Arc::new(sender(wecom_app(&receiver.origin)));
        at_once(&sender, 1).await;
        vendor.oldest.store(2, Ordering::Relaxed);
        at_once(&sender, 5).await;
        let (given, posted) = vendor.counts();
        assert_eq!(given, 2, "{gone}");
        assert!((7..=11).contains(&posted), "{gone}: {posted}");
    }
}

#[tokio::test]
async fn a_token_that_never_holds_is_tried_twice_and_no_more() {
    let vendor = Vendor {
        gone: 40014,
        oldest: AtomicUsize::new(usize::MAX),
        ..Vendor::default()
    };
    let (vendor, receiver) = vendor.start().await;
    let sender = sender(wecom_app(&receiver.origin));
    let failure = deliver_one(&sender, &one(Kind::Test))
        .await
        .expect_err("a refusal");
    assert_eq!(failure.class, Class::Transient);
    assert_eq!(vendor.counts(), (2, 2));
}

#[tokio::test]
async fn receivers_who_do_not_exist_are_remarked() {
    let reply = |request: &Request| {
        if request.line.starts_with("GET") {
            return Reply::json(&json!({ "errcode": 0, "access_token": "T-long-enough" }));
        }
        Reply::json(&json!({
            "errcode": 0, "errmsg": "ok", "invaliduser": "zhang|li", "invalidparty": "2",
            "invalidtag": "7",
        }))
    };
    let receiver = Receiver::answering(reply).await;
    let sender = sender(wecom_app(&receiver.origin));
    let receipt = deliver_one(&sender, &one(Kind::Test)).await.expect("taken");
    let remark = receipt.remark.expect("a remark");
    assert!(
        remark.starts_with("not told: users zhang, li; departments 2; tags 7 ("),
        "{remark}"
    );
    assert!(receipt.reply.contains("invaliduser"), "{}", receipt.reply);
}

#[tokio::test]
async fn every_code_of_the_token_s_request_has_its_class() {
    let rows = [
        (-1, Class::Transient, "busy"),
        (40001, Class::Config, "`secret`"),
        (40091, Class::Config, "`secret`"),
        (41004, Class::Config, "`secret`"),
        (40013, Class::Config, "`corp_id`"),
        (41002, Class::Config, "`corp_id`"),
        (
            45009,
            Class::Throttled(Some(Duration::from_secs(60))),
            "more than it may",
        ),
        (60020, Class::Config, "企业可信IP"),
        (77777, Class::Permanent, "does not know this code"),
    ];
    codes(wecom_app, ("errcode", "errmsg"), &rows).await;
}

#[tokio::test]
async fn every_code_of_a_message_has_its_class() {
    let minute = Class::Throttled(Some(Duration::from_secs(60)));
    for (code, class, wanted) in [
        (-1, Class::Transient, "busy"),
        (40001, Class::Transient, "just given"),
        (40014, Class::Transient, "just given"),
        (42001, Class::Transient, "just given"),
        (45009, minute, "more than it may"),
        (45033, Class::Throttled(None), "same moment"),
        (40013, Class::Config, "`corp_id`"),
        (81013, Class::Config, "可见范围"),
        (82001, Class::Config, "可见范围"),
        (301_002, Class::Config, "`agent_id`"),
        (40056, Class::Config, "`agent_id`"),
        (50003, Class::Config, "disabled"),
        (48002, Class::Config, "may not"),
        (60011, Class::Config, "可见范围"),
        (60020, Class::Config, "203.0.113.9, is not in 企业可信IP"),
        (40058, Class::Permanent, "too long"),
        (45002, Class::Permanent, "too long"),
        (40008, Class::Permanent, "template"),
        (44004, Class::Permanent, "empty"),
        (77777, Class::Permanent, "does not know this code"),
    ] {
        let words = "not allow to access from your ip, hint: [1], from ip: 203.0.113.9, more info";
        let reply = move |request: &Request| {
            if request.line.starts_with("GET") {
                return Reply::json(&json!({ "errcode": 0, "access_token": "T-long-enough" }));
            }
            Reply::json(&json!({ "errcode": code, "errmsg": words }))
        };
        let receiver = Receiver::answering(reply).await;
        let sender = sender(wecom_app(&receiver.origin));
        let failure = deliver_one(&sender, &one(Kind::Test))
            .await
            .expect_err("a refusal");
        assert_eq!(failure.class, class, "{code}: {failure}");
        assert_next(&failure);
        let (_, advice) = failure.why.split_once("): ").expect("advice");
        assert!(advice.contains(wanted), "{code}: {failure}");
        assert!(
            failure
                .reply
                .is_some_and(|reply| reply.contains(&code.to_string()))
        );
    }
}

#[tokio::test]
async fn a_token_s_reply_without_a_token_is_transient() {
    for reply in [
        json!({ "errcode": 0, "errmsg": "ok" }),
        json!({ "errcode": 0, "access_token": "" }),
        json!({ "errcode": 0, "access_token": 1 }),
    ] {
        let receiver = Receiver::start(vec![Reply::json(&reply)]).await;
        let sender = sender(wecom_app(&receiver.origin));
        let failure = deliver_one(&sender, &one(Kind::Test))
            .await
            .expect_err("no token");
        assert_eq!(failure.class, Class::Transient, "{failure}");
    }
}

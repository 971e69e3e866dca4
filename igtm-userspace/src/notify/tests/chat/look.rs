//! Colours by severity, and words by language.

use super::*;
use crate::notify::bucket::Bucket;

/// What of the first part shows how bad it is.
fn looks(kind: ChannelKind, event: Kind) -> String {
    let parts = sender(kind).render(&one(event));
    let body = body(&parts[0]);
    let card = &body["card"]["header"]["template"];
    let texts = [
        &body["markdown"]["content"],
        &body["markdown"]["text"],
        &body["text"],
    ];
    let text = texts.iter().find_map(|text| text.as_str());
    card.as_str().or(text).expect("a look").to_owned()
}

#[test]
fn every_severity_has_its_colour() {
    let host = "http://host";
    for (event, wecom, feishu_card, mark) in [
        (Kind::FallbackEntered, "\"warning\"", "red", "🔴"),
        (Kind::AddressDown, "\"warning\"", "orange", "🟠"),
        (Kind::AddressUp, "\"info\"", "green", "🟢"),
        (Kind::Test, "\"comment\"", "blue", "🔵"),
    ] {
        let robot = looks(wecom_robot(host, Mention::default()), event);
        assert!(
            robot.starts_with(&format!("<font color={wecom}>")),
            "{robot}"
        );
        let app = looks(wecom_app(host), event);
        assert!(app.starts_with(&format!("<font color={wecom}>")), "{app}");
        assert_eq!(looks(feishu(host), event), feishu_card);
        for marked in [dingtalk(host, Mention::default()), slack(host)] {
            let text = looks(marked, event);
            assert!(text.contains(mark), "{text}");
        }
    }
}

#[test]
fn a_recovery_among_others_is_no_recovery() {
    let both = [Kind::AddressUp, Kind::Test].map(|kind| fixture::event(kind, "192.0.2.1"));
    let parts = sender(feishu("http://host")).render(&message(both.to_vec()));
    assert_eq!(body(&parts[0])["card"]["header"]["template"], "blue");
}

#[test]
fn what_is_only_counted_is_told_in_the_channel_s_language() {
    for (language, wanted) in [
        (Language::Zh, "……另有 37 条"),
        (Language::En, "…and 37 more"),
    ] {
        let kinds = [
            wecom_robot("http://host", Mention::default()),
            wecom_app("http://host"),
            dingtalk("http://host", Mention::default()),
            feishu("http://host"),
            slack("http://host"),
        ];
        for kind in kinds {
            let channel = Channel {
                language,
                ..channel(kind)
            };
            let sender = ready(&channel);
            let mut message = one(Kind::AddressDown);
            message.more = 37;
            let parts = sender.render(&message);
            assert!(parts[0].body.contains(wanted), "{parts:?}");
        }
    }
}

#[test]
fn a_title_cannot_open_a_tag() {
    let mut event = fixture::event(Kind::AddressDown, "192.0.2.1");
    event.title = "down</font>\n<@all>".to_owned();
    let kind = wecom_robot("http://host", Mention::default());
    let parts = sender(kind).render(&message(vec![event]));
    let content = body(&parts[0])["markdown"]["content"].to_string();
    let head = content.split("</font>").next().expect("a head");
    assert!(head.ends_with("down＜/font＞ ＜＠all＞"), "{content}");
}

#[test]
fn what_leaves_in_any_minute_or_second_is_within_the_vendors_limits() {
    let host = "http://host";
    for (kind, minute, second) in [
        (wecom_robot(host, Mention::default()), 20, 20),
        (wecom_app(host), 30, 30),
        (dingtalk(host, Mention::default()), 20, 20),
        (feishu(host), 100, 5),
        (slack(host), 60, 1),
    ] {
        let name = kind.name();
        let limit = sender(kind).limit();
        // As much as its bucket ever gives, from the fullest on.
        let mut now = std::time::Instant::now();
        let mut bucket = Bucket::new(limit, now);
        let mut left = Vec::new();
        for _ in 0..4 * minute {
            now += bucket.wait(now);
            bucket.take();
            left.push(now);
        }
        for (within, most) in [(60, minute), (1, second)] {
            let within = Duration::from_secs(within);
            let windows = left.iter().enumerate().map(|(first, from)| {
                let rest = left[first..].iter();
                rest.take_while(|at| **at - *from < within).count()
            });
            let found = windows.max().expect("some left");
            assert!(found <= most, "{name}: {found} in {within:?}, {limit:?}");
        }
    }
}

//! Whatever the words, no vendor refuses a message for its size.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// Events with any words, some of them very long.
fn any_message() -> impl Strategy<Value = Message> {
    let words = prop_oneof![
        "\\PC{0,40}",
        "[\"\\\\\n\r\t\u{0}<&中🔥]{0,400}",
        (1_usize..9000).prop_map(|count| "很长的一段话".repeat(count / 6)),
    ];
    let kinds = prop::sample::select(Kind::ALL.map(|(kind, _)| kind).to_vec());
    let events = prop::collection::vec((words, kinds), 1..120);
    (events, 0_u64..20_000).prop_map(|(events, more)| {
        let events = events.into_iter().map(|(title, kind)| {
            let mut event = fixture::event(kind, "192.0.2.1");
            event.title.clone_from(&title);
            event.instance = Some(title.clone());
            event.reason[0].reason = title;
            event
        });
        let mut message = message(events.collect());
        message.more = more;
        message
    })
}

#[test]
fn every_part_is_within_its_vendor_s_limits() {
    for language in Language::ALL.map(|(language, _)| language) {
        fits(language);
    }
}

fn fits(language: Language) {
    let sender = |kind| {
        let channel = channel(kind);
        ready(&Channel {
            language,
            ..channel
        })
    };
    let many: Vec<String> = (0..400).map(|at| format!("成员\"{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let many = mention(&many, &many, true);
    let host = "http://host";
    let robots = [Mention::default(), many.clone()].map(|m| sender(wecom_robot(host, m)));
    let dingtalks = [Mention::default(), many].map(|m| sender(dingtalk(host, m)));
    let (app, lark, hook) = (
        sender(wecom_app(host)),
        sender(feishu(host)),
        sender(slack(host)),
    );
    let mut runner = TestRunner::new(Config::with_cases(32));
    let run = runner.run(&any_message(), |message| {
        for robot in &robots {
            for part in robot.render(&message) {
                let body = body(&part);
                let (markdown, text) = (&body["markdown"]["content"], &body["text"]["content"]);
                prop_assert!(
                    markdown
                        .as_str()
                        .is_none_or(|content| content.len() <= 4096)
                );
                prop_assert!(text.as_str().is_none_or(|content| content.len() <= 2048));
            }
        }
        let parts = app.render(&message);
        let content = body(&parts[0])["markdown"]["content"].clone();
        prop_assert!(
            content
                .as_str()
                .is_some_and(|content| content.len() <= 2048)
        );
        for robot in &dingtalks {
            let parts = robot.render(&message);
            prop_assert!(parts[0].body.len() <= 20_000, "{}", parts[0].body.len());
            prop_assert!(
                body(&parts[0])["markdown"]["text"]
                    .to_string()
                    .contains("告警")
            );
        }
        let parts = lark.render(&message);
        prop_assert!(parts[0].body.len() <= 19_900, "{}", parts[0].body.len());
        prop_assert!(parts[0].body.contains("告警"));
        let blocks = body(&hook.render(&message)[0])["blocks"].clone();
        for (block, limit) in [(&blocks[0], 150), (&blocks[1], 3000)] {
            let text = block["text"]["text"].as_str().expect("a text");
            let size = text.encode_utf16().count();
            prop_assert!((1..=limit).contains(&size), "{size}");
        }
        Ok(())
    });
    run.expect("every message fits");
}

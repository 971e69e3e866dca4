//! What people read, in both languages and each markup.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::model::{ChannelKind, Mention, Secret, TemplateId};
use crate::notify::fixture::event;
use crate::notify::tests::journal::Journal;

fn kinds() -> [ChannelKind; 5] {
    let webhook = || Secret::new("https://x");
    [
        ChannelKind::WecomRobot {
            webhook: webhook(),
            mention: Mention::default(),
        },
        ChannelKind::Dingtalk {
            webhook: webhook(),
            secret: None,
            keyword: None,
            mention: Mention::default(),
        },
        ChannelKind::Feishu {
            webhook: webhook(),
            secret: None,
            keyword: None,
            mention_all: false,
        },
        ChannelKind::Slack { webhook: webhook() },
        ChannelKind::Alertmanager { url: webhook() },
    ]
}

fn words(kind: ChannelKind, language: Language, template: Option<&str>) -> Words {
    let channel = Channel {
        name: "ops".to_owned(),
        description: None,
        enabled: true,
        template: template.map(|_| TemplateId(0)),
        language,
        timeout: Duration::from_secs(1),
        allow_private: false,
        kind,
    };
    let templates = template.map(|text| Template {
        name: "own".to_owned(),
        text: text.to_owned(),
    });
    Words::new(&channel, templates.as_slice())
}

fn plain(language: Language) -> Words {
    let [.., text] = kinds();
    words(text, language, None)
}

fn fallback() -> Event {
    let down = event(Kind::FallbackEntered, "192.0.2.1");
    Event {
        title: "www (www.example.com), strategy telecom, is answered from the fallback".to_owned(),
        instance: Some("www".to_owned()),
        domain: Some("www.example.com".to_owned()),
        lines: vec!["电信".to_owned(), "联通".to_owned()],
        strategy: Some("telecom".to_owned()),
        tier_from: Some("tier 1".to_owned()),
        tier_to: Some("fallback".to_owned()),
        pool: None,
        address: None,
        since: Some("2026-01-01T00:00:00Z".parse().expect("a time")),
        duration_s: Some(97_445),
        answers_before: vec!["192.0.2.1".to_owned()],
        answers_now: (1..=10).map(|n| format!("198.51.100.{n}")).collect(),
        ..down
    }
}

fn local(time: &str) -> String {
    let time: Timestamp = time.parse().expect("a time");
    let zoned = time.to_zoned(TimeZone::system());
    zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

#[test]
fn a_failover_in_chinese() {
    let (since, time) = (local("2026-01-01T00:00:00Z"), local("2026-01-02T03:04:05Z"));
    assert_eq!(
        plain(Language::Zh).event(&fallback()),
        format!(
            "www（电信 等 2 条线路）所有地址池不可用，启用兜底\n级别：严重\n\
             实例：www（www.example.com）\n线路：电信、联通\n\
             策略：telecom，一级地址池 → 兜底地址池\n原因（edge-1）：connection refused\n\
             当前应答：198.51.100.1、198.51.100.2、198.51.100.3、198.51.100.4、198.51.100.5、\
             198.51.100.6、198.51.100.7、198.51.100.8 等 10 个\n此前应答：192.0.2.1\n\
             此前由一级地址池应答 1 天 3 小时，始于 {since}\n时间：{time}，上报：edge-1"
        )
    );
}

#[test]
fn a_recovery_in_english() {
    let up = Event {
        title: "192.0.2.1 of pool web is up again".to_owned(),
        since: Some("2026-01-02T03:00:00Z".parse().expect("a time")),
        duration_s: Some(245),
        test: true,
        ..event(Kind::AddressUp, "192.0.2.1")
    };
    let (since, time) = (local("2026-01-02T03:00:00Z"), local("2026-01-02T03:04:05Z"));
    assert_eq!(
        plain(Language::En).event(&up),
        format!(
            "[test] 192.0.2.1 of pool web is up again\n\
             Severity: info (a test: nothing has happened)\nAddress: 192.0.2.1 (pool web)\n\
             Why (edge-1): connection refused\nIt was down for 4 min 5 s, since {since}\n\
             At {time}, told by edge-1"
        )
    );
}

#[test]
fn every_kind_has_words_of_its_own_in_chinese() {
    let zh = plain(Language::Zh);
    let mut seen = std::collections::BTreeSet::new();
    for (kind, name) in Kind::ALL {
        let of_it = Event {
            instance: Some("www".to_owned()),
            ..event(kind, "192.0.2.1")
        };
        let headline = zh.headline(&of_it);
        assert!(!headline.is_ascii(), "{name}: {headline}");
        assert!(seen.insert(headline), "{name}");
    }
}

#[test]
fn what_a_probed_host_says_is_no_markup() {
    let nasty = Event {
        reason: vec![NodeReason {
            node: "edge-1".to_owned(),
            reason: "<at id=all></at> <!channel> <@all> **x** [a](http://b) @138".to_owned(),
        }],
        ..event(Kind::AddressDown, "192.0.2.1")
    };
    for kind in kinds() {
        let (name, form) = (kind.name(), Form::of(&kind));
        let said = words(kind, Language::En, Some("{{ event.reason[0].reason }}")).event(&nasty);
        match form {
            Form::Text => assert!(said.contains("<@all>"), "{name}: {said}"),
            Form::Slack => assert!(!said.contains(['<', '>']), "{name}: {said}"),
            _ => assert!(!said.contains(['<', '>', '*', '[', '@']), "{name}: {said}"),
        }
    }
}

#[test]
fn markup_is_that_of_the_channel() {
    let down = event(Kind::AddressDown, "192.0.2.1");
    for kind in kinds() {
        let form = Form::of(&kind);
        let said = words(
            kind,
            Language::En,
            Some("{{ 'a<b' | bold }}\n\n{{ 1 }}  \n"),
        )
        .event(&down);
        let wanted = match form {
            Form::Wecom | Form::Lark => "**a＜b**\n1",
            Form::Dingtalk => "**a＜b**  \n1",
            Form::Slack => "*a&lt;b*\n1",
            Form::Text => "a<b\n1",
        };
        assert_eq!(said, wanted);
    }
}

#[test]
fn a_template_that_cannot_be_used_is_refused_with_its_line() {
    for (text, line, wanted) in [
        ("{{ event.titel }}", 1, "undefined value"),
        ("a\n{% if %}", 2, "syntax error"),
        ("a\n\n{{ event.title | upcase }}", 3, "unknown filter"),
        ("{{ event.title", 1, "syntax error"),
        (
            "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
            1,
            "fuel",
        ),
        ("{% include 'x' %}", 1, "template not found"),
        ("  \n", 1, "it says nothing"),
        (
            "{% if event.instance %}x{% endif %}",
            1,
            "it says nothing of an event of kind",
        ),
    ] {
        let (at, why) = check(text).expect_err(text);
        assert!(why.contains(wanted), "{text:?}: {why}");
        assert_eq!(at, line, "{text:?}: {why}");
    }
    for (text, wanted) in [
        (
            "{% if severity == '通知' %}{{ event.nothing.at_all }}{% endif %}x",
            "undefined value (where `language` is \"zh\")",
        ),
        (
            "{{ '' if ('x' | bold) == '*x*' else 'y' }}",
            "it says nothing of an event of kind address_down (in the markup of slack)",
        ),
        (
            "{% if severity == '严重' and ('x' | bold) == '*x*' %}{{ nothing }}{% endif %}x",
            "undefined value (where `language` is \"zh\") (in the markup of slack)",
        ),
    ] {
        assert_eq!(check(text), Err((1, wanted.to_owned())), "{text}");
    }
    for of_some in [
        "event.severity == 'critical'",
        "event.severity == 'warning'",
        "event.test",
        "over",
    ] {
        let text = format!("{{% if {of_some} %}}{{{{ nothing }}}}{{% endif %}}x");
        assert!(check(&text).is_err(), "{of_some}");
    }
    // Of every kind.
    for (_, kind) in Kind::ALL {
        let text = format!("{{% if event.kind == '{kind}' %}}{{{{ nothing }}}}{{% endif %}}x");
        assert!(check(&text).is_err(), "{kind}");
    }
    assert_eq!(check("{{ event.title }}"), Ok(()));
    for default in [include_str!("zh.j2"), include_str!("en.j2")] {
        assert_eq!(check(default), Ok(()));
    }
}

#[test]
fn a_template_that_fails_at_last_is_replaced_by_the_types_own() {
    let [.., text] = kinds();
    // Right for every sample, whose address is one letter.
    let own =
        "{{ event.title }}{% if event.address | length > 3 %}{{ event.nothing.at_all }}{% endif %}";
    assert_eq!(check(own), Ok(()));
    let failing = words(text.clone(), Language::En, Some(own));
    let down = event(Kind::AddressDown, "192.0.2.1");
    let (journal, _guard) = Journal::start();
    assert_eq!(failing.event(&down), plain(Language::En).event(&down));
    let said = journal.text();
    for part in [
        "ERROR",
        "template=\"own\"",
        "kind=\"address_down\"",
        "the template fails, the type's own is used: undefined value",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let short = event(Kind::AddressDown, "::1");
    assert_eq!(failing.event(&short), "address_down ::1");
    assert_eq!(journal.text(), said, "nothing is wrong with that one");
    let silent = words(text, Language::En, Some("{{ event.address[9:] }} "));
    assert_eq!(silent.event(&short), plain(Language::En).event(&short));
    let said = journal.text();
    assert!(said.contains("the template says nothing"), "{said}");
}

#[test]
fn a_message_says_how_much_it_is_of() {
    let message = |events: usize, more, repeated| Message {
        id: "msg_1".to_owned(),
        subscription: "night".to_owned(),
        made: Timestamp::UNIX_EPOCH,
        events: (0..events)
            .map(|n| Arc::new(event(Kind::AddressDown, &format!("192.0.2.{n}"))))
            .collect(),
        more,
        repeated,
    };
    let (zh, en) = (plain(Language::Zh), plain(Language::En));
    for (message, chinese, english) in [
        (
            message(1, 0, false),
            "地址 192.0.2.0 故障（地址池 web）",
            "address_down 192.0.2.0",
        ),
        (
            message(3, 0, true),
            "【仍在持续】3 条告警：地址 192.0.2.0 故障（地址池 web） 等",
            "[still] 3 alerts: address_down 192.0.2.0, …",
        ),
        (
            message(2, 9_998, false),
            "10000 条告警：地址 192.0.2.0 故障（地址池 web） 等",
            "10000 alerts: address_down 192.0.2.0, …",
        ),
    ] {
        assert_eq!(zh.title(&message), chinese);
        assert_eq!(en.title(&message), english);
    }
}

#[test]
fn time_spans_have_two_units() {
    for (seconds, chinese, english) in [
        (0, "0 秒", "0 s"),
        (59, "59 秒", "59 s"),
        (60, "1 分", "1 min"),
        (3_601, "1 小时", "1 h"),
        (90_061, "1 天 1 小时", "1 d 1 h"),
    ] {
        assert_eq!(lasting(seconds, Language::Zh), chinese);
        assert_eq!(lasting(seconds, Language::En), english);
    }
}

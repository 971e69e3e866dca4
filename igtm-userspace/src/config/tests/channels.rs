//! From the file to the model: of every type a channel with every key, no two values alike, so that
//! none can stand in another's place.

use std::path::Path;
use std::time::Duration;

use super::harness::problems;
use crate::config::model::{
    Channel, ChannelId, ChannelKind, Email, Language, Mention, Secret, SmtpTls, TemplateId,
    WecomApp,
};
use crate::config::parse;

const EVERY_KEY: &str = r#"version = 1

[[template]]
name = "first"
text = "1"
[[template]]
name = "second"
text = "2"

[[channel]]
name            = "robot"
type            = "wecom_robot"
description     = "a robot"
enabled         = false
template        = "second"
language        = "en"
timeout         = "1s"
allow_private   = true
webhook         = "https://x/send?key=robot"
mention_users   = ["robot-user-1", "robot-user-2"]
mention_mobiles = ["13800000001"]
mention_all     = true

[[channel]]
name        = "app"
type        = "wecom_app"
timeout     = "2s"
corp_id     = "corp"
agent_id    = 17
secret      = "app-secret"
users       = ["app-user-1", "app-user-2"]
departments = [21, "22"]
tags        = [31]
base_url    = "https://private.example/wecom/"

[[channel]]
name            = "ding"
type            = "dingtalk"
template        = "first"
webhook         = "https://x/robot/send?access_token=ding"
secret          = "ding-secret"
keyword         = "ding-keyword"
mention_users   = ["ding-user"]
mention_mobiles = ["13800000002", "13800000003"]
mention_all     = true

[[channel]]
name        = "lark"
type        = "feishu"
webhook     = "https://x/open-apis/bot/v2/hook/lark"
secret      = "lark-secret"
keyword     = "lark-keyword"
mention_all = true

[[channel]]
name    = "slack"
type    = "slack"
webhook = "https://x/services/slack"

[[channel]]
name    = "hook"
type    = "webhook"
url     = "https://x/hook"
secret  = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
headers = { X-First = "one", X-Second = "two" }

[[channel]]
name     = "mail"
type     = "email"
smtp     = "smtp://mail.example"
username = "mail-user"
password = "mail-password"
from     = "igtm <from@mail.example>"
to       = ["to-1@mail.example", "Two <to-2@mail.example>"]

[[channel]]
name          = "tls"
type          = "email"
allow_private = true
smtp          = "smtps://[2001:db8::25]:1465"
from          = "tls@mail.example"
to            = ["to-3@mail.example"]

[[channel]]
name        = "pager"
type        = "pagerduty"
routing_key = "pager-key"
base_url    = "https://events.eu.pagerduty.com"

[[channel]]
name     = "am"
type     = "alertmanager"
language = "en"
url      = "https://am.example/prefix"

[[channel]]
name        = "all"
type        = "group"
description = "a group"
enabled     = false
channels    = ["am", "robot"]
"#;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// With what a channel has that says nothing of it.
fn plain(name: &str, kind: ChannelKind) -> Channel {
    Channel {
        name: name.to_owned(),
        description: None,
        enabled: true,
        template: None,
        language: Language::Zh,
        timeout: Duration::from_secs(10),
        allow_private: false,
        kind,
    }
}

fn chat() -> [Channel; 5] {
    let robot = ChannelKind::WecomRobot {
        webhook: Secret::new("https://x/send?key=robot"),
        mention: Mention {
            users: texts(&["robot-user-1", "robot-user-2"]),
            mobiles: texts(&["13800000001"]),
            all: true,
        },
    };
    let app = ChannelKind::WecomApp(WecomApp {
        corp_id: "corp".to_owned(),
        agent_id: 17,
        secret: Secret::new("app-secret"),
        users: texts(&["app-user-1", "app-user-2"]),
        departments: vec![21, 22],
        tags: vec![31],
        base_url: "https://private.example/wecom".to_owned(),
    });
    let ding = ChannelKind::Dingtalk {
        webhook: Secret::new("https://x/robot/send?access_token=ding"),
        secret: Some(Secret::new("ding-secret")),
        keyword: Some("ding-keyword".to_owned()),
        mention: Mention {
            users: texts(&["ding-user"]),
            mobiles: texts(&["13800000002", "13800000003"]),
            all: true,
        },
    };
    let lark = ChannelKind::Feishu {
        webhook: Secret::new("https://x/open-apis/bot/v2/hook/lark"),
        secret: Some(Secret::new("lark-secret")),
        keyword: Some("lark-keyword".to_owned()),
        mention_all: true,
    };
    let slack = ChannelKind::Slack {
        webhook: Secret::new("https://x/services/slack"),
    };
    [
        Channel {
            description: Some("a robot".to_owned()),
            enabled: false,
            template: Some(TemplateId(1)),
            language: Language::En,
            timeout: Duration::from_secs(1),
            allow_private: true,
            ..plain("robot", robot)
        },
        Channel {
            timeout: Duration::from_secs(2),
            ..plain("app", app)
        },
        Channel {
            template: Some(TemplateId(0)),
            ..plain("ding", ding)
        },
        plain("lark", lark),
        plain("slack", slack),
    ]
}

fn others() -> [Channel; 6] {
    let keys = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    ];
    let header = |name: &str, value| (name.to_owned(), Secret::new(value));
    let hook = ChannelKind::Webhook {
        url: Secret::new("https://x/hook"),
        secrets: keys.map(Secret::new).into(),
        headers: vec![header("X-First", "one"), header("X-Second", "two")],
    };
    let mail = ChannelKind::Email(Email {
        tls: SmtpTls::StartTls,
        host: "mail.example".to_owned(),
        port: 587,
        username: Some("mail-user".to_owned()),
        password: Some(Secret::new("mail-password")),
        from: "igtm <from@mail.example>".to_owned(),
        to: texts(&["to-1@mail.example", "Two <to-2@mail.example>"]),
    });
    let tls = ChannelKind::Email(Email {
        tls: SmtpTls::Implicit,
        host: "2001:db8::25".to_owned(),
        port: 1465,
        username: None,
        password: None,
        from: "tls@mail.example".to_owned(),
        to: texts(&["to-3@mail.example"]),
    });
    let pager = ChannelKind::Pagerduty {
        routing_key: Secret::new("pager-key"),
        base_url: "https://events.eu.pagerduty.com".to_owned(),
    };
    let am = ChannelKind::Alertmanager {
        url: Secret::new("https://am.example/prefix"),
    };
    let all = ChannelKind::Group {
        channels: vec![ChannelId(9), ChannelId(0)],
    };
    [
        plain("hook", hook),
        plain("mail", mail),
        Channel {
            allow_private: true,
            ..plain("tls", tls)
        },
        plain("pager", pager),
        Channel {
            language: Language::En,
            ..plain("am", am)
        },
        Channel {
            description: Some("a group".to_owned()),
            enabled: false,
            ..plain("all", all)
        },
    ]
}

#[test]
fn every_key_of_every_type_has_its_place() {
    let config = parse(EVERY_KEY, Path::new("/nowhere/igtm.toml")).expect("a good file");
    let wanted: Vec<Channel> = chat().into_iter().chain(others()).collect();
    assert_eq!(config.channels.len(), wanted.len());
    for (found, wanted) in config.channels.iter().zip(&wanted) {
        assert_eq!(found, wanted);
    }
}

#[test]
fn no_list_is_longer_than_its_receiver_takes() {
    let app = "[[channel]]\nname = \"c\"\ntype = \"wecom_app\"\ncorp_id = \"c\"\nagent_id = 1\nsecret = \"s\"\n";
    let robot =
        "[[channel]]\nname = \"c\"\ntype = \"wecom_robot\"\nwebhook = \"https://x/?key=k\"\n";
    let mail = "[[channel]]\nname = \"c\"\ntype = \"email\"\nsmtp = \"smtp://h\"\nfrom = \"a@b.example\"\n";
    for (channel, key, item, most) in [
        (app, "users", "\"u\"", 1000),
        (app, "departments", "7", 100),
        (app, "tags", "7", 100),
        (robot, "mention_users", "\"u\"", 1000),
        (robot, "mention_mobiles", "\"1\"", 1000),
        (mail, "to", "\"a@b.example\"", 100),
    ] {
        let of = |count: usize| {
            let list = vec![item; count].join(",");
            problems(&format!("{channel}{key} = [{list}]\n"))
        };
        assert_eq!(of(most), [""; 0], "{key}");
        let found = of(most + 1);
        let wanted = format!("`{key}` has {} items; it may have {most}", most + 1);
        assert!(found.len() == 1 && found[0].ends_with(&wanted), "{found:?}");
    }
}

//! What `igtm events send` raises, of every kind, is marked a test at every receiver, and leaves
//! nothing behind there.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::alerts::of_test;
use crate::config::model::{Channel, Config, Language};
use crate::notify::channel::Sender;
use crate::notify::dial;
use crate::notify::event::{Event, Kind};
use crate::notify::message::Message;
use crate::notify::words::Words;

/// With a secret, [`super::panics`]' mark in it, wherever one may stand.
const FILE: &str = r#"
version = 1
[server]
node = "edge-1"
[admin]
listen = "127.0.0.1:8053"
token = "S3CRET-admin-token-0123456789"
[[zone]]
origin = "gtm.example.com"
ns = ["ns1.example.net"]
contact = "hostmaster.example.com"
[[pool]]
name = "first"
type = "ipv4"
address = [{ value = "192.0.2.1" }]
[[pool]]
name = "last"
type = "ipv4"
address = [{ value = "192.0.2.9" }]
[[instance]]
name = "www"
domain = "www.example.com"
access_domain = "www.gtm.example.com"
[[instance.strategy]]
name = "default"
lines = ["default"]
fallback = "last"
tier = [{ pools = ["first"] }]
[[channel]]
name = "robot"
type = "wecom_robot"
webhook = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=S3CRET-key"
[[channel]]
name = "app"
type = "wecom_app"
corp_id = "ww1"
agent_id = 1
secret = "S3CRET-app"
users = ["zhang"]
[[channel]]
name = "ding"
type = "dingtalk"
webhook = "https://oapi.dingtalk.com/robot/send?access_token=S3CRET-token"
secret = "S3CRET-sign"
[[channel]]
name = "lark"
type = "feishu"
webhook = "https://open.feishu.cn/open-apis/bot/v2/hook/S3CRET-hook"
secret = "S3CRET-card"
[[channel]]
name = "slack"
type = "slack"
webhook = "https://hooks.slack.com/services/S3CRET-path"
[[channel]]
name = "hook"
type = "webhook"
url = "https://hook.example.net/S3CRET-url"
secret = ["whsec_UzNDUkVULW9uZS1sb25nLWVub3VnaC1rZXk=", "whsec_UzNDUkVULXR3by1sb25nLWVub3VnaC1rZXk="]
headers = { X-Key = "S3CRET-header" }
[[channel]]
name = "mail"
type = "email"
smtp = "smtps://mail.example.net"
username = "igtm"
password = "S3CRET-password"
from = "igtm@example.net"
to = ["ops@example.net"]
[[channel]]
name = "pager"
type = "pagerduty"
routing_key = "S3CRET-routing-key"
[[channel]]
name = "prom"
type = "alertmanager"
url = "https://user:S3CRET-login@prom.example.net"
"#;

pub(super) fn config() -> Config {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("igtm.toml");
    std::fs::write(&path, FILE).expect("it is writable");
    crate::config::load(&path).expect("it is good")
}

pub(super) fn test_of(config: &Config, kind: Kind) -> Event {
    let now = Timestamp::now();
    of_test(config, kind, "www", now).expect("there is such an instance")
}

/// The bodies of what `channel` would be sent of `event`.
fn sent(channel: &Channel, event: &Event) -> Vec<String> {
    let sender = Sender::new(channel, &dial::tls()).expect("a usable channel");
    let message = Message {
        id: "msg_000000000000000000000001".to_owned(),
        subscription: "night".to_owned(),
        made: event.time,
        events: vec![Arc::new(event.clone())],
        more: 0,
        repeated: false,
    };
    let parts = sender.render(&message, &Words::new(channel, &[]));
    assert!(!parts.is_empty());
    parts.into_iter().map(|part| part.body).collect()
}

#[test]
fn a_test_of_every_kind_is_marked_at_every_receiver_in_both_languages() {
    let config = config();
    assert_eq!(config.channels.len(), 9);
    for (kind, name) in Kind::ALL {
        let event = test_of(&config, kind);
        assert!(event.test && event.title.contains("TEST"), "{event:?}");
        assert_eq!(event.instance.as_deref(), Some("www"), "{name}");
        for channel in &config.channels {
            for (language, mark) in [(Language::Zh, "测试"), (Language::En, "est")] {
                let channel = Channel {
                    language,
                    ..channel.clone()
                };
                for body in sent(&channel, &event) {
                    let marked = body.contains(mark) || body.contains("\"test\":true");
                    assert!(marked, "{name} at {}: {body}", channel.name);
                }
            }
        }
    }
}

/// The channel of that name, and the JSON it is sent.
fn json(config: &Config, name: &str, event: &Event) -> Vec<Value> {
    let mut channels = config.channels.iter();
    let channel = channels.find(|one| one.name == name).expect("it is there");
    let bodies = sent(channel, event).into_iter();
    let values = bodies.map(|body| serde_json::from_str(&body).expect("JSON"));
    values.collect()
}

#[test]
fn machines_see_the_mark_and_no_incident_and_no_alert_is_left_open() {
    let config = config();
    for (kind, name) in Kind::ALL {
        let event = test_of(&config, kind);
        let hook = json(&config, "hook", &event);
        assert_eq!(hook[0]["data"]["test"], true, "{name}");
        assert_eq!(hook[0]["type"], format!("igtm.{name}"));

        let pager = json(&config, "pager", &event);
        let actions: Vec<_> = pager.iter().map(|one| &one["event_action"]).collect();
        assert_eq!(actions, ["trigger", "resolve"], "{name}");
        assert_eq!(pager[0]["dedup_key"], pager[1]["dedup_key"], "{name}");
        let real = Event {
            test: false,
            ..event.clone()
        };
        let real = json(&config, "pager", &real);
        assert_ne!(pager[0]["dedup_key"], real[0]["dedup_key"], "{name}");

        let alerts = json(&config, "prom", &event);
        for alert in alerts[0].as_array().expect("a list") {
            assert_eq!(alert["labels"]["test"], "true", "{name}: {alert}");
            assert!(alert["endsAt"].is_string(), "{name}: {alert}");
        }
    }
}

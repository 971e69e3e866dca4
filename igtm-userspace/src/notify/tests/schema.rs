//! Bodies against docs/webhook.schema.json and the example of docs/webhook.md, by the part
//! of JSON Schema that the file uses. A keyword this does not know fails the test.

use jiff::Timestamp;
use serde_json::Value;

use crate::notify::event::{Event, Kind};
use crate::notify::fixture::{event, message};
use crate::notify::group::EVENTS_MOST;
use crate::notify::message::Message;
use crate::notify::webhook::render;

const SCHEMA: &str = include_str!("../../../../docs/webhook.schema.json");
const MANUAL: &str = include_str!("../../../../docs/webhook.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("JSON")
}

/// Pushes what is wrong with `value` at `path`.
fn check(root: &Value, schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    let text = || value.as_str().unwrap_or_default();
    let items = || value.as_array().map_or(0, Vec::len);
    for (keyword, wanted) in schema.as_object().expect("a schema") {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = wanted.as_str().expect("text").trim_start_matches('#');
                let target = root.pointer(pointer).expect("the definition");
                check(root, target, value, path, wrong);
                true
            }
            "allOf" => {
                for part in wanted.as_array().expect("a list") {
                    check(root, part, value, path, wrong);
                }
                true
            }
            "type" => match wanted.as_str().expect("text") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                other => panic!("unknown type {other}"),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "required" => {
                let keys = wanted.as_array().expect("a list").iter();
                keys.map(|key| key.as_str().expect("text"))
                    .all(|key| value.get(key).is_some())
            }
            "additionalProperties" => {
                assert_eq!(wanted, &Value::Bool(false));
                let known = schema["properties"].as_object().expect("properties");
                let mut keys = value.as_object().into_iter().flat_map(|map| map.keys());
                keys.all(|key| known.contains_key(key))
            }
            "properties" => {
                for (key, part) in wanted.as_object().expect("properties") {
                    if let Some(inner) = value.get(key) {
                        check(root, part, inner, &format!("{path}/{key}"), wrong);
                    }
                }
                true
            }
            "items" => {
                for (at, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, inner, &format!("{path}/{at}"), wrong);
                }
                true
            }
            "minItems" => items() as u64 >= wanted.as_u64().expect("a number"),
            "maxItems" => items() as u64 <= wanted.as_u64().expect("a number"),
            "minimum" => value.as_i64() >= wanted.as_i64(),
            "format" => {
                assert_eq!(wanted, "date-time");
                text().parse::<Timestamp>().is_ok()
            }
            "pattern" => match wanted.as_str().expect("text") {
                "^/igtm/[^/]+$" => text()
                    .strip_prefix("/igtm/")
                    .is_some_and(|node| !node.is_empty() && !node.contains('/')),
                "^msg_[0-9A-Za-z]{24}$" => text().strip_prefix("msg_").is_some_and(|rest| {
                    rest.len() == 24 && rest.bytes().all(|octet| octet.is_ascii_alphanumeric())
                }),
                other => panic!("unknown pattern {other}"),
            },
            other => panic!("unknown keyword {other}"),
        };
        if !holds {
            wrong.push(format!("{path}: {keyword}"));
        }
    }
}

fn wrong_with(body: &Value) -> Vec<String> {
    let (schema, mut wrong) = (schema(), vec![]);
    check(&schema, &schema, body, "", &mut wrong);
    wrong
}

fn body(events: Vec<Event>) -> Value {
    rendered(&message(events))
}

fn rendered(message: &Message) -> Value {
    serde_json::from_str(&render(message)).expect("JSON")
}

/// An event that has everything.
fn full() -> Event {
    let mut full = event(Kind::TierSwitched, "192.0.2.1");
    let text = |text: &str| Some(text.to_owned());
    full.instance = text("shop");
    full.domain = text("shop.example");
    full.lines = vec!["telecom".to_owned()];
    full.strategy = text("cn");
    full.tier_from = text("tier 1");
    full.tier_to = text("fallback");
    full.since = Some(full.time);
    full.duration_s = Some(61);
    full.answers_before = vec!["192.0.2.1".to_owned()];
    full.answers_now = vec!["192.0.2.2".to_owned()];
    full
}

/// An event that has as little as it can.
fn bare() -> Event {
    let mut bare = event(Kind::AddressUp, "192.0.2.1");
    bare.pool = None;
    bare.address = None;
    bare.reason = vec![];
    bare
}

#[test]
fn bodies_are_as_documented() {
    for (kind, _) in Kind::ALL {
        let body = body(vec![event(kind, "192.0.2.1")]);
        assert_eq!(wrong_with(&body), Vec::<String>::new());
        assert_eq!(body["type"], format!("igtm.{}", kind.name()));
    }
    for events in [vec![full()], vec![bare()], vec![bare(), full()]] {
        assert_eq!(wrong_with(&body(events)), Vec::<String>::new());
    }
    let most = wrong_with(&body(vec![full(); EVENTS_MOST]));
    assert_eq!(most, Vec::<String>::new());
}

#[test]
fn what_is_only_counted_and_what_is_told_again_are_said() {
    let plain = body(vec![bare()]);
    assert_eq!(
        (plain["data"].get("more"), plain["data"].get("repeated")),
        (None, None)
    );
    let mut storm = message(vec![bare(), full()]);
    storm.more = 9_998;
    storm.repeated = true;
    let body = rendered(&storm);
    assert_eq!(wrong_with(&body), Vec::<String>::new());
    assert_eq!(body["data"]["more"], 9_998);
    assert_eq!(body["data"]["repeated"], true);
    let documented = &schema()["properties"]["data"]["properties"];
    assert!(documented.get("more").is_some() && documented.get("repeated").is_some());
    for (key, wrong) in [("more", Value::from(0)), ("repeated", Value::from(1))] {
        let mut body = body.clone();
        body["data"][key] = wrong;
        assert!(!wrong_with(&body).is_empty(), "{key}");
    }
}

#[test]
fn every_field_that_is_sent_is_documented() {
    let schema = schema();
    let documented = &schema["$defs"]["event"]["properties"];
    let sent = serde_json::to_value(full()).expect("JSON");
    let sent = sent.as_object().expect("an object");
    for key in sent.keys() {
        assert!(documented.get(key).is_some(), "{key} is not documented");
    }
    for key in documented.as_object().expect("properties").keys() {
        assert!(sent.contains_key(key), "{key} is documented but not sent");
    }
}

#[test]
fn the_schema_finds_what_is_wrong() {
    let right = body(vec![full()]);
    for (pointer, replacement) in [
        ("/specversion", Value::from("0.3")),
        ("/id", Value::from("msg_1")),
        ("/type", Value::from("igtm.nothing")),
        ("/source", Value::from("igtm")),
        ("/time", Value::from("yesterday")),
        ("/data/kind", Value::from("nothing")),
        ("/data/events", Value::from(Vec::<Value>::new())),
        ("/data/events/0/test", Value::from("no")),
        ("/data/events/0/duration_s", Value::from(-1)),
        ("/data/reason/0", Value::from("refused")),
    ] {
        let mut body = right.clone();
        *body.pointer_mut(pointer).expect("there") = replacement;
        assert!(!wrong_with(&body).is_empty(), "{pointer}");
    }
    let mut more = right.clone();
    more["surprise"] = Value::from(1);
    assert_eq!(wrong_with(&more), [": additionalProperties"]);
}

#[test]
fn the_most_severe_event_leads_and_the_subject_is_what_it_is_about() {
    let down = event(Kind::AddressDown, "192.0.2.1");
    let entered = event(Kind::FallbackEntered, "192.0.2.2");
    let later = event(Kind::FallbackEntered, "192.0.2.3");
    let body_of = body(vec![down, entered, later]);
    assert_eq!(body_of["type"], "igtm.fallback_entered");
    assert_eq!(body_of["subject"], "192.0.2.2");
    assert_eq!(body_of["data"]["address"], "192.0.2.2");
    assert_eq!(body_of["data"]["events"].as_array().map(Vec::len), Some(3));
    assert_eq!(body(vec![full()])["subject"], "shop");
    assert_eq!(body(vec![bare()]).get("subject"), None);
    let mut odd = bare();
    odd.node = "a b/c?d".to_owned();
    assert_eq!(body(vec![odd])["source"], "/igtm/a%20b%2Fc%3Fd");
}

#[test]
fn the_manual_s_example_is_what_is_sent() {
    let example = MANUAL.split("```json\n").nth(1).expect("an example");
    let example = example.split("```").next().expect("its end");
    let example: Value = serde_json::from_str(example).expect("JSON");
    assert_eq!(wrong_with(&example), Vec::<String>::new());
    let mut event = event(Kind::AddressDown, "203.0.113.11");
    event.title = "203.0.113.11 of pool web is down".to_owned();
    assert_eq!(example, body(vec![event]));
}

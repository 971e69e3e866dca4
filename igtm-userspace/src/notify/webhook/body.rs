//! The body of a webhook: CloudEvents 1.0, structured JSON (docs/webhook.md).
//!
//! Pure. Must stay in step with docs/webhook.schema.json, which the tests hold it to.

use jiff::Timestamp;
use serde::Serialize;

use crate::notify::event::Event;
use crate::notify::message::Message;

/// The media type of what [`render`] makes.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The attributes of CloudEvents 1.0 that are sent.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Timestamp,
    datacontenttype: &'static str,
    data: Data<'a>,
}

/// One object, not a CloudEvents batch: receivers of Standard Webhooks look for `type` and
/// `data` at the top, and one message has one id to be recognised by.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    leading: &'a Event,
    /// Always there, so that a receiver that reads it needs no second case.
    events: Vec<&'a Event>,
    /// Events of a storm that are only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<u64>,
    /// What lasts is told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<bool>,
}

/// The body of a message, which has events.
pub(in crate::notify) fn render(message: &Message) -> String {
    let leading = message.leading().expect("a message has events");
    let body = CloudEvent {
        specversion: "1.0",
        id: &message.id,
        source: source(&leading.node),
        r#type: format!("igtm.{}", leading.kind.name()),
        subject: leading.instance.as_deref().or(leading.address.as_deref()),
        time: leading.time,
        datacontenttype: "application/json",
        data: Data {
            leading,
            events: message.events.iter().map(AsRef::as_ref).collect(),
            more: (message.more > 0).then_some(message.more),
            repeated: message.repeated.then_some(true),
        },
    };
    serde_json::to_string(&body).expect("strings, numbers and times always serialise")
}

/// `/igtm/NODE`, a URI reference: whatever stands in the name is escaped.
fn source(node: &str) -> String {
    let mut url = url::Url::parse("http://host/igtm").expect("a constant URL");
    url.path_segments_mut()
        .expect("http URLs have a path")
        .push(node);
    url.path().to_owned()
}

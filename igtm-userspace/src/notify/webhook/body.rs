//! The body of a webhook: CloudEvents 1.0, structured JSON (docs/webhook.md).
//!
//! Pure. Must stay in step with docs/webhook.schema.json, which the tests hold it to.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::notify::event::Event;

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
}

/// The body of a message of `events`; `None` when there are none.
pub fn render(id: &str, events: &[Arc<Event>]) -> Option<Vec<u8>> {
    let leading = leading(events)?;
    let body = CloudEvent {
        specversion: "1.0",
        id,
        source: source(&leading.node),
        r#type: format!("igtm.{}", leading.kind.name()),
        subject: leading.instance.as_deref().or(leading.address.as_deref()),
        time: leading.time,
        datacontenttype: "application/json",
        data: Data {
            leading,
            events: events.iter().map(AsRef::as_ref).collect(),
        },
    };
    Some(serde_json::to_vec(&body).expect("strings, numbers and times always serialise"))
}

/// The most severe event, the first of them when several are.
fn leading(events: &[Arc<Event>]) -> Option<&Event> {
    let most = events.iter().map(|event| event.severity).max()?;
    let found = events.iter().find(|event| event.severity == most);
    found.map(AsRef::as_ref)
}

/// `/igtm/NODE`, a URI reference: whatever stands in the name is escaped.
fn source(node: &str) -> String {
    let mut url = url::Url::parse("http://host/igtm").expect("a constant URL");
    url.path_segments_mut()
        .expect("http URLs have a path")
        .push(node);
    url.path().to_owned()
}

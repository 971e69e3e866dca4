//! The outbox as it is asked for: which messages, one of them whole, one of them again.
//!
//! Waits for a disk, but no longer than [`PATIENCE`]; the main loop never does.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use url::form_urlencoded;

use super::alerts::refused;
use super::history::parsed;
use super::reply::{failed, shown};
use super::routes::Shared;
use crate::notify::OrderError;
use crate::notify::event::Kind;
use crate::state::StateError;
use crate::state::outbox::{Push, PushFilter, PushState};

/// How long the disk may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages of one reply.
const MOST: u32 = 10_000;

/// `POST /api/v1/pushes/replay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayWish {
    /// Of which message.
    pub id: String,
}

/// The message that a replay is. Its `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replayed(pub Push);

impl std::fmt::Display for Replayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Push {
            id, channel, note, ..
        } = &self.0;
        let note = note.as_deref().unwrap_or_default();
        writeln!(f, "{id}: {note}, to {channel}; see igtm pushes show {id}")
    }
}

/// `filter` as the query of a request; [`filter`] reads it.
pub fn query(filter: &PushFilter) -> String {
    let PushFilter {
        channels,
        templates,
        kinds,
        instance,
        since,
        until,
        states,
        limit,
    } = filter;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let lists = [
        ("channel", channels),
        ("template", templates),
        ("event", kinds),
    ];
    for (key, list) in lists {
        for value in list {
            query.append_pair(key, value);
        }
    }
    for state in states {
        query.append_pair("result", state.name());
    }
    let rest = [
        ("instance", instance.clone()),
        ("since", since.map(|time| time.to_string())),
        ("until", until.map(|time| time.to_string())),
        ("limit", Some(limit.to_string())),
    ];
    for (key, value) in rest {
        if let Some(value) = value {
            query.append_pair(key, &value);
        }
    }
    query.finish()
}

/// The filter of a request's query, or what is wrong with it.
fn filter(query: &str) -> Result<PushFilter, String> {
    let mut filter = PushFilter::default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let text = value.into_owned();
        match &*key {
            "channel" => filter.channels.push(text),
            "template" => filter.templates.push(text),
            "event" if Kind::ALL.iter().any(|(_, name)| *name == text) => filter.kinds.push(text),
            "event" => return Err(format!("there is no kind of event `{text}`")),
            "instance" => filter.instance = Some(text),
            "since" => filter.since = Some(parsed("since", &text)?),
            "until" => filter.until = Some(parsed("until", &text)?),
            "result" => {
                let state = PushState::ALL.iter().find(|(_, name)| *name == text);
                let (state, _) = state.ok_or_else(|| format!("there is no result `{text}`"))?;
                filter.states.push(*state);
            }
            "limit" => filter.limit = parsed::<u32>("limit", &text)?.min(MOST),
            other => return Err(format!("there is no parameter `{other}`")),
        }
    }
    Ok(filter)
}

/// The messages, newest first, without their content.
pub(super) async fn list(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let filter = match filter(&query.unwrap_or_default()) {
        Ok(filter) => filter,
        Err(why) => return failed(StatusCode::BAD_REQUEST, why),
    };
    match in_time(shared.store.pushes(filter)).await {
        Ok(pushes) => Json(pushes).into_response(),
        Err(response) => response,
    }
}

/// One message with all that is known of it.
pub(super) async fn show(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    match in_time(shared.store.push(id.clone())).await {
        Ok(Some(push)) => Json(push).into_response(),
        Ok(None) => refused(&OrderError::NoMessage(id)),
        Err(response) => response,
    }
}

/// The same content once more.
pub(super) async fn replay(
    State(shared): State<Shared>,
    headers: HeaderMap,
    wish: Result<Json<ReplayWish>, JsonRejection>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return failed(rejection.status(), rejection.body_text()),
    };
    match shared.alerts.replay(wish.id).await {
        Ok(push) => shown(&headers, StatusCode::OK, &Replayed(push)),
        Err(error) => refused(&error),
    }
}

async fn in_time<T>(asked: impl Future<Output = Result<T, StateError>>) -> Result<T, Response> {
    match timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(failed(StatusCode::SERVICE_UNAVAILABLE, error)),
        Err(_elapsed) => {
            let seconds = PATIENCE.as_secs();
            let why = format!("the state database says nothing for {seconds} s");
            Err(failed(StatusCode::SERVICE_UNAVAILABLE, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_goes_over_the_wire_as_it_is() {
        let time = |second| jiff::Timestamp::from_second(second).ok();
        let whole = PushFilter {
            channels: vec!["ops".to_owned(), "邮件 & more".to_owned()],
            templates: vec!["short".to_owned()],
            kinds: vec!["address_down".to_owned()],
            instance: Some("www".to_owned()),
            since: time(1_700_000_000),
            until: time(1_700_000_060),
            states: vec![PushState::Failed, PushState::Suppressed],
            limit: 5,
        };
        for one in [whole, PushFilter::default()] {
            assert_eq!(filter(&query(&one)), Ok(one));
        }
        for (query, part) in [
            ("event=adress_down", "no kind of event `adress_down`"),
            ("result=lost", "no result `lost`"),
            ("since=soon", "`since` is \"soon\": "),
            ("kind=x", "no parameter `kind`"),
        ] {
            let error = filter(query).expect_err(query);
            assert!(error.contains(part), "{error}");
        }
    }
}

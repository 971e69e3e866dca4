//! What was observed before, from the state database: events, and rounds of the last days.
//!
//! Waits for a disk, but no longer than [`PATIENCE`]; the main loop never does.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use tokio::time::timeout;
use tracing::debug;
use url::form_urlencoded;

use super::reply::failed;
use super::routes::Shared;
use crate::notify::event::Kind;
use crate::state::{Filter, Rounds, Store};

/// How long the disk may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Days of rounds that a status counts, today's among them.
const DAYS: u16 = 7;
/// Events of one reply.
const MOST: u32 = 10_000;

/// `filter` as the query of a request; [`filter`] reads it.
pub fn query(filter: &Filter) -> String {
    let Filter {
        kinds,
        instance,
        address,
        since,
        until,
        before,
        limit,
    } = filter;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for kind in kinds {
        query.append_pair("kind", kind);
    }
    let rest = [
        ("instance", instance.clone()),
        ("address", address.clone()),
        ("since", since.map(|time| time.to_string())),
        ("until", until.map(|time| time.to_string())),
        ("before", before.map(|id| id.to_string())),
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
fn filter(query: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let text = value.into_owned();
        match &*key {
            "kind" if Kind::ALL.iter().any(|(_, name)| *name == text) => filter.kinds.push(text),
            "kind" => return Err(format!("there is no kind of event `{text}`")),
            "instance" => filter.instance = Some(text),
            "address" => filter.address = Some(text),
            "since" => filter.since = Some(parsed("since", &text)?),
            "until" => filter.until = Some(parsed("until", &text)?),
            "before" => filter.before = Some(parsed("before", &text)?),
            "limit" => filter.limit = parsed::<u32>("limit", &text)?.min(MOST),
            other => return Err(format!("there is no parameter `{other}`")),
        }
    }
    Ok(filter)
}

pub(super) fn parsed<T: FromStr<Err: Display>>(key: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error| format!("`{key}` is {text:?}: {error}"))
}

/// The history, newest first.
pub(super) async fn events(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let filter = match filter(&query.unwrap_or_default()) {
        Ok(filter) => filter,
        Err(why) => return failed(StatusCode::BAD_REQUEST, why),
    };
    match timeout(PATIENCE, shared.store.events(filter)).await {
        Ok(Ok(events)) => Json(events).into_response(),
        Ok(Err(error)) => failed(StatusCode::SERVICE_UNAVAILABLE, error),
        Err(_elapsed) => {
            let why = format!(
                "the state database says nothing for {} s",
                PATIENCE.as_secs()
            );
            failed(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

/// The rounds of the last seven days by monitor; `None` when nobody can tell.
pub(super) async fn rounds(store: &Store) -> Option<HashMap<String, Rounds>> {
    let rounds = store.rounds(DAYS, Timestamp::now());
    let rounds = timeout(PATIENCE, rounds).await.ok()?;
    rounds
        .inspect_err(|error| debug!(%error, "rounds of the last days"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_goes_over_the_wire_as_it_is() {
        let time = |second| Timestamp::from_second(second).expect("in range");
        let whole = Filter {
            kinds: vec!["address_down".to_owned(), "tier_switched".to_owned()],
            instance: Some("东 & www".to_owned()),
            address: Some("2001:db8::1".to_owned()),
            since: Some(time(1_700_000_000)),
            until: Some(time(1_700_000_060)),
            before: Some(7),
            limit: 5,
        };
        for one in [whole, Filter::default()] {
            assert_eq!(filter(&query(&one)), Ok(one));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (query, part) in [
            ("kind=adress_down", "no kind of event `adress_down`"),
            ("since=soon", "`since` is \"soon\": "),
            ("limit=-1", "`limit` is \"-1\": "),
            ("nam=x", "no parameter `nam`"),
        ] {
            let error = filter(query).expect_err(query);
            assert!(error.contains(part), "{error}");
        }
        let most = filter("limit=4000000000").map(|filter| filter.limit);
        assert_eq!(most, Ok(MOST));
    }
}

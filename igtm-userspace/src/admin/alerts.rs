//! What operators order of alerts: mutes, test events, test messages.
//!
//! Checks what is asked and says what came of it. Must not change anything itself: that is
//! [`crate::notify::Handle`]'s.

mod text;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::authority::Who;
use super::reply::{failed, shown};
use super::routes::{Shared, off_the_loop};
use crate::alerts;
use crate::config::duration;
use crate::notify::OrderError;
use crate::notify::event::{Event, Kind};
use crate::notify::routing::Fate;
use crate::notify::told::Mute;
use crate::state::outbox::{Push, PushState};

/// Characters of a reason.
const LONGEST_REASON: usize = 500;
/// Days that a mute may last: one that is mistyped or forgotten must end before it hides a year.
const LONGEST_MUTE_DAYS: u64 = 90;

/// `POST /api/v1/mute`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuteWish {
    /// Whose alerts.
    pub instance: String,
    /// For how long: `90m`, `1h30m`; `0` ends it.
    pub r#for: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of it. Its `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muted {
    /// The instance.
    pub instance: String,
    /// What holds now; `None`: it is not muted.
    pub mute: Option<Mute>,
    /// What held before, where it was ended.
    pub ended: Option<Mute>,
    /// Why a restart may forget it.
    pub unwritten: Option<String>,
}

/// `POST /api/v1/events/send`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendWish {
    /// The name of a kind.
    pub kind: String,
    /// The instance that it is to be about.
    pub instance: String,
}

/// A test event, and what the subscriptions do with it. Its `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// As it is told.
    pub event: Event,
    /// Those that want it.
    pub subscriptions: Vec<Fate>,
}

/// `POST /api/v1/notify/test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestWish {
    /// The channel, or a group of them.
    pub channel: String,
}

/// What came of test messages. Its `Display` is the text for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// Whether all of them arrived.
    pub ok: bool,
    /// One for each channel.
    pub messages: Vec<Push>,
}

impl Tested {
    /// Of these messages.
    pub fn new(messages: Vec<Push>) -> Self {
        let delivered = |push: &Push| push.state == PushState::Delivered;
        Self {
            ok: messages.iter().all(delivered),
            messages,
        }
    }
}

type Wished<T> = Result<Json<T>, JsonRejection>;

pub(super) async fn mute(
    State(shared): State<Shared>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    wish: Wished<MuteWish>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return failed(rejection.status(), rejection.body_text()),
    };
    let now = Timestamp::now();
    let until = match until(&wish.r#for, now) {
        Ok(until) => until,
        Err(why) => return failed(StatusCode::BAD_REQUEST, why),
    };
    let reason = wish.reason.map(|text| text.trim().to_owned());
    let reason = reason.filter(|text| !text.is_empty());
    let bad =
        |text: &String| text.chars().count() > LONGEST_REASON || text.contains(char::is_control);
    if reason.as_ref().is_some_and(bad) {
        let why = format!("--reason must be one line of at most {LONGEST_REASON} characters");
        return failed(StatusCode::BAD_REQUEST, why);
    }
    let instance = wish.instance;
    let done = match until {
        None => {
            let ended = shared.alerts.unmute(instance.clone()).await;
            ended.map(|ended| Muted {
                instance,
                mute: None,
                ended,
                unwritten: None,
            })
        }
        Some(until) => {
            let who = match off_the_loop(move || who.in_words()).await {
                Ok(who) => who,
                Err(response) => return response,
            };
            let mute = Mute {
                instance: instance.clone(),
                who,
                reason,
                since: now,
                until,
            };
            let muted = shared.alerts.mute(mute).await;
            muted.map(|(mute, unwritten)| Muted {
                instance,
                mute: Some(mute),
                ended: None,
                unwritten: unwritten.map(|error| error.to_string()),
            })
        }
    };
    match done {
        Ok(muted) => shown(&headers, StatusCode::OK, &muted),
        Err(error) => refused(&error),
    }
}

/// When it ends; `None`: now.
fn until(text: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(None);
    }
    let lasts = duration::parse(text);
    if lasts.is_some_and(|lasts| lasts.is_zero()) {
        return Ok(None);
    }
    let lasts = lasts.filter(|lasts| lasts.as_secs() >= 1);
    if lasts.is_some_and(|lasts| lasts.as_secs() > LONGEST_MUTE_DAYS * 86_400) {
        return Err(format!(
            "--for is {text:?}; a mute lasts {LONGEST_MUTE_DAYS}d at most: for longer, leave \
             the instance out of the subscription's match.instances"
        ));
    }
    let until = lasts.and_then(|lasts| now.checked_add(lasts).ok());
    let bad = || format!("--for is {text:?}; a duration is 90s, 30m, 1h30m or 2d, and 0 ends it");
    until.map(Some).ok_or_else(bad)
}

pub(super) async fn send(
    State(shared): State<Shared>,
    headers: HeaderMap,
    wish: Wished<SendWish>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return failed(rejection.status(), rejection.body_text()),
    };
    let kind = Kind::ALL.iter().find(|(_, name)| *name == wish.kind);
    let Some((kind, _)) = kind else {
        let why = format!("there is no kind of event `{}`", wish.kind);
        return failed(StatusCode::BAD_REQUEST, why);
    };
    let published = shared.published.load_full();
    let config = &published.ground.config;
    let event = match alerts::of_test(config, *kind, &wish.instance, Timestamp::now()) {
        Ok(event) => event,
        Err(unknown) => return failed(StatusCode::NOT_FOUND, unknown),
    };
    match shared.alerts.send(event.clone()).await {
        Ok(subscriptions) => {
            let sent = Sent {
                event,
                subscriptions,
            };
            shown(&headers, StatusCode::OK, &sent)
        }
        Err(error) => refused(&error),
    }
}

pub(super) async fn test(
    State(shared): State<Shared>,
    headers: HeaderMap,
    wish: Wished<TestWish>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return failed(rejection.status(), rejection.body_text()),
    };
    match shared.alerts.try_channel(wish.channel).await {
        Ok(messages) => shown(&headers, StatusCode::OK, &Tested::new(messages)),
        Err(error) => refused(&error),
    }
}

/// An order that is not followed.
pub(super) fn refused(error: &OrderError) -> Response {
    let status = match error {
        OrderError::NoInstance { .. } | OrderError::NoChannel { .. } | OrderError::NoMessage(_) => {
            StatusCode::NOT_FOUND
        }
        OrderError::NothingSent(_) | OrderError::OtherType { .. } | OrderError::Disabled(_) => {
            StatusCode::CONFLICT
        }
        OrderError::State(_) | OrderError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    failed(status, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_has_an_end_and_0_is_it() {
        let now = Timestamp::from_second(1_700_000_000).expect("in range");
        let later = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).ok();
        for (text, expected) in [
            ("1h", Ok(later(3600))),
            (" 90s ", Ok(later(90))),
            ("0", Ok(None)),
            ("0s", Ok(None)),
            ("90d", Ok(later(90 * 86_400))),
        ] {
            assert_eq!(until(text, now), expected, "{text}");
        }
        for bad in ["", "soon", "5ms", "1h ago", "-1h"] {
            let why = until(bad, now).expect_err(bad);
            assert!(why.contains("90s, 30m"), "{why}");
        }
        for long in ["91d", "90d1s", "36500d"] {
            let why = until(long, now).expect_err(long);
            assert!(why.contains("90d at most"), "{why}");
        }
    }
}

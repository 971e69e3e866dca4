//! The access token of an application: fetched once for all who wait for it, kept until it expires.
//!
//! Of the application, not of a channel: two channels of one (and a channel before and after a reload)
//! have the same, since the vendor may take the one away when it gives another. Must not be shown, nor
//! the URL that fetches it: that one holds the application's secret.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::super::failure::Failure;
use super::super::http::{Answer, Http};
use super::super::redact::Secrets;
use super::super::retry::Class;
use super::super::vendor::{self, Vendor};
use super::codes;

/// Where the reply does not say how long it holds, seconds.
const LIFE_S: i64 = 7200;

/// A token is not used in its last minute: the vendor's clock is not ours.
const MARGIN_S: i64 = 60;

const VENDOR: Vendor = Vendor {
    name: "企业微信",
    read: |json| vendor::code(json, "errcode", "errmsg"),
    url_key: "base_url",
    judge: codes::of_token,
};

/// What every request carries.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(Arc<str>);

impl Token {
    /// The text, for the one place that sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

struct Kept {
    token: Token,
    until: Timestamp,
}

/// Locked while it is fetched, so that others wait instead of fetching their own.
type Place = Mutex<Option<Kept>>;

/// Where the token of each application is, by the URL that fetches it (which has the base, the company
/// and the secret), as long as some channel of it lives.
static PLACES: StdMutex<BTreeMap<String, Weak<Place>>> = StdMutex::new(BTreeMap::new());

/// The place of the application that `url` is of.
fn place(url: &Url) -> Arc<Place> {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    places.retain(|_, place| place.strong_count() > 0);
    let known = places.get(url.as_str()).and_then(Weak::upgrade);
    known.unwrap_or_else(|| {
        let new = Arc::new(Mutex::new(None));
        places.insert(url.as_str().to_owned(), Arc::downgrade(&new));
        new
    })
}

/// The token as it is now.
pub(super) struct Tokens {
    http: Http,
    url: Url,
    secrets: Secrets,
    kept: Arc<Place>,
}

impl Tokens {
    /// `url` is of the request that fetches one, whole. Dials nothing.
    pub(super) fn new(http: Http, url: Url, secrets: Secrets) -> Self {
        Self {
            http,
            kept: place(&url),
            url,
            secrets,
        }
    }

    /// One that holds at `now`.
    ///
    /// # Errors
    /// When none is to be had; the next one asks again.
    pub(super) async fn at(&self, now: Timestamp) -> Result<Token, Failure> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref()
            && now < kept.until
        {
            return Ok(kept.token.clone());
        }
        let answer = self.http.get(&self.url, now).await?;
        let (token, life_s) = self.read(&answer)?;
        // Not less than no time at all, and never so long that a time overflows.
        let life = SignedDuration::from_secs((life_s - MARGIN_S).clamp(0, LIFE_S));
        let until = now.saturating_add(life).unwrap_or(now);
        *kept = Some(Kept {
            token: token.clone(),
            until,
        });
        Ok(token)
    }

    /// Forgets `token`, unless another one has taken its place already.
    pub(super) async fn forget(&self, token: &Token) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.token == *token) {
            *kept = None;
        }
    }

    fn read(&self, answer: &Answer) -> Result<(Token, i64), Failure> {
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let token = json
            .as_ref()
            .and_then(|json| json.get("access_token")?.as_str());
        let secrets = self.secrets.clone().and(token.unwrap_or_default());
        let said = VENDOR
            .settle(answer, &secrets)
            .map_err(|failure| match json {
                Some(_) => failure,
                // It may be a token in another dress.
                None => Failure {
                    reply: None,
                    ..failure
                },
            })?;
        match token {
            Some(token) if !token.is_empty() => {
                let life_s = said.json.get("expires_in").and_then(Value::as_i64);
                Ok((Token(token.into()), life_s.unwrap_or(LIFE_S)))
            }
            _ => {
                let why = format!("{} answered without an access_token", answer.host);
                Err(Failure::new(Class::Transient, why).with_reply(said.reply))
            }
        }
    }
}

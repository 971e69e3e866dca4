//! The access token of an application: fetched once for all who wait for it, kept until it expires.
//!
//! Must not be shown, nor the URL that fetches it: that one holds the application's secret.

use std::sync::Arc;

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

/// The token as it is now.
pub(super) struct Tokens {
    http: Http,
    url: Url,
    secrets: Secrets,
    /// Locked while it is fetched, so that others wait instead of fetching their own.
    kept: Mutex<Option<Kept>>,
}

impl Tokens {
    /// `url` is of the request that fetches one, whole. Dials nothing.
    pub(super) fn new(http: Http, url: Url, secrets: Secrets) -> Self {
        let kept = Mutex::new(None);
        Self {
            http,
            url,
            secrets,
            kept,
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

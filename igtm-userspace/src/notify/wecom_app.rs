//! The `wecom_app` channel, 企业微信应用: markdown to accounts, departments and tags.
//!
//! Must not put the access token into a part or a log.

mod codes;
mod token;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use crate::config::model::{Language, WecomApp as Configured};

use super::channel::Limit;
use super::failure::Failure;
use super::http::{Http, shown};
use super::message::{Message, Part, Receipt};
use super::redact::Secrets;
use super::vendor::{self, Said, Vendor};
use super::webhook::{SetupError, check_url};
use super::wecom_robot::markdown;
use super::words::Words;

use token::{Token, Tokens};

/// An account is shown no more than 30 messages of one application in a minute; what comes on top
/// is dropped without a word.
pub(super) const LIMIT: Limit = Limit {
    burst: 10,
    per_minute: 20,
};

/// `markdown.content`, octets.
const MARKDOWN: usize = 2048;

const VENDOR: Vendor = Vendor {
    name: "企业微信",
    read: |json| vendor::code(json, "errcode", "errmsg"),
    url_key: "base_url",
    judge: codes::of_message,
};

/// One application, ready to send.
pub struct WecomApp {
    http: Http,
    /// `…/cgi-bin/message/send`.
    send: Url,
    tokens: Tokens,
    secrets: Secrets,
    /// `touser`, `toparty`, `totag`, `agentid`.
    to: Map<String, Value>,
    language: Language,
}

impl std::fmt::Debug for WecomApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = shown(&self.send);
        f.debug_tuple("WecomApp").field(&shown).finish()
    }
}

impl WecomApp {
    /// Dials nothing.
    ///
    /// # Errors
    /// When `base_url` is no http or https URL.
    pub fn new(app: &Configured, language: Language, http: Http) -> Result<Self, SetupError> {
        let base = app.base_url.trim_end_matches('/');
        let send = check_url(&format!("{base}/cgi-bin/message/send"))?;
        let mut token = check_url(&format!("{base}/cgi-bin/gettoken"))?;
        let secret = app.secret.reveal();
        token
            .query_pairs_mut()
            .append_pair("corpid", &app.corp_id)
            .append_pair("corpsecret", secret);
        let secrets = Secrets::none()
            .and(secret)
            .and(send.password().unwrap_or_default());
        Ok(Self {
            tokens: Tokens::new(http.clone(), token, secrets.clone()),
            http,
            send,
            secrets,
            to: receivers(app),
            language,
        })
    }

    /// One markdown part.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        let content = markdown(message, words, "", self.language, MARKDOWN);
        let mut body = self.to.clone();
        body.insert("msgtype".to_owned(), "markdown".into());
        body.insert("markdown".to_owned(), json!({ "content": content }));
        body.insert("enable_duplicate_check".to_owned(), 0.into());
        let body = Value::Object(body).to_string();
        vec![Part { body }]
    }

    /// One attempt; a second one at once, with a new token, when the vendor says that the kept one
    /// is none any more.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let token = self.tokens.at(now).await?;
        let mut sent = self.attempt(part, &token, now).await;
        if let Err(Refused::Token(_)) = sent {
            self.tokens.forget(&token).await;
            let token = self.tokens.at(now).await?;
            sent = self.attempt(part, &token, now).await;
        }
        match sent {
            Ok(said) => Ok(Receipt {
                remark: nobody(&said.json),
                reply: said.reply,
                left: None,
            }),
            Err(Refused::Token(failure) | Refused::Message(failure)) => Err(failure),
        }
    }

    async fn attempt(&self, part: &Part, token: &Token, now: Timestamp) -> Result<Said, Refused> {
        let mut url = self.send.clone();
        url.query_pairs_mut()
            .append_pair("access_token", token.reveal());
        let body = part.body.clone();
        let answer = vendor::post_json(&self.http, &url, body, now).await;
        let answer = answer.map_err(Refused::Message)?;
        let secrets = self.secrets.clone().and(token.reveal());
        VENDOR.settle(&answer, &secrets).map_err(|failure| {
            let json = serde_json::from_slice(&answer.body).ok();
            let code = json.as_ref().and_then(VENDOR.read);
            if code.is_some_and(|(code, _)| codes::TOKEN_GONE.contains(&code)) {
                Refused::Token(failure)
            } else {
                Refused::Message(failure)
            }
        })
    }
}

/// What was refused.
enum Refused {
    Token(Failure),
    Message(Failure),
}

fn receivers(app: &Configured) -> Map<String, Value> {
    let numbers =
        |numbers: &[u32]| -> Vec<String> { numbers.iter().map(ToString::to_string).collect() };
    let mut to = Map::new();
    for (key, list) in [
        ("touser", app.users.clone()),
        ("toparty", numbers(&app.departments)),
        ("totag", numbers(&app.tags)),
    ] {
        if !list.is_empty() {
            to.insert(key.to_owned(), list.join("|").into());
        }
    }
    to.insert("agentid".to_owned(), app.agent_id.into());
    to
}

/// Who of the receivers got nothing although the message was taken.
fn nobody(said: &Value) -> Option<String> {
    let lists = [
        ("invaliduser", "users"),
        ("invalidparty", "departments"),
        ("invalidtag", "tags"),
        ("unlicenseduser", "users without a licence"),
    ];
    let missed: Vec<String> = lists
        .iter()
        .filter_map(|(key, word)| {
            let list = said.get(key)?.as_str()?;
            (!list.is_empty()).then(|| format!("{word} {}", list.replace('|', ", ")))
        })
        .collect();
    if missed.is_empty() {
        return None;
    }
    let missed = missed.join("; ");
    Some(format!(
        "not told: {missed} (no such receiver, or not in the application's 可见范围: add them in \
         企业微信管理后台 → 应用管理 → the application)"
    ))
}

//! The `feishu` channel, 飞书 / Lark: a card to a group's custom robot.
//!
//! Must not put the signature into a part: it holds for an hour, and is made when it is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::config::model::{Language, Secret};

use super::channel::Limit;
use super::failure::Failure;
use super::fit::{Fit, Unit};
use super::http::Http;
use super::message::{Message, Part, Receipt};
use super::retry::Class;
use super::tone::Tone;
use super::vendor::{self, Hook, Said, Vendor};
use super::webhook::SetupError;
use super::words::Words;

/// 100 in any minute and 5 in any second, what is sent at once and what follows together.
pub(super) const LIMIT: Limit = Limit {
    burst: 3,
    per_minute: 97,
};

/// The whole body, octets.
const BODY: usize = 20_000;

/// Of these for `timestamp` and `sign`, added when it is sent.
const SIGNATURE: usize = 120;

const VENDOR: Vendor = Vendor {
    name: "飞书",
    // The second is how older ones answer.
    read: |json| {
        let older = || vendor::code(json, "StatusCode", "StatusMessage");
        vendor::code(json, "code", "msg").or_else(older)
    },
    url_key: "webhook",
    judge,
};

/// One robot, ready to send.
#[derive(Debug)]
pub struct Feishu {
    hook: Hook,
    secret: Option<Secret>,
    keyword: Option<String>,
    mention_all: bool,
    language: Language,
}

impl Feishu {
    /// Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(
        webhook: &Secret,
        secret: Option<&Secret>,
        keyword: Option<&str>,
        mention_all: bool,
        language: Language,
        http: Http,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            hook: Hook::new(webhook, http)?.signed_with(secret),
            secret: secret.cloned(),
            keyword: keyword.map(str::to_owned),
            mention_all,
            language,
        })
    }

    /// One card.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        let title = vendor::title(message, words, Unit::Json);
        let template = match Tone::of(message) {
            Tone::Critical => "red",
            Tone::Warning => "orange",
            Tone::Recovery => "green",
            Tone::Info => "blue",
        };
        let body = |text: &str| {
            json!({
                "msg_type": "interactive",
                "card": {
                    "config": { "wide_screen_mode": true },
                    "header": {
                        "title": { "tag": "plain_text", "content": title },
                        "template": template,
                    },
                    "elements": [{
                        "tag": "div",
                        "text": { "tag": "lark_md", "content": text },
                    }],
                },
            })
            .to_string()
        };
        let fit = Fit {
            // In the card's header.
            head: "",
            items: &vendor::items(message, words),
            more: message.more,
            tail: if self.mention_all {
                "<at id=all></at>"
            } else {
                ""
            },
            between: "\n\n",
            unit: Unit::Json,
            language: self.language,
        };
        let room = BODY - SIGNATURE - body("").len();
        let text = vendor::with_keyword(fit, self.keyword.as_deref(), room);
        vec![Part { body: body(&text) }]
    }

    /// One attempt, signed with `now`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let (mut body, mut secrets) = (part.body.clone(), self.hook.secrets.clone());
        if let Some(secret) = &self.secret {
            let timestamp = now.as_second();
            let sign = sign(secret, timestamp);
            secrets = secrets.and(&sign);
            let mut signed: Map<String, Value> = serde_json::from_str(&body).map_err(|_| {
                let why = "the recorded message is not this channel's: it cannot be signed";
                Failure::new(Class::Permanent, why)
            })?;
            signed.insert("timestamp".to_owned(), timestamp.to_string().into());
            signed.insert("sign".to_owned(), sign.into());
            body = Value::Object(signed).to_string();
        }
        let answer = self.hook.post(&[], body, now).await?;
        let said = VENDOR.settle(&answer, &secrets)?;
        Ok(Receipt {
            reply: said.reply,
            ..Receipt::default()
        })
    }
}

/// Base64; `timestamp` is Unix time in seconds. The key is what others would sign: it is the
/// vendor's own way, and the message is empty.
fn sign(secret: &Secret, timestamp: i64) -> String {
    let key = format!("{timestamp}\n{}", secret.reveal());
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .expect("HMAC takes a key of any length (RFC 2104, 2)");
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The codes of this robot's page, and what others were answered besides: 19001 "incoming webhook
/// access token invalid" is what it says to any token that is none, 19002 "params error" is
/// feiyu563/PrometheusAlert#69, and 11246 "ErrCode: 100290; … in your card" is #461 there.
fn judge(said: &Said) -> (Class, String) {
    let settings = "the group's 设置 → 群机器人 → the robot → 安全设置";
    let (class, advice) = match said.code {
        // The same code serves for two things.
        9499 if said.has(&["too many", "frequency", "limit"]) => (
            Class::Throttled(None),
            "飞书 wants fewer messages".to_owned(),
        ),
        9499 => (
            Class::Permanent,
            "飞书 does not understand the message: look at the template for markup that its \
             cards do not take"
                .to_owned(),
        ),
        11232 => (
            Class::Throttled(None),
            "more than 100 messages in a minute or 5 in a second, or everyone posts at this very \
             moment (on the hour)"
                .to_owned(),
        ),
        19001 => (
            Class::Config,
            "`webhook` names no robot that exists: copy its Webhook 地址 again from the group's \
             设置 → 群机器人, or add a 自定义机器人"
                .to_owned(),
        ),
        19021 => (
            Class::Config,
            format!(
                "the signature is wrong or more than an hour old: copy the 签名校验 key in \
                 {settings} to `secret`, and set this host's clock"
            ),
        ),
        19022 => (
            Class::Config,
            format!("this host's IP is not in the robot's IP 白名单: add it in {settings}"),
        ),
        19024 => (
            Class::Config,
            format!(
                "the text lacks the robot's 自定义关键词: write one of those in {settings} to \
                 `keyword`"
            ),
        ),
        19002 | 11246 => (
            Class::Permanent,
            "飞书 does not take this card: look at the template for markup that its cards do not \
             take"
                .to_owned(),
        ),
        _ => return vendor::unknown(VENDOR.name),
    };
    (class, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_s_vector() {
        let sign = sign(&Secret::new("this is secret"), 1_599_360_473);
        assert_eq!(sign, "/eYKrXQBzTjUZJ3s6NX16VxGbTwmK7AEs8/FnvC1CSw=");
    }
}

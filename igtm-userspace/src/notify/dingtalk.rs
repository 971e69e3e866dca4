//! The `dingtalk` channel, 钉钉: markdown to a group's custom robot.
//!
//! Must not put the signature into a part: it holds for an hour, and is made when it is sent.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::config::model::{Language, Mention, Secret};

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

/// 20 in any minute, what is sent at once and what follows together: one more, and the robot is
/// blocked for [`BLOCKED`].
pub(super) const LIMIT: Limit = Limit {
    burst: 10,
    per_minute: 10,
};

/// Of a robot that broke 20 a minute.
const BLOCKED: Duration = Duration::from_mins(10);

/// The whole body, octets.
const BODY: usize = 20_000;

/// Of these at most for mentions, which stand in the text and in `at`; who has no room is not
/// mentioned.
const MENTIONS: usize = 6000;

/// `{"status":1111}`, which comes without an `errcode`.
const PUNISHED: i64 = 1111;

const VENDOR: Vendor = Vendor {
    name: "钉钉",
    read: |json| {
        let punished =
            || vendor::code(json, "status", "punish").filter(|(code, _)| *code == PUNISHED);
        vendor::code(json, "errcode", "errmsg").or_else(punished)
    },
    url_key: "webhook",
    judge,
};

/// One robot, ready to send.
#[derive(Debug)]
pub struct Dingtalk {
    hook: Hook,
    secret: Option<Secret>,
    keyword: Option<String>,
    mention: Mention,
    language: Language,
}

impl Dingtalk {
    /// Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(
        webhook: &Secret,
        secret: Option<&Secret>,
        keyword: Option<&str>,
        mention: &Mention,
        language: Language,
        http: Http,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            hook: Hook::new(webhook, http)?.signed_with(secret),
            secret: secret.cloned(),
            keyword: keyword.map(str::to_owned),
            mention: mention.clone(),
            language,
        })
    }

    /// One markdown part.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        let title = vendor::title(message, words, Unit::Json);
        let Mention {
            users,
            mobiles,
            all,
        } = &self.mention;
        let everyone = all.then(|| vendor::everyone(self.language).to_owned());
        let first = usize::from(*all);
        let named = mobiles.iter().chain(users).map(|who| format!("@{who}"));
        let mentions = everyone.into_iter().chain(named);
        let (tail, count) = vendor::mentioned(mentions, " ", MENTIONS);
        let shown = count.saturating_sub(first);
        let (shown_mobiles, shown_users) = (
            shown.min(mobiles.len()),
            shown.saturating_sub(mobiles.len()),
        );
        let body = |text: &str| {
            json!({
                "msgtype": "markdown",
                "markdown": { "title": title, "text": text },
                "at": {
                    "atMobiles": mobiles[..shown_mobiles],
                    "atUserIds": users[..shown_users],
                    "isAtAll": all,
                },
            })
            .to_string()
        };
        let marked = vendor::marked_title(message, words, Unit::Json);
        let fit = Fit {
            head: &format!("### {} {marked}", Tone::of(message).mark()),
            items: &vendor::items(message, words),
            more: message.more,
            tail: &tail,
            between: "\n\n",
            unit: Unit::Json,
            language: self.language,
        };
        let room = BODY - body("").len();
        let text = vendor::with_keyword(fit, self.keyword.as_deref(), room);
        vec![Part { body: body(&text) }]
    }

    /// One attempt, signed with `now`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let timestamp = now.as_millisecond();
        let signed = self.secret.as_ref().map(|secret| sign(secret, timestamp));
        let timestamp = timestamp.to_string();
        let mut secrets = self.hook.secrets.clone();
        let mut parameters = Vec::new();
        if let Some(sign) = &signed {
            secrets = secrets.and(sign);
            parameters = vec![("timestamp", timestamp.as_str()), ("sign", sign)];
        }
        let answer = self.hook.post(&parameters, part.body.clone(), now).await?;
        let said = VENDOR.settle(&answer, &secrets)?;
        Ok(Receipt {
            reply: said.reply,
            ..Receipt::default()
        })
    }
}

/// Base64, not yet escaped for a URL; `timestamp` is Unix time in milliseconds.
fn sign(secret: &Secret, timestamp: i64) -> String {
    let secret = secret.reveal();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length (RFC 2104, 2)");
    mac.update(format!("{timestamp}\n{secret}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The codes of this robot's page, and what others were answered besides: 40035, 43004, 400105 and
/// 4301xx stand in the vendor's table (自定义机器人发送群消息, 错误码) as dagster's DingTalk resource
/// repeats it; 300005 "token is not exist" is timonwong/prometheus-webhook-dingtalk#226, and 460101
/// feiyu563/PrometheusAlert#318.
fn judge(said: &Said) -> (Class, String) {
    let settings = "the group's 群设置 → 机器人 → the robot's own page";
    let (class, advice) = match said.code {
        -1 => (Class::Transient, "钉钉 is busy".to_owned()),
        130_101 | 410_100 => (
            vendor::wait(BLOCKED),
            "more than 20 messages in a minute, so the robot is blocked for 10 minutes; if \
             something else posts to this robot, give igtm a robot of its own"
                .to_owned(),
        ),
        PUNISHED => {
            let told = said.json.get("wait").and_then(Value::as_u64);
            (
                Class::Throttled(told.map(Duration::from_secs)),
                "钉钉 wants fewer requests from this address".to_owned(),
            )
        }
        310_000 => (Class::Config, refused(said)),
        300_001 | 300_005 | 400_101 | 400_106 => (
            Class::Permanent,
            format!(
                "`webhook` names no robot that exists: copy its Webhook again from {settings}, or \
                 add a 自定义 robot"
            ),
        ),
        400_102 => (
            Class::Permanent,
            format!("the robot is disabled: enable it on {settings}"),
        ),
        400_013 => (
            Class::Permanent,
            "the group is dissolved: add a robot to another group and copy its Webhook to \
             `webhook`"
                .to_owned(),
        ),
        400_105 | 40035 | 43004 => (
            Class::Permanent,
            "钉钉 does not understand the message".to_owned(),
        ),
        430_101..=430_104 => (
            Class::Permanent,
            "钉钉 does not like a link or a word in the message: change the template".to_owned(),
        ),
        460_101 => (
            Class::Permanent,
            "the message is too long: shorten the template".to_owned(),
        ),
        _ => return vendor::unknown(VENDOR.name),
    };
    (class, advice)
}

/// Which of the robot's 安全设置 refused, by the vendor's words.
fn refused(said: &Said) -> String {
    let settings = "群设置 → 机器人 → the robot's 安全设置";
    if said.has(&["keyword", "关键词"]) {
        return format!(
            "the text lacks the robot's 自定义关键词: write one of those in {settings} to `keyword`"
        );
    }
    if said.has(&["timestamp"]) {
        return "the time of the request is more than an hour off: set this host's clock"
            .to_owned();
    }
    if said.has(&["sign", "签名"]) {
        return format!(
            "the signature is wrong: copy the 加签 key (SEC…) in {settings} to `secret`"
        );
    }
    if said.has(&["whitelist", "not in", " ip", "ip地址"]) {
        return format!("this host's IP is not in the robot's IP地址（段）: add it in {settings}");
    }
    format!(
        "look at the signature (`secret`), the keyword (`keyword`) and the list of IPs in {settings}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_s_vector() {
        let sign = sign(&Secret::new("this is secret"), 1_599_360_473_000);
        let escaped: String = url::form_urlencoded::byte_serialize(sign.as_bytes()).collect();
        assert_eq!(
            escaped,
            "hXZTWifRGHclNuZSKxoXc%2F%2Fsh51SWfVfRIhcdeKs63I%3D"
        );
    }
}

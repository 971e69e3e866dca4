//! The `wecom_robot` channel, 企业微信群机器人: markdown, and a short text after it where somebody can
//! be mentioned in a text only.
//!
//! Must not sign (the URL's key is all there is).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

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

/// 20 in any minute: what is sent at once and what follows count together.
pub(super) const LIMIT: Limit = Limit {
    burst: 10,
    per_minute: 10,
};

/// `markdown.content`, octets. The text after it is a title, far below its 2048.
const MARKDOWN: usize = 4096;

/// Of these at most for mentions; who has no room is mentioned in the text.
const MENTIONS: usize = 1024;

const VENDOR: Vendor = Vendor {
    name: "企业微信",
    read: |json| vendor::code(json, "errcode", "errmsg"),
    url_key: "webhook",
    judge,
};

/// One robot, ready to send.
#[derive(Debug)]
pub struct WecomRobot {
    hook: Hook,
    mention: Mention,
    language: Language,
}

impl WecomRobot {
    /// Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(
        webhook: &Secret,
        mention: &Mention,
        language: Language,
        http: Http,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            hook: Hook::new(webhook, http)?,
            mention: mention.clone(),
            language,
        })
    }

    /// A markdown part, and a text part when mobiles or everyone are to be mentioned.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        let users = self.mention.users.iter();
        let tags = users.clone().map(|user| format!("<@{user}>"));
        let (tail, within) = vendor::mentioned(tags, "", MENTIONS);
        let content = markdown(message, words, &tail, self.language, MARKDOWN);
        let markdown = json!({ "msgtype": "markdown", "markdown": { "content": content } });
        let mut parts = vec![Part {
            body: markdown.to_string(),
        }];
        let mut list: Vec<&str> = users.skip(within).map(String::as_str).collect();
        if self.mention.all {
            list.push("@all");
        }
        let mobiles = &self.mention.mobiles;
        if !list.is_empty() || !mobiles.is_empty() {
            let text = json!({
                "content": vendor::title(message, words, Unit::Octets),
                "mentioned_list": list,
                "mentioned_mobile_list": mobiles,
            });
            let text = json!({ "msgtype": "text", "text": text });
            parts.push(Part {
                body: text.to_string(),
            });
        }
        parts
    }

    /// One attempt.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        let answer = self.hook.post(&[], part.body.clone(), now).await?;
        let said = VENDOR.settle(&answer, &self.hook.secrets)?;
        Ok(Receipt {
            reply: said.reply,
            ..Receipt::default()
        })
    }
}

/// 企业微信's markdown of a message: a coloured head, the items, and `tail` under them.
pub(super) fn markdown(
    message: &Message,
    words: &Words,
    tail: &str,
    language: Language,
    limit: usize,
) -> String {
    // It has three colours: orange, green and grey.
    let colour = match Tone::of(message) {
        Tone::Critical | Tone::Warning => "warning",
        Tone::Recovery => "info",
        Tone::Info => "comment",
    };
    let title = vendor::marked_title(message, words, Unit::Octets);
    let head = format!("<font color=\"{colour}\">{title}</font>");
    let fit = Fit {
        head: &head,
        items: &vendor::items(message, words),
        more: message.more,
        tail,
        between: "\n\n",
        unit: Unit::Octets,
        language,
    };
    fit.within(limit)
}

/// The codes of this robot's page, and those of the vendor's list (企业微信全局错误码,
/// developer.work.weixin.qq.com/document/path/90313; WxJava's `WxCpErrorMsgEnum` repeats it) that can
/// come up here: 40008, 44004, 45002, 45033.
fn judge(said: &Said) -> (Class, String) {
    let (class, advice) = match said.code {
        -1 => (Class::Transient, "企业微信 is busy"),
        45009 => (
            vendor::wait(Duration::from_mins(1)),
            "more than 20 messages in a minute; if something else posts to this robot, give igtm \
             a robot of its own",
        ),
        45033 => (
            Class::Throttled(None),
            "too many requests at the same moment",
        ),
        93000 => (
            Class::Config,
            "the robot is gone or `webhook` is wrong: open the group's 群设置 → 群机器人 \
             (消息推送), copy the robot's Webhook 地址 again, or add a robot",
        ),
        40058 | 45002 => (
            Class::Permanent,
            "the message is too long or holds what 企业微信 does not take: shorten the template",
        ),
        40008 | 44004 => (
            Class::Permanent,
            "the message is empty or of a kind it does not take: look at the template",
        ),
        _ => return vendor::unknown(VENDOR.name),
    };
    (class, advice.to_owned())
}

//! A channel ready to send: each type renders messages into parts and sends a part once.
//!
//! Must not retry, wait or record: those are the worker's.

use std::sync::Arc;

use jiff::Timestamp;

use super::alertmanager::{self, Alertmanager};
use super::dingtalk::{self, Dingtalk};
use super::email::{self, Email};
use super::event::Event;
use super::failure::Failure;
use super::feishu::{self, Feishu};
use super::http::Http;
use super::message::{Message, Part, Receipt};
use super::pagerduty::{self, Pagerduty};
use super::slack::{self, Slack};
use super::webhook::{self, Webhook};
use super::wecom_app::{self, WecomApp};
use super::wecom_robot::{self, WecomRobot};
use super::words::Words;
use crate::config::model::{Channel, ChannelKind};

/// What a receiver allows, by parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many at once.
    pub burst: u32,
    /// And so many a minute after that.
    pub per_minute: u32,
}

/// Why a channel as configured cannot send anything.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A webhook's, or another channel's URL.
    #[error(transparent)]
    Webhook(#[from] webhook::SetupError),
    /// A group is sent to by sending to its channels.
    #[error("a group sends nothing itself")]
    Group,
    /// A mail's.
    #[error(transparent)]
    Email(#[from] email::SetupError),
}

/// One channel, ready to send.
#[derive(Debug)]
pub enum Sender {
    /// 企业微信群机器人.
    WecomRobot(WecomRobot),
    /// 企业微信应用.
    WecomApp(Box<WecomApp>),
    /// 钉钉.
    Dingtalk(Dingtalk),
    /// 飞书 / Lark.
    Feishu(Feishu),
    /// Slack's incoming webhooks.
    Slack(Slack),
    /// Standard Webhooks.
    Webhook(Webhook),
    /// SMTP.
    Email(Box<Email>),
    /// Events API v2.
    Pagerduty(Pagerduty),
    /// Prometheus' Alertmanager.
    Alertmanager(Alertmanager),
}

impl Sender {
    /// Checks and decodes what was configured. Dials nothing.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(channel: &Channel, tls: &rustls::ClientConfig) -> Result<Self, SetupError> {
        let http = Http::new(tls.clone(), channel.timeout, channel.allow_private);
        let language = channel.language;
        match &channel.kind {
            ChannelKind::WecomRobot { webhook, mention } => {
                let robot = WecomRobot::new(webhook, mention, language, http)?;
                Ok(Self::WecomRobot(robot))
            }
            ChannelKind::WecomApp(app) => {
                let app = WecomApp::new(app, language, http)?;
                Ok(Self::WecomApp(Box::new(app)))
            }
            ChannelKind::Dingtalk {
                webhook,
                secret,
                keyword,
                mention,
            } => {
                let (secret, keyword) = (secret.as_ref(), keyword.as_deref());
                let robot = Dingtalk::new(webhook, secret, keyword, mention, language, http)?;
                Ok(Self::Dingtalk(robot))
            }
            ChannelKind::Feishu {
                webhook,
                secret,
                keyword,
                mention_all,
            } => {
                let (secret, keyword) = (secret.as_ref(), keyword.as_deref());
                let robot = Feishu::new(webhook, secret, keyword, *mention_all, language, http)?;
                Ok(Self::Feishu(robot))
            }
            ChannelKind::Slack { webhook } => Ok(Self::Slack(Slack::new(webhook, language, http)?)),
            ChannelKind::Webhook {
                url,
                secrets,
                headers,
            } => Ok(Self::Webhook(Webhook::new(url, secrets, headers, http)?)),
            ChannelKind::Email(settings) => {
                let email = Email::new(settings, channel, tls)?;
                Ok(Self::Email(Box::new(email)))
            }
            ChannelKind::Pagerduty {
                routing_key,
                base_url,
            } => {
                let service = Pagerduty::new(routing_key, base_url, language, http)?;
                Ok(Self::Pagerduty(service))
            }
            ChannelKind::Alertmanager { url } => {
                Ok(Self::Alertmanager(Alertmanager::new(url, http)?))
            }
            ChannelKind::Group { .. } => Err(SetupError::Group),
        }
    }

    /// What is sent of `message`, each part a request; never empty. Longer texts than the receiver
    /// takes are cut, and say how many items are left out.
    pub fn render(&self, message: &Message, words: &Words) -> Vec<Part> {
        match self {
            Self::WecomRobot(channel) => channel.render(message, words),
            Self::WecomApp(channel) => channel.render(message, words),
            Self::Dingtalk(channel) => channel.render(message, words),
            Self::Feishu(channel) => channel.render(message, words),
            Self::Slack(channel) => channel.render(message, words),
            Self::Webhook(channel) => channel.render(message),
            Self::Email(channel) => channel.render(message, words),
            Self::Pagerduty(channel) => channel.render(message, words),
            Self::Alertmanager(channel) => channel.render(message, words),
        }
    }

    /// Sends one part once. `id` is the part's own, the same at every attempt.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, id: &str, part: &Part, now: Timestamp) -> Result<Receipt, Failure> {
        match self {
            Self::WecomRobot(channel) => channel.send(part, now).await,
            Self::WecomApp(channel) => channel.send(part, now).await,
            Self::Dingtalk(channel) => channel.send(part, now).await,
            Self::Feishu(channel) => channel.send(part, now).await,
            Self::Slack(channel) => channel.send(part, now).await,
            Self::Webhook(channel) => channel.send(id, part, now).await,
            Self::Email(channel) => channel.send(id, part, now).await,
            Self::Pagerduty(channel) => channel.send(part, now).await,
            Self::Alertmanager(channel) => channel.send(part, now).await,
        }
    }

    /// What the receiver allows; what would exceed it waits, and is merged.
    pub fn limit(&self) -> Limit {
        match self {
            Self::WecomRobot(_) => wecom_robot::LIMIT,
            Self::WecomApp(_) => wecom_app::LIMIT,
            Self::Dingtalk(_) => dingtalk::LIMIT,
            Self::Feishu(_) => feishu::LIMIT,
            Self::Slack(_) => slack::LIMIT,
            Self::Webhook(_) => webhook::LIMIT,
            Self::Email(_) => email::LIMIT,
            Self::Pagerduty(_) => pagerduty::LIMIT,
            Self::Alertmanager(_) => alertmanager::LIMIT,
        }
    }

    /// What lasts, once more, for a receiver that forgets it: what tells as many events as an
    /// [`alertmanager::ALERTS_PER_PART`]; `None`: it forgets nothing, or nothing lasts.
    pub fn remind(&self, lasting: &[Arc<Event>], words: &Words) -> Option<Part> {
        match self {
            Self::Alertmanager(channel) => channel.remind(lasting, words),
            _ => None,
        }
    }
}

//! `[[template]]`, `[[channel]]` and `[[subscription]]`: who is told of what, how, and in which
//! words.

use std::time::Duration;

use super::ChannelId;
use crate::notify::event::{Kind, Severity};

/// `[[template]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Unique.
    pub name: String,
    /// What minijinja renders of each event.
    pub text: String,
}

/// A position in [`super::Config::templates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateId(pub usize);

/// `[[channel]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A disabled channel's messages are recorded as suppressed.
    pub enabled: bool,
    /// In whose words; none: the type's own.
    pub template: Option<TemplateId>,
    /// Of the type's own template.
    pub language: Language,
    /// Of one attempt.
    pub timeout: Duration,
    /// Whether loopback, link-local and private addresses may be dialled.
    pub allow_private: bool,
    /// What it speaks.
    pub kind: ChannelKind,
}

/// What the default templates are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// 中文.
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    /// Every one with its word in the file.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Zh, "zh"), (Self::En, "en")];
}

/// The type of a channel with its own keys (notify.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// 企业微信群机器人.
    WecomRobot {
        /// The URL that the vendor shows, with its key.
        webhook: Secret,
        /// Who is mentioned.
        mention: Mention,
    },
    /// 企业微信应用.
    WecomApp(WecomApp),
    /// 钉钉.
    Dingtalk {
        /// The URL that the vendor shows, with its token.
        webhook: Secret,
        /// What signs, where the robot wants it.
        secret: Option<Secret>,
        /// Appended to texts that lack it, where the robot wants it.
        keyword: Option<String>,
        /// Who is mentioned.
        mention: Mention,
    },
    /// 飞书 / Lark.
    Feishu {
        /// The URL that the vendor shows: its last part is a token.
        webhook: Secret,
        /// What signs, where the robot wants it.
        secret: Option<Secret>,
        /// Appended to texts that lack it, where the robot wants it.
        keyword: Option<String>,
        /// Whether everyone is mentioned.
        mention_all: bool,
    },
    /// An incoming webhook.
    Slack {
        /// The URL that Slack shows: all of its path is a secret.
        webhook: Secret,
    },
    /// The Standard Webhooks convention.
    Webhook {
        /// Where to POST; the path may be a secret.
        url: Secret,
        /// `whsec_…` keys, newest first; every one signs. Empty: unsigned.
        secrets: Vec<Secret>,
        /// Sent besides our own; values may be tokens.
        headers: Vec<(String, Secret)>,
    },
    /// SMTP.
    Email(Email),
    /// Events API v2.
    Pagerduty {
        /// The integration's key.
        routing_key: Secret,
        /// `https://events.pagerduty.com`, or a region's own.
        base_url: String,
    },
    /// Prometheus' Alertmanager, API v2.
    Alertmanager {
        /// Of the server, without `/api/v2/alerts`; may hold credentials.
        url: Secret,
    },
    /// Several channels by one name; never a group itself.
    Group {
        /// In the file's order, never empty.
        channels: Vec<ChannelId>,
    },
}

impl ChannelKind {
    /// The word in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WecomRobot { .. } => "wecom_robot",
            Self::WecomApp(_) => "wecom_app",
            Self::Dingtalk { .. } => "dingtalk",
            Self::Feishu { .. } => "feishu",
            Self::Slack { .. } => "slack",
            Self::Webhook { .. } => "webhook",
            Self::Email(_) => "email",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Group { .. } => "group",
        }
    }
}

/// Who a robot mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mention {
    /// Accounts of the service.
    pub users: Vec<String>,
    /// Mobile numbers.
    pub mobiles: Vec<String>,
    /// Everyone.
    pub all: bool,
}

/// 企业微信应用.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WecomApp {
    /// 企业 ID.
    pub corp_id: String,
    /// AgentId.
    pub agent_id: u32,
    /// Of the application.
    pub secret: Secret,
    /// Accounts, at most 1000.
    pub users: Vec<String>,
    /// Departments by number, at most 100.
    pub departments: Vec<u32>,
    /// Tags by number, at most 100.
    pub tags: Vec<u32>,
    /// `https://qyapi.weixin.qq.com`, or a private deployment's.
    pub base_url: String,
}

/// SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// `smtps://`: TLS from the first octet; `smtp://`: STARTTLS.
    pub tls: SmtpTls,
    /// The server's name or address.
    pub host: String,
    /// 465 or 587 where the file has none.
    pub port: u16,
    /// With `password`: the login.
    pub username: Option<String>,
    /// Of the login.
    pub password: Option<Secret>,
    /// The sender, `name@domain` or `Name <name@domain>`.
    pub from: String,
    /// The receivers, never empty.
    pub to: Vec<String>,
}

/// How an SMTP connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first octet (RFC 8314 §3.3).
    Implicit,
    /// After STARTTLS (RFC 3207), without which nothing is sent.
    StartTls,
}

/// A text that is never logged nor shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// `[[subscription]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A disabled one matches nothing.
    pub enabled: bool,
    /// Kinds it matches; empty: all.
    pub events: Vec<Kind>,
    /// Which objects' events it matches.
    pub matching: Matching,
    /// Where its messages go, never empty.
    pub channels: Vec<ChannelId>,
    /// Who is told when one of `channels` fails for good.
    pub on_failure: Vec<ChannelId>,
    /// How often a lasting condition is told again; zero: once.
    pub repeat_interval: Duration,
    /// Events that come together within this make one message.
    pub group_wait: Duration,
    /// When only some are told.
    pub quiet: Option<Quiet>,
}

/// `subscription.match`: an empty list means all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// Names of instances.
    pub instances: Vec<String>,
    /// Names of lines.
    pub lines: Vec<String>,
    /// Names of pools.
    pub pools: Vec<String>,
    /// Addresses, as an event writes them.
    pub addresses: Vec<String>,
    /// Names of nodes.
    pub nodes: Vec<String>,
    /// This and above.
    pub severity: Severity,
}

impl Default for Matching {
    fn default() -> Self {
        Self {
            instances: Vec::new(),
            lines: Vec::new(),
            pools: Vec::new(),
            addresses: Vec::new(),
            nodes: Vec::new(),
            severity: Severity::Info,
        }
    }
}

/// `subscription.quiet`, by the host's clock; over midnight where `from` is later than `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// When it begins, minutes of the day.
    pub from: u16,
    /// When it is over, minutes of the day.
    pub to: u16,
    /// Told all the same: this and above.
    pub severity: Severity,
}

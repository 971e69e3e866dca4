//! How a channel marks text up: what is bold, what must be escaped, where a line ends.
//!
//! Must not know any words.

use std::borrow::Cow;

use crate::config::model::ChannelKind;

/// A kind of markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// 企业微信's markdown: `<font color>`, `<@userid>`.
    Wecom,
    /// 钉钉's markdown, which joins lines.
    Dingtalk,
    /// 飞书's lark_md: `<at>`, `<font>`.
    Lark,
    /// Slack's mrkdwn: `*bold*`, `<!channel>`.
    Slack,
    /// No markup.
    Text,
}

impl Form {
    /// Each with the types that it is of; what is plain first.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Text, "webhook, email, pagerduty and alertmanager"),
        (Self::Wecom, "wecom_robot and wecom_app"),
        (Self::Dingtalk, "dingtalk"),
        (Self::Lark, "feishu"),
        (Self::Slack, "slack"),
    ];

    pub(super) fn of(kind: &ChannelKind) -> Self {
        match kind {
            ChannelKind::WecomRobot { .. } | ChannelKind::WecomApp(_) => Self::Wecom,
            ChannelKind::Dingtalk { .. } => Self::Dingtalk,
            ChannelKind::Feishu { .. } => Self::Lark,
            ChannelKind::Slack { .. } => Self::Slack,
            ChannelKind::Webhook { .. }
            | ChannelKind::Email(_)
            | ChannelKind::Pagerduty { .. }
            | ChannelKind::Alertmanager { .. }
            | ChannelKind::Group { .. } => Self::Text,
        }
    }

    /// A text that is no markup: what a probed host or a name says cannot mention anyone, nor make a
    /// link.
    pub(super) fn escape(self, text: &str) -> Cow<'_, str> {
        let replaced = |from: &[char], with: &dyn Fn(char) -> &'static str| {
            if !text.contains(from) {
                return Cow::Borrowed(text);
            }
            let mut escaped = String::with_capacity(text.len() + 8);
            for c in text.chars() {
                match with(c) {
                    "" => escaped.push(c),
                    other => escaped.push_str(other),
                }
            }
            Cow::Owned(escaped)
        };
        match self {
            Self::Text => Cow::Borrowed(text),
            // The three that Slack wants, as HTML has them.
            Self::Slack => replaced(&['&', '<', '>'], &|c| match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                _ => "",
            }),
            // No escapes are promised: signs that look like them and mean nothing.
            Self::Wecom | Self::Dingtalk | Self::Lark => {
                replaced(&['<', '>', '*', '`', '[', ']', '@'], &|c| match c {
                    '<' => "＜",
                    '>' => "＞",
                    '*' => "＊",
                    '`' => "'",
                    '[' => "［",
                    ']' => "］",
                    '@' => "＠",
                    _ => "",
                })
            }
        }
    }

    /// A markup's bold of an escaped text.
    pub(super) fn bold(self, escaped: &str) -> String {
        match self {
            Self::Wecom | Self::Dingtalk | Self::Lark => format!("**{escaped}**"),
            Self::Slack => format!("*{escaped}*"),
            Self::Text => escaped.to_owned(),
        }
    }

    /// Between two lines of one item.
    pub(super) fn line_break(self) -> &'static str {
        match self {
            Self::Dingtalk => "  \n",
            _ => "\n",
        }
    }
}

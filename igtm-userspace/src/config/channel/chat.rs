//! The keys of channels into chat tools: 企业微信, 钉钉, 飞书, Slack.

use url::Url;

use super::only;
use crate::config::model::{ChannelKind, Mention, WecomApp};
use crate::config::reader::Section;
use crate::config::secret;

/// Most accounts of one message of a wecom_app.
const USERS: usize = 1000;
/// Most departments, and most tags.
const GROUPS: usize = 100;
/// More than anyone mentions.
const MENTIONED: usize = 1000;

pub(super) fn wecom_robot(section: &mut Section<'_>) -> ChannelKind {
    let shape = "…/cgi-bin/webhook/send?key=…";
    ChannelKind::WecomRobot {
        webhook: only::hook(section, |url| has(url, "key"), shape),
        mention: mention(section),
    }
}

pub(super) fn wecom_app(section: &mut Section<'_>) -> ChannelKind {
    let at = section.at();
    let app = WecomApp {
        corp_id: only::text(section, "corp_id"),
        agent_id: section
            .need("agent_id")
            .and_then(|value| only::number(&value))
            .unwrap_or_default(),
        secret: only::needed(section, &secret::SECRET).0,
        users: only::texts(section, "users", USERS),
        departments: only::numbers(section, "departments", GROUPS),
        tags: only::numbers(section, "tags", GROUPS),
        base_url: only::base_url(section, "https://qyapi.weixin.qq.com"),
    };
    let nobody = section.lacks(&["users", "departments", "tags"]);
    if nobody {
        let message = "a wecom_app tells somebody: give `users` (\"@all\" is everyone), `departments` or `tags`";
        section.report().problem(at, message);
    }
    ChannelKind::WecomApp(app)
}

pub(super) fn dingtalk(section: &mut Section<'_>) -> ChannelKind {
    let shape = "…/robot/send?access_token=…";
    ChannelKind::Dingtalk {
        webhook: only::hook(section, |url| has(url, "access_token"), shape),
        secret: only::secret(section, &secret::SECRET).map(|(secret, _)| secret),
        keyword: only::text_if(section, "keyword"),
        mention: mention(section),
    }
}

pub(super) fn feishu(section: &mut Section<'_>) -> ChannelKind {
    let is_hook = |url: &Url| {
        let (_, token) = url.path().rsplit_once("/hook/").unwrap_or_default();
        !token.is_empty()
    };
    ChannelKind::Feishu {
        webhook: only::hook(section, is_hook, "…/open-apis/bot/v2/hook/…"),
        secret: only::secret(section, &secret::SECRET).map(|(secret, _)| secret),
        keyword: only::text_if(section, "keyword"),
        mention_all: all(section),
    }
}

pub(super) fn slack(section: &mut Section<'_>) -> ChannelKind {
    ChannelKind::Slack {
        webhook: only::url(section, &secret::WEBHOOK),
    }
}

fn mention(section: &mut Section<'_>) -> Mention {
    Mention {
        users: only::texts(section, "mention_users", MENTIONED),
        mobiles: only::texts(section, "mention_mobiles", MENTIONED),
        all: all(section),
    }
}

fn all(section: &mut Section<'_>) -> bool {
    let all = section.take("mention_all");
    all.and_then(|value| value.bool()).unwrap_or(false)
}

/// Whether a URL has a query parameter with a value.
fn has(url: &Url, key: &str) -> bool {
    url.query_pairs()
        .any(|(name, value)| name == key && !value.is_empty())
}

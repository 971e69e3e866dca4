//! `[[channel]]`: where messages go. What each type has of its own is in `chat.rs`, `mail.rs` and
//! `webhook.rs`.
//!
//! Must not connect to anything.

mod chat;
mod mail;
mod only;
mod webhook;

use std::time::Duration;

use super::model::{Channel, ChannelId, ChannelKind, Language, Secret, TemplateId};
use super::names::{Named, Names};
use super::reader::Section;
use super::value::Value;

const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);

#[derive(Clone, Copy)]
enum Type {
    WecomRobot,
    WecomApp,
    Dingtalk,
    Feishu,
    Slack,
    Webhook,
    Email,
    Pagerduty,
    Alertmanager,
    Group,
}

/// notify.md's types.
const TYPES: [(Type, &str); 10] = [
    (Type::WecomRobot, "wecom_robot"),
    (Type::WecomApp, "wecom_app"),
    (Type::Dingtalk, "dingtalk"),
    (Type::Feishu, "feishu"),
    (Type::Slack, "slack"),
    (Type::Webhook, "webhook"),
    (Type::Email, "email"),
    (Type::Pagerduty, "pagerduty"),
    (Type::Alertmanager, "alertmanager"),
    (Type::Group, "group"),
];

/// The rest of the message where a group has what only its channels can have.
const GROUP_SENDS_NOTHING: &str = "does nothing in a group, which sends nothing itself: write it in \
                                   each of the channels that `channels` lists; a group has name, \
                                   type, description, enabled, channels";

/// How a channel sends, whatever its type.
struct How {
    template: Option<TemplateId>,
    language: Language,
    timeout: Duration,
    allow_private: bool,
}

impl Default for How {
    fn default() -> Self {
        Self {
            template: None,
            language: Language::default(),
            timeout: Duration::from_secs(10),
            allow_private: false,
        }
    }
}

impl How {
    const KEYS: [&'static str; 4] = ["template", "language", "timeout", "allow_private"];

    fn read(section: &mut Section<'_>, templates: &Names) -> Self {
        let default = Self::default();
        let [template, language, timeout, allow_private] = Self::KEYS.map(|key| section.take(key));
        let template = template.and_then(|v| templates.resolve(&v));
        let language = language.and_then(|v| v.one_of(&Language::ALL));
        let timeout = timeout.and_then(|v| v.duration(TIMEOUT));
        let allow_private = allow_private.and_then(|v| v.bool());
        Self {
            template: template.map(TemplateId),
            language: language.unwrap_or(default.language),
            timeout: timeout.unwrap_or(default.timeout),
            allow_private: allow_private.unwrap_or(default.allow_private),
        }
    }
}

/// Reads every `[[channel]]`.
pub(super) fn read_all(root: &mut Section<'_>, templates: &Names) -> (Vec<Channel>, Names) {
    let mut sections = root.tables("channel");
    let (names, named) = Names::declare("channel", &mut sections, 0);
    let each = sections.into_iter().zip(named);
    let read: Vec<_> = each
        .map(|(section, named)| read(section, named, templates, &names))
        .collect();
    for (channel, list) in &read {
        if let Some(list) = list {
            check_members(channel, list, &names, &read);
        }
    }
    let channels = read.into_iter().map(|(channel, _)| channel).collect();
    (channels, names)
}

/// A channel; of a group also the list of its members, to be judged once all are read. With a type
/// that is not known its keys are left unjudged.
fn read<'a>(
    mut section: Section<'a>,
    named: Named,
    templates: &Names,
    names: &Names,
) -> (Channel, Option<Value<'a>>) {
    let report = section.report();
    let r#type = section.need("type").and_then(|value| value.one_of(&TYPES));
    let description = section.take("description").and_then(|v| v.string());
    let enabled = section.take("enabled").and_then(|v| v.bool());
    let how = match r#type {
        Some(Type::Group) => {
            section.misplaced(&How::KEYS, GROUP_SENDS_NOTHING);
            How::default()
        }
        _ => How::read(&mut section, templates),
    };
    let mut members = None;
    let kind = match r#type {
        Some(Type::WecomRobot) => chat::wecom_robot(&mut section),
        Some(Type::WecomApp) => chat::wecom_app(&mut section),
        Some(Type::Dingtalk) => chat::dingtalk(&mut section),
        Some(Type::Feishu) => chat::feishu(&mut section),
        Some(Type::Slack) => chat::slack(&mut section),
        Some(Type::Webhook) => webhook::read(&mut section, report),
        Some(Type::Email) => mail::email(&mut section),
        Some(Type::Pagerduty) => mail::pagerduty(&mut section),
        Some(Type::Alertmanager) => mail::alertmanager(&mut section),
        Some(Type::Group) => {
            members = section.need("channels");
            group(members.as_ref(), names)
        }
        // Told already: what is in its place is never applied.
        None => ChannelKind::Slack {
            webhook: Secret::new(""),
        },
    };
    if r#type.is_some() {
        section.finish();
    }
    let channel = Channel {
        name: named.text,
        description: description.map(str::to_owned),
        enabled: enabled.unwrap_or(true),
        template: how.template,
        language: how.language,
        timeout: how.timeout,
        allow_private: how.allow_private,
        kind,
    };
    (channel, members)
}

fn group(list: Option<&Value<'_>>, names: &Names) -> ChannelKind {
    let resolved = list
        .map(|list| names.resolve_list(list))
        .unwrap_or_default();
    if let Some(list) = list
        && resolved.complete
        && resolved.found.is_empty()
    {
        list.problem("`channels` is empty; a group has at least one channel");
    }
    let channels = resolved.found.into_iter();
    ChannelKind::Group {
        channels: channels.map(|(position, _)| ChannelId(position)).collect(),
    }
}

/// A group in a group would tell somebody twice, or go on for ever.
fn check_members(
    group: &Channel,
    list: &Value<'_>,
    names: &Names,
    all: &[(Channel, Option<Value<'_>>)],
) {
    for item in list.items(&"a list").into_iter().flatten() {
        let found = item.text().and_then(|name| names.position(name));
        let member = found.and_then(|at| all.get(at));
        if let Some((member, Some(_))) = member {
            let (group, member) = (&group.name, &member.name);
            item.problem(format!(
                "`{member}` is a group itself; the group `{group}` may have channels only"
            ));
        }
    }
}

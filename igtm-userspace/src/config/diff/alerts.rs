//! Templates, channels and subscriptions as named texts.

use super::objects::named;
use super::outline::{Fields, Outline, field, lasting, list, or_none, secret};
use crate::config::model::{
    Channel, ChannelId, ChannelKind, Config, Email, Matching, Mention, Quiet, Secret, Subscription,
    Template, WecomApp,
};
use crate::config::model::{Language, SmtpTls};

pub(super) fn template(template: &Template) -> Outline {
    let Template { name, text } = template;
    named("template", name, vec![field("text", text)])
}

pub(super) fn channel(config: &Config, channel: &Channel) -> Outline {
    let Channel {
        name,
        description,
        enabled,
        template,
        language,
        timeout,
        allow_private,
        kind,
    } = channel;
    let template = template.map(|id| &config.templates[id.0].name);
    let language = Language::ALL.iter().find(|(one, _)| one == language);
    let mut own = vec![
        field("type", kind.name()),
        field("description", or_none(description.as_ref())),
        field("enabled", enabled),
        field("template", or_none(template)),
        field("language", language.map_or("", |(_, word)| word)),
        lasting("timeout", *timeout),
        field("allow_private", allow_private),
    ];
    own.extend(of_kind(config, kind));
    named("channel", name, own)
}

fn of_kind(config: &Config, kind: &ChannelKind) -> Fields {
    match kind {
        ChannelKind::WecomRobot { webhook, mention } => {
            let mut fields = vec![one("webhook", webhook)];
            fields.extend(mentioned(mention));
            fields
        }
        ChannelKind::WecomApp(app) => wecom_app(app),
        ChannelKind::Dingtalk {
            webhook,
            secret: signs,
            keyword,
            mention,
        } => {
            let mut fields = vec![
                one("webhook", webhook),
                secret("secret", signs.as_slice()),
                field("keyword", or_none(keyword.as_ref())),
            ];
            fields.extend(mentioned(mention));
            fields
        }
        ChannelKind::Feishu {
            webhook,
            secret: signs,
            keyword,
            mention_all,
        } => vec![
            one("webhook", webhook),
            secret("secret", signs.as_slice()),
            field("keyword", or_none(keyword.as_ref())),
            field("mention_all", mention_all),
        ],
        ChannelKind::Slack { webhook } => vec![one("webhook", webhook)],
        ChannelKind::Webhook {
            url,
            secrets,
            headers,
        } => {
            let mut fields = vec![one("url", url), secret("secret", secrets)];
            let headers = headers.iter();
            fields.extend(headers.map(|(name, value)| one(&format!("header {name}"), value)));
            fields
        }
        ChannelKind::Email(mail) => email(mail),
        ChannelKind::Pagerduty {
            routing_key,
            base_url,
        } => vec![one("routing_key", routing_key), field("base_url", base_url)],
        ChannelKind::Alertmanager { url } => vec![one("url", url)],
        ChannelKind::Group { channels } => vec![field("channels", names(config, channels))],
    }
}

fn wecom_app(app: &WecomApp) -> Fields {
    let WecomApp {
        corp_id,
        agent_id,
        secret,
        users,
        departments,
        tags,
        base_url,
    } = app;
    vec![
        field("corp_id", corp_id),
        field("agent_id", agent_id),
        one("secret", secret),
        field("users", list(users)),
        field("departments", list(departments)),
        field("tags", list(tags)),
        field("base_url", base_url),
    ]
}

fn email(mail: &Email) -> Fields {
    let Email {
        tls,
        host,
        port,
        username,
        password,
        from,
        to,
    } = mail;
    let scheme = match tls {
        SmtpTls::Implicit => "smtps",
        SmtpTls::StartTls => "smtp",
    };
    vec![
        field("smtp", format_args!("{scheme}://{host}:{port}")),
        field("username", or_none(username.as_ref())),
        secret("password", password.as_slice()),
        field("from", from),
        field("to", list(to)),
    ]
}

fn mentioned(mention: &Mention) -> Fields {
    let Mention {
        users,
        mobiles,
        all,
    } = mention;
    vec![
        field("mention_users", list(users)),
        field("mention_mobiles", list(mobiles)),
        field("mention_all", all),
    ]
}

pub(super) fn subscription(config: &Config, subscription: &Subscription) -> Outline {
    let Subscription {
        name,
        description,
        enabled,
        events,
        matching,
        channels,
        on_failure,
        repeat_interval,
        group_wait,
        quiet,
    } = subscription;
    let Matching {
        instances,
        lines,
        pools,
        addresses,
        nodes,
        severity,
    } = matching;
    let quiet = quiet.map(|Quiet { from, to, severity }| {
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!("{} to {}, but {}", time(from), time(to), severity.name())
    });
    let own = vec![
        field("description", or_none(description.as_ref())),
        field("enabled", enabled),
        field("events", list(events.iter().map(|kind| kind.name()))),
        field("match.instances", list(instances)),
        field("match.lines", list(lines)),
        field("match.pools", list(pools)),
        field("match.addresses", list(addresses)),
        field("match.nodes", list(nodes)),
        field("match.severity", severity.name()),
        field("channels", names(config, channels)),
        field("on_failure", names(config, on_failure)),
        lasting("repeat_interval", *repeat_interval),
        lasting("group_wait", *group_wait),
        field("quiet", or_none(quiet)),
    ];
    named("subscription", name, own)
}

fn names(config: &Config, channels: &[ChannelId]) -> String {
    list(channels.iter().map(|id| &config.channels[id.0].name))
}

fn one(name: &str, value: &Secret) -> (String, super::outline::Shown) {
    secret(name, std::slice::from_ref(value))
}

//! The keys of channels to mail, PagerDuty and Alertmanager.

use url::Url;

use super::only;
use crate::config::model::{ChannelKind, Email, SmtpTls};
use crate::config::reader::Section;
use crate::config::secret;
use crate::config::value::Value;

/// More than anyone mails to.
const RECEIVERS: usize = 100;
/// Message submission over TLS (RFC 8314 §3.3).
const SMTPS_PORT: u16 = 465;
/// Message submission (RFC 6409 §3.1).
const SMTP_PORT: u16 = 587;

pub(super) fn email(section: &mut Section<'_>) -> ChannelKind {
    let server = section.need("smtp").and_then(|value| server(&value));
    let (tls, host, port) = server.unwrap_or((SmtpTls::Implicit, String::new(), SMTPS_PORT));
    let at = section.at();
    let username = only::text_if(section, "username");
    let password = only::secret(section, &secret::PASSWORD).map(|(secret, _)| secret);
    if username.is_some() != password.is_some()
        && section.lacks(&["username"]) != section.lacks(&secret::PASSWORD.all())
    {
        let message =
            "a login has both: `username` and `password` (or `password_file`, or `password_env`)";
        section.report().problem(at, message);
    }
    let from = section.need("from");
    let from = from.as_ref().and_then(mailbox).unwrap_or_default();
    ChannelKind::Email(Email {
        tls,
        host,
        port,
        username,
        password,
        from,
        to: receivers(section),
    })
}

fn receivers(section: &mut Section<'_>) -> Vec<String> {
    let Some(value) = section.need("to") else {
        return Vec::new();
    };
    let items = value.list("a list of mail addresses").unwrap_or_default();
    if items.is_empty() && value.kind() == "a list" {
        value.problem("`to` is empty; a mail has at least one receiver");
    }
    if let Some(first) = items.get(RECEIVERS) {
        let count = items.len();
        first.problem(format!("`to` has {count} items; it may have {RECEIVERS}"));
    }
    items.iter().filter_map(mailbox).collect()
}

/// Where the server is: `smtps://host[:465]` or `smtp://host[:587]`.
fn server(value: &Value<'_>) -> Option<(SmtpTls, String, u16)> {
    let text = value.string()?;
    let wrong = || {
        // Credentials may stand in it by mistake: it is not shown.
        value.wrong_kind(
            "smtps://host:465 or smtp://host:587, without a login (that is `username` and `password`)",
        );
        None
    };
    let Ok(url) = Url::parse(text) else {
        return wrong();
    };
    let (tls, usual) = match url.scheme() {
        "smtps" => (SmtpTls::Implicit, SMTPS_PORT),
        "smtp" => (SmtpTls::StartTls, SMTP_PORT),
        _ => return wrong(),
    };
    let bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    match url.host_str() {
        Some(host) if bare && !host.is_empty() => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Some((tls, host.to_owned(), url.port().unwrap_or(usual)))
        }
        _ => wrong(),
    }
}

/// `name@domain` or `Name <name@domain>`.
fn mailbox(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.parse::<lettre::message::Mailbox>().is_err() {
        value.wrong("a mail address: name@domain, or Name <name@domain>");
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn pagerduty(section: &mut Section<'_>) -> ChannelKind {
    ChannelKind::Pagerduty {
        routing_key: only::needed(section, &secret::ROUTING_KEY).0,
        base_url: only::base_url(section, "https://events.pagerduty.com"),
    }
}

pub(super) fn alertmanager(section: &mut Section<'_>) -> ChannelKind {
    ChannelKind::Alertmanager {
        url: only::url(section, &secret::URL),
    }
}

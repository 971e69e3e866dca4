//! The words of a message: each event by its template, rendered by minijinja.
//!
//! A template sees `event` with every field of notify.md (those that do not apply are empty),
//! `headline`, `severity` and `lasted` in the channel's language, `over` (the event ends what lasted), and the
//! filters `bold`, `few`, `tier`, `time` and `duration`. Must not know sizes nor who receives.

mod form;
mod headline;
mod lasted;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};
use serde::Serialize;

use super::condition::{Condition, Phase};
use super::event::{Event, Kind, NodeReason, Severity};
use super::message::Message;
use crate::config::model::{Channel, Language, Template};
use crate::health::AddressState;
use form::Form;

/// The one template of an environment.
const NAME: &str = "message";
/// Instructions of one rendering: many times what a screen of text needs.
const FUEL: u64 = 100_000;
/// Items of a list that are named; the rest are counted.
const FEW: usize = 8;

/// Renders what one channel is told.
#[derive(Debug)]
pub struct Words {
    /// The channel's template, if it has one.
    own: Option<(String, Environment<'static>)>,
    default: Environment<'static>,
    language: Language,
    form: Form,
}

/// An event as templates see it: every field is there.
#[derive(Serialize)]
struct View<'a> {
    kind: &'static str,
    severity: &'static str,
    title: &'a str,
    time: Timestamp,
    node: &'a str,
    instance: &'a str,
    domain: &'a str,
    lines: &'a [String],
    strategy: &'a str,
    tier_from: &'a str,
    tier_to: &'a str,
    pool: &'a str,
    address: &'a str,
    host: &'a str,
    state_from: &'a str,
    state_to: &'a str,
    reason: &'a [NodeReason],
    since: Option<Timestamp>,
    duration_s: Option<u64>,
    answers_before: &'a [String],
    answers_now: &'a [String],
    gone: bool,
    test: bool,
}

impl<'a> View<'a> {
    fn of(event: &'a Event) -> Self {
        fn text(part: Option<&String>) -> &str {
            part.map_or("", String::as_str)
        }
        Self {
            kind: event.kind.name(),
            severity: event.severity.name(),
            title: &event.title,
            time: event.time,
            node: &event.node,
            instance: text(event.instance.as_ref()),
            domain: text(event.domain.as_ref()),
            lines: &event.lines,
            strategy: text(event.strategy.as_ref()),
            tier_from: text(event.tier_from.as_ref()),
            tier_to: text(event.tier_to.as_ref()),
            pool: text(event.pool.as_ref()),
            address: text(event.address.as_ref()),
            host: text(event.host.as_ref()),
            state_from: event.state_from.map_or("", AddressState::name),
            state_to: event.state_to.map_or("", AddressState::name),
            reason: &event.reason,
            since: event.since,
            duration_s: event.duration_s,
            answers_before: &event.answers_before,
            answers_now: &event.answers_now,
            gone: event.gone,
            test: event.test,
        }
    }
}

impl Words {
    /// Those of `channel`, one of a configuration that has `templates`.
    pub fn new(channel: &Channel, templates: &[Template]) -> Self {
        let (language, form) = (channel.language, Form::of(&channel.kind));
        let own = channel.template.and_then(|id| templates.get(id.0));
        let own = own.and_then(|template| {
            let environment = environment(&template.text, language, form).ok()?;
            Some((template.name.clone(), environment))
        });
        let default = match language {
            Language::Zh => include_str!("words/zh.j2"),
            Language::En => include_str!("words/en.j2"),
        };
        let default = environment(default, language, form);
        Self {
            own,
            default: default.expect("our own template compiles"),
            language,
            form,
        }
    }

    /// The name of the template; empty for the type's own.
    pub fn template(&self) -> &str {
        self.own.as_ref().map_or("", |(name, _)| name)
    }

    /// In what language the channel is spoken to.
    pub fn language(&self) -> Language {
        self.language
    }

    /// What is said of one event, in the channel's markup, never empty. A template that fails at last
    /// is said in the log, and the type's own speaks instead.
    pub fn event(&self, event: &Event) -> String {
        if let Some((name, own)) = &self.own {
            match render(own, event, self.language) {
                Ok(text) if !text.trim().is_empty() => return self.laid_out(&text),
                Ok(_) => tracing::error!(
                    template = name,
                    kind = event.kind.name(),
                    "the template says nothing: the type's own is used"
                ),
                Err(error) => tracing::error!(
                    template = name,
                    kind = event.kind.name(),
                    "the template fails, the type's own is used: {}",
                    in_words(&error)
                ),
            }
        }
        let text = render(&self.default, event, self.language);
        self.laid_out(&text.unwrap_or_else(|_| self.headline(event)))
    }

    /// What happened, in one line, not marked up.
    pub fn headline(&self, event: &Event) -> String {
        headline::headline(self.language, event)
    }

    /// One line above a message, not marked up: its event's headline, or how many there are.
    pub fn title(&self, message: &Message) -> String {
        let Some(leading) = message.leading() else {
            return String::new();
        };
        let first = self.headline(leading);
        let count = message.events.len() as u64 + message.more;
        let text = match (self.language, count) {
            (_, ..=1) => first,
            (Language::Zh, _) => format!("{count} 条告警：{first} 等"),
            (Language::En, _) => format!("{count} alerts: {first}, …"),
        };
        match (self.language, message.repeated) {
            (_, false) => text,
            (Language::Zh, true) => format!("【仍在持续】{text}"),
            (Language::En, true) => format!("[still] {text}"),
        }
    }

    /// A text of ours or of others as the channel's markup shows it.
    pub fn escape(&self, text: &str) -> String {
        self.form.escape(text).into_owned()
    }

    /// The same in bold.
    pub fn bold(&self, text: &str) -> String {
        self.form.bold(&self.form.escape(text))
    }

    /// Lines as the markup wants them, without those that say nothing.
    fn laid_out(&self, text: &str) -> String {
        let lines = text.lines().map(str::trim_end);
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        lines.join(self.form.line_break())
    }
}

/// Whether a template can be used: it compiles, and renders every kind of event, with all its fields
/// and without, in both languages and as every channel shows it.
///
/// # Errors
/// The line in the template, and what is wrong there.
pub fn check(text: &str) -> Result<(), (usize, String)> {
    // What is wrong everywhere is told of the first, which needs no more words.
    for (language, spoken) in [
        (Language::En, ""),
        (Language::Zh, " (where `language` is \"zh\")"),
    ] {
        for (form, types) in Form::ALL {
            let place = match form {
                Form::Text => spoken.to_owned(),
                _ => format!("{spoken} (in the markup of {types})"),
            };
            check_in(text, language, form).map_err(|(line, why)| (line, why + &place))?;
        }
    }
    Ok(())
}

fn check_in(text: &str, language: Language, form: Form) -> Result<(), (usize, String)> {
    let told = |error: Error| (error.line().unwrap_or(1), in_words(&error));
    let environment = environment(text, language, form).map_err(told)?;
    for event in samples() {
        let said = render(&environment, &event, language).map_err(told)?;
        if said.trim().is_empty() {
            let kind = event.kind.name();
            return Err((1, format!("it says nothing of an event of kind {kind}")));
        }
    }
    Ok(())
}

/// Of each kind one of every severity with every field, once as a test, and one with none of those that
/// may lack.
fn samples() -> impl Iterator<Item = Event> {
    let text = || Some("x".to_owned());
    let bare = |kind| Event {
        title: "x".to_owned(),
        ..Event::blank(kind, "x")
    };
    let full = move |kind| Event {
        instance: text(),
        domain: text(),
        lines: vec!["x".to_owned()],
        strategy: text(),
        tier_from: text(),
        tier_to: text(),
        pool: text(),
        address: text(),
        host: text(),
        state_from: Some(AddressState::Ok),
        state_to: Some(AddressState::Down),
        reason: vec![NodeReason {
            node: "x".to_owned(),
            reason: "x".to_owned(),
        }],
        since: Some(Timestamp::UNIX_EPOCH),
        duration_s: Some(1),
        answers_before: vec!["x".to_owned()],
        answers_now: vec!["x".to_owned()],
        ..bare(kind)
    };
    let kinds = Kind::ALL.iter().map(|(kind, _)| *kind);
    let of = move |kind, severity, test| Event {
        severity,
        test,
        ..full(kind)
    };
    kinds.flat_map(move |kind| {
        [
            of(kind, Severity::Info, false),
            of(kind, Severity::Warning, true),
            of(kind, Severity::Critical, false),
            bare(kind),
        ]
    })
}

fn environment(text: &str, language: Language, form: Form) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_trim_blocks(false);
    environment.set_formatter(move |out, _, value| {
        if value.is_none() {
            return Ok(());
        }
        let text = value.to_string();
        let shown = if value.is_safe() {
            text.as_str().into()
        } else {
            form.escape(&text)
        };
        out.write_str(&shown).map_err(Error::from)
    });
    environment.add_filter("bold", move |value: Value| {
        let text = value.to_string();
        let escaped = form.escape(&text);
        Value::from_safe_string(form.bold(&escaped))
    });
    environment.add_filter("few", move |items: Vec<Value>| few(&items, language));
    environment.add_filter("tier", move |tier: String| headline::tier(language, &tier));
    environment.add_filter("duration", move |seconds: Option<u64>| {
        seconds.map_or_else(String::new, |seconds| lasting(seconds, language))
    });
    environment.add_filter("time", |time: String| {
        let found: Result<Timestamp, _> = time.parse();
        let found = found.map_err(|error| {
            Error::new(ErrorKind::InvalidOperation, format!("not a time: {error}"))
        })?;
        Ok(clock(found))
    });
    environment.add_template_owned(NAME, text.to_owned())?;
    Ok(environment)
}

fn render(
    environment: &Environment<'_>,
    event: &Event,
    language: Language,
) -> Result<String, Error> {
    let over = matches!(Condition::of(event), Some((_, Phase::Over)));
    let template = environment.get_template(NAME)?;
    template.render(context! {
        event => View::of(event),
        headline => headline::headline(language, event),
        severity => headline::severity(language, event.severity),
        lasted => lasted::lasted(language, event, clock),
        over,
    })
}

/// As a clock of this host shows it.
fn clock(time: Timestamp) -> String {
    let local = time.to_zoned(TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The first of a list; how many more there are.
fn few(items: &[Value], language: Language) -> String {
    let (shown, rest) = items.split_at(items.len().min(FEW));
    let shown: Vec<String> = shown.iter().map(Value::to_string).collect();
    let (comma, count) = (language == Language::Zh, rest.len());
    let shown = shown.join(if comma { "、" } else { ", " });
    match (count, language) {
        (0, _) => shown,
        (_, Language::Zh) => format!("{shown} 等 {} 个", items.len()),
        (_, Language::En) => format!("{shown} and {count} more"),
    }
}

/// The two largest units of a time span.
fn lasting(seconds: u64, language: Language) -> String {
    let units = match language {
        Language::Zh => [" 天", " 小时", " 分", " 秒"],
        Language::En => [" d", " h", " min", " s"],
    };
    let parts = [
        seconds / 86_400,
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    ];
    let first = parts.iter().position(|part| *part > 0).unwrap_or(3);
    let shown = parts.iter().zip(units).skip(first).take(2);
    let shown = shown.enumerate();
    let shown = shown.filter(|(at, (part, _))| *at == 0 || **part > 0);
    let shown: Vec<String> = shown
        .map(|(_, (part, unit))| format!("{part}{unit}"))
        .collect();
    shown.join(" ")
}

fn in_words(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

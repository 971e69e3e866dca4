//! Messages as a terminal shows them: a list, or all that is known of one.
//!
//! Pure. Receivers' words are shown without what would speak to the terminal.

use jiff::Timestamp;

use crate::command::events::plain;
use crate::state::outbox::{Origin, Push};

/// One line each, in the order given.
pub(super) fn table(pushes: &[Push]) -> String {
    if pushes.is_empty() {
        return "no messages".to_owned();
    }
    let widest = |text: fn(&Push) -> &str| {
        let lengths = pushes.iter().map(|push| text(push).chars().count());
        lengths.max().unwrap_or(0)
    };
    let (channel, state) = (
        widest(|push| &push.channel),
        widest(|push| push.state.name()),
    );
    let lines = pushes.iter().map(|push| {
        let mark = match push.origin {
            Origin::Alert => String::new(),
            other => format!("({}) ", other.name()),
        };
        let note = push
            .note
            .as_ref()
            .map(|note| format!("  [{}]", plain(note)));
        format!(
            "{}  {}  {:<channel$}  {:<state$}  {mark}{}{}",
            time(push.made),
            push.id,
            push.channel,
            push.state.name(),
            plain(&push.title),
            note.unwrap_or_default(),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All that is known of a message.
pub(super) fn whole(push: &Push) -> String {
    let mut lines = vec![
        format!("{}  {}", push.id, push.state.name()),
        format!(
            "  made          {}, {}",
            time(push.made),
            push.origin.name()
        ),
        format!("  channel       {} ({})", push.channel, push.r#type),
    ];
    let mut line = |name: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            lines.push(format!("  {name:<12}  {}", plain(&text)));
        }
    };
    line("subscription", Some(push.subscription.clone()));
    line("template", push.template.clone());
    line(
        "events",
        Some(format!("{}: {}", push.count, push.kinds.join(", "))),
    );
    line("instances", Some(push.instances.join(", ")));
    line("about", Some(push.title.clone()));
    line("note", push.note.clone());
    line("finished", push.finished.map(time));
    line("next attempt", push.next.map(time));
    for (attempt, number) in push.attempts.iter().zip(1..) {
        let result = match attempt.class {
            Some(class) => format!("failed ({class})"),
            None => "taken".to_owned(),
        };
        let why = attempt.why.as_ref().map(|why| format!(": {why}"));
        lines.push(format!(
            "attempt {number}  {}  part {}  {result}{}",
            time(attempt.at),
            attempt.part + 1,
            plain(&why.unwrap_or_default()),
        ));
        let reply = attempt.reply.as_deref().unwrap_or_default().trim();
        for (line, at) in reply.lines().map(plain).zip(0..) {
            let before = if at == 0 {
                "  replied: "
            } else {
                "           "
            };
            lines.push(format!("{before}{line}"));
        }
    }
    for (part, number) in push.parts.iter().zip(1..) {
        lines.push(format!("part {number} of {}, as sent:", push.parts.len()));
        let body = part.body.lines().map(plain);
        lines.extend(body);
    }
    lines.join("\n")
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
pub(super) mod tests;

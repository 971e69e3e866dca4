//! `igtm pushes`: what was sent to whom, one message with its content, and one once more.
//!
//! Must not read the records: that is the daemon's, asked through its socket.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::daemon::{CommandError, Daemon, print_reply, told};
use super::events::{moment, plain};
use crate::admin::client::{self, Ask};
use crate::admin::pushes::{self, ReplayWish};
use crate::notify::event::Kind;
use crate::state::outbox::{Push, PushFilter, PushState};

/// What is asked for.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct PushesArgs {
    #[command(flatten)]
    daemon: Daemon,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(subcommand)]
    one: Option<OneCommand>,
}

#[derive(Clone, Debug, Subcommand)]
enum OneCommand {
    /// One message: exactly what was sent, every attempt, and what the receiver replied
    Show(OneArgs),
    /// Send a message's content once more, under an id of its own
    Replay(OneArgs),
}

#[derive(Args, Clone, Debug)]
struct OneArgs {
    #[command(flatten)]
    daemon: Daemon,
    /// The message's id, as igtm pushes lists it
    id: String,
}

#[derive(Args, Clone, Debug)]
struct FilterArgs {
    /// Only messages to this channel; may be repeated
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// Only messages in the words of this template; may be repeated
    #[arg(long = "template", value_name = "NAME")]
    templates: Vec<String>,
    /// Only messages with an event of this kind; may be repeated
    #[arg(long = "event", value_name = "KIND",
          value_parser = PossibleValuesParser::new(Kind::ALL.map(|(_, name)| name)))]
    kinds: Vec<String>,
    /// Only messages that concern this instance
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Only messages from then on: "2h" ago, or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| moment(text, Timestamp::now()))]
    since: Option<Timestamp>,
    /// Only messages before then
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| moment(text, Timestamp::now()))]
    until: Option<Timestamp>,
    /// Only messages of which this became; may be repeated
    #[arg(long = "result", value_enum, value_name = "RESULT")]
    results: Vec<PushState>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = PushFilter::default().limit)]
    limit: u32,
}

impl From<FilterArgs> for PushFilter {
    fn from(args: FilterArgs) -> Self {
        Self {
            channels: args.channels,
            templates: args.templates,
            kinds: args.kinds,
            instance: args.instance,
            since: args.since,
            until: args.until,
            states: args.results,
            limit: args.limit,
        }
    }
}

/// Prints them, or sends one again.
pub fn pushes(args: PushesArgs) -> ExitCode {
    match args.one {
        None => {
            let json = args.daemon.json;
            let path = format!("/api/v1/pushes?{}", pushes::query(&args.filter.into()));
            let body = got(&args.daemon, &path);
            told(json, body.and_then(|body| listed(&body, json)))
        }
        Some(OneCommand::Show(one)) => {
            let json = one.daemon.json;
            let path = format!("/api/v1/pushes/{}", escaped(&one.id));
            let body = got(&one.daemon, &path);
            told(json, body.and_then(|body| shown(body, json)))
        }
        Some(OneCommand::Replay(one)) => {
            let body = serde_json::to_string(&ReplayWish { id: one.id });
            let body = body.map_err(|error| CommandError::No(error.to_string()));
            let path = "/api/v1/pushes/replay";
            print_reply(
                one.daemon.json,
                body.and_then(|body| one.daemon.ask(path, Some(body))),
            )
        }
    }
}

fn escaped(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn got(daemon: &Daemon, path: &str) -> Result<String, CommandError> {
    let ask = Ask {
        path,
        body: None,
        text: false,
    };
    let reply = client::ask(&daemon.place()?, ask)?;
    match reply.status.is_success() {
        true => Ok(reply.body),
        false => Err(CommandError::No(reply.error())),
    }
}

fn other(error: serde_json::Error) -> CommandError {
    CommandError::No(format!("another version of igtm answers: {error}"))
}

/// Oldest first, as `igtm events`.
fn listed(body: &str, json: bool) -> Result<String, CommandError> {
    let mut pushes: Vec<Push> = serde_json::from_str(body).map_err(other)?;
    pushes.reverse();
    if json {
        return serde_json::to_string(&pushes).map_err(other);
    }
    Ok(table(&pushes))
}

fn shown(body: String, json: bool) -> Result<String, CommandError> {
    if json {
        return Ok(body);
    }
    let push: Push = serde_json::from_str(&body).map_err(other)?;
    Ok(whole(&push))
}

fn table(pushes: &[Push]) -> String {
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
            crate::state::outbox::Origin::Alert => String::new(),
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
fn whole(push: &Push) -> String {
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
        if let Some(reply) = attempt
            .reply
            .as_ref()
            .filter(|text| !text.trim().is_empty())
        {
            lines.push(format!("  replied: {}", plain(reply.trim())));
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

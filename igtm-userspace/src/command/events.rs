//! `igtm events`: the history as text or JSON, and the flags that choose from it.
//!
//! Must not read the history: that is the daemon's, asked through its socket.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use jiff::{SignedDuration, Timestamp};

use super::alerts::{self, SendArgs};
use super::daemon::{CommandError, Daemon, told};
use super::status::{Colour, coloured};
use crate::admin::client::{self, Ask};
use crate::admin::history;
use crate::alerts::Cause;
use crate::config::duration;
use crate::notify::event::Kind;
use crate::state::{Filter, StoredEvent};

/// What is asked for.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EventsArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: Daemon,
    /// When to colour; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Instead of listing.
    #[command(subcommand)]
    pub instead: Option<EventsCommand>,
}

/// `igtm events …`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum EventsCommand {
    /// Tell a test event, marked as one, to whoever subscribed to such events
    Send(SendArgs),
}

/// Which events are listed.
#[derive(Clone, Debug, clap::Args)]
pub struct FilterArgs {
    /// Only events of this kind; may be repeated
    #[arg(long = "kind", value_name = "KIND",
          value_parser = PossibleValuesParser::new(Kind::ALL.map(|(_, name)| name)))]
    kinds: Vec<String>,
    /// Only events of this instance
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Only events of this address
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// Only events from then on: "2h" ago, or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| moment(text, Timestamp::now()))]
    since: Option<Timestamp>,
    /// Only events before then
    #[arg(long, value_name = "WHEN", value_parser = |text: &str| moment(text, Timestamp::now()))]
    until: Option<Timestamp>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = Filter::default().limit)]
    limit: u32,
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Self {
        Self {
            kinds: args.kinds,
            instance: args.instance,
            address: args.address,
            since: args.since,
            until: args.until,
            before: None,
            limit: args.limit,
        }
    }
}

/// The text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a duration such as 30m, 2h or 7d, nor an RFC 3339 time such as {0}")]
pub struct NoMoment(Timestamp);

/// A time of the past: a duration before `now`, or an RFC 3339 time.
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, NoMoment> {
    let ago = duration::parse(text)
        .and_then(|ago| SignedDuration::try_from(ago).ok())
        .and_then(|ago| now.checked_sub(ago).ok());
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    ago.or_else(|| text.parse().ok()).ok_or(NoMoment(second))
}

/// The text of a duration, as the daemon reads it.
pub(super) fn span(text: &str) -> Result<String, &'static str> {
    match duration::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a duration is 90s, 30m, 1h30m or 2d"),
    }
}

/// Prints the history.
pub fn events(args: EventsArgs) -> ExitCode {
    if let Some(EventsCommand::Send(args)) = &args.instead {
        return alerts::send(args);
    }
    let json = args.daemon.json;
    told(json, shown(args))
}

fn shown(args: EventsArgs) -> Result<String, CommandError> {
    let terminal = std::io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR");
    let colour = coloured(args.color, terminal, no_color.as_deref());
    let ask = Ask {
        path: &format!("/api/v1/events?{}", history::query(&args.filter.into())),
        body: None,
        text: false,
    };
    let reply = client::ask(&args.daemon.place()?, ask)?;
    if !reply.status.is_success() {
        return Err(CommandError::No(reply.error()));
    }
    let other = |error| CommandError::No(format!("another version of igtm answers: {error}"));
    let events: Vec<StoredEvent> = serde_json::from_str(&reply.body).map_err(other)?;
    if args.daemon.json {
        return json(&events).map_err(other);
    }
    Ok(text(&events, colour))
}

/// Events, given newest first, as a terminal shows them: oldest first, each with what led to it.
pub fn text(events: &[StoredEvent], colour: bool) -> String {
    if events.is_empty() {
        return "no events".to_owned();
    }
    let kinds = events.iter().map(|event| event.text("kind").len());
    let width = kinds.max().unwrap_or(0);
    let mut text = String::new();
    for event in events.iter().rev() {
        let time = event.time().map_or_else(
            || "-".to_owned(),
            |time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        );
        let (kind, severity) = (event.text("kind"), event.text("severity"));
        let word = format!("{severity:8}");
        let word = if colour {
            painted(severity, &word)
        } else {
            word
        };
        let test = event.event.get("test").and_then(serde_json::Value::as_bool);
        let mark = if test == Some(true) { "(test) " } else { "" };
        let title = plain(event.text("title"));
        text.push_str(&format!("{time}  {word}  {kind:width$}  {mark}{title}\n"));
        for cause in &event.cause {
            let why = plain(&because(cause));
            // Under the kind: 20 of the time, 8 of the severity, and what is between.
            text.push_str(&format!("{:32}{why}\n", ""));
        }
    }
    text.pop();
    text
}

/// The same as JSON, oldest first as well.
pub fn json(events: &[StoredEvent]) -> serde_json::Result<String> {
    let events: Vec<&StoredEvent> = events.iter().rev().collect();
    serde_json::to_string(&events)
}

fn because(cause: &Cause) -> String {
    let Cause {
        monitor,
        address,
        host,
        from,
        to,
        rounds,
        at,
        nodes,
    } = cause;
    let host = host.as_deref().map(|host| format!(" ({host})"));
    let host = host.unwrap_or_default();
    let nodes: Vec<String> = nodes
        .iter()
        .map(|report| match &report.reason {
            Some(reason) => format!("{}: {reason}", report.node),
            None => format!("{}: good", report.node),
        })
        .collect();
    let plural = if *rounds == 1 { "" } else { "s" };
    format!(
        "{address}{host} by {monitor}: {} → {} after {rounds} round{plural}, the last at {}; {}",
        from.name(),
        to.name(),
        at.strftime("%H:%M:%SZ"),
        nodes.join(", "),
    )
}

/// Reasons and replies may hold what a probed server or a receiver said: nothing of it may speak to the terminal.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// By SGR (ECMA-48 8.3.117).
fn painted(severity: &str, text: &str) -> String {
    let code = match severity {
        "critical" => "1;31",
        "warning" => "33",
        _ => "32",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::alerts::NodeReport;
    use crate::health::AddressState;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        filter: FilterArgs,
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("in range")
    }

    /// Newest first, as the daemon gives them.
    fn history() -> Vec<StoredEvent> {
        let event = |id, value: serde_json::Value, cause| StoredEvent {
            id,
            cause,
            event: value.as_object().cloned().expect("an object"),
        };
        let report = |node: &str, reason: Option<&str>| NodeReport {
            node: node.to_owned(),
            reason: reason.map(str::to_owned),
        };
        let cause = Cause {
            monitor: "web".to_owned(),
            address: "192.0.2.1".to_owned(),
            host: Some("www.example.com".to_owned()),
            from: AddressState::Warn,
            to: AddressState::Down,
            rounds: 2,
            at: at(59),
            nodes: vec![
                report("gz", Some("said \u{1b}[2Jstatus 503")),
                report("local", None),
            ],
        };
        vec![
            event(
                2,
                json!({"kind": "fallback_entered", "severity": "critical", "title": "www fell back",
                       "time": at(60).to_string(), "test": true}),
                Vec::new(),
            ),
            event(
                1,
                json!({"kind": "address_down", "severity": "warning", "title": "192.0.2.1 is down",
                       "time": at(59).to_string(), "test": false}),
                vec![cause],
            ),
        ]
    }

    #[test]
    fn a_terminal_shows_the_oldest_first_with_its_cause() {
        let expected = "\
2023-11-14 22:14:19Z  warning   address_down      192.0.2.1 is down
                                192.0.2.1 (www.example.com) by web: warn → down after 2 rounds, the last at 22:14:19Z; gz: said \u{fffd}[2Jstatus 503, local: good
2023-11-14 22:14:20Z  critical  fallback_entered  (test) www fell back";
        assert_eq!(text(&history(), false), expected);
        assert_eq!(text(&[], true), "no events");
        let coloured = text(&history(), true);
        assert!(coloured.contains("\x1b[33mwarning \x1b[0m"), "{coloured}");
        assert!(coloured.contains("\x1b[1;31mcritical\x1b[0m"));
        let stripped = ["\x1b[33m", "\x1b[1;31m", "\x1b[0m"]
            .iter()
            .fold(coloured.clone(), |text, code| text.replace(code, ""));
        assert_eq!(stripped, expected);
    }

    #[test]
    fn json_has_the_events_own_fields() {
        let text = json(&history()).expect("JSON");
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed[0]["id"], 1);
        assert_eq!(parsed[0]["kind"], "address_down");
        assert_eq!(parsed[0]["cause"][0]["nodes"][0]["node"], "gz");
        assert_eq!(parsed[1]["severity"], "critical");
    }

    #[test]
    fn moments_are_durations_or_times() {
        let now = at(0);
        let ago = |seconds: i64| Ok(at(-seconds));
        for (text, expected) in [
            ("2h", ago(7200)),
            ("1h30m", ago(5400)),
            ("7d", ago(7 * 86_400)),
            ("2023-11-14T22:13:20Z", ago(0)),
            ("2023-11-15T06:13:20+08:00", ago(0)),
            ("yesterday", Err(NoMoment(now))),
            ("2h ago", Err(NoMoment(now))),
            ("", Err(NoMoment(now))),
        ] {
            assert_eq!(moment(text, now), expected, "{text:?}");
        }
    }

    #[test]
    fn flags_make_the_filter() {
        let filter = |args: &[&str]| -> Result<Filter, clap::Error> {
            let args = std::iter::once(&"events").chain(args);
            Ok(Cli::try_parse_from(args)?.filter.into())
        };
        assert_eq!(filter(&[]).expect("none needed"), Filter::default());
        let chosen = [
            "--kind",
            "address_down",
            "--kind",
            "address_up",
            "--instance",
            "www",
            "--limit",
            "5",
            "--since",
            "2023-11-14T22:13:20Z",
        ];
        assert_eq!(
            filter(&chosen).expect("good"),
            Filter {
                kinds: vec!["address_down".to_owned(), "address_up".to_owned()],
                instance: Some("www".to_owned()),
                since: Some(at(0)),
                limit: 5,
                ..Filter::default()
            }
        );
        for bad in [["--kind", "adress_down"], ["--since", "soon"]] {
            let error = filter(&bad).expect_err("refused").to_string();
            assert!(error.contains(bad[1]), "{error}");
        }
    }
}

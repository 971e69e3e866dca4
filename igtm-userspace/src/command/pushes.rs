//! `igtm pushes`: what was sent to whom, one message with its content, and one once more.
//!
//! Must not read the records: that is the daemon's, asked through its socket.

mod text;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::daemon::{CommandError, Daemon, print_reply, told};
use super::events::moment;
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
    Ok(text::table(&pushes))
}

fn shown(body: String, json: bool) -> Result<String, CommandError> {
    if json {
        return Ok(body);
    }
    let push: Push = serde_json::from_str(&body).map_err(other)?;
    Ok(text::whole(&push))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        pushes: PushesArgs,
    }

    fn parsed(args: &[&str]) -> Result<PushesArgs, clap::Error> {
        let args = std::iter::once(&"pushes").chain(args);
        Ok(Cli::try_parse_from(args)?.pushes)
    }

    #[test]
    fn every_flag_makes_its_part_of_the_filter() {
        let filter = |args: &[&str]| PushFilter::from(parsed(args).expect("good").filter);
        let all = PushFilter::default;
        let list = |names: &[&str]| names.iter().map(|one| (*one).to_owned()).collect();
        let then: Timestamp = "2023-11-14T22:13:20Z".parse().expect("a time");
        for (args, expected) in [
            (&[][..], all()),
            (
                &["--channel", "ops", "--channel", "邮件"],
                PushFilter {
                    channels: list(&["ops", "邮件"]),
                    ..all()
                },
            ),
            (
                &["--template", "short"],
                PushFilter {
                    templates: list(&["short"]),
                    ..all()
                },
            ),
            (
                &["--event", "address_down", "--event", "pool_up"],
                PushFilter {
                    kinds: list(&["address_down", "pool_up"]),
                    ..all()
                },
            ),
            (
                &["--instance", "www"],
                PushFilter {
                    instance: Some("www".to_owned()),
                    ..all()
                },
            ),
            (
                &["--since", "2023-11-14T22:13:20Z"],
                PushFilter {
                    since: Some(then),
                    ..all()
                },
            ),
            (
                &["--until", "2023-11-14T22:13:20Z"],
                PushFilter {
                    until: Some(then),
                    ..all()
                },
            ),
            (
                &["--result", "failed", "--result", "suppressed"],
                PushFilter {
                    states: vec![PushState::Failed, PushState::Suppressed],
                    ..all()
                },
            ),
            (&["--limit", "7"], PushFilter { limit: 7, ..all() }),
        ] {
            assert_eq!(filter(args), expected, "{args:?}");
        }
        let ago = filter(&["--since", "2h"]).since.expect("it is asked for");
        let passed = Timestamp::now().duration_since(ago).as_secs();
        assert!((7200..7300).contains(&passed), "{passed}");
    }

    #[test]
    fn what_no_message_can_have_is_refused_with_what_there_is() {
        for (args, part) in [
            (["--event", "adress_down"], "address_down"),
            (["--result", "lost"], "suppressed"),
            (["--since", "soon"], "30m, 2h or 7d"),
            (["--until", "soon"], "RFC 3339"),
            (["--limit", "many"], "many"),
        ] {
            let error = parsed(&args).expect_err("refused").to_string();
            assert!(error.contains(part), "{args:?}: {error}");
        }
    }

    #[test]
    fn one_message_is_shown_or_sent_again() {
        let one = |args: &[&str]| parsed(args).expect("good").one.expect("one");
        let show = one(&["show", "msg_1", "--json"]);
        assert!(matches!(show, OneCommand::Show(one) if one.id == "msg_1" && one.daemon.json));
        let replay = one(&["replay", "msg_2"]);
        assert!(matches!(replay, OneCommand::Replay(one) if one.id == "msg_2"));
        // A flag of the list would be ignored.
        assert!(parsed(&["--channel", "ops", "show", "msg_1"]).is_err());
        assert_eq!(escaped("msg_1/../x"), "msg_1%2F..%2Fx");
    }

    #[test]
    fn json_is_the_daemon_s_own_oldest_first() {
        let push = text::tests::push("msg_1");
        let newer = text::tests::push("msg_2");
        let body = serde_json::to_string(&[&newer, &push]).expect("JSON");
        let listed = listed(&body, true).expect("it is JSON");
        let parsed: Vec<Push> = serde_json::from_str(&listed).expect("messages");
        assert_eq!(parsed, [push.clone(), newer]);
        let body = serde_json::to_string(&push).expect("JSON");
        assert_eq!(shown(body.clone(), true).expect("it is JSON"), body);
        let other = shown("{}".to_owned(), false).expect_err("no message");
        assert!(other.to_string().contains("another version of igtm"));
    }
}

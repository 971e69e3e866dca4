//! `igtm mute`, `igtm events send` and `igtm notify test`: what operators order of alerts.
//!
//! Asks the daemon; only a test message is sent without one, where none runs.

use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::daemon::{CommandError, Daemon, print_reply, told};
use super::events::span;
use crate::admin::alerts::{MuteWish, SendWish, TestWish, Tested};
use crate::admin::client::{self, Ask, Unreachable};
use crate::config;
use crate::notify::event::Kind;
use crate::notify::trial;

/// No alerts of an instance for a while.
#[derive(Args, Clone, Debug)]
pub struct MuteArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: Daemon,
    /// For how long: 90s, 30m, 1h30m, 2d; 0 ends it
    #[arg(long = "for", value_name = "DURATION", value_parser = span_or_end)]
    pub lasts: String,
    /// Why, in one line: igtm status shows it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Whose alerts
    pub instance: String,
}

/// How long, or `0`: no longer.
fn span_or_end(text: &str) -> Result<String, &'static str> {
    match text {
        "0" => Ok(text.to_owned()),
        _ => span(text),
    }
}

/// Has the daemon do so.
pub fn mute(args: &MuteArgs) -> ExitCode {
    let wish = MuteWish {
        instance: args.instance.clone(),
        r#for: args.lasts.clone(),
        reason: args.reason.clone(),
    };
    asked(&args.daemon, "/api/v1/mute", &wish)
}

/// A test event, the way of a real one.
#[derive(Args, Clone, Debug)]
pub struct SendArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: Daemon,
    /// The instance that it is to be about
    #[arg(long, value_name = "NAME")]
    pub instance: String,
    /// What is to have happened
    #[arg(value_parser = PossibleValuesParser::new(Kind::ALL.map(|(_, name)| name)))]
    pub kind: String,
}

/// Has the daemon raise it; prints who is told.
pub fn send(args: &SendArgs) -> ExitCode {
    let wish = SendWish {
        kind: args.kind.clone(),
        instance: args.instance.clone(),
    };
    asked(&args.daemon, "/api/v1/events/send", &wish)
}

fn asked(daemon: &Daemon, path: &str, wish: &impl serde::Serialize) -> ExitCode {
    let body = serde_json::to_string(wish).map_err(|error| CommandError::No(error.to_string()));
    let reply = body.and_then(|body| daemon.ask(path, Some(body)));
    print_reply(daemon.json, reply)
}

/// `igtm notify …`.
#[derive(Clone, Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a real test message through a channel, now, and see what its receiver says
    Test(TestArgs),
}

/// Which channel.
#[derive(Args, Clone, Debug)]
pub struct TestArgs {
    /// Where the daemon is; where none runs, the file says where the channel is.
    #[command(flatten)]
    pub daemon: Daemon,
    /// The channel's name, or a group's
    pub channel: String,
}

/// Sends it through the daemon, or where none runs by itself.
pub fn notify(command: &NotifyCommand) -> ExitCode {
    let NotifyCommand::Test(args) = command;
    let json = args.daemon.json;
    match tested(args) {
        Ok(tested) => {
            let text = match json {
                true => serde_json::to_string(&tested)
                    .map_err(|error| CommandError::No(error.to_string())),
                false => Ok(tested.to_string()),
            };
            let printed = told(json, text);
            match tested.ok {
                true => printed,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => told(json, Err(error)),
    }
}

fn tested(args: &TestArgs) -> Result<Tested, CommandError> {
    let no = |error: &dyn std::fmt::Display| CommandError::No(error.to_string());
    let wish = TestWish {
        channel: args.channel.clone(),
    };
    let body = serde_json::to_string(&wish).map_err(|error| no(&error))?;
    let ask = Ask {
        path: "/api/v1/notify/test",
        body: Some(body),
        text: false,
    };
    match client::ask(&args.daemon.place()?, ask) {
        Ok(reply) if reply.status.is_success() => serde_json::from_str(&reply.body)
            .map_err(|error| CommandError::No(format!("another version of igtm answers: {error}"))),
        Ok(reply) => Err(CommandError::No(reply.error())),
        // Whoever names a socket means that daemon.
        Err(Unreachable::Connect { .. }) if args.daemon.socket.is_none() => alone(args),
        Err(error) => Err(error.into()),
    }
}

/// Without a daemon.
fn alone(args: &TestArgs) -> Result<Tested, CommandError> {
    let no = |error: &dyn std::fmt::Display| CommandError::No(error.to_string());
    let config = config::load(&args.daemon.config).map_err(|error| no(&error))?;
    let config = Arc::new(config);
    let channels = trial::meant(&config, &args.channel).map_err(|error| no(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| no(&error))?;
    let now = Timestamp::now();
    let channels = channels.into_iter().map(|at| (at, now)).collect();
    let messages = runtime.block_on(trial::send_each(&config, channels));
    Ok(Tested::new(messages))
}

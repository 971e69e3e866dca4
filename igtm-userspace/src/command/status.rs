//! `igtm status`: the tree of a running daemon, once or again and again.
//!
//! Draws what the daemon says; decides nothing.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use url::form_urlencoded;

use super::daemon::{CommandError, Daemon, print, told};
use crate::admin::client::{self, Ask};
use crate::admin::status::{Status, render::render};

/// How often `--watch` looks.
const PAUSE: Duration = Duration::from_secs(2);
/// To the top left, and clear what is below (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[J";

/// What is asked for.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub daemon: Daemon,
    /// Look again every two seconds
    #[arg(long)]
    pub watch: bool,
    /// Every instance, also where there are more than 50 (then only those that are not ok are shown)
    #[arg(long)]
    pub all: bool,
    /// When to colour; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Instances or domains, or pools (whose instances are shown); default: all
    pub names: Vec<String>,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Prints the tree.
pub fn status(args: &StatusArgs) -> ExitCode {
    let terminal = std::io::stdout().is_terminal();
    let colour = coloured(
        args.color,
        terminal,
        std::env::var_os("NO_COLOR").as_deref(),
    );
    if !args.watch {
        return told(args.daemon.json, shown(args, colour));
    }
    loop {
        let text = match shown(args, colour) {
            Ok(text) => text,
            failed => return told(args.daemon.json, failed),
        };
        let text = match terminal && !args.daemon.json {
            true => format!("{CLEAR}{text}"),
            false => text,
        };
        if !print(&text) {
            return ExitCode::SUCCESS;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a command of its own, without a runtime"
        )]
        std::thread::sleep(PAUSE);
    }
}

/// See <https://no-color.org>: set and not empty.
pub(super) fn coloured(colour: Colour, terminal: bool, no_color: Option<&std::ffi::OsStr>) -> bool {
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => terminal && no_color.is_none_or(|value| value.is_empty()),
    }
}

fn shown(args: &StatusArgs, colour: bool) -> Result<String, CommandError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in &args.names {
        query.append_pair("name", name);
    }
    if args.all {
        query.append_pair("all", "true");
    }
    let ask = Ask {
        path: &format!("/api/v1/status?{}", query.finish()),
        body: None,
        text: false,
    };
    let reply = client::ask(&args.daemon.place()?, ask)?;
    if !reply.status.is_success() {
        return Err(CommandError::No(reply.error()));
    }
    if args.daemon.json {
        return Ok(reply.body);
    }
    let status: Status = serde_json::from_str(&reply.body)
        .map_err(|error| CommandError::No(format!("another version of igtm answers: {error}")))?;
    Ok(render(&status, colour))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn colours_are_for_terminals_that_do_not_refuse_them() {
        for (colour, terminal, no_color, expected) in [
            (Colour::Auto, true, None, true),
            (Colour::Auto, true, Some(""), true),
            (Colour::Auto, true, Some("1"), false),
            (Colour::Auto, false, None, false),
            (Colour::Always, false, Some("1"), true),
            (Colour::Never, true, None, false),
        ] {
            let no_color = no_color.map(OsStr::new);
            assert_eq!(coloured(colour, terminal, no_color), expected);
        }
    }
}

//! What the commands that ask a running daemon have in common: where it is, and what the exit code
//! says.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::admin::client::{self, Ask, Reply, Unreachable};
use crate::config;

/// The daemon cannot be reached.
pub const UNREACHABLE: u8 = 3;

/// Where the daemon is.
#[derive(Args, Clone, Debug)]
pub struct Daemon {
    /// The configuration that names the daemon's socket (admin.socket)
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "/etc/igtm/igtm.toml"
    )]
    pub config: PathBuf,
    /// The daemon's socket, without a configuration
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Why a command does not do what it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Exit code 1.
    #[error("{0}")]
    No(String),
    /// Exit code 3.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

impl Daemon {
    /// The socket.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn place(&self) -> Result<PathBuf, CommandError> {
        match &self.socket {
            Some(socket) => Ok(socket.clone()),
            None => config::socket(&self.config)
                .map_err(|error| CommandError::No(format!("{error}; or name --socket"))),
        }
    }

    /// Asks the daemon; for the text unless JSON is wanted.
    ///
    /// # Errors
    /// It cannot be reached.
    pub fn ask(&self, path: &str, body: Option<String>) -> Result<Reply, CommandError> {
        let ask = Ask {
            path,
            body,
            text: !self.json,
        };
        Ok(client::ask(&self.place()?, ask)?)
    }
}

/// Prints what came of it; the exit code says the rest.
#[expect(clippy::print_stderr, reason = "this is where commands report")]
pub fn told(json: bool, result: Result<String, CommandError>) -> ExitCode {
    match result {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            if json {
                print(&json!({ "error": error.to_string() }).to_string());
            } else {
                eprintln!("igtm: {error}");
            }
            match error {
                CommandError::No(_) => ExitCode::FAILURE,
                CommandError::Unreachable(_) => ExitCode::from(UNREACHABLE),
            }
        }
    }
}

/// Prints a reply: to standard output what was done, or the problems of a file.
pub fn print_reply(json: bool, result: Result<Reply, CommandError>) -> ExitCode {
    match result {
        Ok(reply) if reply.status.is_success() => told(json, Ok(reply.body)),
        // The body says it all: the problems as `igtm check` prints them, or as JSON.
        Ok(reply) if reply.status.as_u16() == 422 => {
            print(&reply.body);
            ExitCode::FAILURE
        }
        Ok(reply) => told(json, Err(CommandError::No(reply.error()))),
        Err(error) => told(json, Err(error)),
    }
}

/// A closed pipe (`igtm status | head`) is no failure.
pub(super) fn print(text: &str) -> bool {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let printed = writeln!(out, "{}", text.trim_end_matches('\n'));
    printed.and_then(|()| out.flush()).is_ok()
}

/// `igtm reload`: applies the file now, and prints what changed or the problems.
pub fn reload(daemon: &Daemon) -> ExitCode {
    print_reply(
        daemon.json,
        daemon.ask("/api/v1/reload", Some(String::new())),
    )
}

/// `igtm check FILE --against-running`: what applying it would change.
pub fn against_running(daemon: &Daemon, file: &Path) -> ExitCode {
    let asked = std::path::absolute(file)
        .map_err(|error| CommandError::No(format!("{}: {error}", file.display())))
        .and_then(|file| {
            let body = json!({ "file": file }).to_string();
            daemon.ask("/api/v1/check", Some(body))
        });
    print_reply(daemon.json, asked)
}

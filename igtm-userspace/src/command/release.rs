//! `igtm release STRATEGY`: ends what stays answered of a strategy that is gone (`keep`).

use std::process::ExitCode;

use clap::Args;

use super::daemon::{CommandError, Daemon, print_reply};
use crate::admin::release::Release;

/// What is released, and by which daemon.
#[derive(Args, Clone, Debug)]
pub struct ReleaseArgs {
    #[command(flatten)]
    daemon: Daemon,
    /// The instance that the strategy was of, where several had one of this name
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// The strategy whose frozen answers end, on all of its lines
    strategy: String,
}

/// Has the daemon do so, and prints what is answered otherwise.
pub fn release(args: ReleaseArgs) -> ExitCode {
    let asked = Release {
        strategy: args.strategy,
        instance: args.instance,
    };
    let body = serde_json::to_string(&asked).map_err(|error| CommandError::No(error.to_string()));
    let reply = body.and_then(|body| args.daemon.ask("/api/v1/release", Some(body)));
    print_reply(args.daemon.json, reply)
}
